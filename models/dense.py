"""Dense: inputs as tensors with a mask of what is known beside each; unknown values are 0 and masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.inputs import Inputs
from models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

Dense = dict[str, "Tensor"]
VALUES = ("expression", "numbers", "categories", "mutated", "copied", "slide", "tiles")
"""Blocks with values; each has a block of the same width named `<block>_known`, but for categories: one mask a variable."""


def dense(inputs: Inputs, vocabulary: Vocabulary, *, device: str = "cpu") -> Dense:
    """Tensors of n patients: the blocks of VALUES in float32, categories one-hot with all levels side by side."""
    import torch

    made: Dense = {}
    for name in VALUES:
        if name == "categories":
            columns = [
                (inputs.categories[:, [j]] == np.arange(len(category.levels))[None, :])
                for j, category in enumerate(vocabulary.categories)
            ]
            hot = np.hstack(columns) if columns else np.zeros((inputs.n, 0), dtype=bool)
            made[name] = torch.from_numpy(hot.astype(np.float32)).to(device)
            made["categories_known"] = torch.from_numpy((inputs.categories >= 0).astype(np.float32)).to(device)
            continue
        block = getattr(inputs, name)
        known = np.isfinite(block)
        made[name] = torch.from_numpy(np.where(known, block, 0.0).astype(np.float32)).to(device)
        made[f"{name}_known"] = torch.from_numpy(known.astype(np.float32)).to(device)
    made["membership"] = torch.from_numpy(inputs.membership.astype(np.float32)).to(device)
    return made


def rows(values: Dense, index: Tensor) -> Dense:
    """The chosen patients; the gene-set membership is shared by all."""
    return {name: block if name == "membership" else block[index] for name, block in values.items()}

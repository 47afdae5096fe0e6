"""Histology encoder: H&E features of a slide as grouped tokens, and the slide embedding of a pathology encoder as one token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.config import Config
from models.dense import Dense
from models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Generator, Tensor


def start(vocabulary: Vocabulary, config: Config, generator: Generator) -> Dense:
    """Untrained parameters."""
    import torch

    f, groups, d = len(vocabulary.slide_features), len(vocabulary.groups), config.dim
    size = [max(vocabulary.slide_groups.count(name), 1) for name in vocabulary.slide_groups]
    scale = torch.tensor(size, dtype=torch.float32).rsqrt()[:, None] if f else torch.zeros(0, 1)
    return {
        "slide_weight": torch.randn(f, d, generator=generator) * scale,
        "slide_bias": torch.randn(groups, d, generator=generator) * 0.3,
        "tile_weight": torch.randn(vocabulary.tile_dim, d, generator=generator) * (max(vocabulary.tile_dim, 1) ** -0.5),
        "tile_bias": torch.randn(1, d, generator=generator) * 0.3,
    }


def tokens(parameters: Dense, values: Dense, *, group: Tensor) -> tuple[Tensor, Tensor]:
    """Slide-feature group tokens, then the tile token: (n, groups + 1, dim), and which are known.

    group : (features,) the group of each H&E feature.
    """
    import torch

    groups = parameters["slide_bias"].shape[0]
    place = torch.nn.functional.one_hot(group, groups).to(values["slide"].dtype) if groups else values["slide"].new_zeros(0, 0)
    shown = values["slide"] * values["slide_known"]
    slide = torch.einsum("nf,fg,fd->ngd", shown, place, parameters["slide_weight"]) + parameters["slide_bias"]
    tile = (values["tiles"] * values["tiles_known"]) @ parameters["tile_weight"] + parameters["tile_bias"]
    known = torch.cat([(values["slide_known"] @ place) > 0, values["tiles_known"].sum(dim=1, keepdim=True) > 0], dim=1)
    return torch.cat([slide, tile[:, None, :]], dim=1), known

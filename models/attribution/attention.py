"""Attention: where a network's patient token looks. It is shown beside attributions and is never one.

A token that is looked at need not move the output (Jain & Wallace 2019, doi 10.18653/v1/N19-1357).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models import fusion
from models.config import Config
from models.dense import Dense
from models.vocabulary import Vocabulary

KINDS = ("number:", "category:", "set:")
ROWS = 256


def attention(members: Sequence[Mapping[str, npt.NDArray[np.float32]]], values: Dense, *, words: Vocabulary, config: Config) -> dict[str, float]:
    """Mean attention of the last layer's patient token to each feature's token, over patients, heads and members.

    Parameters
    ----------
    members : weights of each member. values : dense inputs of n patients. Shares of one patient's tokens, with those that say
        which modalities were seen, sum to 1.

    Returns
    -------
    feature -> share; features without a token here are left out. Names are those of `models.attribution.tokens`.
    """
    import torch

    n = int(values["numbers"].shape[0])
    made: dict[str, float] = {}
    with torch.no_grad():
        for member in members:
            weights = fusion.tensors(dict(member))
            for begin in range(0, n, ROWS):
                part = {k: v if k == "membership" else v[begin : begin + ROWS] for k, v in values.items()}
                found = fusion.forward(weights, part, vocabulary=words, config=config, attention=True)
                if found.attention is None:
                    continue
                sums = found.attention.sum(dim=0).double().numpy() / (n * len(members))
                for name, share in zip(found.names, sums, strict=True):
                    made[_plain(name)] = made.get(_plain(name), 0.0) + float(share)
    return made


def _plain(token: str) -> str:
    for kind in KINDS:
        if token.startswith(kind):
            return token.removeprefix(kind)
    return token

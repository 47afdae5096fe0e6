"""Clinical encoder: one token a variable; a missing value is a state of its own (Gorishniy 2021, doi 10.48550/arXiv.2106.11959)."""

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

    j, d = len(vocabulary.numbers), config.dim
    k, levels = len(vocabulary.categories), sum(len(category.levels) for category in vocabulary.categories)

    def normal(*shape: int, spread: float) -> Tensor:
        return torch.randn(*shape, generator=generator) * spread

    return {
        "number_weight": normal(j, d, spread=0.7),
        "number_bias": normal(j, d, spread=0.3),
        "number_missing": normal(j, d, spread=0.3),
        "level": normal(levels, d, spread=0.7),
        "category_bias": normal(k, d, spread=0.3),
        "category_missing": normal(k, d, spread=0.3),
    }


def tokens(parameters: Dense, values: Dense, *, owner: Tensor) -> Tensor:
    """Number tokens, then category tokens: (n, numbers + categories, dim).

    owner : (levels,) the category that each one-hot column belongs to.
    """
    import torch

    known = values["numbers_known"][:, :, None]
    numbers = known * (values["numbers"][:, :, None] * parameters["number_weight"] + parameters["number_bias"])
    numbers = numbers + (1.0 - known) * parameters["number_missing"]
    k = parameters["category_bias"].shape[0]
    place = torch.nn.functional.one_hot(owner, k).to(values["categories"].dtype)  # (levels, k)
    hot = torch.einsum("nl,lk,ld->nkd", values["categories"], place, parameters["level"])
    told = values["categories_known"][:, :, None]
    categories = told * (hot + parameters["category_bias"]) + (1.0 - told) * parameters["category_missing"]
    return torch.cat([numbers, categories], dim=1)

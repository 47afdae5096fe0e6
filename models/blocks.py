"""Blocks: a multimodal model's inputs as plain feature columns, for models that take a table. Every row stands alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.inputs import Inputs
from models.vocabulary import MODALITIES, OTHER_GENES, Vocabulary

Floats = npt.NDArray[np.float64]

LEAST_OF_SET = 0.3
"""A gene set whose mean rests on a smaller share of its genes is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Feature columns with their names: x (n, p), nan = missing; names (p,)."""

    x: Floats
    names: tuple[str, ...]

    def take(self, rows: npt.NDArray[Any]) -> Block:
        """The chosen patients."""
        return Block(x=self.x[rows], names=self.names)


def beside(blocks: Sequence[Block]) -> Block:
    """Blocks of the same patients side by side."""
    return Block(x=np.hstack([b.x for b in blocks]), names=tuple(name for b in blocks for name in b.names))


def sets(inputs: Inputs, vocabulary: Vocabulary, *, names: Collection[str] | None = None) -> Block:
    """Mean expression of each gene set, over the genes that are known: (n, sets). No gene set stands for the genes outside all."""
    chosen = [
        j for j, name in enumerate(vocabulary.sets) if name != OTHER_GENES and (names is None or name in names)
    ]
    inside = np.flatnonzero(inputs.membership[chosen].any(axis=0))
    member = inputs.membership[chosen][:, inside].astype(np.float64)
    values = inputs.expression[:, inside].astype(np.float64)
    known = np.isfinite(values)
    counted = known.astype(np.float64) @ member.T
    total = np.where(known, values, 0.0) @ member.T
    enough = counted >= np.maximum(LEAST_OF_SET * member.sum(axis=1), 1.0)
    return Block(
        x=np.where(enough, total / np.maximum(counted, 1.0), np.nan), names=tuple(vocabulary.sets[j] for j in chosen)
    )


def weighted(inputs: Inputs, vocabulary: Vocabulary, weights: Mapping[str, float]) -> Floats:
    """(n,) weighted mean of the genes that are known; nan where less than LEAST_OF_SET of the weight is."""
    column = {gene: j for j, gene in enumerate(vocabulary.genes)}
    found = [(column[gene], weight) for gene, weight in weights.items() if gene in column]
    if not found:
        return np.full(inputs.n, np.nan)
    x = inputs.expression[:, [j for j, _ in found]].astype(np.float64)
    weight = np.asarray([w for _, w in found])
    known = np.isfinite(x)
    share = known @ np.abs(weight)
    enough = share >= LEAST_OF_SET * sum(abs(w) for w in weights.values())
    return np.where(enough, (np.where(known, x, 0.0) @ weight) / np.maximum(share, 1e-12), np.nan)


def expression(inputs: Inputs, vocabulary: Vocabulary) -> Block:
    """Genes as they are."""
    return Block(x=inputs.expression.astype(np.float64), names=vocabulary.genes)


def slide(inputs: Inputs, vocabulary: Vocabulary) -> Block:
    """H&E features of the slide and, where there are any, its embedding."""
    names = (*vocabulary.slide_features, *(f"tile {j}" for j in range(vocabulary.tile_dim)))
    return Block(x=np.hstack([inputs.slide, inputs.tiles]).astype(np.float64), names=names)


def alterations(inputs: Inputs, vocabulary: Vocabulary) -> Block:
    """Mutations and copy numbers, gene by gene."""
    names = (*(f"{g} mutation" for g in vocabulary.mutated), *(f"{g} copies" for g in vocabulary.copied))
    return Block(x=np.hstack([inputs.mutated, inputs.copied]).astype(np.float64), names=names)


def variables(inputs: Inputs, vocabulary: Vocabulary, *, names: Collection[str]) -> Block:
    """Numbers as they are, and one column a level of each category (one column where there are two levels)."""
    columns: list[Floats] = []
    said: list[str] = []
    for j, number in enumerate(vocabulary.numbers):
        if number.name in names:
            columns.append(inputs.numbers[:, j].astype(np.float64))
            said.append(number.name)
    for j, category in enumerate(vocabulary.categories):
        if category.name in names:
            level = inputs.categories[:, j]
            for k in range(1 if len(category.levels) == 2 else 0, len(category.levels)):
                columns.append(np.where(level < 0, np.nan, (level == k).astype(np.float64)))
                said.append(f"{category.name}: {category.levels[k]}")
    if not columns:
        return Block(x=np.empty((inputs.n, 0)), names=())
    return Block(x=np.column_stack(columns), names=tuple(said))


def modality_variables(vocabulary: Vocabulary, modality: str) -> tuple[str, ...]:
    """Names of the numbers and categories of a kind of measurement."""
    numbers = [v.name for v in vocabulary.numbers if v.modality == modality]
    return (*numbers, *(v.name for v in vocabulary.categories if v.modality == modality))


def modality(inputs: Inputs, vocabulary: Vocabulary, name: str) -> Block:
    """Everything of one kind of measurement.

    Raises
    ------
    ModelError
        No kind of measurement has this name.
    """
    if name not in MODALITIES:
        raise ModelError(f"there is no modality '{name}'; there are {', '.join(MODALITIES)}")
    own = [variables(inputs, vocabulary, names=modality_variables(vocabulary, name))]
    if name == "expression":
        own.append(expression(inputs, vocabulary))
    if name == "pathology":
        own.append(slide(inputs, vocabulary))
    if name == "genome":
        own.append(alterations(inputs, vocabulary))
    return beside(own)


def without(inputs: Inputs, vocabulary: Vocabulary, modalities: Collection[str]) -> Inputs:
    """The same patients with some kinds of measurement unknown: what an ablation shows a model.

    Raises
    ------
    ModelError
        No kind of measurement has one of these names.
    """
    unknown = set(modalities) - set(MODALITIES)
    if unknown:
        raise ModelError(f"there is no modality '{min(unknown)}'; there are {', '.join(MODALITIES)}")
    changed: dict[str, Any] = {}
    if "expression" in modalities:
        changed["expression"] = np.full_like(inputs.expression, np.nan)
    if "pathology" in modalities:
        changed |= {name: np.full_like(getattr(inputs, name), np.nan) for name in ("slide", "tiles")}
    if "genome" in modalities:
        changed |= {name: np.full_like(getattr(inputs, name), np.nan) for name in ("mutated", "copied")}
    hidden = [j for j, v in enumerate(vocabulary.numbers) if v.modality in modalities]
    numbers = inputs.numbers.copy()
    numbers[:, hidden] = np.nan
    lost = [j for j, v in enumerate(vocabulary.categories) if v.modality in modalities]
    categories = inputs.categories.copy()
    categories[:, lost] = -1
    return replace(inputs, numbers=numbers, categories=categories, **changed)


def within(x: Floats, groups: Sequence[str]) -> Floats:
    """z of each column within its group of patients; nan where fewer than three are known or nothing varies."""
    made = np.full(x.shape, np.nan)
    names = np.asarray(groups)
    for name in dict.fromkeys(groups):
        rows = names == name
        block = x[rows]
        known = np.isfinite(block)
        n = known.sum(axis=0)
        mean = np.where(known, block, 0.0).sum(axis=0) / np.maximum(n, 1)
        spread = np.sqrt((np.where(known, block - mean, 0.0) ** 2).sum(axis=0) / np.maximum(n - 1, 1))
        usable = (n >= 3) & (spread > 1e-9)
        made[rows] = np.where(known & usable, (block - mean) / np.where(usable, spread, 1.0), np.nan)
    return made

"""Tokens: a multimodal model's inputs as features that a person can name.

A gene's attribution goes in equal parts to the gene sets that hold it, a level's to its variable, an H&E feature's to its
group, so that sums stay exact. Names: a gene set, number or category as in the vocabulary; "mutation:TP53", "copy_number:MYC",
"slide:<group>", "slide:tiles".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.inputs import Inputs
from models.vocabulary import MODALITIES, Vocabulary

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Named features and what they gather.

    Attributes
    ----------
    names : (f,). modality : (f,) position in MODALITIES. weights : block of a model's dense inputs -> (width, f); each row sums to 1.
    """

    names: tuple[str, ...]
    modality: npt.NDArray[np.int64]
    weights: Mapping[str, Floats]

    def gather(self, parts: Mapping[str, Floats]) -> Floats:
        """Attributions of the blocks, key -> (n, width), as (n, f).

        Raises
        ------
        ModelError
            A block that the vocabulary does not know, or of another width.
        """
        made: Floats = np.zeros((next(iter(parts.values())).shape[0], len(self.names)))
        for key, values in parts.items():
            weight = self.weights.get(key)
            if weight is None or weight.shape[0] != values.shape[1]:
                raise ModelError(f"attributions of {key} are {values.shape[1]} wide; the vocabulary has {0 if weight is None else weight.shape[0]}")
            made += values @ weight
        return made

    def scatter(self, keep: npt.NDArray[np.bool_]) -> dict[str, Floats]:
        """How much of each input is kept when only some features are, (n, f) -> key -> (n, width) from 0 to 1."""
        return {key: np.asarray(keep @ weight.T, dtype=np.float64) for key, weight in self.weights.items()}


def tokens(vocabulary: Vocabulary, membership: npt.NDArray[np.bool_]) -> Tokens:
    """The features of a vocabulary. membership : (sets, genes); a gene in no set goes to the last one.

    Raises
    ------
    ModelError
        A membership of another shape.
    """
    if membership.shape != (len(vocabulary.sets), len(vocabulary.genes)):
        raise ModelError(f"gene-set membership {membership.shape} does not fit {len(vocabulary.sets)} sets and {len(vocabulary.genes)} genes")
    place = {name: number for number, name in enumerate(MODALITIES)}
    listed: list[tuple[str, int]] = [(name, place["expression"]) for name in vocabulary.sets]
    listed += [(number.name, place[number.modality]) for number in vocabulary.numbers]
    listed += [(category.name, place[category.modality]) for category in vocabulary.categories]
    listed += [(f"mutation:{gene}", place["genome"]) for gene in vocabulary.mutated]
    listed += [(f"copy_number:{gene}", place["genome"]) for gene in vocabulary.copied]
    listed += [(f"slide:{group}", place["pathology"]) for group in vocabulary.groups]
    listed += [("slide:tiles", place["pathology"])] if vocabulary.tile_dim else []
    names = tuple(name for name, _ in listed)
    position = {name: number for number, name in enumerate(names)}
    member = membership.T.astype(np.float64)
    if member.shape[1]:
        member[member.sum(axis=1) == 0, -1] = 1.0
        member /= member.sum(axis=1, keepdims=True)
    expression = np.zeros((len(vocabulary.genes), len(names)))
    expression[:, : len(vocabulary.sets)] = member
    owners = {
        "numbers": [number.name for number in vocabulary.numbers],
        "categories": [category.name for category in vocabulary.categories for _ in category.levels],
        "mutated": [f"mutation:{gene}" for gene in vocabulary.mutated],
        "copied": [f"copy_number:{gene}" for gene in vocabulary.copied],
        "slide": [f"slide:{group}" for group in vocabulary.slide_groups],
        "tiles": ["slide:tiles"] * vocabulary.tile_dim,
    }
    weights = {"expression": expression}
    for key, owned in owners.items():
        weights[key] = np.zeros((len(owned), len(names)))
        weights[key][np.arange(len(owned)), [position[name] for name in owned]] = 1.0
    return Tokens(names=names, modality=np.asarray([m for _, m in listed], dtype=np.int64), weights=weights)


def readable(vocabulary: Vocabulary, inputs: Inputs, found: Tokens) -> Floats:
    """What a person reads beside each feature, (n, f): a number in its own unit, a set's or group's mean z, 0 or 1 for a
    mutation, -2 to 2 for a copy number; nan = unknown, or a word."""
    made = np.full((inputs.n, len(found.names)), np.nan)
    blocks = {"expression": inputs.expression, "mutated": inputs.mutated, "copied": inputs.copied, "slide": inputs.slide}
    for key, block in blocks.items():
        known = np.isfinite(block)
        counted = known.astype(np.float64) @ found.weights[key]
        total = np.where(known, block, 0.0).astype(np.float64) @ found.weights[key]
        made = np.where(counted > 0, total / np.where(counted > 0, counted, 1.0), made)
    position = {name: number for number, name in enumerate(found.names)}
    for j, number in enumerate(vocabulary.numbers):
        raw = inputs.numbers[:, j].astype(np.float64) * number.spread + number.centre
        made[:, position[number.name]] = np.exp2(raw) - 1.0 if number.logged else raw
    return made

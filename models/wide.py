"""Wide features: named summaries of a patient that enter a head directly, beside the patient token of the transformer.

They are differentiable functions of the inputs, so that an attribution can walk through them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.dense import Dense
from models.encoders import genomics
from models.vocabulary import MODALITIES, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

CURATED = ("gep", "cyt", "ifng6", "cd8_teff", "f_tbrs")
"""Small published immunotherapy signatures: a group of their own, penalised less than the many gene sets."""

GROUPS = ("clinical", "genome", "pathology", "curated", "sets", "slide", "deep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One wide feature: its name, the feature that a person knows it by, its modality, and the group that shares a penalty."""

    name: str
    parent: str
    modality: str
    group: str


def features(vocabulary: Vocabulary) -> tuple[Feature, ...]:
    """Every wide feature, in the order of the columns of `wide`."""
    made = [Feature(name=n.name, parent=n.name, modality=n.modality, group=_group(n.modality)) for n in vocabulary.numbers]
    made += [
        Feature(name=f"{c.name}={level}", parent=c.name, modality=c.modality, group=_group(c.modality))
        for c in vocabulary.categories
        for level in c.levels
    ]
    made += [
        Feature(name=name, parent=name, modality="expression", group="curated" if name in CURATED else "sets") for name in vocabulary.sets
    ]
    made += [Feature(name=f"mutation:{g}", parent=f"mutation:{g}", modality="genome", group="genome") for g in vocabulary.mutated]
    made += [Feature(name=f"copy_number:{g}", parent=f"copy_number:{g}", modality="genome", group="genome") for g in vocabulary.copied]
    made += [
        Feature(name=f"slide:{name}", parent=f"slide:{group}", modality="pathology", group="slide")
        for name, group in zip(vocabulary.slide_features, vocabulary.slide_groups, strict=True)
    ]
    return tuple(made)


def _group(modality: str) -> str:
    return modality if modality in {"genome", "pathology"} else "clinical"


def wide(values: Dense, vocabulary: Vocabulary) -> tuple[Tensor, Tensor]:
    """Values and what is known of them, both (n, features); an unknown value is 0."""
    import torch

    means, told = genomics.set_means(values)
    owner = [j for j, c in enumerate(vocabulary.categories) for _ in c.levels]
    known_levels = values["categories_known"][:, owner]
    blocks = [values["numbers"], values["categories"], means, values["mutated"], values["copied"], values["slide"]]
    known = [
        values["numbers_known"], known_levels, told.to(means.dtype), values["mutated_known"], values["copied_known"], values["slide_known"],
    ]  # fmt: skip
    return torch.cat(blocks, dim=1), torch.cat(known, dim=1)


def of_modality(vocabulary: Vocabulary, modality: str) -> list[int]:
    """Columns of a modality.

    Raises
    ------
    ValueError
        No such modality.
    """
    if modality not in MODALITIES:
        raise ValueError(f"there is no modality '{modality}'; there are {', '.join(MODALITIES)}")
    return [number for number, feature in enumerate(features(vocabulary)) if feature.modality == modality]

"""Vocabulary: what a multimodal model can read, token by token, and the scale in which it reads it.

A vocabulary is part of a trained model. It names genes but not which gene belongs to which set: sets are read from the
gene-set tables when patients are tokenised, and `sets_hash` says whether they are those of the training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.card import ModelError

MODALITIES = ("clinical", "genome", "expression", "pathology")
"""Kinds of measurement, in the order in which people see them."""

OTHER_GENES = "other_genes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A numeric variable: how it is brought to a common scale before a model sees it.

    Attributes
    ----------
    name : feature. modality : one of MODALITIES. logged : log2(x + 1) first. centre, spread : then (x - centre) / spread.
    """

    name: str
    modality: str
    logged: bool = False
    centre: float = 0.0
    spread: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A categorical variable and the levels that a model knows; any other value is unknown."""

    name: str
    modality: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Every token of a model.

    Attributes
    ----------
    sets : gene sets, one token each; the last is OTHER_GENES, the token of genes outside every set.
    sets_hash : hash of the sets' membership. genes : (G,) gene symbols.
    numbers, categories : one token a variable.
    mutated, copied : genes with a mutation token, with a copy-number token.
    slide_features : H&E features of a slide, by name; slide_groups : the token that each belongs to.
    tile_dim : width of a slide embedding made from tiles; 0 = none.
    """

    sets: tuple[str, ...] = ()
    sets_hash: str = ""
    genes: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()
    categories: tuple[Category, ...] = ()
    mutated: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    slide_features: tuple[str, ...] = ()
    slide_groups: tuple[str, ...] = ()
    tile_dim: int = 0

    @property
    def groups(self) -> tuple[str, ...]:
        """H&E feature groups, one token each, in order of first appearance."""
        return tuple(dict.fromkeys(self.slide_groups))

    def document(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def from_document(document: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that `Vocabulary.document` wrote.

    Raises
    ------
    ModelError
        A field is missing or is not of its kind.
    """
    try:
        numbers = tuple(Number(**entry) for entry in document["numbers"])
        categories = tuple(
            Category(name=str(e["name"]), modality=str(e["modality"]), levels=tuple(map(str, e["levels"])))
            for e in document["categories"]
        )
        words: dict[str, Sequence[str]] = {
            name: tuple(map(str, document[name])) for name in ("sets", "genes", "mutated", "copied", "slide_features", "slide_groups")
        }  # fmt: skip
        return Vocabulary(
            sets_hash=str(document["sets_hash"]),
            numbers=numbers,
            categories=categories,
            tile_dim=int(document["tile_dim"]),
            **words,  # type: ignore[arg-type]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"this is not a model's vocabulary: {type(error).__name__} {error}") from error

"""Card: what every predictor declares about itself, so that no score is shown without its origin and limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["marker", "probability"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A published cut: patients at or above `value` (in the card's unit) form the "high" group."""

    value: float
    meaning: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a predictor is, where it comes from, and what it must not be used for.

    Attributes
    ----------
    name : key in tables. label : what a person calls it.
    kind : 'marker' (only its order means something) or 'probability' (its value is a chance of response).
    inputs : feature names: patient columns, 'signature:<name>', or words where the model takes whatever is there.
    unit : of the score. protocol : the protocol its rows carry by default (see the schema's protocols).
    published_cut : a cut fixed before these patients were seen, or None where none was published.
    reference : short citation. doi : of the method. licence : of the formula or code.
    intended_use : the question that it answers. limits : what a reader must know before trusting it.
    """

    name: str
    label: str
    kind: Kind
    inputs: tuple[str, ...]
    unit: str
    protocol: str
    reference: str
    doi: str
    licence: str
    intended_use: str
    limits: str
    published_cut: Cut | None = None


class ModelError(ValueError):
    """Arrays that a model cannot take: wrong shapes, one class only, nothing measured."""

"""Closer: contents table of the second looks at survival curves; each is an answer of its own, computed only when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import UnknownName


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A second look: what a control calls it, where its answer is made, and the options that it takes beside the groups'."""

    label: str
    where: str
    options: tuple[str, ...] = ()


LOOKS: Mapping[str, Kind] = {
    "hazards": Kind(
        label="Hazard ratios, alone and adjusted", where="core.survival.closer.hazards:hazards", options=("strata", "adjust")
    ),
    "constancy": Kind(
        label="Does the hazard ratio stay the same over time?", where="core.survival.closer.constancy:constancy", options=("strata",)
    ),
    "mean": Kind(label="Restricted mean survival time", where="core.survival.closer.mean:mean", options=("horizon",)),
    "adjusted": Kind(label="Adjusted curves", where="core.survival.closer.adjusted:adjusted", options=("strata", "adjust")),
    "ranking": Kind(label="How well the score ranks over time", where="core.survival.closer.ranking:ranking"),
    "competing": Kind(label="Competing events", where="core.survival.closer.competing:competing", options=("strata",)),
}
"""Each is `function(store, query, **options) -> Look`."""

LABELS: Mapping[str, str] = {name: kind.label for name, kind in LOOKS.items()}


def answer_of(name: str) -> Callable[..., Any]:
    """The function of a second look.

    Raises
    ------
    UnknownName
        No look has this name.
    """
    if name not in LOOKS:
        raise UnknownName(f"there is no closer look '{name}'; there are {', '.join(LOOKS)}")
    module, _, function = LOOKS[name].where.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found

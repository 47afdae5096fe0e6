"""Contents table of the predictors: one file each, one line here.

Models take arrays and give arrays; they know no table and no page.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from types import ModuleType

from models.card import Card, Cut, ModelError

MODULES: Mapping[str, str] = {
    "tmb": "models.baselines.tmb",
    "pdl1": "models.baselines.pdl1",
    "cyt": "models.baselines.cyt",
    "gep": "models.baselines.gep",
    "cd8": "models.baselines.cd8",
    "loris": "models.baselines.loris",
    "loris_recalibrated": "models.baselines.loris_recalibrated",
    "elastic_net": "models.baselines.elastic_net",
}
"""Predictors by name, in the order in which people see them."""


@cache
def module(name: str) -> ModuleType:
    """The module of a listed predictor (imports only that one).

    Raises
    ------
    KeyError
        No predictor has this name.
    """
    return importlib.import_module(MODULES[name])


def card(name: str) -> Card:
    """The CARD of a listed predictor."""
    found: Card = module(name).CARD
    return found


def cards() -> tuple[Card, ...]:
    """Every CARD, in the order of the contents table."""
    return tuple(card(name) for name in MODULES)


__all__ = ["MODULES", "Card", "Cut", "ModelError", "card", "cards", "module"]

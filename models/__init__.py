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
    "multimodal": "models.multimodal",
}
"""Predictors by name, in the order in which people see them."""

EVALUATED: Mapping[str, str] = {
    "ridge_signatures": "models.baselines.ridge_signatures",
    "pca_ridge": "models.baselines.pca_ridge",
    "gradient_boosting": "models.baselines.gradient_boosting",
    "tmb_clinical": "models.baselines.tmb_clinical",
    "ridge_cox": "models.baselines.ridge_cox",
    "late_fusion": "models.baselines.late_fusion",
    "joint_ridge": "models.baselines.joint_ridge",
    "additive_fusion": "models.baselines.additive_fusion",
}
"""Simple models that a comparison fits anew in every fold; no patient's row holds their scores."""


@cache
def module(name: str) -> ModuleType:
    """The module of a listed predictor (imports only that one).

    Raises
    ------
    KeyError
        No predictor has this name.
    """
    return importlib.import_module(MODULES[name] if name in MODULES else EVALUATED[name])


def card(name: str) -> Card:
    """The CARD of a listed predictor."""
    found: Card = module(name).CARD
    return found


def cards() -> tuple[Card, ...]:
    """Every CARD, in the order of the contents table."""
    return tuple(card(name) for name in MODULES)


__all__ = ["EVALUATED", "MODULES", "Card", "Cut", "ModelError", "card", "cards", "module"]

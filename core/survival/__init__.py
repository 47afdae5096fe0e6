"""Survival: contents table of the statistics, name -> where it lives, and the statistics themselves."""

from __future__ import annotations

from collections.abc import Mapping

from core.survival.concordance import concordance
from core.survival.follow_up import median_follow_up
from core.survival.hazard_ratio import hazard_ratio
from core.survival.kaplan_meier import Curve, Curves, kaplan_meier
from core.survival.logrank import logrank
from core.survival.split import Split, split

STATISTICS: Mapping[str, str] = {
    "kaplan_meier": "core.survival.kaplan_meier:kaplan_meier",
    "logrank": "core.survival.logrank:logrank",
    "hazard_ratio": "core.survival.hazard_ratio:hazard_ratio",
    "concordance": "core.survival.concordance:concordance",
    "median_follow_up": "core.survival.follow_up:median_follow_up",
    "split": "core.survival.split:split",
}

COLUMNS = tuple(f"{endpoint}_{part}" for endpoint in ("os", "pfs", "dss", "dfi") for part in ("months", "event"))
"""Columns of the patient table that the statistics of this room read."""

__all__ = [
    "COLUMNS",
    "STATISTICS",
    "Curve",
    "Curves",
    "Split",
    "concordance",
    "hazard_ratio",
    "kaplan_meier",
    "logrank",
    "median_follow_up",
    "split",
]

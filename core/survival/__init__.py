"""Contents table of the survival statistics: name -> where it lives."""

from __future__ import annotations

from collections.abc import Mapping

STATISTICS: Mapping[str, str] = {
    "kaplan_meier": "core.survival.kaplan_meier:kaplan_meier",
    "logrank": "core.survival.logrank:logrank",
    "hazard_ratio": "core.survival.hazard_ratio:hazard_ratio",
}

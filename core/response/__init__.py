"""Response: contents table of the statistics, name -> where it lives, and the statistics themselves."""

from __future__ import annotations

from collections.abc import Mapping

from core.response.calibration import Calibration, calibration
from core.response.forest import forest_table
from core.response.rate import Rates, response_rate
from core.response.roc import Roc, auc, roc

STATISTICS: Mapping[str, str] = {
    "auc": "core.response.roc:auc",
    "roc": "core.response.roc:roc",
    "response_rate": "core.response.rate:response_rate",
    "difference": "core.response.rate:difference",
    "calibration": "core.response.calibration:calibration",
    "calibration_slope": "core.response.calibration:calibration_slope",
    "forest_table": "core.response.forest:forest_table",
}

__all__ = [
    "STATISTICS",
    "Calibration",
    "Rates",
    "Roc",
    "auc",
    "calibration",
    "forest_table",
    "response_rate",
    "roc",
]

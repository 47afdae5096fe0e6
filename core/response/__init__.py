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
    "paired_auc": "core.response.paired:paired_auc",
    "precision_recall": "core.response.precision_recall:precision_recall",
    "confusion": "core.response.confusion:confusion",
    "predictive_values": "core.response.confusion:predictive_values",
    "decision_curve": "core.response.decision_curve:decision_curve",
    "recalibration": "core.response.recalibration:fit",
    "recalibration_tested": "core.response.recalibration:tested",
    "conformal_sets": "core.response.conformal:calibrated",
    "conformal_coverage": "core.response.conformal:coverage",
    "out_of_distribution": "core.response.abstention:detector",
    "risk_coverage": "core.response.abstention:risk_coverage",
    "fairness": "core.response.fairness:by_subgroup",
    "recommended": "core.response.recommended:choose",
    "subgroups": "core.response.audit:subgroups",
    "transport": "core.response.transport:transport",
    "pooling": "core.pooling:random_effects",
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

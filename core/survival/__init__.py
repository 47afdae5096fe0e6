"""Survival: contents table of the statistics, name -> where it lives, and the statistics themselves."""

from __future__ import annotations

from collections.abc import Mapping

from core.survival.concordance import concordance
from core.survival.e_value import EValue, e_value
from core.survival.follow_up import median_follow_up
from core.survival.gray import gray_test
from core.survival.hazard_ratio import hazard_ratio
from core.survival.incidence import Incidence, IncidenceCurve, cumulative_incidence
from core.survival.kaplan_meier import Curve, Curves, kaplan_meier
from core.survival.landmark import Landmark, landmark
from core.survival.logrank import logrank
from core.survival.rank_tests import RankTest, pairwise, rank_test
from core.survival.rmst import Rmst, rmst
from core.survival.split import Split, split
from core.survival.survival_at import survival_at

STATISTICS: Mapping[str, str] = {
    "kaplan_meier": "core.survival.kaplan_meier:kaplan_meier",
    "logrank": "core.survival.logrank:logrank",
    "hazard_ratio": "core.survival.hazard_ratio:hazard_ratio",
    "concordance": "core.survival.concordance:concordance",
    "paired_concordance": "core.survival.paired_concordance:paired_concordance",
    "median_follow_up": "core.survival.follow_up:median_follow_up",
    "rank_test": "core.survival.rank_tests:rank_test",
    "pairwise": "core.survival.rank_tests:pairwise",
    "rmst": "core.survival.rmst:rmst",
    "rmst_compare": "core.survival.rmst:compare",
    "landmark": "core.survival.landmark:landmark",
    "survival_at": "core.survival.survival_at:survival_at",
    "cumulative_incidence": "core.survival.incidence:cumulative_incidence",
    "gray_test": "core.survival.gray:gray_test",
    "e_value": "core.survival.e_value:e_value",
    "split": "core.survival.split:split",
    "fit_cox": "core.survival.cox:fit_cox",
    "cox_model": "core.survival.cox_model:cox_model",
    "cox_table": "core.survival.cox_model:fit_table",
    "univariable": "core.survival.cox_model:univariable",
    "ph_test": "core.survival.proportional_hazards:ph_test",
    "adjusted_curves": "core.survival.adjusted:adjusted_curves",
    "auc_at": "core.survival.time_dependent:auc_at",
    "brier_at": "core.survival.time_dependent:brier_at",
    "model_performance": "core.survival.model_performance:model_performance",
}

COLUMNS = tuple(f"{endpoint}_{part}" for endpoint in ("os", "pfs", "dss", "dfi") for part in ("months", "event"))
"""Columns of the patient table that the statistics of this room read."""

__all__ = [
    "COLUMNS",
    "STATISTICS",
    "Curve",
    "Curves",
    "EValue",
    "Incidence",
    "IncidenceCurve",
    "Landmark",
    "RankTest",
    "Rmst",
    "Split",
    "concordance",
    "cumulative_incidence",
    "e_value",
    "gray_test",
    "hazard_ratio",
    "kaplan_meier",
    "landmark",
    "logrank",
    "median_follow_up",
    "pairwise",
    "rank_test",
    "rmst",
    "split",
    "survival_at",
]

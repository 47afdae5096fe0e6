"""Cut-off: contents table of the companion-diagnostic workbench's statistics, name -> where each lives.

Choose on a derivation cohort (curve, maxstat, optimism, spline, derivation), lock, validate once on other patients.
Nothing is imported here, so that a page that asks for one statistic loads one.
"""

from __future__ import annotations

from collections.abc import Mapping

STATISTICS: Mapping[str, str] = {
    "cutoff_curve": "core.markers.cutoff.curve:cutoff_curve",
    "maximally_selected": "core.markers.cutoff.maxstat:maximally_selected",
    "bootstrap_cut": "core.markers.cutoff.optimism:bootstrap_cut",
    "spline_effect": "core.markers.cutoff.spline:spline_effect",
    "derive": "core.markers.cutoff.derivation:derive",
    "sample_size_proportion": "core.markers.cutoff.sample_size:proportion",
    "sample_size_performance_goal": "core.markers.cutoff.sample_size:performance_goal",
    "sample_size_predictive_value": "core.markers.cutoff.sample_size:predictive_value",
    "sample_size_hazard_ratio": "core.markers.cutoff.sample_size:hazard_ratio",
    "sample_size_response_difference": "core.markers.cutoff.sample_size:response_difference",
    "sample_size_interaction": "core.markers.cutoff.sample_size:interaction",
    "sample_size_auc": "core.markers.cutoff.sample_size:auc",
    "performance": "core.markers.cutoff.performance:performance",
    "retuned": "core.markers.cutoff.performance:retuned",
    "agreement": "core.markers.cutoff.agreement:agreement",
    "interaction": "core.markers.cutoff.effect_modification:interaction",
    "interactions": "core.markers.cutoff.effect_modification:interactions",
}

__all__ = ["STATISTICS"]

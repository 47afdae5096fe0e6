"""Sample size: how many patients the study that validates a locked cut must have; contents of the calculations.

Every function states its formula, the DOI and what it assumes. Numbers of patients are rounded up, after dividing by
the share of patients whose marker and endpoint can both be read.
"""

from __future__ import annotations

from core.markers.cutoff.sample_size_accuracy import auc, exact_power, performance_goal, predictive_value, proportion
from core.markers.cutoff.sample_size_effect import hazard_ratio, interaction, response_difference
from core.markers.cutoff.study_size import SampleSize

__all__ = [
    "SampleSize",
    "auc",
    "exact_power",
    "hazard_ratio",
    "interaction",
    "performance_goal",
    "predictive_value",
    "proportion",
    "response_difference",
]

"""Closer looks at how predictors perform: each answers one question on the same patients."""

from __future__ import annotations

from collections.abc import Mapping

LOOKS: Mapping[str, str] = {
    "discrimination": "Discrimination",
    "recommended": "Recommended",
    "beside": "Beside simpler models",
    "calibration": "Calibration",
    "decided": "Decided or not",
    "benefit": "Net benefit",
    "transport": "Across cohorts",
    "unlike": "Unlike the training",
    "subgroups": "Subgroups",
    "change": "Tumour change",
}
"""The looks, in the order in which people see them."""

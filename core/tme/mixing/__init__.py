"""Contents table of the batch corrections, in order of how much they change: name -> "module:function", and what people call them.

Every one takes (features (n, p), cohort codes (n,)) and gives corrected features (n, p); none sees a label or an outcome.
"""

from __future__ import annotations

from collections.abc import Mapping

CORRECTIONS: Mapping[str, str] = {
    "none": "core.tme.mixing.standardisation:none",
    "standardised": "core.tme.mixing.standardisation:within",
    "combat": "core.tme.mixing.combat:combat",
    "harmony": "core.tme.mixing.harmony:harmony",
}

LABELS: Mapping[str, str] = {
    "none": "No correction",
    "standardised": "Standardised within each cohort",
    "combat": "ComBat",
    "harmony": "Harmony-like",
}

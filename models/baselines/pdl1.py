"""PD-L1 immunohistochemistry as a marker of response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from models.card import Card, Cut, ModelError

CARD = Card(
    name="pdl1",
    label="PD-L1 (immunohistochemistry)",
    kind="marker",
    inputs=("pdl1_tps_percent", "pdl1_ic", "pdl1_tc"),
    unit="% of cells stained, at least",
    protocol="published",
    published_cut=Cut(
        value=1.0,
        meaning="PD-L1 positive: at least 1% (TPS of 1% or more; IC1 or higher; TC1 or higher)",
        source="Mok 2019 (KEYNOTE-042), doi 10.1016/S0140-6736(18)32409-7; Rosenberg 2016 (IMvigor210), "
        "doi 10.1016/S0140-6736(16)00561-4",
    ),
    reference="Rosenberg et al., Lancet 2016",
    doi="10.1016/S0140-6736(16)00561-4",
    licence="published definition; no code reused",
    intended_use="Rank patients by the share of tumour or immune cells that stain for PD-L1.",
    limits="Tumour-cell and immune-cell scores, and the four assays, are not interchangeable: one cohort is ranked by one "
    "of them only (TPS where it is known, else immune-cell level, else tumour-cell level). A level stands for its lower bound.",
)

LEVEL_PERCENT: Mapping[str, float] = {"0": 0.0, "1": 1.0, "2": 5.0, "2+": 5.0, "3": 10.0}
"""Lower bound of each SP142 level on immune cells, % (Rosenberg 2016); on tumour cells only the order is used."""


def from_levels(levels: Sequence[str | None]) -> npt.NDArray[np.float64]:
    """Levels such as 'IC0', 'IC2+' or 'TC1' as the lower bound of their percentage; unknown words are nan."""
    found = [
        LEVEL_PERCENT.get(level.upper().removeprefix("IC").removeprefix("TC"), np.nan) if level else np.nan
        for level in levels
    ]
    return np.asarray(found, dtype=np.float64)


def score(
    *,
    tps_percent: npt.NDArray[np.float64] | None = None,
    ic: Sequence[str | None] | None = None,
    tc: Sequence[str | None] | None = None,
) -> npt.NDArray[np.float64]:
    """PD-L1 of one cohort: (n,) % in, (n,) % out, nan where not measured.

    The first of TPS, immune-cell level and tumour-cell level that anyone in the cohort has ranks all of them: the
    three are never mixed.

    Raises
    ------
    ModelError
        None of the three is given.
    """
    candidates = [
        np.asarray(tps_percent, dtype=np.float64) if tps_percent is not None else None,
        from_levels(ic) if ic is not None else None,
        from_levels(tc) if tc is not None else None,
    ]
    given = [values for values in candidates if values is not None]
    if not given:
        raise ModelError("PD-L1 needs one of: tumour proportion score, immune-cell level, tumour-cell level")
    for values in given:
        if np.isfinite(values).any():
            return values.copy()
    return given[0].copy()

"""Tumour mutational burden as a marker of response."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.card import Card, Cut

CARD = Card(
    name="tmb",
    label="Tumour mutational burden",
    kind="marker",
    inputs=("tmb_per_mb",),
    unit="mutations/Mb",
    protocol="published",
    published_cut=Cut(
        value=10.0,
        meaning="TMB-high: at least 10 mutations/Mb",
        source="Marabelle 2020 (KEYNOTE-158), doi 10.1016/S1470-2045(20)30445-9; FDA approval of pembrolizumab, 2020",
    ),
    reference="Samstein et al., Nature Genetics 2019",
    doi="10.1038/s41588-018-0312-8",
    licence="published definition; no code reused",
    intended_use="Rank patients by the number of somatic mutations per megabase.",
    limits="Panels and exomes count differently, so that one cut does not mean the same in two cohorts; the cut of 10 "
    "was set on one panel. Weak or absent in some cancers (renal, head and neck, melanoma after adjustment for subtype).",
)


def score(tmb_per_mb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The burden itself: (n,) mutations/Mb in, (n,) out; nan stays nan."""
    return np.asarray(tmb_per_mb, dtype=np.float64).copy()

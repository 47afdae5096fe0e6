"""Cytolytic activity as a marker of response."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.card import Card

CARD = Card(
    name="cyt",
    label="Cytolytic activity (GZMA, PRF1)",
    kind="marker",
    inputs=("signature:cyt",),
    unit="geometric mean, TPM",
    protocol="published",
    reference="Rooney et al., Cell 2015",
    doi="10.1016/j.cell.2014.12.033",
    licence="published definition; no code reused",
    intended_use="Rank patients of one cohort by the cytolytic transcripts of their tumour.",
    limits="No cut was published on this scale. Bulk RNA cannot tell where in the tumour the cells are; scores of two "
    "platforms are comparable only after standardising within each cohort.",
)


def score(cytolytic_activity: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The signature itself: (n,) in, (n,) out; nan stays nan."""
    return np.asarray(cytolytic_activity, dtype=np.float64).copy()

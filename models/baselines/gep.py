"""T-cell-inflamed gene expression profile as a marker of response."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.card import Card

CARD = Card(
    name="gep",
    label="T-cell-inflamed GEP (18 genes)",
    kind="marker",
    inputs=("signature:gep",),
    unit="weighted sum of expression",
    protocol="published",
    reference="Ayers et al., J Clin Invest 2017",
    doi="10.1172/JCI91190",
    licence="published weights; no code reused",
    intended_use="Rank patients of one cohort by interferon-driven T-cell inflammation of their tumour.",
    limits="Weights were set on NanoString counts normalised by housekeeping genes: on RNA-seq they give an order within "
    "a cohort, and the published cut (-0.318, Cristescu 2018) does not carry over, so none is used here.",
)


def score(t_cell_inflamed_gep: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The signature itself: (n,) in, (n,) out; nan stays nan."""
    return np.asarray(t_cell_inflamed_gep, dtype=np.float64).copy()

"""CD8 T-effector signature as a marker of response."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.card import Card

CARD = Card(
    name="cd8",
    label="CD8 T-effector signature",
    kind="marker",
    inputs=("signature:cd8_teff",),
    unit="mean standardised expression",
    protocol="published",
    reference="Mariathasan et al., Nature 2018",
    doi="10.1038/nature25501",
    licence="published gene list; no code reused",
    intended_use="Rank patients of one cohort by the transcripts of activated CD8 T cells in their tumour.",
    limits="The genes were chosen in work that includes IMvigor210, so that its AUC there is not independent of the choice. "
    "No cut was published.",
)


def score(cd8_t_effector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The signature itself: (n,) in, (n,) out; nan stays nan."""
    return np.asarray(cd8_t_effector, dtype=np.float64).copy()

"""Ridge on signature scores: the simplest model that learns from expression."""

from __future__ import annotations

from models.card import Card
from models.outcome import Outcome
from models.ridge import Floats
from models.tuning import Tuned, tune

CARD = Card(
    name="ridge_signatures",
    label="Ridge on signatures",
    kind="probability",
    inputs=("signatures of published gene sets",),
    unit="log-odds of response",
    protocol="leave_one_cohort_out",
    reference="le Cessie & van Houwelingen, Applied Statistics 1992",
    doi="10.2307/2347628",
    licence="own code",
    intended_use="What any model of expression has to beat on a cohort that it has not seen.",
    limits="Scores are standardised within a cohort, so that it ranks the patients of one cohort and cannot compare cohorts.",
)


def fit(x: Floats, outcome: Outcome, *, seed: int = 0) -> Tuned:
    """Ridge on (n, p) signature scores, nan = missing; the penalty by inner folds."""
    return tune(x, outcome, seed=seed)

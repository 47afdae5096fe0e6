"""Ridge-Cox regression on one kind of measurement."""

from __future__ import annotations

from models.card import Card, ModelError
from models.outcome import Outcome
from models.ridge import Floats, Ints
from models.tuning import Tuned, tune

CARD = Card(
    name="ridge_cox",
    label="Ridge-Cox",
    kind="marker",
    inputs=("the columns of one kind of measurement",),
    unit="log hazard",
    protocol="out_of_fold",
    reference="Verweij & van Houwelingen, Stat Med 1994",
    doi="10.1002/sim.4780132307",
    licence="own code",
    intended_use="What a deep model of survival has to beat, kind of measurement by kind.",
    limits="Wide blocks are first turned onto their 100 largest principal axes. Hazards are taken to be proportional.",
)


def fit(x: Floats, outcome: Outcome, *, folds: Ints | None = None, seed: int = 0) -> Tuned:
    """Ridge-Cox on (n, p) columns, nan = missing; the penalty by inner folds, drawn with the seed where they are not given.

    Raises
    ------
    ModelError
        The outcome is a response.
    """
    if outcome.time is None:
        raise ModelError("a Cox model is fitted to survival; use a logistic ridge for response")
    return tune(x, outcome, folds=folds, seed=seed)

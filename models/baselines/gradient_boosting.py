"""Gradient-boosted trees: what interactions and thresholds add to a straight line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.card import Card, ModelError
from models.outcome import Outcome
from models.ridge import Floats

CARD = Card(
    name="gradient_boosting",
    label="Gradient boosting",
    kind="probability",
    inputs=("the same columns as the ridge beside it",),
    unit="log-odds of response",
    protocol="leave_one_cohort_out",
    reference="Friedman, Annals of Statistics 2001",
    doi="10.1214/aos/1013203451",
    licence="scikit-learn (BSD-3-Clause)",
    intended_use="A simple model that can find interactions: what a deep model has to beat.",
    limits="A few hundred patients are few for trees; its settings were fixed beforehand, none is tuned.",
)

ROUNDS, RATE, LEAVES, LEAST_IN_LEAF, L2 = 100, 0.05, 6, 15, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosted:
    """Trees that were fitted."""

    trees: Any

    def score(self, x: Floats) -> Floats:
        """(n,) log-odds of (n, p) features, nan = missing."""
        return np.asarray(self.trees.decision_function(x), dtype=np.float64)


def fit(x: Floats, outcome: Outcome, *, seed: int = 0) -> Boosted:
    """Fit trees to response; a missing value takes its own side of each split. On one core, the same answer each time.

    Raises
    ------
    ModelError
        The outcome is survival.
    """
    if outcome.response is None:
        raise ModelError("gradient boosting is fitted to response; use a ridge-Cox model for survival")
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    x = x.copy()
    x[:, ~np.isfinite(x).any(axis=0)] = 0.0  # a column that nobody has says nothing
    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS, learning_rate=RATE, max_leaf_nodes=LEAVES, min_samples_leaf=LEAST_IN_LEAF, l2_regularization=L2,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    with threadpool_limits(1):
        model.fit(x, outcome.response.astype(int))
    return Boosted(trees=model)

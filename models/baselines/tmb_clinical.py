"""Elastic net on mutational burden and clinical variables."""

from __future__ import annotations

from models.card import Card
from models.outcome import Outcome
from models.ridge import Floats
from models.tuning import Tuned, tune_sparse

CARD = Card(
    name="tmb_clinical",
    label="TMB + clinical, elastic net",
    kind="probability",
    inputs=("tmb_per_mb", "clinical variables known before the first dose"),
    unit="log-odds of response",
    protocol="out_of_fold",
    reference="Zou & Hastie, J R Stat Soc B 2005",
    doi="10.1111/j.1467-9868.2005.00503.x",
    licence="own code",
    intended_use="What a model that also reads expression or slides has to beat.",
    limits="Fitted within one cohort: it has not been shown to carry over to another.",
)


def fit(x: Floats, outcome: Outcome, *, seed: int = 0) -> Tuned:
    """Elastic net on (n, p) columns, nan = missing; the penalty by inner folds."""
    return tune_sparse(x, outcome, seed=seed)

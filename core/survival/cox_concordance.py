"""Concordance of a Cox model: pairs within strata, late entry, with its infinitesimal-jackknife standard error."""

from __future__ import annotations

import numpy as np

from core.survival.endpoint import Floats
from core.survival.ordered_pairs import ordered_pairs
from core.survival.risk_sets import RiskSets

REFERENCE = "10.1001/jama.1982.03320430047030"
EQUAL = 1e-11


def model_concordance(sets: RiskSets, risk: Floats) -> tuple[float, float]:
    """C-index of a risk score and its standard error.

    Parameters
    ----------
    sets : n rows. risk : (n,) float in their order, higher = earlier event.

    Returns
    -------
    c, se : nan where no pair can be compared.

    Estimand: of two patients of the same stratum, both at risk when the first of them has the event, the probability
    that the first has the higher risk; ties of the risk count one half. Harrell 1982,
    doi 10.1001/jama.1982.03320430047030. Equals R summary(coxph(...))$concordance.
    """
    n = sets.time.size
    order = np.sort(risk)
    scale = max(1.0, float(np.abs(order).max(initial=0.0)))
    ranks = np.concatenate(([0], np.cumsum(np.diff(order) > EQUAL * scale)))
    rank = np.empty(n, dtype=np.int64)
    rank[np.argsort(risk, kind="stable")] = ranks[:n]
    counts = ordered_pairs(
        sets.time, sets.event, rank, entry=None if sets.entry_order is None else sets.entry, stratum=sets.stratum
    )
    agree, disagree, level = (count.astype(np.float64) for count in counts)
    pairs_all = float((agree + disagree + level).sum()) / 2
    if pairs_all == 0:
        return float("nan"), float("nan")
    somers = float((agree - disagree).sum()) / 2 / pairs_all
    influence = (agree - disagree - somers * (agree + disagree + level)) / pairs_all
    return (somers + 1) / 2, float(np.sqrt((influence**2).sum()) / 2)

"""Effects: every marker of one cohort against its outcome - effect, interval, test, and what describes it beside them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from core.markers.scan.discrimination import auc_many, midranks
from core.markers.scan.engine import cox_many, logrank_many
from core.markers.scan.logistic import logistic_many
from core.markers.scan.many import FINE, Bools, Floats, Ints, Many, moments
from core.markers.scan.outcome import Outcome
from core.markers.scan.residual import layer, score
from core.markers.scan.split import upper_half
from core.response.exact import fisher

SPLITS = {"sd": "continuous, per 1 SD", "rank": "continuous, by rank", "median": "upper against lower half"}
FAR = 5.0
"""Standard deviations from the mean beyond which a value is outlying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Every marker of one cohort.

    Attributes
    ----------
    many : the model's estimates (log ratios per 1 SD; for a 0/1 marker and for halves, of one group against the other).
    p_value : (m,) of the test that `test` names, which for halves may be known where the ratio is not.
    n, events : (m,). sd : (m,) of the marker, nan for a 0/1 marker. score, score_variance : (m,) of the score test.
    farthest : (m,) largest distance of a value from the mean, SD. described : further columns for the table, (m,) each.
    """

    many: Many
    p_value: Floats
    n: Ints
    events: Ints
    sd: Floats
    score: Floats
    score_variance: Floats
    farthest: Floats
    described: dict[str, Floats] = field(default_factory=dict)


def test_name(outcome: str, split: str, *, adjusted: bool) -> str:
    """The test behind the p values, in words."""
    model = "logistic regression" if outcome == "response" else "Cox regression (Efron)"
    if split != "median" or adjusted:
        return f"Wald test, {model}"
    return "Fisher's exact test" if outcome == "response" else "log-rank test"


def columns(x: Floats, binary: Bools, *, split: str) -> tuple[Floats, Floats]:
    """The markers as the models take them, and their standard deviations (nan for 0/1 markers).

    Parameters
    ----------
    x : (n, m), nan = missing. binary : (m,). split : 'sd' (mean 0, SD 1), 'rank' (normal scores of the ranks, SD 1) or
        'median' (1 = upper half).
    """
    if split == "rank":
        x = np.where(binary, x, _normal_scores(x))
    _, mean, sd = moments(x)
    sd = np.where(binary, np.nan, sd)
    if split == "median":
        high = np.where(binary, x == 1, upper_half(x))
        return np.where(np.isfinite(x), high.astype(np.float64), np.nan), sd
    plain = binary | ~(sd > 0)
    return (x - np.where(binary, 0.0, mean)) / np.where(plain, 1.0, sd), sd


def _normal_scores(x: Floats) -> Floats:
    """Blom's scores: the normal quantile of (rank - 3/8) / (n + 1/4); ties share their mean rank."""
    from scipy.special import ndtri

    ranks = midranks(np.where(np.isfinite(x), x, np.nan).T).T
    return np.asarray(ndtri((ranks - 0.375) / (np.isfinite(x).sum(axis=0) + 0.25)))


def effects(outcome: Outcome, x: Floats, binary: Bools, *, split: str = "sd", alone: bool = True) -> Effects:
    """Scan one cohort.

    Parameters
    ----------
    outcome : n patients. x : (n, m) float, nan = missing. binary : (m,) bool, columns of 0 and 1. split : 'sd',
        'rank' or 'median'.

    alone : the only cohort of its scan, so that its AUCs are wanted.

    Estimand: log hazard ratio (Cox, Efron) or log odds ratio of response (logistic), the covariates held; of continuous
    markers per standard deviation of the patients used, or upper against lower half. Null hypothesis: it is 0. p values:
    Wald; for halves without covariates the log-rank test or Fisher's exact test.
    """
    design, sd = columns(x, binary, split=split)
    held = outcome.covariates
    total, variance = score(layer(outcome, design))
    size = np.abs(design) if split == "sd" else np.zeros((1, design.shape[1]))
    farthest = np.where(binary, 0.0, np.nan_to_num(size).max(axis=0, initial=0.0))
    if outcome.time is None:
        many = logistic_many(outcome.event, design, covariates=held)
        p, described = many.p_value, _rates(outcome.event, design, binary, split=split)
        if split != "median" and alone:
            areas = auc_many(outcome.event, x)
            described |= {"auc": areas.auc, "auc_low": areas.ci_low, "auc_high": areas.ci_high}
        elif split == "median" and not outcome.adjusted:
            p = _fisher(outcome.event, design)
        return Effects(
            many=many,
            p_value=p,
            n=many.n,
            events=many.events,
            sd=sd,
            described=described,
            score=total,
            score_variance=variance,
            farthest=farthest,
        )
    many = cox_many(outcome.time, outcome.event, design, covariates=held, entry=outcome.entry, strata=outcome.strata)
    p = many.p_value
    if split == "median" and not outcome.adjusted:
        known = np.isfinite(design)
        rank = logrank_many(
            outcome.time, outcome.event, design == 1, entry=outcome.entry, known=None if known.all() else known
        )
        p = np.where(rank.reason == FINE, rank.p_value, np.nan)
    return Effects(
        many=many,
        p_value=p,
        n=many.n,
        events=many.events,
        sd=sd,
        score=total,
        score_variance=variance,
        farthest=farthest,
    )


def _rates(response: Bools, design: Floats, binary: Bools, *, split: str) -> dict[str, Floats]:
    """Responders and patients of the upper and lower group, where there are groups."""
    grouped = np.ones(binary.shape, dtype=bool) if split == "median" else binary
    high, low = design == 1, design == 0
    result = {}
    for name, side in (("high", high), ("low", low)):
        result[f"n_{name}"] = np.where(grouped, side.sum(axis=0).astype(np.float64), np.nan)
        result[f"responders_{name}"] = np.where(grouped, side[response].sum(axis=0).astype(np.float64), np.nan)
    return result


def _fisher(response: Bools, design: Floats) -> Floats:
    """Fisher's exact p of every column of 0 and 1; equal tables are computed once."""
    high, low = design == 1, design == 0
    tables = np.stack(
        (
            high[response].sum(axis=0),
            high[~response].sum(axis=0),
            low[response].sum(axis=0),
            low[~response].sum(axis=0),
        ),
        axis=1,
    )
    distinct, inverse = np.unique(tables, axis=0, return_inverse=True)
    p = np.full(distinct.shape[0], np.nan)
    for i, (a, b, c, d) in enumerate(distinct):
        if a + b and c + d and a + c and b + d:
            p[i] = fisher(np.array([[a, b], [c, d]]))
    return p[inverse.ravel()]

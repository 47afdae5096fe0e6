"""Cox's proportional-hazards model: Newton-Raphson on Efron's partial likelihood, with late entry, strata and ridge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.survival.endpoint import Bools, Floats, Ints
from core.survival.risk_sets import RiskSets, risk_sets

REFERENCE = "10.1080/01621459.1977.10480613"
SINGULAR = float(np.finfo(np.float64).eps ** 0.75)
"""R's toler.chol: a pivot of the information under this share of the largest is 0, its column collinear."""
FARTHEST = 10.0
"""Longest first step of the search, as the change of any patient's log hazard ratio; later ones may double its range."""
UNEVEN = 1e6
ROUNDING = 1e-13
FAINTEST = 1e-280
"""A risk set whose patients weigh less than this, next to the heaviest of their stratum, is past computing."""
FLAT = 1e-11
"""A direction in which the information fell to this share of that at 0 has no maximum."""
CONVERGED = 1e-18
"""Newton decrement at which the search ends: a step of 1e-9 standard errors."""
ACCEPTED = 1e-12
"""Newton decrement at which a search that could go no further still counts as converged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxFit:
    """A fitted Cox model.

    Attributes
    ----------
    beta : (p,) log hazard ratios; nan for a column that is constant or a linear combination of earlier ones.
    covariance : (p, p), inverse information (of the penalised likelihood where ridge > 0); nan where not estimable.
    loglik : log partial likelihood at the estimate, without penalty; loglik_null : at 0.
    estimable : (p,) bool, false for such a column and where the likelihood has no maximum (a group without events,
        perfect separation). collinear : (p,) bool, the former alone.
    converged : the search ended at a maximum, or at the bound of the likelihood. iterations : steps made.
    score_test : the score test's chi-square at 0. df : its degrees of freedom (columns that are not collinear);
        effective ones, the trace of covariance @ information, where ridge > 0.
    n, events : rows used (ever at risk) and their events. ridge : the penalty, 0 = none.
    """

    beta: Floats
    covariance: Floats
    loglik: float
    loglik_null: float
    estimable: Bools
    collinear: Bools | None = None
    converged: bool = True
    iterations: int = 0
    score_test: float = float("nan")
    df: float = 0.0
    n: int = 0
    events: int = 0
    ridge: float = 0.0


def evaluate(sets: RiskSets, x: Floats, beta: Floats) -> tuple[float, Floats, Floats]:
    """Log partial likelihood, gradient and information.

    Parameters
    ----------
    sets : n rows. x : (p, n) float in the order of `sets`, centred within strata. beta : (p,).

    Returns
    -------
    loglik : float, -inf where it cannot be computed. gradient : (p,). information : (p, p).
    """
    p = x.shape[0]
    if sets.dying.size == 0:
        return 0.0, np.zeros(p), np.zeros((p, p))
    eta = beta @ x
    eta = eta - np.maximum.reduceat(eta, sets.bounds[:-1])[sets.stratum]
    w = np.exp(eta)
    moments = sets.efron(np.concatenate((w[None], w * x)))
    s0 = moments[0]
    if not s0.min() > FAINTEST:
        return -np.inf, np.zeros(p), np.zeros((p, p))
    loglik = float(eta[sets.dying].sum() - np.log(s0).sum())
    mean = moments[1:] / s0
    gradient = (x[:, sets.dying] - mean).sum(axis=1)
    inverse = 1 / s0
    if sets.entry_order is not None and inverse.max() > UNEVEN * inverse.min():
        # differences of cumulative hazards would lose the small ones: second moments of each risk set instead
        upper = np.triu_indices(p)
        second = sets.efron(np.concatenate((w[None], w * x[upper[0]] * x[upper[1]])))[1:] / s0
        information = np.zeros((p, p))
        information[upper] = (second - mean[upper[0]] * mean[upper[1]]).sum(axis=1)
        return loglik, gradient, information + np.triu(information, 1).T
    exposure = sets.while_at_risk(sets.per_death(inverse))
    exposure[sets.dying] -= sets.per_death(inverse * sets.share)[sets.tie]
    information = (x * (w * exposure)) @ x.T - mean @ mean.T
    return loglik, gradient, information


def fit_cox(
    time: Floats,
    event: Bools,
    x: Floats,
    *,
    entry: Floats | None = None,
    strata: Ints | None = None,
    ridge: float = 0.0,
    iterations: int = 100,
) -> CoxFit:
    """Fit a Cox model.

    Parameters
    ----------
    time : (n,) float. event : (n,) bool. x : (n, p) float, no missing values.
    entry : (n,) float, when observation began (left truncation: at risk when entry < t <= time); nan = from the start.
    strata : (n,) int, each with its own baseline hazard.
    ridge : theta of the penalty theta / 2 * sum of (beta_j * sd_j) ** 2, sd_j the sample standard deviation of column j
        over the rows given. theta = 1 is a N(0, 1) prior on the log hazard ratio per standard deviation.
    iterations : at most this many steps.

    Estimand: log ratios of hazards, taken as constant over time. Nearly tied times are made equal.

    References
    ----------
    Efron 1977, doi 10.1080/01621459.1977.10480613; Verweij & van Houwelingen 1994, doi 10.1002/sim.4780132307. Equals R
    survival::coxph(Surv(entry, time, event) ~ x + strata(strata), ties = "efron"), with `ridge` coxph(... ~
    ridge(x, theta = ridge, scale = TRUE)), both run to tight convergence.
    """
    sets = risk_sets(time, event, entry=entry, strata=strata)
    return fit_sets(sets, x, ridge=ridge, iterations=iterations)


def fit_sets(sets: RiskSets, x: Floats, *, ridge: float = 0.0, iterations: int = 100) -> CoxFit:
    """As `fit_cox`, for risk sets already made; x : (all rows given to `risk_sets`, p)."""
    p = x.shape[1]
    spread = x.var(axis=0, ddof=1) if x.shape[0] > 1 else np.zeros(p)
    z = centred(sets, x)
    scale = np.sqrt((z * z).mean(axis=1)) if z.shape[1] else np.zeros(p)
    scale[scale == 0] = 1.0
    z = z / scale[:, None]
    penalty = np.diag(ridge * spread / scale**2)
    null, gradient, information = evaluate(sets, z, np.zeros(p))
    keep = independent(information + penalty)
    nothing = CoxFit(
        beta=np.full(p, np.nan), covariance=np.full((p, p), np.nan), loglik=null, loglik_null=null,
        estimable=np.zeros(p, dtype=bool), collinear=~keep if sets.dying.size else np.zeros(p, dtype=bool), n=int(sets.time.size), events=int(sets.dying.size), ridge=ridge,
    )  # fmt: skip
    if not keep.any() or not sets.dying.size:
        return nothing
    at = np.flatnonzero(keep)
    z, penalty, scale = z[at], penalty[np.ix_(at, at)], scale[at]
    found = _newton(sets, z, penalty, iterations=iterations)
    u = gradient[at]
    score = float(u @ np.linalg.solve(information[np.ix_(at, at)] + penalty, u))
    beta, covariance = nothing.beta, nothing.covariance
    estimable = nothing.estimable
    beta[at] = found.beta / scale
    good = at[found.determined]
    estimable[good] = True
    block = found.covariance / np.outer(scale, scale)
    covariance[np.ix_(good, good)] = block[np.ix_(found.determined, found.determined)]
    free = float(np.trace(found.covariance @ found.information)) if ridge else float(at.size)
    return CoxFit(
        beta=beta, covariance=covariance, loglik=found.loglik, loglik_null=null, estimable=estimable,
        collinear=~keep, converged=found.converged, iterations=found.steps, score_test=score, df=free,
        n=nothing.n, events=nothing.events, ridge=ridge,
    )  # fmt: skip


def centred(sets: RiskSets, x: Floats) -> Floats:
    """Columns in the order of the risk sets, centred within strata, which changes no partial likelihood: (p, n)."""
    z = np.ascontiguousarray(x[sets.rows].T, dtype=np.float64)
    if z.shape[1] == 0:
        return z
    size = np.diff(sets.bounds)
    largest = np.abs(z).max(axis=1, keepdims=True)
    for _ in range(2):
        z = z - (np.add.reduceat(z, sets.bounds[:-1], axis=1) / size)[:, sets.stratum]
    # what is left of a column that is constant within every stratum is rounding
    return np.where(np.abs(z).max(axis=1, keepdims=True) <= ROUNDING * largest, 0.0, z)


def independent(information: Floats) -> Bools:
    """Which columns are no linear combination of earlier ones: pivots of the Cholesky decomposition in their order."""
    a = information.copy()
    p = a.shape[0]
    keep = np.zeros(p, dtype=bool)
    least = SINGULAR * float(np.diag(a).max(initial=0.0))
    for j in range(p):
        pivot = a[j, j]
        if not pivot > least:
            continue
        keep[j] = True
        below = a[j + 1 :, j] / pivot
        a[j + 1 :, j + 1 :] -= np.outer(below, a[j, j + 1 :])
        a[j + 1 :, j] = 0.0
    return keep


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maximum:
    """Where the search ended; `determined` says which coefficients have a maximum."""

    beta: Floats
    covariance: Floats
    information: Floats
    loglik: float
    determined: Bools
    converged: bool
    steps: int


def _newton(sets: RiskSets, z: Floats, penalty: Floats, *, iterations: int) -> _Maximum:
    """Newton-Raphson with step halving; a direction that went flat on the way (it has no maximum) is held."""
    p = z.shape[0]
    beta = np.zeros(p)
    loglik, gradient, information = evaluate(sets, z, beta)
    value = loglik
    # coordinates in which the information at 0 is the identity: flatness is told from near-collinearity there
    root = np.linalg.cholesky(information + penalty)
    to_beta = np.linalg.inv(root).T
    steps, stuck = 0, False
    while True:
        levels, vectors = np.linalg.eigh(to_beta.T @ (information + penalty) @ to_beta)
        flat = levels < FLAT
        axes = to_beta @ vectors
        slope = axes.T @ (gradient - penalty @ beta)
        move = np.where(flat, 0.0, slope / np.where(flat, 1.0, levels))
        decrement = float((slope * move).sum())
        if decrement <= CONVERGED or steps == iterations or stuck:
            break
        step = axes @ move
        reach = FARTHEST + float(np.ptp(beta @ z))
        step = step * min(1.0, reach / max(float(np.abs(step @ z).max()), 1e-300))
        for _ in range(40):
            ahead = evaluate(sets, z, beta + step)
            target = ahead[0] - 0.5 * float((beta + step) @ penalty @ (beta + step))
            if np.isfinite(target) and target >= value - 1e-12 * abs(value):
                break
            step = step / 2
        else:
            stuck = True
            continue
        beta = beta + step
        loglik, gradient, information = ahead
        value = target
        steps += 1
    converged = decrement <= ACCEPTED
    lost = axes[:, flat | (np.abs(move) > 1e-3)]
    determined = np.ones(p, dtype=bool) if converged else np.zeros(p, dtype=bool)
    if lost.size:
        weight = np.abs(lost).max(axis=1)
        determined &= weight <= 1e-6 * weight.max()
    solved = axes[:, ~flat]
    covariance = (solved / levels[~flat]) @ solved.T
    return _Maximum(
        beta=beta, covariance=covariance, information=information, loglik=loglik, determined=determined,
        converged=converged, steps=steps,
    )  # fmt: skip

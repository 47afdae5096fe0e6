"""Engine: log-rank tests and Cox models (Efron) of thousands of markers at once.

All markers walk back through time together: one running sum over the patients still at risk serves every marker, so
that a scan costs a few passes over the matrix instead of a model fit a marker. Double precision throughout; the same
code runs on numpy arrays and, where there is an accelerator, on torch tensors.

Efron 1977, doi 10.1080/01621459.1977.10480613; Mantel 1966 (log-rank), doi 10.2307/2344317.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from core.markers.scan.device import blocks, run
from core.markers.scan.many import (
    CONSTANT,
    FEWEST,
    FINE,
    NO_EVENTS,
    SEPARATED,
    TOO_FEW,
    Bools,
    Floats,
    Ints,
    Many,
    full_rank,
    spread,
    wald,
)
from core.markers.scan.pattern import by_pattern
from core.markers.scan.walk import Walk, walk

FARTHEST = 25.0
"""Log ratio per standard deviation beyond which a likelihood is taken to have no maximum."""
WIDEST = 50.0
"""Standard error of it beyond which the same holds."""
TOLERANCE = 1e-8
ITERATIONS = 40


def logrank_many(
    time: Floats, event: Bools, high: Any, *, entry: Floats | None = None, strata: Ints | None = None,
    known: Bools | None = None, device: str = "auto",
) -> Many:  # fmt: skip
    """Log-rank test of every column's two groups.

    Parameters
    ----------
    time : (n,) float, months. event : (n,) bool. high : (n, m) bool, the group of each patient by each marker.
    entry : (n,) start of observation, or None. strata : (n,) int, or None. known : (n, m) bool, false = no value, or
        None for no missing value. device : 'auto', 'cpu' or 'cuda'.

    Null hypothesis: the hazard is the same in both groups at every time (in each stratum). Chi-square with one degree
    of freedom, hypergeometric variance, no continuity correction.

    Returns
    -------
    Many
        `statistic` = chi-square; `estimate` = (O - E) / V of the high group, the one-step log hazard ratio of Peto, with
        `se` = 1 / sqrt(V).

    References
    ----------
    Mantel 1966; Peto & Peto 1972, doi 10.2307/2344317. Equals R survival::survdiff and lifelines' logrank_test.
    """
    plan = walk(time, event, entry=entry, strata=strata)
    m = high.shape[1]
    score, variance = np.zeros(m), np.zeros(m)

    def one(part: slice, xp: Any) -> None:
        h = xp.column(high[:, part])
        k = None if known is None else xp.column(known[:, part])
        if k is not None:
            h = h * k
        size = h.shape[1]
        total, var = xp.zeros(size), xp.zeros(size)
        highs = ones = xp.zeros(size)
        for (join, leave, dying), first in zip(plan.steps, plan.fresh, strict=True):
            if first:
                highs, ones = xp.zeros(size), (0.0 if k is None else xp.zeros(size))
            for row in join:
                highs += h[row]
                ones = ones + (1.0 if k is None else k[row])
            for row in leave:
                highs -= h[row]
                ones = ones - (1.0 if k is None else k[row])
            dead: Any = float(dying.size) if k is None else sum(k[row] for row in dying)
            at_risk = max(ones, 1.0) if k is None else xp.at_least(ones, 1.0)
            less = max(ones - 1.0, 1.0) if k is None else xp.at_least(ones - 1.0, 1.0)
            share = highs / at_risk
            for row in dying:
                total += h[row]
            total -= share * dead
            var += share * (1.0 - share) * (dead * (ones - dead) / less)
        score[part], variance[part] = xp.back(total), xp.back(var)

    run(one, blocks(m), device=device)
    patients, deaths = _counts(event, known, m)
    tiny = variance <= 1e-12
    reason = np.where(patients < FEWEST, TOO_FEW, np.where(deaths == 0, NO_EVENTS, np.where(tiny, CONSTANT, FINE)))
    fine = reason == FINE
    safe = np.where(fine, variance, np.nan)
    from scipy.special import chdtrc

    chi = score**2 / safe
    return Many(
        estimate=score / safe, se=1 / np.sqrt(safe), statistic=chi, p_value=np.asarray(chdtrc(1, chi)), n=patients,
        events=deaths, reason=reason.astype(np.int64),
    )  # fmt: skip


def cox_many(
    time: Floats, event: Bools, x: Floats, *, covariates: Floats | None = None, entry: Floats | None = None,
    strata: Ints | None = None, device: str = "auto",
) -> Many:  # fmt: skip
    """A Cox model (Efron) of every column, alone or beside the same covariates.

    Parameters
    ----------
    time : (n,) float, months. event : (n,) bool. x : (n, m) float, nan = missing: each model uses the patients who have
        its marker. covariates : (n, q) float, complete and of full rank, or None. entry : (n,) start of observation,
        or None. strata : (n,) int, or None. device : 'auto', 'cpu' or 'cuda'.

    Estimand: the log ratio of hazards per unit of x, the covariates held, taken as constant over time. Null hypothesis:
    it is 0 (Wald test, two-sided).

    Returns
    -------
    Many
        nan with a reason for a constant marker, no events, or a marker that orders the events perfectly (the likelihood
        has no maximum).

    References
    ----------
    Efron 1977, doi 10.1080/01621459.1977.10480613. Equals R survival::coxph(ties = "efron") and lifelines' CoxPHFitter
    run to tight convergence.
    """
    taken_apart = by_pattern(x, partial(_some, arrays=(time, event, x, covariates, entry, strata), device=device))
    if taken_apart is not None:
        return taken_apart
    z = np.zeros((x.shape[0], 0)) if covariates is None else full_rank(covariates)
    known = np.isfinite(x)
    complete = bool(known.all())
    mean, sd, free = spread(x, z)
    n, deaths = _counts(event, None if complete else known, x.shape[1])
    usable = (n >= FEWEST) & (sd > 0) & (free > 1e-10) & (deaths > 0)
    plan = walk(time, event, entry=entry, strata=strata)
    m = x.shape[1]
    beta, se = np.full(m, np.nan), np.full(m, np.nan)
    separated = np.zeros(m, dtype=bool)
    wanted = np.flatnonzero(usable)

    def one(part: slice, xp: Any) -> None:
        chosen = wanted[part]
        columns = (x[:, chosen] - mean[chosen]) / sd[chosen]
        mask = None if complete else known[:, chosen]
        if mask is not None:
            columns[~mask] = 0.0
        apart = _separated(plan, columns, mask) if entry is None and not z.shape[1] else np.zeros(chosen.size, bool)
        separated[chosen] = apart
        columns, mask = columns[:, ~apart], None if mask is None else mask[:, ~apart]
        beta[chosen[~apart]], se[chosen[~apart]] = _newton(plan, (columns, z, mask), xp, iterations=ITERATIONS)

    run(one, blocks(wanted.size), device=device)
    far = usable & (separated | ~(np.abs(beta) <= FARTHEST) | ~(se < WIDEST))
    reason = np.select(
        [n < FEWEST, deaths == 0, ~(sd > 0) | (free <= 1e-10), far], [TOO_FEW, NO_EVENTS, CONSTANT, SEPARATED], FINE
    )
    scale = np.where(sd > 0, sd, 1.0)
    return wald(beta / scale, se / scale, counts=(n, deaths), reason=reason.astype(np.int64))


def _some(rows: Ints | None, columns: Ints, *, arrays: tuple[Any, ...], device: str) -> Many:
    """`cox_many` of some rows (None = all) and some columns."""
    time, event, x, covariates, entry, strata = (a if rows is None or a is None else a[rows] for a in arrays)
    return cox_many(time, event, x[:, columns], covariates=covariates, entry=entry, strata=strata, device=device)


def _counts(event: Bools, known: Bools | None, m: int) -> tuple[Ints, Ints]:
    if known is None:
        return np.full(m, event.size, dtype=np.int64), np.full(m, int(event.sum()), dtype=np.int64)
    return known.sum(axis=0).astype(np.int64), known[event].sum(axis=0).astype(np.int64)


def _separated(plan: Walk, x: Floats, known: Bools | None) -> Bools:
    """Whether each event has the highest value of its risk set, or each the lowest: no maximum of the likelihood."""
    top, bottom = np.full(x.shape[1], -np.inf), np.full(x.shape[1], np.inf)
    highest, lowest = np.ones(x.shape[1], dtype=bool), np.ones(x.shape[1], dtype=bool)
    for (join, _, dying), first in zip(plan.steps, plan.fresh, strict=True):
        if first:
            top, bottom = np.full(x.shape[1], -np.inf), np.full(x.shape[1], np.inf)
        for row in join:
            value = x[row]
            top = np.maximum(top, value if known is None else np.where(known[row], value, -np.inf))
            bottom = np.minimum(bottom, value if known is None else np.where(known[row], value, np.inf))
        for row in dying:
            unknown = False if known is None else ~known[row]
            highest &= (x[row] >= top) | unknown
            lowest &= (x[row] <= bottom) | unknown
    return highest | lowest


def _newton(
    plan: Walk, data: tuple[Floats, Floats, Bools | None], xp: Any, *, iterations: int
) -> tuple[Floats, Floats]:
    """Coefficient and standard error of the first term of every model, by Newton-Raphson with step halving."""
    columns, z, mask = data
    m, p = columns.shape[1], 1 + z.shape[1]
    result, error = np.full(m, np.nan), np.full(m, np.nan)
    if m == 0:
        return result, error
    x, k = xp.column(columns), None if mask is None else xp.column(mask)
    live = np.arange(m)
    beta = xp.zeros((p, m))
    loglik, gradient, information = _evaluate(plan, (x, z, k), beta, xp=xp)
    step = _solve(information, gradient, xp)
    for _ in range(iterations):
        trial = beta + step
        now = _evaluate(plan, (x, z, k), trial, xp=xp)
        better = now[0] >= loglik - 1e-11 * abs(loglik)
        size = xp.largest(abs(step) / (1.0 + abs(beta)))
        beta = xp.where(better, trial, beta)
        loglik = xp.where(better, now[0], loglik)
        information = xp.where(better, now[2], information)
        step = xp.where(better, _solve(now[2], now[1], xp), step / 2.0)
        ended = xp.back((size <= TOLERANCE) | (abs(beta[0]) > FARTHEST))
        if ended.any():
            gone = live[ended]
            result[gone] = xp.back(beta[0])[ended]
            error[gone] = first_error(xp.back(information)[:, ended], p)
            stay = np.flatnonzero(~ended)
            live = live[stay]
            if live.size == 0:
                break
            kept = xp.index(stay)
            x, k = x[:, kept], None if k is None else k[:, kept]
            beta, step, information, loglik = beta[:, kept], step[:, kept], information[:, kept], loglik[kept]
    return result, error


def _evaluate(plan: Walk, data: tuple[Any, Floats, Any], beta: Any, *, xp: Any) -> tuple[Any, Any, Any]:
    """Efron's log partial likelihood, gradient (p, m) and information (pairs, m) of every model."""
    x, z, k = data
    p, m = beta.shape
    first, second = np.triu_indices(p)
    one, two = xp.index(first), xp.index(second)
    loglik, gradient, information = xp.zeros(m), xp.zeros((p, m)), xp.zeros((first.size, m))
    s0 = s1 = s2 = xp.zeros(m)
    row_of: dict[int, tuple[Any, Any, Any, Any, Any]] = {}

    def terms(row: int) -> tuple[Any, Any, Any, Any, Any]:
        """Of one patient: its terms, linear predictor, and weight times 1, terms and products of terms."""
        if p == 1:
            design = x[row : row + 1]
            eta = beta[0] * x[row]
        else:
            design = xp.stack(x[row], z[row])
            eta = (beta * design).sum(0)
        w = xp.exp(eta) if k is None else xp.exp(eta) * k[row]
        w1 = w * design
        return design, eta, w, w1, (w1 * design if p == 1 else w1[one] * design[two])

    for (join, leave, dying), fresh in zip(plan.steps, plan.fresh, strict=True):
        if fresh:
            s0, s1, s2 = xp.zeros(m), xp.zeros((p, m)), xp.zeros((first.size, m))
        deaths = set(dying.tolist())
        for row in join.tolist():
            found = terms(row)
            if row in deaths:
                row_of[row] = found
            s0 += found[2]
            s1 += found[3]
            s2 += found[4]
        for row in leave.tolist():
            found = terms(row)
            s0 -= found[2]
            s1 -= found[3]
            s2 -= found[4]
        tied = [row_of.pop(row) for row in dying.tolist()]
        counts = [1.0 if k is None else k[row] for row in dying.tolist()]
        for (design, eta, *_), known in zip(tied, counts, strict=True):
            loglik += eta * known
            gradient += design * known
        if len(tied) == 1:
            base = s0 if k is None else xp.at_least(s0, 1e-300)
            mean = s1 / base
            loglik -= xp.log(base) * counts[0]
            gradient -= mean * counts[0]
            information += (s2 / base - (mean * mean if p == 1 else mean[one] * mean[two])) * counts[0]
            continue
        t0, t1, t2 = (sum(t[part] for t in tied) for part in (2, 3, 4))
        size: Any = sum(counts)
        for number in range(len(tied)):
            share = number / size if k is None else number / xp.at_least(size, 1.0)
            active: Any = 1.0 if k is None else 1.0 * (size > number)
            base = s0 - share * t0 if k is None else xp.at_least(s0 - share * t0, 1e-300)
            mean = (s1 - share * t1) / base
            loglik -= xp.log(base) * active
            gradient -= mean * active
            square = mean * mean if p == 1 else mean[one] * mean[two]
            information += ((s2 - share * t2) / base - square) * active
    return loglik, gradient, information


def _solve(information: Any, gradient: Any, xp: Any) -> Any:
    """Newton step of every model; a hair of ridge keeps a flat likelihood solvable."""
    p = gradient.shape[0]
    if p == 1:
        return gradient / (information + 1e-14)
    return xp.solve(information, gradient)


def first_error(information: Floats, p: int) -> Floats:
    """Standard error of the first term, from the information of every model; nan where it has no inverse."""
    if p == 1:
        return np.asarray(1 / np.sqrt(np.where(information[0] > 0, information[0], np.nan)))
    matrix = np.zeros((information.shape[1], p, p))
    first, second = np.triu_indices(p)
    matrix[:, first, second] = matrix[:, second, first] = information.T
    # the Schur complement of the first term: what it knows beyond the other terms
    try:
        rest = np.linalg.solve(matrix[:, 1:, 1:], matrix[:, 1:, :1])[..., 0]
    except np.linalg.LinAlgError:
        return np.full(information.shape[1], np.nan)
    left = matrix[:, 0, 0] - (matrix[:, 0, 1:] * rest).sum(axis=1)
    return np.asarray(1 / np.sqrt(np.where(left > 0, left, np.nan)))

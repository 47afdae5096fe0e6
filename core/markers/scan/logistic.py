"""Logistic: a logistic model of response on every marker at once, alone or beside the same covariates.

Newton-Raphson on all models together (McCullagh & Nelder 1989, ISBN 9780412317606). A marker that separates responders
from non-responders has no finite odds ratio and says so (Albert & Anderson 1984, doi 10.1093/biomet/71.1.1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.markers.scan.device import blocks, run
from core.markers.scan.engine import FARTHEST, TOLERANCE, WIDEST, first_error
from core.markers.scan.many import (
    CONSTANT,
    FEWEST,
    FINE,
    NO_EVENTS,
    SEPARATED,
    TOO_FEW,
    Bools,
    Floats,
    Many,
    full_rank,
    spread,
    wald,
)
from core.markers.scan.pattern import by_pattern

CELLS = 200_000
"""Values that one block holds, so that its passes stay in the processor's cache."""


def logistic_many(
    response: Bools, x: Floats, *, covariates: Floats | None = None, device: str = "auto", iterations: int = 40
) -> Many:
    """A logistic model of every column.

    Parameters
    ----------
    response : (n,) bool. x : (n, m) float, nan = missing: each model uses the patients who have its marker.
    covariates : (n, q) float, complete and of full rank, or None. device : 'auto', 'cpu' or 'cuda'.

    Estimand: the log odds ratio of response per unit of x, the covariates held. Null hypothesis: it is 0 (Wald test,
    two-sided).

    Returns
    -------
    Many
        `events` = responders. nan with a reason for a constant marker, one class only, or separation.

    References
    ----------
    Equals R glm(family = binomial) and statsmodels Logit run to tight convergence. doi 10.1093/biomet/71.1.1.
    """
    taken_apart = by_pattern(
        x,
        lambda rows, columns: logistic_many(
            response if rows is None else response[rows], x[:, columns] if rows is None else x[np.ix_(rows, columns)],
            covariates=covariates if rows is None or covariates is None else covariates[rows], device=device,
            iterations=iterations,
        ),
    )  # fmt: skip
    if taken_apart is not None:
        return taken_apart
    z = np.zeros((x.shape[0], 0)) if covariates is None else full_rank(covariates)
    known = np.isfinite(x)
    complete = bool(known.all())
    mean, sd, free = spread(x, z)
    n = known.sum(axis=0)
    responders = known[response].sum(axis=0)
    one_class = (responders == 0) | (responders == n)
    apart = _separated(response, x)
    usable = (n >= FEWEST) & (sd > 0) & (free > 1e-10) & ~one_class & ~apart
    wanted = np.flatnonzero(usable)
    m = x.shape[1]
    beta, se = np.full(m, np.nan), np.full(m, np.nan)

    def one(part: slice, xp: Any) -> None:
        chosen = wanted[part]
        columns = (x[:, chosen] - mean[chosen]) / sd[chosen]
        mask = None if complete else known[:, chosen]
        if mask is not None:
            columns[~mask] = 0.0
        beta[chosen], se[chosen] = _newton(response, (columns, z, mask), xp, iterations=iterations)

    run(one, blocks(wanted.size, most=max(128, CELLS // max(x.shape[0], 1))), device=device)
    far = usable & (~(np.abs(beta) <= FARTHEST) | ~(se < WIDEST))
    reason = np.select(
        [n < FEWEST, one_class, ~(sd > 0) | (free <= 1e-10), far | apart],
        [TOO_FEW, NO_EVENTS, CONSTANT, SEPARATED],
        FINE,
    )
    scale = np.where(sd > 0, sd, 1.0)
    counts = (n.astype(np.int64), responders.astype(np.int64))
    return wald(beta / scale, se / scale, counts=counts, reason=reason.astype(np.int64))


def fitted(response: Bools, covariates: Floats) -> Floats:
    """Probability of response of every patient by the covariates alone; the response rate where there are none."""
    design = np.column_stack((np.ones(response.size), covariates))
    beta = np.zeros(design.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        weight = np.maximum(chance * (1 - chance), 1e-10)
        step = np.linalg.lstsq((design.T * weight) @ design, design.T @ (response - chance), rcond=None)[0]
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(1 / (1 + np.exp(-np.clip(design @ beta, -30, 30))))


def _separated(response: Bools, x: Floats) -> Bools:
    """Whether one threshold has all responders on one side and all others on the other (touching it counts)."""
    high = np.where(np.isfinite(x), x, -np.inf)
    low = np.where(np.isfinite(x), x, np.inf)
    if not response.any() or response.all():
        return np.zeros(x.shape[1], dtype=bool)
    return np.asarray(
        (high[~response].max(axis=0) <= low[response].min(axis=0))
        | (high[response].max(axis=0) <= low[~response].min(axis=0))
    )


def _newton(
    response: Bools, data: tuple[Floats, Floats, Bools | None], xp: Any, *, iterations: int
) -> tuple[Floats, Floats]:
    """Coefficient and standard error of the marker in every model, by Newton-Raphson with step halving."""
    columns, z, mask = data
    n, m = columns.shape
    p = 2 + z.shape[1]
    result, error = np.full(m, np.nan), np.full(m, np.nan)
    if m == 0:
        return result, error
    x, k = xp.column(columns), None if mask is None else xp.column(mask)
    fixed = np.column_stack((np.ones(n), z))
    first, second = np.triu_indices(p - 1)
    fixed_t, pairs_t = xp.column(fixed.T), xp.column((fixed[:, first] * fixed[:, second]).T)
    y = xp.column(response.astype(np.float64)[:, None])
    live = np.arange(m)
    beta = xp.zeros((p, m))
    share = float(response.mean())
    beta[1] += np.log(share / (1 - share))

    def evaluate(beta: Any, x: Any, k: Any) -> tuple[Any, Any, Any]:
        """Log-likelihood (m,), gradient (p, m) and information (pairs, m); the marker is the first term."""
        eta = beta[0] * x + fixed_t.T @ beta[1:]
        chance = 1.0 / (1.0 + xp.exp(-eta))
        gap = y - chance
        weight = chance * (1.0 - chance)
        likely = xp.log(xp.at_least(1.0 - abs(gap), 1e-300))
        if k is not None:
            gap, weight, likely = gap * k, weight * k, likely * k
        wx = weight * x
        gradient = xp.cat(((gap * x).sum(0)[None], fixed_t @ gap))
        information = xp.cat(((wx * x).sum(0)[None], fixed_t @ wx, pairs_t @ weight))
        return likely.sum(0), gradient, information

    loglik, gradient, information = evaluate(beta, x, k)
    step = xp.solve(information, gradient)
    for _ in range(iterations):
        trial = beta + step
        now = evaluate(trial, x, k)
        better = now[0] >= loglik - 1e-11 * abs(loglik)
        size = xp.largest(abs(step) / (1.0 + abs(beta)))
        beta = xp.where(better, trial, beta)
        loglik = xp.where(better, now[0], loglik)
        information = xp.where(better, now[2], information)
        step = xp.where(better, xp.solve(now[2], now[1]), step / 2.0)
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

"""Ridge regression, logistic and Cox, with a penalty for each feature, by Newton steps in as few dimensions as there are patients.

Logistic: le Cessie & van Houwelingen 1992, doi 10.2307/2347628. Cox: Verweij & van Houwelingen 1994,
doi 10.1002/sim.4780132307, ties by Efron 1977, doi 10.2307/2286217.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import ModelError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

STEPS, SMALL = 60, 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """intercept + x @ coefficients: log-odds of a logistic, log hazard of a Cox model (whose intercept is 0)."""

    coefficients: Floats
    intercept: float

    def score(self, x: Floats) -> Floats:
        """(n,) linear predictor of (n, p) features."""
        return np.asarray(x @ self.coefficients + self.intercept, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """A design turned onto its own axes, where a ridge needs no more dimensions than there are patients.

    Attributes
    ----------
    z : (n, r) scores. back : (p, r), so that coefficients of x are back @ coefficients of z; the ridge penalty on z is 1.
    """

    z: Floats
    back: Floats


def rotate(x: Floats, penalties: Floats, *, most: int | None = None) -> Rotated:
    """Divide each feature by the root of its penalty (all above 0) and turn onto the principal axes; `most` keeps that many."""
    if not (penalties > 0).all():
        raise ModelError("a rotated ridge needs a penalty above 0 on every feature")
    scaled = x / np.sqrt(penalties)
    n, p = scaled.shape
    if p <= n:
        values, vectors = np.linalg.eigh(scaled.T @ scaled)
        keep = _largest(values, most)
        axes = vectors[:, keep]
        return Rotated(z=scaled @ axes, back=axes / np.sqrt(penalties)[:, None])
    values, vectors = np.linalg.eigh(scaled @ scaled.T)
    keep = _largest(values, most)
    root = np.sqrt(values[keep])
    axes = (scaled.T @ vectors[:, keep]) / root
    return Rotated(z=vectors[:, keep] * root, back=axes / np.sqrt(penalties)[:, None])


def _largest(values: Floats, most: int | None) -> Ints:
    order = np.argsort(values)[::-1]
    order = order[values[order] > max(values.max(initial=0.0), 1e-300) * 1e-12]
    return np.asarray(order[:most] if most is not None else order, dtype=np.int64)


def logistic(
    x: Floats, y: Floats, *, penalties: Floats, weights: Floats | None = None, start: Linear | None = None, small: float = SMALL
) -> Linear:
    """Minimise sum_i w_i logloss_i + 1/2 sum_j penalty_j b_j^2; the intercept is not penalised.

    Parameters
    ----------
    x : (n, p) without nan. y : (n,) 0 or 1. penalties : (p,) >= 0. weights : (n,) >= 0, default 1.
    start : a fit nearby, from which fewer steps are needed. small : a step in which no coefficient moves more is the last.

    Raises
    ------
    ModelError
        Shapes that do not fit together, nan, or one class only.
    """
    w = np.ones(y.size) if weights is None else weights
    _check(x, y.size, penalties)
    rate = float((w * y).sum() / w.sum()) if w.sum() > 0 else 0.0
    if not 0.0 < rate < 1.0:
        raise ModelError("a logistic ridge needs patients of both classes")
    n, p = x.shape
    if p > n and (penalties > 0).all():
        turned = rotate(x, penalties)
        inner = logistic(turned.z, y, penalties=np.ones(turned.z.shape[1]), weights=w)
        return Linear(coefficients=turned.back @ inner.coefficients, intercept=inner.intercept)
    design = np.hstack([x, np.ones((n, 1))])
    ridge = np.append(penalties, 0.0)
    b = np.append(np.zeros(p), np.log(rate / (1 - rate))) if start is None else np.append(start.coefficients, start.intercept)

    def loss(at: Floats) -> float:
        eta = design @ at
        return float((w * (np.logaddexp(0.0, eta) - y * eta)).sum() + 0.5 * (ridge * at**2).sum())

    value = loss(b)
    for _ in range(STEPS):
        chance = 0.5 * (1.0 + np.tanh(0.5 * (design @ b)))
        gradient = design.T @ (w * (chance - y)) + ridge * b
        curvature = (design * (w * chance * (1 - chance))[:, None]).T @ design
        step = _solve(curvature, ridge, gradient)
        b, value, moved = _shorten(loss, (b, value), step)
        if moved < small:
            break
    return Linear(coefficients=b[:-1], intercept=float(b[-1]))


def cox(
    x: Floats, time: Floats, event: Bools, *, penalties: Floats, strata: Ints | None = None, start: Linear | None = None
) -> Linear:
    """Minimise the negative log partial likelihood (Efron's ties) + 1/2 sum_j penalty_j b_j^2.

    Parameters
    ----------
    x : (n, p) without nan. time : (n,). event : (n,) True = event. penalties : (p,) >= 0.
    strata : (n,) whole numbers; each stratum has its own baseline hazard.

    Raises
    ------
    ModelError
        Shapes that do not fit together, nan, or no event.
    """
    _check(x, time.size, penalties)
    if not event.any():
        raise ModelError("a Cox ridge needs at least one event")
    n, p = x.shape
    if p > n and (penalties > 0).all():
        turned = rotate(x, penalties)
        inner = cox(turned.z, time, event, penalties=np.ones(turned.z.shape[1]), strata=strata)
        return Linear(coefficients=turned.back @ inner.coefficients, intercept=0.0)
    risk = risk_sets(time, event, strata=strata)
    design = x[risk.order]
    b = np.zeros(p) if start is None else start.coefficients

    def loss(at: Floats) -> float:
        return -risk.log_likelihood(design @ at) + 0.5 * float((penalties * at**2).sum())

    value = loss(b)
    for _ in range(STEPS):
        gradient, curvature = risk.slopes(design, design @ b)
        step = _solve(curvature, penalties, penalties * b - gradient)
        b, value, moved = _shorten(loss, (b, value), step)
        if moved < SMALL:
            break
    return Linear(coefficients=b, intercept=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSets:
    """Who is at risk at each event, as positions in the order of stratum and time.

    Attributes
    ----------
    order : (n,) rows by stratum and time. event : (n,) in that order.
    first, last, tie : (d,) of each event: its risk set is [first, last), its tied times [first, tie).
    share : (d,) Efron's share of the tied events that have left.
    """

    order: Ints
    event: Bools
    first: Ints
    last: Ints
    tie: Ints
    share: Floats

    def _at_risk(self, weight: Floats) -> Floats:
        """(d, ...) sums over the risk sets, Efron's ties, of (n, ...) values."""
        zero = np.zeros((1, *weight.shape[1:]))
        everyone = np.concatenate([zero, np.cumsum(weight, axis=0)])
        events = np.concatenate([zero, np.cumsum(weight * self.event.reshape(-1, *[1] * (weight.ndim - 1)), axis=0)])
        share = self.share.reshape(-1, *[1] * (weight.ndim - 1))
        return np.asarray(
            everyone[self.last] - everyone[self.first] - share * (events[self.tie] - events[self.first]), dtype=np.float64
        )

    def log_likelihood(self, eta: Floats) -> float:
        """Log partial likelihood of (n,) log hazards in `order`."""
        shift = float(eta.max(initial=0.0))
        weight = np.exp(eta - shift)
        return float((eta[self.event] - shift).sum() - np.log(np.maximum(self._at_risk(weight), 1e-300)).sum())

    def slopes(self, design: Floats, eta: Floats) -> tuple[Floats, Floats]:
        """Gradient (p,) of the log partial likelihood and its negative Hessian (p, p)."""
        weight = np.exp(eta - eta.max(initial=0.0))
        total = np.maximum(self._at_risk(weight), 1e-300)
        mean = self._at_risk(weight[:, None] * design) / total[:, None]
        n = eta.size
        everyone, tied = np.zeros(n + 1), np.zeros(n + 1)
        np.add.at(everyone, self.first, 1 / total)
        np.add.at(everyone, self.last, -1 / total)
        np.add.at(tied, self.first, self.share / total)
        np.add.at(tied, self.tie, -self.share / total)
        hazard = weight * (np.cumsum(everyone)[:-1] - self.event * np.cumsum(tied)[:-1])
        gradient = design[self.event].sum(axis=0) - mean.sum(axis=0)
        return gradient, (design * hazard[:, None]).T @ design - mean.T @ mean


def risk_sets(time: Floats, event: Bools, *, strata: Ints | None = None) -> RiskSets:
    """Risk sets of patients; see `RiskSets`."""
    group = np.zeros(time.size, dtype=np.int64) if strata is None else strata
    order = np.lexsort((time, group))
    t, e, g = time[order], event[order].astype(bool), group[order]
    n = t.size
    new = np.append(True, (t[1:] != t[:-1]) | (g[1:] != g[:-1])) if n else np.zeros(0, dtype=bool)
    block = np.cumsum(new) - 1
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], n)
    final = np.append(np.flatnonzero(g[1:] != g[:-1]) + 1, n)
    at = np.flatnonzero(e)
    first = starts[block[at]]
    counted = np.cumsum(e)
    before = counted[at] - 1 - np.append(0, counted)[first]
    tied = np.bincount(block[at], minlength=starts.size)[block[at]] if at.size else np.zeros(0, dtype=np.int64)
    return RiskSets(
        order=order.astype(np.int64), event=e, first=first.astype(np.int64),
        last=final[np.searchsorted(final, at, side="right")].astype(np.int64), tie=ends[block[at]].astype(np.int64),
        share=np.asarray(before / np.maximum(tied, 1), dtype=np.float64),
    )  # fmt: skip


def _solve(curvature: Floats, ridge: Floats, gradient: Floats) -> Floats:
    filled = curvature + np.diag(ridge)
    try:
        return np.asarray(np.linalg.solve(filled, gradient), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(filled, gradient, rcond=None)[0], dtype=np.float64)


def _shorten(loss: Callable[[Floats], float], state: tuple[Floats, float], step: Floats) -> tuple[Floats, float, float]:
    """One Newton step, halved until the loss does not grow; the last number is the size of the move."""
    b, value = state
    length = 1.0
    for _ in range(30):
        there = b - length * step
        found = loss(there)
        if found <= value + 1e-12 * (1 + abs(value)):
            return there, found, float(length * np.abs(step).max(initial=0.0))
        length /= 2
    return b, value, 0.0


def _check(x: Floats, n: int, penalties: Floats) -> None:
    if x.ndim != 2 or x.shape[0] != n or penalties.shape != (x.shape[1],):
        raise ModelError(f"features {x.shape}, {n} outcomes and {penalties.shape} penalties do not fit together")
    if not np.isfinite(x).all():
        raise ModelError("a ridge takes no missing or infinite feature; fill them first")

"""Residual: what happened to each patient minus what the model without markers expected, and a marker's score test from it.

For a survival time these are martingale residuals, so that the test is the log-rank test of a trend (Therneau 1990,
doi 10.1093/biomet/77.1.147); for response, observed minus expected. The variance is that of shuffled residuals: one
outlying value cannot make the test significant, as it can a Wald test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.markers.scan.logistic import fitted
from core.markers.scan.many import Bools, Floats, Ints
from core.markers.scan.outcome import Outcome
from core.markers.scan.walk import walk
from core.survival.cox import fit_cox


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One cohort, as the permutation sees it.

    Attributes
    ----------
    residual : (n,) of the model without markers. x : (n, m), nan = missing; columns are the same in every layer.
    strata : (n,) int: outcomes are shuffled inside each, or None. covariates : (n, q) that x is cleared of, or None.
    """

    residual: Floats
    x: Floats
    strata: Ints | None = None
    covariates: Floats | None = None


def martingale(
    time: Floats, event: Bools, *, entry: Floats | None = None, strata: Ints | None = None, risk: Floats | None = None
) -> Floats:
    """Martingale residuals: events seen minus events expected, of each patient.

    Parameters
    ----------
    time : (n,) float, months. event : (n,) bool. entry, strata : as in `cox_many`. risk : (n,) exp(linear predictor) of
        the covariates, or None for 1.
    """
    weight = np.ones(time.size) if risk is None else risk
    expected = np.zeros(time.size)
    codes = np.zeros(time.size, dtype=np.int64) if strata is None else strata
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        plan = walk(time[rows], event[rows], entry=None if entry is None else entry[rows])
        at_risk, times, hazards = 0.0, [], []
        for join, leave, dying in plan.steps:
            at_risk += float(weight[rows[join]].sum() - weight[rows[leave]].sum())
            times.append(float(time[rows[dying[0]]]))
            hazards.append(dying.size / at_risk)
        moments = np.asarray(times[::-1])
        cumulative = np.concatenate(([0.0], np.cumsum(np.asarray(hazards[::-1]))))
        total = cumulative[np.searchsorted(moments, time[rows], side="right")]
        if entry is not None:
            total = total - cumulative[np.searchsorted(moments, entry[rows], side="right")]
        expected[rows] = weight[rows] * total
    return np.asarray(event - expected, dtype=np.float64)


def residuals(one: Outcome) -> Floats:
    """Of each patient of a cohort: what happened minus what the covariates alone expected."""
    held = one.covariates
    if one.time is None:
        return np.asarray(one.event - fitted(one.event, held), dtype=np.float64)
    risk = None
    if held.shape[1]:
        fit = fit_cox(one.time, one.event, held, entry=one.entry, strata=one.strata)
        beta = np.where(np.isfinite(fit.beta), fit.beta, 0.0)
        risk = np.exp((held - held.mean(axis=0)) @ beta)
    return martingale(one.time, one.event, entry=one.entry, strata=one.strata, risk=risk)


def layer(one: Outcome, design: Floats) -> Layer:
    """A cohort with its markers as the models take them, ready for score tests."""
    return Layer(residual=residuals(one), x=design, strata=one.strata, covariates=one.covariates)


def each_stratum(layer: Layer) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Of each stratum: residuals (n,) and columns (n, m), both centred, and the columns' score variance (m,)."""
    cleared = _cleared(layer)
    codes = np.zeros(layer.residual.size, dtype=np.int64) if layer.strata is None else layer.strata
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        if rows.size < 2:
            continue
        residual = layer.residual[rows] - layer.residual[rows].mean()
        x = cleared[rows]
        yield residual, x, (x**2).sum(axis=0) * float((residual**2).sum()) / (rows.size - 1)


def score(layer: Layer) -> tuple[Floats, Floats]:
    """Score (m,) and its variance under shuffled residuals (m,) of every column; z = score / sqrt(variance)."""
    m = layer.x.shape[1]
    total, variance = np.zeros(m), np.zeros(m)
    for residual, x, own in each_stratum(layer):
        total += residual @ x
        variance += own
    return total, variance


def _cleared(layer: Layer) -> Floats:
    """Columns centred (inside strata) and cleared of the covariates; missing values at their mean; constant ones 0."""
    known = np.isfinite(layer.x)
    filled = np.where(known, layer.x, 0.0)
    codes = np.zeros(filled.shape[0], dtype=np.int64) if layer.strata is None else layer.strata
    for code in np.unique(codes):
        rows = codes == code
        n = np.maximum(known[rows].sum(axis=0), 1)
        filled[rows] -= filled[rows].sum(axis=0) / n
    filled = np.where(known, filled, 0.0)
    if layer.covariates is not None and layer.covariates.shape[1]:
        basis = np.linalg.qr(np.column_stack((np.ones(filled.shape[0]), layer.covariates)))[0]
        filled = filled - basis @ (basis.T @ filled)
    scale = np.abs(layer.x[known]).max(initial=0.0)
    square = (filled**2).sum(axis=0)
    return np.asarray(np.where(square > 1e-20 * max(scale**2, 1e-300), filled, 0.0))

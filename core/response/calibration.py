"""Calibration of predicted probabilities of response.

Van Calster 2019, doi 10.1186/s12916-019-1466-7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.response.outcome import Bools, Floats, probabilities, scored, usable
from core.response.rate import wilson
from core.survival.kaplan_meier import Z95

REFERENCE = "10.1186/s12916-019-1466-7"
EDGE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How well probabilities agree with what happened.

    Attributes
    ----------
    bins : one row a bin of about equal size: n, predicted (mean), observed (rate), ci_low, ci_high (Wilson), low, high.
    slope : Finding, logistic recalibration slope (1 = ideal; under 1 = too extreme). intercept : Finding, calibration
        in the large, the slope held at 1 (0 = ideal; over 0 = predicted too low). slope_intercept : intercept of the
        model that `slope` comes from. ece : expected calibration error, the mean over patients
        of |observed rate - mean probability| of their bin, in the bins of about equal size of `bins`.
    ece_expected : its mean were the probabilities right: in few patients, chance alone makes it over 0.
    brier, brier_ci95, brier_null : Brier score (mean squared error) with its normal 95% interval; that of the observed
        response rate for everybody. observed_expected : Finding, responders observed to expected (1 = ideal).
    n, responders, n_missing : patients.
    """

    bins: pl.DataFrame
    slope: Finding
    intercept: Finding
    slope_intercept: float
    ece: float
    ece_expected: float
    brier: float
    brier_ci95: tuple[float, float]
    brier_null: float
    observed_expected: Finding
    n: int
    responders: int
    n_missing: int

    @property
    def skill(self) -> float:
        """Brier skill: 1 - brier / brier_null; at or under 0 = no better than the prevalence."""
        return 1 - self.brier / self.brier_null if self.brier_null > 0 else float("nan")


def logistic(x: Floats, y: Bools, *, offset: Floats | None = None) -> tuple[Floats, Floats, bool]:
    """Logistic regression by Newton's method.

    Parameters
    ----------
    x : (n, p) design with its intercept column. y : (n,) bool. offset : (n,) float or None.

    Returns
    -------
    beta (p,), covariance (p, p), converged. Equals R glm(family = binomial).
    """
    shift = np.zeros(y.size) if offset is None else offset
    beta = np.zeros(x.shape[1])
    sign = np.where(y, 1.0, -1.0)
    loss = float(np.logaddexp(0, -sign * shift).sum())  # minus the log-likelihood, convex in beta
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(x @ beta + shift, -500, 500)))
        information = x.T @ (x * (p * (1 - p))[:, None])
        if np.linalg.matrix_rank(information) < x.shape[1]:
            break
        step = np.linalg.solve(information, x.T @ (y - p))
        size = float(np.abs(step).max())
        if size < 1e-10 * (1 + float(np.abs(beta).max())):
            return beta + step, np.asarray(np.linalg.inv(information), dtype=np.float64), True
        step = step * min(1.0, 5.0 / size)
        for _ in range(40):
            ahead = float(np.logaddexp(0, -sign * (x @ (beta + step) + shift)).sum())
            if ahead <= loss + 1e-12 * (1 + abs(loss)):
                break
            step = step / 2
        beta, loss = beta + step, ahead
        if np.abs(beta).max() > 50:
            break
    return beta, np.full((x.shape[1], x.shape[1]), np.nan), False


def log_odds(probability: Floats) -> Floats:
    """log(p / (1 - p)), p kept 1e-6 away from 0 and 1."""
    kept = np.clip(probability, EDGE, 1 - EDGE)
    return np.asarray(np.log(kept / (1 - kept)), dtype=np.float64)


def calibration(frame: pl.DataFrame, *, probability: str, response: str = "response", bins: int = 10) -> Calibration:
    """Reliability of a probability of response.

    Parameters
    ----------
    frame : one row a patient. probability : column of probabilities, 0 to 1. bins : at most this many, of equal size
        (fewer in small cohorts: at least 10 patients each); equal probabilities stay together.

    Estimand: E[response | predicted probability]. Null hypotheses: slope 1, intercept 0 (Wald).

    Raises
    ------
    NotMeasured
        A value lies outside 0 to 1: the score is not a probability.
    TooFewPatients
        No patient has both a probability and a response.

    References
    ----------
    Van Calster 2019, doi 10.1186/s12916-019-1466-7.
    """
    data = scored(frame, score=probability, response=response)
    return _calibrated(data.score, data.response, about=(probability, data.n_missing), bins=bins)


def calibrate(probability: npt.ArrayLike, response: npt.ArrayLike, *, bins: int = 10) -> Calibration:
    """Reliability of (n,) probabilities for (n,) responses; see `calibration`.

    Parameters
    ----------
    probability : (n,) 0 to 1; nan or infinite = missing. response : (n,) bool, or float with nan = not evaluable.
    """
    p, y, missing = usable(probability, response)
    return _calibrated(p, y, about=("this score", missing), bins=bins)


def _calibrated(p: Floats, y: Bools, *, about: tuple[str, int], bins: int) -> Calibration:
    name, missing = about
    if p.size == 0:
        raise TooFewPatients(
            "no patient has both a predicted probability and a response; choose another predictor or study"
        )
    probabilities(p, y, purpose="calibration", name=name)
    n, counts = p.size, (p.size, missing)
    table = _bins(p, y, bins)
    observed = y.astype(np.float64)
    rate = float(observed.mean())
    logit = log_odds(p)
    ones = np.ones((n, 1))
    both = 0 < rate < 1
    varies = both and float(logit.std()) > 1e-9
    slope = intercept = (float("nan"), float("nan"))
    constant = float("nan")
    if varies:
        beta, covariance, ok = logistic(np.column_stack((ones[:, 0], logit)), y)
        if ok:
            constant, slope = float(beta[0]), (float(beta[1]), float(np.sqrt(covariance[1, 1])))
    if both:
        beta, covariance, ok = logistic(ones, y, offset=logit)
        intercept = (float(beta[0]), float(np.sqrt(covariance[0, 0]))) if ok else intercept
    gap = (table["observed"] - table["predicted"]).abs()
    errors = (p - observed) ** 2
    return Calibration(
        bins=table,
        slope=_finding("calibration slope", slope, null=1.0, counts=counts),
        intercept=_finding("calibration intercept", intercept, null=0.0, counts=counts),
        slope_intercept=constant,
        ece=float((gap * table["n"]).sum() / n),
        ece_expected=_expected_error(p, table),
        brier=float(errors.mean()),
        brier_ci95=_brier_interval(errors),
        brier_null=rate * (1 - rate),
        observed_expected=_observed_expected(observed, p, missing),
        n=n,
        responders=int(y.sum()),
        n_missing=missing,
    )


def _brier_interval(errors: Floats) -> tuple[float, float]:
    """Normal 95% interval of a mean of squared errors, cut off at 0 and 1; nan for one patient."""
    if errors.size < 2:
        return float("nan"), float("nan")
    value, half = float(errors.mean()), Z95 * float(errors.std(ddof=1)) / math.sqrt(errors.size)
    return max(0.0, value - half), min(1.0, value + half)


def _expected_error(p: Floats, table: pl.DataFrame) -> float:
    """Mean ECE, over these bins, of outcomes drawn from the probabilities themselves (half-normal approximation)."""
    order = np.sort(p)
    ends = np.cumsum(table["n"].to_numpy())
    total = 0.0
    for start, end in zip(np.concatenate(([0], ends[:-1])), ends, strict=True):
        part = order[start:end]
        total += math.sqrt(2 / math.pi * float((part * (1 - part)).sum()))
    return total / p.size


def _observed_expected(observed: Floats, p: Floats, missing: int) -> Finding:
    """Responders observed for each expected, with the log-scale interval of Debray 2017."""
    n, hits, expected = observed.size, float(observed.sum()), float(p.sum())
    nothing = float("nan")
    ratio = hits / expected if expected > 0 else nothing
    note, z, ci = "", nothing, (nothing, nothing)
    if hits and expected > 0 and hits < n:
        se = math.sqrt((1 - hits / n) / hits)
        z = math.log(ratio) / se
        ci = (ratio * math.exp(-Z95 * se), ratio * math.exp(Z95 * se))
    else:
        note = "no interval: everybody or nobody responded, or no response was expected"
    return Finding(
        name="observed to expected responders", statistic=z, p_value=erfc(abs(z) / sqrt(2)) if z == z else nothing,
        effect=ratio, ci95=ci, n=n, n_missing=missing, note=note, reference="10.1136/bmj.i6460",
    )  # fmt: skip


def _bins(score: Floats, response: Bools, most: int) -> pl.DataFrame:
    count = max(1, min(most, score.size // 10))
    edges = np.unique(np.quantile(score, np.linspace(0, 1, count + 1)))
    codes = np.clip(np.searchsorted(edges, score, side="right") - 1, 0, max(edges.size - 2, 0))
    rows = []
    for code in np.unique(codes):
        mine = codes == code
        n, m = int(mine.sum()), int(response[mine].sum())
        inside = score[mine]
        rows.append((n, float(inside.mean()), m / n, *wilson(m, n), float(inside.min()), float(inside.max())))
    return pl.DataFrame(rows, schema=["n", "predicted", "observed", "ci_low", "ci_high", "low", "high"], orient="row")


def _finding(name: str, estimate: tuple[float, float], *, null: float, counts: tuple[int, int]) -> Finding:
    value, se = estimate
    z = (value - null) / se if se > 0 else float("nan")
    return Finding(
        name=name,
        statistic=z,
        p_value=erfc(abs(z) / sqrt(2)) if z == z else float("nan"),
        effect=value,
        ci95=(value - Z95 * se, value + Z95 * se),
        n=counts[0],
        n_missing=counts[1],
        note="" if value == value else "not estimable: the probabilities do not vary, or separate the outcomes fully",
        reference=REFERENCE,
    )


def calibration_slope(frame: pl.DataFrame, *, probability: str, response: str = "response") -> Finding:
    """Slope of the logistic recalibration alone; see `calibration`.

    Estimand: b in logit P(response) = a + b logit(probability); 1 = ideal, under 1 = the probabilities are too extreme.
    Null hypothesis: b = 1 (Wald).
    """
    return calibration(frame, probability=probability, response=response).slope

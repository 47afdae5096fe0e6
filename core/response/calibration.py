"""Calibration of predicted probabilities of response.

Van Calster 2019, doi 10.1186/s12916-019-1466-7.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from core.errors import NotMeasured, TooFewPatients
from core.finding import Finding
from core.response.outcome import Bools, Floats, scored
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
        in the large (0 = ideal; over 0 = predicted too low). ece : expected calibration error over the bins.
    brier, brier_null : Brier score; that of the prevalence for everybody. n, responders, n_missing : patients.
    """

    bins: pl.DataFrame
    slope: Finding
    intercept: Finding
    ece: float
    brier: float
    brier_null: float
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
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(x @ beta + shift, -500, 500)))
        information = x.T @ (x * (p * (1 - p))[:, None])
        if np.linalg.matrix_rank(information) < x.shape[1]:
            break
        step = np.linalg.solve(information, x.T @ (y - p))
        size = float(np.abs(step).max())
        beta = beta + step * min(1.0, 5.0 / size if size > 0 else 1.0)
        if np.abs(beta).max() > 50:
            break
        if size < 1e-10 * (1 + float(np.abs(beta).max())):
            return beta, np.asarray(np.linalg.inv(information), dtype=np.float64), True
    return beta, np.full((x.shape[1], x.shape[1]), np.nan), False


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
    if data.n == 0:
        raise TooFewPatients(
            "no patient has both a predicted probability and a response; choose another predictor or study"
        )
    low, high = float(data.score.min()), float(data.score.max())
    if low < 0 or high > 1:
        raise NotMeasured(
            f"{probability} runs from {low:.3g} to {high:.3g}: it is a score, not a probability, so calibration has no "
            "meaning; choose a predictor that gives probabilities"
        )
    table = _bins(data.score, data.response, bins)
    y = data.response.astype(np.float64)
    rate = float(y.mean())
    logit = np.clip(data.score, EDGE, 1 - EDGE)
    logit = np.log(logit / (1 - logit))
    ones = np.ones((data.n, 1))
    both = 0 < rate < 1
    varies = both and float(logit.std()) > 1e-9
    slope = intercept = (float("nan"), float("nan"))
    if varies:
        beta, covariance, ok = logistic(np.column_stack((ones[:, 0], logit)), data.response)
        slope = (float(beta[1]), float(np.sqrt(covariance[1, 1]))) if ok else slope
    if both:
        beta, covariance, ok = logistic(ones, data.response, offset=logit)
        intercept = (float(beta[0]), float(np.sqrt(covariance[0, 0]))) if ok else intercept
    gap = (table["observed"] - table["predicted"]).abs()
    return Calibration(
        bins=table,
        slope=_finding("calibration slope", slope, null=1.0, counts=(data.n, data.n_missing)),
        intercept=_finding("calibration intercept", intercept, null=0.0, counts=(data.n, data.n_missing)),
        ece=float((gap * table["n"]).sum() / data.n),
        brier=float(((data.score - y) ** 2).mean()),
        brier_null=rate * (1 - rate),
        n=data.n,
        responders=int(y.sum()),
        n_missing=data.n_missing,
    )


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
        p_value=2 * NormalDist().cdf(-abs(z)) if z == z else float("nan"),
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

"""Logistic recalibration: a probability's log-odds mapped to what was observed, fitted on one cohort, tested on another.

Cox 1958, doi 10.1093/biomet/45.3-4.562; Steyerberg 2004, doi 10.1002/sim.1844.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.errors import TooFewPatients
from core.finding import Finding
from core.response.calibration import Calibration, calibrate, log_odds, logistic
from core.response.outcome import Floats, probabilities, within
from core.survival.kaplan_meier import Z95

Method = Literal["slope", "intercept"]
REFERENCE = "10.1093/biomet/45.3-4.562"
LEAST, LEAST_OF_EACH = 10, 2
"""Patients, and responders or non-responders, that a fit takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalibration:
    """log-odds of response = intercept + slope x log-odds of the given probability.

    Attributes
    ----------
    intercept, slope : fitted (slope 1 where only the intercept was). covariance : (2, 2) of both, zeros for a slope
        that was not fitted. method : "slope" (both fitted) or "intercept". n, responders, n_missing : fitting patients.
    note : what a reader must know.
    """

    intercept: float
    slope: float
    covariance: Floats
    method: Method
    n: int
    responders: int
    n_missing: int
    note: str = ""

    def apply(self, probability: npt.ArrayLike) -> Floats:
        """Recalibrated probabilities, (n,); nan stays nan."""
        return apply(self, probability)

    @property
    def prevalence(self) -> float:
        """Response rate of the patients of the fit."""
        return self.responders / self.n


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """Raw and recalibrated probability on patients who did not enter the fit.

    Attributes
    ----------
    raw, recalibrated : Calibration of each. brier_change : Finding, Brier score after less before on the same patients
        (under 0 = better), paired normal interval. brier_fitted_prevalence : Brier score of the fitting cohort's
        response rate for everybody, a null that could be known beforehand. n, responders, n_missing : patients.
    """

    raw: Calibration
    recalibrated: Calibration
    brier_change: Finding
    brier_fitted_prevalence: float
    n: int
    responders: int
    n_missing: int


def fit(probability: npt.ArrayLike, response: npt.ArrayLike, *, method: Method = "slope") -> Recalibration:
    """Fit intercept and slope, or the intercept alone, by maximum likelihood.

    Parameters
    ----------
    probability : (n,) of response, 0 to 1; nan = missing; 0 and 1 are taken as 1e-6 from the end. response : (n,) bool,
        or float with nan = not evaluable. method : "slope" = intercept and slope; "intercept" = intercept, slope 1.

    Estimand: the two numbers that make the probabilities agree on average with response in patients like these. The
    order of patients, and so the AUC, stays unless the slope is negative (the note says so).

    Raises
    ------
    NotMeasured
        A value lies outside 0 to 1.
    TooFewPatients
        Fewer than 10 patients, or 2 responders or non-responders; no variation, or full separation.

    References
    ----------
    Cox 1958, doi 10.1093/biomet/45.3-4.562. Equals R glm(y ~ qlogis(p), family = binomial), or offset(qlogis(p)).
    """
    p, y, missing = probabilities(probability, response, purpose="recalibration")
    m = int(y.sum())
    if p.size < LEAST or min(m, p.size - m) < LEAST_OF_EACH:
        raise TooFewPatients(
            f"recalibration takes {LEAST} patients with {LEAST_OF_EACH} responders and {LEAST_OF_EACH} non-responders; "
            f"there are {p.size} with {m} responders: fit it on a larger cohort"
        )
    x = log_odds(p)
    ones = np.ones((p.size, 1))
    if method == "slope":
        beta, covariance, ok = (
            logistic(np.column_stack((ones[:, 0], x)), y) if float(x.std()) > 1e-9 else (np.zeros(2), ones, False)
        )
    else:
        constant, variance, ok = logistic(ones, y, offset=x)
        beta = np.array([float(constant[0]), 1.0])
        covariance = np.array([[float(variance[0, 0]), 0.0], [0.0, 0.0]])
    if not ok:
        raise TooFewPatients(
            "recalibration has no finite fit here: the probabilities do not vary, or separate responders from the others "
            "fully; fit it on a larger cohort, or the intercept alone"
        )
    slope = float(beta[1])
    note = "the fitted slope is negative: recalibration turns the order of the patients round" if slope < 0 else ""
    return Recalibration(
        intercept=float(beta[0]), slope=slope, covariance=covariance, method=method,
        n=p.size, responders=m, n_missing=missing, note=note,
    )  # fmt: skip


def apply(fitted: Recalibration, probability: npt.ArrayLike) -> Floats:
    """Recalibrated probabilities.

    Parameters
    ----------
    probability : (n,) 0 to 1; nan stays nan.

    Raises
    ------
    NotMeasured
        A value lies outside 0 to 1.
    """
    values = np.asarray(probability, dtype=np.float64)
    known = np.isfinite(values)
    out = np.full(values.shape, np.nan)
    within(values[known], purpose="recalibration")
    eta = np.clip(fitted.intercept + fitted.slope * log_odds(values[known]), -500, 500)
    out[known] = 1 / (1 + np.exp(-eta))
    return out


def tested(fitted: Recalibration, probability: npt.ArrayLike, response: npt.ArrayLike, *, bins: int = 10) -> Tested:
    """Judge a recalibration on other patients than those of its fit.

    Parameters
    ----------
    probability, response : (n,) of the other patients, as for `fit`. bins : of the calibration table.

    Estimand: mean squared error after recalibration less before, in patients like the tested ones. Null hypothesis of
    its p value: no change (paired, normal).

    Raises
    ------
    NotMeasured, TooFewPatients
        As `core.response.calibration.calibrate`.
    """
    p, y, missing = probabilities(probability, response, purpose="recalibration")
    q = apply(fitted, p)
    before, after = calibrate(p, y, bins=bins), calibrate(q, y, bins=bins)
    observed = y.astype(np.float64)
    change = (q - observed) ** 2 - (p - observed) ** 2
    return Tested(
        raw=before,
        recalibrated=after,
        brier_change=_change(change, missing),
        brier_fitted_prevalence=float(((fitted.prevalence - observed) ** 2).mean()),
        n=p.size,
        responders=int(y.sum()),
        n_missing=missing,
    )


def _change(change: Floats, missing: int) -> Finding:
    from math import erfc, sqrt

    n, value = change.size, float(change.mean())
    se = float(change.std(ddof=1)) / np.sqrt(n) if n > 1 else float("nan")
    z = value / se if se > 0 else float("nan")
    return Finding(
        name="change of the Brier score, same patients",
        statistic=z,
        p_value=erfc(abs(z) / sqrt(2)) if z == z else float("nan"),
        effect=value,
        ci95=(value - Z95 * se, value + Z95 * se),
        n=n,
        n_missing=missing,
        note="" if z == z else "no test: the change does not vary between patients",
        reference="10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2",
    )

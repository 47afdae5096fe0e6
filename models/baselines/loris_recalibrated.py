"""LORIS recalibrated: the published score's log-odds, mapped to observed response rates by two fitted numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import Card, ModelError

CARD = Card(
    name="loris_recalibrated",
    label="LORIS (recalibrated)",
    kind="probability",
    inputs=("tmb_per_mb", "prior_systemic_therapy", "albumin_g_per_dl", "nlr", "age_years", "cancer_type"),
    unit="probability of response",
    protocol="external",
    reference="Chang et al., Nature Cancer 2024; logistic recalibration: Cox, Biometrika 1958",
    doi="10.1093/biomet/45.3-4.562",
    licence="published formula; intercept and slope fitted here",
    intended_use="Turn the published score into a probability that agrees with observed response rates.",
    limits="Slope and intercept come from the Chowell training cohort alone, whose patients also gave the published "
    "coefficients, so that it is in-sample there. The order of patients, and so the AUC on any "
    "other cohort, is that of the published score. Where the response rate differs, calibration must be checked again.",
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """log-odds of response = intercept + slope x published log-odds."""

    intercept: float
    slope: float

    def log_odds(self, published: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(self.intercept + self.slope * np.asarray(published, dtype=np.float64), dtype=np.float64)

    def probability(self, published: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(1.0 / (1.0 + np.exp(-self.log_odds(published))), dtype=np.float64)


def fit(log_odds: npt.NDArray[np.float64], response: npt.NDArray[np.bool_]) -> Calibration:
    """Maximum-likelihood logistic recalibration (Newton's method), rows with nan left out.

    Parameters
    ----------
    log_odds : (n,) published log-odds. response : (n,) observed response.

    Raises
    ------
    ModelError
        Fewer than ten patients, or one class only.
    """
    x, y = np.asarray(log_odds, dtype=np.float64), np.asarray(response, dtype=np.float64)
    known = np.isfinite(x)
    x, y = x[known], y[known]
    if x.size < 10 or y.min() == y.max():
        raise ModelError(f"recalibration needs ten patients with both outcomes; there are {x.size}")
    design = np.column_stack([np.ones_like(x), x])
    beta = np.zeros(2)
    for _ in range(100):
        p = 1.0 / (1.0 + np.exp(-design @ beta))
        hessian = design.T @ (design * (p * (1.0 - p))[:, None])
        step = np.linalg.solve(hessian, design.T @ (y - p))
        beta += step
        if np.abs(step).max() < 1e-12:
            break
    return Calibration(float(beta[0]), float(beta[1]))

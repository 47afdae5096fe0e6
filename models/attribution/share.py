"""Share: the part of each kind of measurement in the summed |SHAP| of a cohort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Shares of k groups of features; they add up to 1.

    Attributes
    ----------
    value, low, high : (k,) share of the cohort's summed |SHAP| and its 95% bootstrap interval over patients.
    patients : (n, k) the same of each patient, nan where nothing moved the patient's output.
    """

    value: Floats
    low: Floats
    high: Floats
    patients: Floats


def share(shap: Floats, group: npt.NDArray[np.int64], *, groups: int, seed: int = 0) -> Share:
    """Share of each group of features in the summed |SHAP|.

    Parameters
    ----------
    shap : (n, f). group : (f,) group number of each feature, 0 to groups - 1.
    """
    n = shap.shape[0]
    size = np.zeros((n, groups))
    for number in range(groups):
        size[:, number] = np.abs(shap[:, group == number]).sum(axis=1)
    draws = np.random.default_rng([seed, 37]).multinomial(n, np.full(n, 1.0 / max(n, 1)), size=RESAMPLES) @ size
    parts = np.divide(draws, draws.sum(axis=1, keepdims=True), out=np.full(draws.shape, np.nan), where=draws.sum(axis=1, keepdims=True) > 0)
    low, high = np.nanquantile(parts, (0.025, 0.975), axis=0) if np.isfinite(parts).any() else (np.full(groups, np.nan),) * 2
    total = size.sum(axis=1, keepdims=True)
    own = np.divide(size, total, out=np.full(size.shape, np.nan), where=total > 0)
    whole = size.sum()
    value = size.sum(axis=0) / whole if whole > 0 else np.full(groups, np.nan)
    return Share(value=np.asarray(value), low=np.asarray(low), high=np.asarray(high), patients=own)

"""ComBat: each cohort's shift and scale of every feature, shrunk towards what its features have in common, taken away.

Johnson, Li & Rabinovic 2007, doi 10.1093/biostatistics/kxj037 (parametric empirical Bayes).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CONVERGED = 1e-4
"""Largest relative change of a shift or scale at which the empirical Bayes iteration ends, as in R sva."""
ITERATIONS = 1000


def combat(x: Floats, batch: Ints) -> Floats:
    """Features without the cohorts' shifts and scales.

    Parameters
    ----------
    x : (n, p) features without missing values, at least 2 patients in every cohort and 2 features that vary.
    batch : (n,) codes of the cohorts.

    Estimand: additive and multiplicative cohort effects of each feature, with a normal and an inverse-gamma prior whose
    parameters come from the cohort's own features. No covariate: no label or outcome is seen, and true differences
    between cohorts go too. A cohort of one patient is only shifted; a feature that does not vary is left as it is.

    References
    ----------
    Johnson 2007, doi 10.1093/biostatistics/kxj037. Equals R sva::ComBat(t(x), batch) with its defaults.
    """
    out = np.array(x, dtype=np.float64)
    codes, place = np.unique(batch, return_inverse=True)
    if codes.size < 2:
        return out
    varies = np.array([all(np.ptp(x[place == k, j]) > 0 or (place == k).sum() == 1 for k in range(codes.size)) for j in range(x.shape[1])])
    if varies.sum() < 2:
        return out
    data = out[:, varies]
    design = np.eye(codes.size)[place]
    size = design.sum(axis=0)
    means = (design.T @ data) / size[:, None]
    grand = (size / size.sum()) @ means
    spread = np.sqrt(((data - means[place]) ** 2).mean(axis=0))
    z = (data - grand) / spread
    shift = (design.T @ z) / size[:, None]
    for k in range(codes.size):
        rows = place == k
        if size[k] < 2:
            data[rows] = z[rows] - shift[k]
            continue
        scale = z[rows].var(axis=0, ddof=1)
        own_shift, own_scale = _posterior(z[rows], shift[k], scale)
        data[rows] = (z[rows] - own_shift) / np.sqrt(own_scale)
    out[:, varies] = data * spread + grand
    return out


def _posterior(z: Floats, shift: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Empirical Bayes shift and scale of one cohort's features; z : (m, p), shift and scale : (p,) raw estimates."""
    m = z.shape[0]
    centre, tau2 = shift.mean(), shift.var(ddof=1)
    mean, variance = scale.mean(), scale.var(ddof=1)
    if not (tau2 > 0 and variance > 0):
        return shift, scale
    a = (2 * variance + mean**2) / variance
    b = (mean * variance + mean**3) / variance
    now_shift, now_scale = shift.copy(), scale.copy()
    for _ in range(ITERATIONS):
        new_shift = (m * tau2 * shift + now_scale * centre) / (m * tau2 + now_scale)
        squares = ((z - new_shift) ** 2).sum(axis=0)
        new_scale = (0.5 * squares + b) / (m / 2.0 + a - 1)
        change = max(np.abs((new_shift - now_shift) / now_shift).max(), np.abs((new_scale - now_scale) / now_scale).max())
        now_shift, now_scale = new_shift, new_scale
        if change <= CONVERGED:
            break
    return now_shift, now_scale

"""SHAP values of linear models, exact: coefficient x distance from the background's mean.

For a linear model with features that are deleted independently this is the Shapley value (Strumbelj & Kononenko 2014,
doi 10.1007/s10115-013-0679-x; Lundberg & Lee 2017, arXiv 1705.07874, corollary 1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.attribution.explanation import Explanation, explanation
from models.card import ModelError

Floats = npt.NDArray[np.float64]


def linear(coefficients: Floats, x: Floats, *, intercept: float, background: Floats) -> Explanation:
    """Attribution of intercept + x @ coefficients.

    Parameters
    ----------
    coefficients : (f,). x : (n, f), nan = unknown, which contributes 0 (it sits at the background's mean).
    background : (f,) mean of the patients that the model was fitted on, or (m, f) those patients, nan = unknown.

    Raises
    ------
    ModelError
        Widths that do not fit together.
    """
    mean = background if background.ndim == 1 else np.nanmean(background, axis=0)
    if x.ndim != 2 or x.shape[1] != coefficients.size or mean.size != coefficients.size:
        raise ModelError(f"{coefficients.size} coefficients, features {x.shape} and a background of {mean.size} do not fit together")
    known = np.isfinite(x)
    values = np.where(known, (np.where(known, x, 0.0) - mean) * coefficients, 0.0)
    base = intercept + float(mean @ coefficients)
    return explanation(values, base, base + values.sum(axis=1))

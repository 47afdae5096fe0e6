"""SHAP values of tree ensembles, exact (TreeExplainer; Lundberg et al. 2020, doi 10.1038/s42256-019-0138-9)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from models.attribution.explanation import Explanation, explanation
from models.card import ModelError

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-6


def tree(model: Any, x: Floats) -> Explanation:
    """Attribution of a boosted classifier's log-odds; the background is the training patients as the trees counted them.

    Parameters
    ----------
    model : a fitted scikit-learn tree ensemble for two classes with `decision_function` (log-odds), or what holds one as `trees`.
    x : (n, f), nan = unknown: the side that a missing value takes is part of the trees.

    Raises
    ------
    ModelError
        The model has no log-odds of two classes, or the values do not add up to them within 1e-6.
    """
    model = getattr(model, "trees", model)
    if not hasattr(model, "decision_function"):
        raise ModelError(f"{type(model).__name__} has no log-odds (decision_function); tree SHAP explains a boosted classifier")
    output = np.asarray(model.decision_function(x), dtype=np.float64)
    if output.ndim != 1:
        raise ModelError(f"{type(model).__name__} separates {output.shape[1]} classes; tree SHAP explains two")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its plotting parts warn when they are imported
        from shap import TreeExplainer

        explainer = TreeExplainer(model, feature_perturbation="tree_path_dependent")
        values = np.asarray(explainer.shap_values(x, check_additivity=False), dtype=np.float64)
    if values.ndim == 3:
        values = values[..., -1]
    base = float(np.asarray(explainer.expected_value, dtype=np.float64).ravel()[-1])
    found = explanation(values, base, output)
    if not found.residual <= TOLERANCE:
        raise ModelError(f"tree SHAP values miss the model's log-odds by {found.residual:.1e}; more than {TOLERANCE:.0e} is not an explanation")
    return found

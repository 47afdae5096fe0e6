"""Explained: a predictor's SHAP values on one cohort, before they become rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A predictor's SHAP values on one cohort.

    Attributes
    ----------
    names : (f,) features. values, shap : (n, f); values in the feature's own unit, nan = imputed or a word.
    base, output : (n,) log-odds; base + shap.sum(1) = output. null : (b, f) mean |SHAP| with shuffled labels, or None.
    design, slopes : (n, f) features on the scale on which the model is linear (nan = unknown, or no single number) and the
        log-odds per unit of it, or None. logged : features whose design is log2(value + 1).
    refits : (b, f) mean |SHAP| of models fitted to bootstrap samples, or None. leftover : (n,) what quadrature left of
        output - base - sum before it was spread, or None where the values are exact. attention : (f,) where a network looks.
    """

    predictor: str
    protocol: str
    names: tuple[str, ...]
    values: Floats
    shap: Floats
    base: Floats
    output: Floats
    null: Floats | None
    design: Floats | None = None
    slopes: Floats | None = None
    logged: frozenset[str] = field(default=frozenset())
    refits: Floats | None = None
    leftover: Floats | None = None
    attention: Floats | None = None

    def raw(self, design: Floats, j: int) -> Floats:
        """Values of feature j on its own scale."""
        return np.asarray(np.exp2(design) - 1.0 if self.names[j] in self.logged else design, dtype=np.float64)

"""What an attribution gives: a cohort's summary, a feature's dependence, one patient's waterfall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What drives a predictor over a cohort.

    Attributes
    ----------
    features : feature, label, unit, group, mean_abs_shap, ci_low, ci_high (bootstrap over patients of the whole
        cohort), null_95, beats_null, rank; strongest first. beats_null is null for a published formula, which no label trained.
    points : patient_id, study, cohort, feature, label, value, shap, place (rank of the value among the cohort's
        patients, 0 to 1; null = imputed); the rows of `features` in their order.
    residual : largest |base + sum of SHAP - output| over all patients. n, n_missing : patients explained; not explained.
    n_in_sample : of those not explained, patients who have a score but trained the predictor.
    predictor_label, protocols : for the caption.
    """

    features: pl.DataFrame
    points: pl.DataFrame
    residual: float
    n: int
    n_missing: int
    predictor: str
    predictor_label: str
    protocols: tuple[str, ...]
    n_in_sample: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """One feature's SHAP value against its value; `partner` is the feature whose value goes most with the residual.

    points : patient_id, study, value, shap, partner_value. basis : what the partner goes with: 'residual' (the spread
    around a straight line), 'value' (the feature's own value, where a line leaves no spread) or 'chosen' (a person named it).
    additive : the predictor adds one term a feature, so that the partner cannot show an interaction.
    """

    feature: str
    label: str
    unit: str
    partner: str | None
    partner_label: str
    points: pl.DataFrame
    n: int
    n_missing: int
    basis: str = "residual"
    additive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waterfall:
    """One patient's prediction taken apart, log-odds.

    steps : feature, label, shown (value in words), shap, start, end; strongest first; the last row gathers the rest.
    base + sum of shap - output = residual.
    """

    patient_id: str
    predictor: str
    predictor_label: str
    protocol: str
    base: float
    output: float
    residual: float
    steps: pl.DataFrame

    @property
    def probability(self) -> float:
        return float(1.0 / (1.0 + np.exp(-self.output)))

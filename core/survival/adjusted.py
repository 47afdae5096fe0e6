"""Adjusted survival curves: what the whole cohort's survival would be in each group, other covariates as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import erfc, sqrt

import numpy as np
import polars as pl

from core.errors import TooFewPatients, UnknownName
from core.survival.cox_model import CoxModel, cox_model
from core.survival.endpoint import Floats
from core.survival.kaplan_meier import Z95
from core.survival.prediction import FARTHEST, Baseline, baseline

REFERENCE = "10.1002/bimj.201800298"
MOST_STEPS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedCurves:
    """Standardised survival curves.

    Attributes
    ----------
    table : group, time, survival, se, ci_low, ci_high (95%, on the log(-log S) scale; null where S is 0 or 1).
    differences : a, b, time, difference (survival of b minus that of a), se, ci_low, ci_high, p_value, at the times asked.
    by : the column of the groups. labels : its groups, the reference first. adjusted_for : the other covariates.
    model : the Cox model behind it. n, events, n_missing : of the model. notes : what a reader must know.
    """

    table: pl.DataFrame
    differences: pl.DataFrame
    by: str
    labels: tuple[str, ...]
    adjusted_for: tuple[str, ...]
    model: CoxModel
    n: int
    events: int
    n_missing: int
    notes: tuple[str, ...]


def adjusted_curves(
    frame: pl.DataFrame,
    *,
    outcome: str = "os",
    by: str,
    covariates: Sequence[str] = (),
    strata: str | Sequence[str] | None = None,
    reference: Mapping[str, str] | None = None,
    penalised: bool | None = None,
    at: Sequence[float] = (),
) -> AdjustedCurves:
    """Survival curves of groups, standardised over the cohort (g-formula).

    Parameters
    ----------
    frame, outcome, covariates, strata, reference, penalised : see `cox_model`. by : column of groups (words or a flag);
        added to the covariates. at : months at which the groups' survival is compared.

    Estimand: for each group, the mean over all patients of the model of the survival that it predicts for them had they
    been in that group, with their own other covariates and stratum. It is what would be seen had the group been assigned,
    if the model holds and nothing else that matters differs between the groups. Null hypothesis of a difference's p: the
    two survivals at that time are equal. Intervals from the influence function, with the error of the coefficients,
    of the baseline hazards and of the sampling of patients.

    Raises
    ------
    UnknownName
        `by` is a number.
    TooFewPatients
        Nobody, no event, or one group only.
    NotMeasured
        A column is not there.

    References
    ----------
    Ozenne et al. 2020, doi 10.1002/bimj.201800298; Efron 1977, doi 10.1080/01621459.1977.10480613. Equals R
    riskRegression::ate(coxph(...), estimator = "Gformula").
    """
    names = [by, *(c for c in covariates if c != by)]
    if by in frame.columns and frame[by].dtype.is_numeric():
        raise UnknownName(f"{by} is a number: cut it into groups first, then compare their adjusted curves")
    model = cox_model(frame, outcome=outcome, covariates=names, strata=strata, reference=reference, penalised=penalised)
    return standardised(model, by, at=at)


def standardised(model: CoxModel, by: str, *, at: Sequence[float] = ()) -> AdjustedCurves:
    """As `adjusted_curves`, for a Cox model of any table; Ozenne et al. 2020, doi 10.1002/bimj.201800298."""
    columns = [(j, c) for j, c in enumerate(model.design.columns) if c.covariate == by]
    if not columns or columns[0][1].level is None:
        raise UnknownName(f"{by} makes no groups in this model; name a covariate of words")
    first = columns[0][1]
    if model.events == 0:
        raise TooFewPatients("no events: adjusted curves cannot be drawn")
    if first.level == first.reference:
        raise TooFewPatients(f"everyone is in one group of {by} ({first.level}): nothing to compare")
    base = baseline(model)
    steps = np.unique(model.sets.death_time)
    if steps.size > MOST_STEPS:
        steps = np.unique(np.quantile(steps, np.linspace(0, 1, MOST_STEPS), method="nearest"))
    asked = np.asarray(sorted(at), dtype=np.float64)
    times = np.unique(np.concatenate((steps, asked)))
    labels = (str(first.reference), *(str(c.level) for _, c in columns))
    lost = {str(c.level) for j, c in columns if not model.fit.estimable[j]}
    notes = list(model.notes)
    at_index = np.searchsorted(times, asked)
    parts, influences, curves = [], [], []
    for k, group in enumerate(labels):
        x = model.design.x[model.sets.rows].copy()
        for i, (j, _) in enumerate(columns):
            x[:, j] = float(i + 1 == k)
        survival, influence = _standardised(base, x, times)
        curves.append(survival[at_index])
        influences.append(influence[:, at_index])
        se = np.sqrt((influence**2).sum(axis=0))
        if group in lost:
            survival, se = np.full_like(survival, np.nan), np.full_like(se, np.nan)
        parts.append(_curve(group, times, survival, se=se))
    rows = []
    for a, b in combinations(range(len(labels)), 2):
        if {labels[a], labels[b]} & lost:
            continue
        gap = curves[b] - curves[a]
        se = np.sqrt(((influences[b] - influences[a]) ** 2).sum(axis=0))
        for t, d, e in zip(asked.tolist(), gap.tolist(), se.tolist(), strict=True):
            p = erfc(abs(d / e) / sqrt(2)) if e > 0 else None
            rows.append((labels[a], labels[b], t, d, e, max(-1.0, d - Z95 * e), min(1.0, d + Z95 * e), p))
    schema = {"a": pl.String, "b": pl.String, **dict.fromkeys(
        ("time", "difference", "se", "ci_low", "ci_high", "p_value"), pl.Float64)}  # fmt: skip
    return AdjustedCurves(
        table=pl.concat(parts), differences=pl.DataFrame(rows, schema=schema, orient="row"), by=by, labels=labels,
        adjusted_for=tuple(c for c in model.design.covariates if c != by), model=model, n=model.n, events=model.events,
        n_missing=model.n_missing, notes=tuple(notes),
    )  # fmt: skip


def _standardised(base: Baseline, x: Floats, times: Floats) -> tuple[Floats, Floats]:
    """Mean predicted survival (t,), and each patient's influence on it (n, t)."""
    sets = base.model.sets
    n = x.shape[0]
    z = x - base.centre
    risk = np.exp(np.clip(z @ base.beta, -FARTHEST, FARTHEST))
    hazard = base.hazard(times)[sets.stratum]
    survival = np.exp(-hazard * risk[:, None])
    mean = survival.mean(axis=0)
    by_hazard = -survival * risk[:, None] / n
    through_beta = z.T @ (by_hazard * hazard)
    influence = (survival - mean) / n
    for s in range(sets.bounds.size - 1):
        rows, direct, slope = base.hazard_influence(s, times)
        gradient = by_hazard[rows].sum(axis=0)
        influence[rows] += gradient * direct
        through_beta = through_beta - gradient * slope
    return mean, influence + base.beta_influence() @ through_beta


def _curve(group: str, times: Floats, survival: Floats, *, se: Floats) -> pl.DataFrame:
    with np.errstate(all="ignore"):
        inner = (survival > 0) & (survival < 1) & np.isfinite(se)
        log_s = np.log(np.where(inner, survival, 0.5))
        shift = Z95 * se / (survival * np.abs(log_s))
        low = np.where(inner, np.exp(log_s * np.exp(shift)), np.nan)
        high = np.where(inner, np.exp(log_s * np.exp(-shift)), np.nan)
    table = pl.DataFrame(
        {"group": [group] * times.size, "time": times, "survival": survival, "se": se, "ci_low": low, "ci_high": high}
    )
    return table.with_columns(pl.col("survival", "se", "ci_low", "ci_high").fill_nan(None))

"""Cox models of a table: multivariable, univariable, stratified, late entry, penalised where events are few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt
from typing import Any

import numpy as np
import polars as pl

from core.errors import TooFewPatients, UnknownName
from core.finding import Finding
from core.groups import require
from core.survival.cox import REFERENCE, CoxFit, centred, fit_sets
from core.survival.cox_concordance import REFERENCE as CONCORDANCE
from core.survival.cox_concordance import model_concordance
from core.survival.cox_reasons import reasons
from core.survival.design import Design, design, known_rows
from core.survival.endpoint import Bools, Floats, endpoint, label
from core.survival.kaplan_meier import Z95
from core.survival.risk_sets import RiskSets, risk_sets

FEWEST = 10.0
"""Events per variable under which `cox_model` is penalised (Peduzzi 1995, doi 10.1016/0895-4356(95)00048-8)."""
SCHEMA = {
    "term": pl.String, "covariate": pl.String, "level": pl.String, "reference": pl.String, "coef": pl.Float64,
    "hazard_ratio": pl.Float64, "se": pl.Float64, "z": pl.Float64, "p_value": pl.Float64, "ci_low": pl.Float64,
    "ci_high": pl.Float64, "n": pl.Int64, "events": pl.Int64, "note": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTest:
    """A test that every coefficient is 0: kind ('likelihood_ratio', 'wald', 'score'), chi-square, df, p; nan with a note."""

    kind: str
    label: str
    statistic: float
    df: float
    p_value: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxModel:
    """A Cox model of a table.

    Attributes
    ----------
    table : one row a coefficient: term, covariate, level, reference, coef, hazard_ratio, se, z, p_value, ci_low, ci_high
        (95%, Wald; all null where not estimable, and `note` says why), n and events (of the level; of all for a number).
    n, events : rows used. n_missing : rows left out. n_strata : baseline hazards.
    loglik, loglik_null : log partial likelihood at the estimate (without penalty) and at 0.
    tests : likelihood_ratio, wald, score: that every coefficient is 0.
    concordance : the C-index of the model on its own patients (in-sample). concordance_se : its standard error.
    events_per_variable : events for each coefficient. penalised : by ridge. notes : what a reader must know.
    fit, sets, design : the numbers behind it, for the proportional-hazards test and adjusted curves. used : (rows,)
        bool, rows of the table that the model used.
    """

    table: pl.DataFrame
    n: int
    events: int
    n_missing: int
    n_strata: int
    loglik: float
    loglik_null: float
    tests: Mapping[str, ModelTest]
    concordance: Finding
    concordance_se: float
    events_per_variable: float
    penalised: bool
    notes: tuple[str, ...]
    fit: CoxFit
    sets: RiskSets
    design: Design
    used: Bools


def fit_table(
    time: Any,
    event: Any,
    table: pl.DataFrame,
    *,
    entry: Any = None,
    strata: Any = None,
    reference: Mapping[str, str] | None = None,
    ridge: float = 0.0,
) -> CoxModel:
    """Cox model of any table.

    Parameters
    ----------
    time : (n,) float, any unit. event : (n,) bool or 0 / 1. table : n rows, one column a covariate; see `design`.
    entry : (n,) float, when observation began; nan or null = from the start. strata : (n,) labels or codes, or a table of
        them, whose combinations are the strata. reference : level that a covariate's others are compared with.
    ridge : see `fit_cox`; 0 = none.

    Rows without a finite time that is not negative, an event, a stratum or a covariate are left out and counted; so are
    those whose entry is not before their time. Estimand: ratios of hazards, each at fixed values of the other
    covariates, taken as constant over time. Null hypothesis of each p: the ratio is 1 (Wald, two-sided).

    Raises
    ------
    TooFewPatients
        No row can be used.
    UnknownName
        No covariate, a reference that is not there, or an event that is neither 0 nor 1.

    References
    ----------
    Efron 1977, doi 10.1080/01621459.1977.10480613. Equals R summary(coxph(ties = "efron")).
    """
    if table.width == 0:
        raise UnknownName("a Cox model needs at least one covariate; name a column")
    moments, flag = _floats(time), _floats(event)
    if not np.isin(flag[~np.isnan(flag)], (0.0, 1.0)).all():
        odd = flag[~np.isnan(flag) & ~np.isin(flag, (0.0, 1.0))][0]
        raise UnknownName(f"an event is 0 (censored) or 1, not {odd:g}; choose another column")
    known, notes = known_rows(table)
    known &= np.isfinite(moments) & (np.nan_to_num(moments, nan=-1.0) >= 0) & ~np.isnan(flag)
    late = np.full(moments.size, np.nan) if entry is None else _floats(entry)
    empty = known & (late >= moments)
    if empty.any():
        known &= ~empty
        notes = (*notes, f"{int(empty.sum())} left out because they entered no earlier than they left")
    codes = np.zeros(moments.size, dtype=np.int64)
    if strata is not None:
        codes, grouped = _strata(strata)
        known &= grouped
    if not known.any():
        raise TooFewPatients(
            f"no row has a time, an event and {_listing(table.columns)}; choose other covariates or another table"
        )
    made = design(table.filter(pl.Series(known)), reference=reference)
    sets = risk_sets(
        moments[known], flag[known] > 0, entry=None if entry is None else late[known],
        strata=None if strata is None else codes[known],
    )  # fmt: skip
    fit = fit_sets(sets, made.x, ridge=ridge)
    return _model(fit, sets, made, used=known, notes=notes)


def cox_model(
    frame: pl.DataFrame,
    *,
    outcome: str = "os",
    covariates: Sequence[str],
    strata: str | Sequence[str] | None = None,
    reference: Mapping[str, str] | None = None,
    penalised: bool | None = None,
) -> CoxModel:
    """Multivariable Cox model of a cohort.

    Parameters
    ----------
    frame : one row a patient with `<outcome>_months`, `<outcome>_event`, and `entry_months` where some were observed late.
    outcome : 'os', 'pfs', 'dss' or 'dfi'. covariates : columns: numbers, flags or words. strata : columns, each
        combination with its own baseline hazard. reference : level that a covariate's others are compared with.
    penalised : ridge, a N(0, 1) prior on each log hazard ratio per standard deviation (see `fit_cox`); None = when there
        are fewer than ten events per coefficient, and `notes` says so.

    Estimand and errors as `fit_table`; Efron 1977, doi 10.1080/01621459.1977.10480613.

    Raises
    ------
    TooFewPatients
        No patient has the endpoint and every covariate.
    NotMeasured, UnknownName
        A column is not there; there is no such endpoint or level.
    """
    by = [strata] if isinstance(strata, str) else list(strata or ())
    require(frame, *covariates, *by)
    data = endpoint(frame, outcome)
    if data.time.size == 0:
        raise TooFewPatients(f"no patient has {label(outcome).lower()}; choose another endpoint or study")
    rows = frame[data.rows.tolist()]
    model = fit_table(
        data.time, data.event, rows.select(covariates), entry=data.entry,
        strata=rows.select(by) if by else None, reference=reference, ridge=1.0 if penalised else 0.0,
    )  # fmt: skip
    coefficients = int((~_lost(model.fit)).sum())
    few = model.events > 0 and coefficients > 0 and model.events_per_variable < FEWEST
    if few and penalised is None:
        fit = fit_sets(model.sets, model.design.x, ridge=1.0)
        left_out = tuple(note for note in model.notes if note not in set(model.table["note"]))
        model = _model(fit, model.sets, model.design, used=model.used, notes=left_out)
    if few:
        what = "variable" if coefficients == len(model.design.covariates) else "coefficient"
        counts = f"{model.events} {'event' if model.events == 1 else 'events'} for {coefficients} {what}{'' if coefficients == 1 else 's'}"
        said = f"penalised because {counts}" if model.penalised else f"not penalised, although {counts}: unstable"
        model = replace(model, notes=(said, *model.notes))
    if data.note:
        model = replace(model, notes=(*model.notes, data.note))
    used = np.zeros(frame.height, dtype=bool)
    used[data.rows[model.used]] = True
    return replace(model, n_missing=frame.height - model.n, used=used)


def univariable(
    frame: pl.DataFrame,
    *,
    outcome: str = "os",
    covariates: Sequence[str],
    strata: str | Sequence[str] | None = None,
    reference: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """A Cox model of each covariate alone, on the patients who have it: the rows of their tables, one under the other.

    Parameters, estimand and errors as `cox_model`, without penalty; a covariate that nobody has gives one row of nulls
    with a note. Efron 1977, doi 10.1080/01621459.1977.10480613.
    """
    parts = []
    for name in covariates:
        wanted = {name: reference[name]} if reference and name in reference else None
        try:
            model = cox_model(
                frame, outcome=outcome, covariates=[name], strata=strata, reference=wanted, penalised=False
            )
            parts.append(model.table)
        except TooFewPatients as error:
            parts.append(pl.DataFrame([{"term": name, "covariate": name, "note": str(error)}], schema=SCHEMA))
    return pl.concat(parts) if parts else pl.DataFrame(schema=SCHEMA)


def _floats(values: Any) -> Floats:
    """Numbers with nan for what is missing."""
    if isinstance(values, pl.Series):
        return np.asarray(values.cast(pl.Float64).fill_null(np.nan).to_numpy(), dtype=np.float64)
    return np.asarray(values, dtype=np.float64)


def _strata(strata: Any) -> tuple[np.ndarray[Any, np.dtype[np.int64]], Bools]:
    """Codes of the combinations of labels, and which rows have all of them."""
    table = strata if isinstance(strata, pl.DataFrame) else pl.DataFrame({"stratum": strata})
    table = table.with_columns(pl.selectors.float().fill_nan(None))
    known = table.select(pl.all_horizontal(pl.all().is_not_null())).to_series().to_numpy()
    codes = table.select(pl.struct(pl.all()).rank("dense").alias("code"))["code"].fill_null(0)
    return codes.cast(pl.Int64).to_numpy(), known


def _listing(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _lost(fit: CoxFit) -> Bools:
    return np.zeros(fit.beta.size, dtype=bool) if fit.collinear is None else fit.collinear


def _two_sided(z: float) -> float:
    return erfc(abs(z) / sqrt(2)) if np.isfinite(z) else float("nan")


def _model(fit: CoxFit, sets: RiskSets, made: Design, *, used: Bools, notes: tuple[str, ...]) -> CoxModel:
    why = reasons(fit, sets, made)
    event = np.zeros(made.x.shape[0], dtype=bool)
    event[sets.rows] = sets.event
    rows = []
    for j, column in enumerate(made.columns):
        fine = bool(fit.estimable[j])
        coef = float(fit.beta[j]) if fine else None
        se = float(np.sqrt(fit.covariance[j, j])) if fine else None
        z = coef / se if coef is not None and se else None
        inside = made.x[:, j] == 1 if column.level is not None else np.ones(event.size, dtype=bool)
        rows.append(
            {
                "term": column.term, "covariate": column.covariate, "level": column.level, "reference": column.reference,
                "coef": coef, "se": se, "z": z, "p_value": None if z is None else _two_sided(z),
                "hazard_ratio": _exp(coef), "ci_low": _exp(coef, se, -Z95), "ci_high": _exp(coef, se, Z95),
                "n": int(inside.sum()), "events": int(event[inside].sum()), "note": why[j],
            }
        )  # fmt: skip
    table = pl.DataFrame(rows, schema=SCHEMA)
    risk = np.where(np.isfinite(fit.beta), fit.beta, 0.0) @ centred(sets, made.x)
    c, se = model_concordance(sets, risk) if fit.events else (float("nan"), float("nan"))
    z = (c - 0.5) / se if se > 0 else float("nan")
    n = int(sets.time.size)
    coefficients = int((~_lost(fit)).sum())
    concordance = Finding(
        name="concordance index of the model (Harrell), in-sample", statistic=z, p_value=_two_sided(z), effect=c,
        ci95=(max(0.0, c - Z95 * se), min(1.0, c + Z95 * se)) if np.isfinite(c) else (c, c), n=n,
        n_missing=int(used.size - n), events=fit.events, reference=CONCORDANCE,
        note="on the patients that the model was fitted to" if np.isfinite(c) else "no pair of patients can be compared",
    )  # fmt: skip
    return CoxModel(
        table=table, n=n, events=fit.events, n_missing=int(used.size - n), n_strata=sets.bounds.size - 1,
        loglik=fit.loglik, loglik_null=fit.loglik_null, tests=_tests(fit), concordance=concordance, concordance_se=se,
        events_per_variable=fit.events / coefficients if coefficients else float("nan"), penalised=fit.ridge > 0,
        notes=(*notes, *dict.fromkeys(w for w in why if w)), fit=fit, sets=sets, design=made, used=used,
    )  # fmt: skip


def _exp(coef: float | None, se: float | None = 0.0, z: float = 0.0) -> float | None:
    if coef is None or se is None or abs(coef + z * se) > 700:
        return None
    return float(np.exp(coef + z * se))


def _tests(fit: CoxFit) -> dict[str, ModelTest]:
    from scipy.special import chdtrc

    held = bool((~fit.estimable & ~_lost(fit)).any())
    at = np.flatnonzero(fit.estimable)
    wald = float("nan")
    if at.size and not held:
        wald = float(fit.beta[at] @ np.linalg.solve(fit.covariance[np.ix_(at, at)], fit.beta[at]))
    ratio = max(0.0, 2 * (fit.loglik - fit.loglik_null)) if fit.df else float("nan")
    nothing = "no coefficient can be estimated" if not fit.df else ""
    why = nothing or ("a coefficient has no finite estimate" if held else "")
    kinds = {
        "likelihood_ratio": ("likelihood-ratio test", ratio, nothing),
        "wald": ("Wald test", wald, why),
        "score": ("score test", fit.score_test, nothing),
    }
    return {
        kind: ModelTest(
            kind=kind, label=name, statistic=x, df=fit.df,
            p_value=float(chdtrc(fit.df, x)) if np.isfinite(x) else float("nan"), note=note,
        )
        for kind, (name, x, note) in kinds.items()
    }  # fmt: skip


__all__ = ["REFERENCE", "CoxModel", "ModelTest", "cox_model", "fit_table", "univariable"]

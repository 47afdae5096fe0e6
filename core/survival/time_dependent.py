"""How well a score tells early events from late ones, month by month: AUC(t) and Brier(t), weighted for censoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from core.errors import TooFewPatients, UnknownName
from core.survival.censoring import REFERENCE, Censoring, censoring
from core.survival.endpoint import Bools, Floats
from core.survival.kaplan_meier import Z95

BRIER_REFERENCE = "10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAuc:
    """AUC(t): table of time, auc, se, ci_low, ci_high, cases, controls, note; n patients, events."""

    table: pl.DataFrame
    n: int
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBrier:
    """Brier(t).

    Attributes
    ----------
    table : time, brier, se, ci_low, ci_high, brier_null (everyone given the Kaplan-Meier risk), skill (1 - brier / null;
        above 0 = better than no covariates), note.
    integrated, integrated_null : the mean of Brier(t) over 0 to `horizon`; nan where not asked for. n, events.
    """

    table: pl.DataFrame
    integrated: float
    integrated_null: float
    horizon: float
    n: int
    events: int


def auc_at(
    time: Floats,
    event: Bools,
    score: Floats,
    *,
    times: Sequence[float],
    higher: Literal["event", "survival"] = "event",
) -> TimeAuc:
    """Cumulative/dynamic AUC at chosen times, with inverse-probability-of-censoring weights.

    Parameters
    ----------
    time : (n,) float, months; everyone observed from the start. event : (n,) bool. score : (n,) float.
    times : months. higher : what a higher score stands for, an earlier event or a longer survival.

    Estimand: the probability that a patient with the event by t has a higher score than one without it at t; ties count
    one half. Censoring is taken not to depend on score or outcome; its Kaplan-Meier estimate weights those with the
    event by t. The interval is normal, from the influence function, with the error of those weights. Rows without a
    finite score are left out. Where nobody has had the event or nobody is left, null with a note.

    Raises
    ------
    TooFewPatients
        No row has a time and a score.

    References
    ----------
    Blanche, Dartigues & Jacqmin-Gadda 2013, doi 10.1002/sim.5958. Equals R riskRegression::Score(cens.model = "km",
    conservative = FALSE).
    """
    known = np.isfinite(time) & np.isfinite(score)
    if not known.any():
        raise TooFewPatients("no patient has both a time and the score; choose another score or cohort")
    time, event, score = time[known], event[known], score[known]
    weights = censoring(time, event)
    risk = score if higher == "event" else -score
    rows = [_auc_row(weights, risk, t) for t in times]
    names = {"time": pl.Float64, "auc": pl.Float64, "se": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64,
             "cases": pl.Int64, "controls": pl.Int64, "note": pl.String}  # fmt: skip
    return TimeAuc(table=pl.DataFrame(rows, schema=names, orient="row"), n=int(time.size), events=int(event.sum()))


Row = tuple[float, float | None, float | None, float | None, float | None, int, int, str]


def _auc_row(weights: Censoring, risk: Floats, t: float) -> Row:
    n = risk.size
    cases, controls = weights.known(t)
    count = int(cases.sum()), int(controls.sum())
    if not all(count):
        why = "nobody has had the event by then" if not count[0] else "nobody is observed longer than that"
        return t, None, None, None, None, *count, why
    c, d = weights.weights(t) * cases, controls.astype(np.float64)
    lower = _ranked(risk, risk[controls], np.ones(count[1]))  # controls below each score, ties one half
    above = c.sum() - _ranked(risk, risk[cases], c[cases])
    b, e = c.sum(), float(count[1])
    auc = float((c * lower).sum() / (b * e))
    case_part = c * (lower / e - auc) * n / b
    control_part = d * (above / b - auc) * n / e
    influence = case_part + control_part + weights.influence(case_part, t)
    se = float(influence.std(ddof=1) / np.sqrt(n))
    return t, auc, se, max(0.0, auc - Z95 * se), min(1.0, auc + Z95 * se), *count, ""


def _ranked(at: Floats, values: Floats, weight: Floats) -> Floats:
    """Weight of the values below each of `at`, those equal to it by one half."""
    order = np.argsort(values, kind="stable")
    total = np.concatenate(([0.0], np.cumsum(weight[order])))
    low, high = (np.searchsorted(values[order], at, side=side) for side in ("left", "right"))
    return np.asarray((total[low] + total[high]) / 2, dtype=np.float64)


def brier_at(
    time: Floats,
    event: Bools,
    risk: Floats,
    *,
    times: Sequence[float],
    horizon: float | None = None,
) -> TimeBrier:
    """Brier score at chosen times, with inverse-probability-of-censoring weights, beside the Kaplan-Meier null.

    Parameters
    ----------
    time : (n,) float, months; everyone observed from the start. event : (n,) bool.
    risk : (n, m) float, predicted probability of the event by each of `times`, 0 to 1.
    times : (m,) months, ascending.
    horizon : also integrate Brier(t) / horizon from 0 to here, as a step function over `times`: exact where `times` holds
        every distinct time up to it, as Brier(t) changes only there.

    Estimand: the mean squared difference between the predicted risk at t and having had the event by t. Censoring is
    taken not to depend on risk or outcome. The interval is normal, from the influence function, with the error of the
    weights. Rows without finite risks are left out.

    Raises
    ------
    TooFewPatients
        No row has a time and a risk.
    UnknownName
        A risk is no probability, or `risk` has not one column a time.

    References
    ----------
    Graf, Schmoor, Sauerbrei & Schumacher 1999, doi
    10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5. Equals R riskRegression::Score(cens.model =
    "km", conservative = FALSE, summary = "ibs").
    """
    if risk.ndim != 2 or risk.shape[1] != len(times):
        raise UnknownName(f"risks of shape {risk.shape} do not fit {len(times)} times: give one column a time")
    known = np.isfinite(time) & np.isfinite(risk).all(axis=1)
    if not known.any():
        raise TooFewPatients("no patient has both a time and a predicted risk; choose another model or cohort")
    time, event, risk = time[known], event[known], risk[known]
    if risk.size and (risk.min() < -1e-9 or risk.max() > 1 + 1e-9):
        raise UnknownName(f"a predicted risk is a probability, not {risk.min():g} to {risk.max():g}")
    weights = censoring(time, event)
    null = _kaplan_meier_risk(weights, np.asarray(times, dtype=np.float64))
    rows = [_brier_row(weights, risk[:, j], float(null[j]), t=float(t)) for j, t in enumerate(times)]
    names = {"time": pl.Float64, "brier": pl.Float64, "se": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64,
             "brier_null": pl.Float64, "skill": pl.Float64, "note": pl.String}  # fmt: skip
    table = pl.DataFrame(rows, schema=names, orient="row")
    means = (float("nan"), float("nan"))
    if horizon is not None:
        means = (_integral(table, "brier", horizon), _integral(table, "brier_null", horizon))
    return TimeBrier(
        table=table, integrated=means[0], integrated_null=means[1],
        horizon=float("nan") if horizon is None else horizon, n=int(time.size), events=int(event.sum()),
    )  # fmt: skip


def _brier_row(
    weights: Censoring, risk: Floats, null: float, *, t: float
) -> tuple[float, float | None, float | None, float | None, float | None, float | None, float | None, str]:
    n = risk.size
    cases, controls = weights.known(t)
    w = weights.weights(t)
    if not controls.any() and weights.at(t) <= 0:
        return t, None, None, None, None, None, None, "nobody is observed that long"
    part = w * np.where(cases, (1 - risk) ** 2, np.where(controls, risk**2, 0.0))
    brier = float(part.mean())
    influence = part - brier + weights.influence(part, t)
    se = float(influence.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    nothing = float((w * np.where(cases, (1 - null) ** 2, np.where(controls, null**2, 0.0))).mean())
    skill = 1 - brier / nothing if nothing > 0 else None
    return t, brier, se, max(0.0, brier - Z95 * se), min(1.0, brier + Z95 * se), nothing, skill, ""


def _kaplan_meier_risk(weights: Censoring, times: Floats) -> Floats:
    """1 - S(t) of everyone."""
    d = np.bincount(weights.place, weights=weights.event, minlength=weights.times.size)
    left = np.concatenate(([0.0], np.cumsum(d + weights.censored)[:-1]))
    survival = np.concatenate(([1.0], np.cumprod(1 - d / (weights.time.size - left))))
    return np.asarray(1 - survival[np.searchsorted(weights.times, times, side="right")], dtype=np.float64)


def _integral(table: pl.DataFrame, column: str, horizon: float) -> float:
    """Mean over 0 to the horizon of a step function that is 0 before its first time; nan where it is not known."""
    inside = table.filter(pl.col("time") < horizon)
    if inside[column].null_count() or horizon <= 0:
        return float("nan")
    x = np.concatenate(([0.0], inside["time"].to_numpy(), [horizon]))
    y = np.concatenate(([0.0], inside[column].to_numpy()))
    return float((y * np.diff(x)).sum() / horizon)


__all__ = ["BRIER_REFERENCE", "REFERENCE", "TimeAuc", "TimeBrier", "auc_at", "brier_at"]

"""Kaplan-Meier curves with log-log or log intervals, late entry, medians and risk tables."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.groups import groups
from core.survival.endpoint import Bools, Floats, endpoint, label, too_late
from core.survival.ties import merged, merged_intervals

Interval = Literal["log-log", "log"]
Z95 = NormalDist().inv_cdf(0.975)
TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))
REFERENCE = "10.1080/01621459.1958.10501452"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The curve of one group.

    Attributes
    ----------
    group : label. n : patients. events : events.
    steps : one row a distinct time, in order: time (months), n_risk (just before), n_event, n_censor, survival,
        ci_low, ci_high (pointwise 95%; log-log: null where survival is exactly 0 or 1; log: null where it is 0),
        std_err (of survival, Greenwood), std_err_log (of log survival); both null where survival is 0.
    median : months, nan when the curve does not reach one half. median_ci : Brookmeyer-Crowley, nan = not reached.
    interval : scale of the pointwise limits, 'log-log' or 'log'.
    empties : months at which, with late entry, nobody was left at risk before the last time, so that the curve stays at
        0 although patients were observed later; nan when that does not happen.
    """

    group: str
    n: int
    events: int
    steps: pl.DataFrame
    median: float
    median_ci: tuple[float, float]
    interval: str = "log-log"
    empties: float = float("nan")

    def at(self, time: float) -> tuple[float, float, float]:
        """Survival and its interval at a time: (survival, ci_low, ci_high); 1, 1, 1 before the first event."""
        row = self.steps.filter((pl.col("time") <= time) & pl.col("survival").is_not_null()).tail(1)
        if row.is_empty() or row["survival"][0] == 1.0:
            return 1.0, 1.0, 1.0
        low, high = row["ci_low"][0], row["ci_high"][0]
        return float(row["survival"][0]), np.nan if low is None else float(low), np.nan if high is None else float(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Kaplan-Meier curves of one or more groups.

    Attributes
    ----------
    outcome : 'os', ... outcome_label : in words. by : the column of the groups, or None.
    curves : in display order. ticks : months, where the risk table is read.
    at_risk : one row a group and tick: group, time, n_risk, n_event (so far), n_censor (so far).
    n, events : over all groups. n_missing : patients left out (no time, no event flag or no group).
    notes : what a reader must know (patients who entered too late, a risk set that empties early), one sentence each.
    """

    outcome: str
    outcome_label: str
    by: str | None
    curves: tuple[Curve, ...]
    ticks: tuple[float, ...]
    at_risk: pl.DataFrame
    n: int
    events: int
    n_missing: int
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(curve.group for curve in self.curves)

    def table(self) -> pl.DataFrame:
        """All step tables, one under the other, with a column `group`."""
        return pl.concat([c.steps.select(pl.lit(c.group).alias("group"), pl.all()) for c in self.curves])

    def medians(self) -> pl.DataFrame:
        """One row a group: group, n, events, median, ci_low, ci_high (months; null = not reached)."""
        rows = [(c.group, c.n, c.events, c.median, *c.median_ci) for c in self.curves]
        names = ["group", "n", "events", "median", "ci_low", "ci_high"]
        return pl.DataFrame(rows, schema=names, orient="row").with_columns(
            pl.col("median", "ci_low", "ci_high").cast(pl.Float64).fill_nan(None)
        )


def _crossing(time: Floats, y: npt.NDArray[np.floating]) -> float:
    """First time at which y is at or under one half; the middle of the flat stretch where y is exactly one half."""
    keep = np.isfinite(y) & (np.nan_to_num(y, nan=1.0) < 0.5 + TOLERANCE)
    if not keep.any():
        return float("nan")
    t, v = time[keep], y[keep]
    if abs(v[0] - 0.5) < TOLERANCE:
        lower = np.flatnonzero(v < v[0])
        if lower.size:
            return float((t[0] + t[lower[0]]) / 2)
    return float(t[0])


def limits(survival: Floats, std_err_log: Floats, interval: str) -> tuple[Floats, Floats]:
    """Pointwise 95% limits of a survival (or incidence) curve: (n,), (n,) -> low, high; nan where there are none.

    log-log : S ** exp(-+ z se / log S), undefined at 0 and 1. log : S * exp(-+ z se), at most 1, undefined at 0.

    Raises
    ------
    UnknownName
        There is no such interval.
    """
    if interval not in get_args(Interval):
        raise UnknownName(f"there is no interval '{interval}'; choose one of {', '.join(get_args(Interval))}")
    inner = (survival > 0) & ((survival < 1) | (interval == "log"))
    log_s = np.log(np.where(inner, survival, 0.5))
    spread = Z95 * np.where(inner, std_err_log, 0.0)
    if interval == "log":
        low, high = np.exp(log_s - spread), np.minimum(np.exp(log_s + spread), 1.0)
    else:
        middle = np.log(-log_s)
        with np.errstate(over="ignore", under="ignore"):
            low, high = np.exp(-np.exp(middle - spread / log_s)), np.exp(-np.exp(middle + spread / log_s))
    return np.where(inner, low, np.nan), np.where(inner, high, np.nan)


def at_risk(times: Floats, time: Floats, entry: Floats | None) -> Floats:
    """Patients at risk at each of `times`: those with entry < t <= time."""
    n = time.size - np.searchsorted(np.sort(time), times, side="left")
    if entry is not None:
        n = n - (entry.size - np.searchsorted(np.sort(entry), times, side="left"))
    return n.astype(np.float64)


def checked(time: Floats, entry: Floats | None) -> tuple[Floats, Floats | None]:
    """Times and entries with nearly tied values made equal; entry nan = from the start.

    Raises
    ------
    NotMeasured
        A time is negative or not finite, or an entry is not before its time; the sentence says how many.
    """
    bad = int((~np.isfinite(time) | (np.nan_to_num(time, nan=0.0) < 0)).sum())
    if bad:
        raise NotMeasured(f"{bad:,} of {time.size:,} times are negative or not finite; leave them out first")
    if entry is None:
        return merged(time), None
    entry, time = merged_intervals(np.where(np.isnan(entry), -np.inf, entry), time)
    backwards = int((entry >= time).sum())
    if backwards:
        raise NotMeasured(f"{too_late(backwards)} of {time.size:,} first")
    return time, entry


def estimate(
    time: Floats,
    event: Bools,
    *,
    entry: Floats | None = None,
    group: str = "all patients",
    interval: str = "log-log",
    tied: bool = True,
) -> Curve:
    """The product-limit curve of one group.

    Parameters
    ----------
    time : (n,) float, months, not negative. event : (n,) bool. group : its label.
    entry : (n,) float, months, when observation began (left truncation: at risk when entry < t <= time); nan = from the
        start. interval : 'log-log' or 'log', the scale of the pointwise limits.
    tied : make nearly tied times equal first; False where that was done over all groups.

    Returns
    -------
    Curve
        Estimand: S(t), the probability of being event-free after t, under censoring (and entry) that does not depend
        on the outcome. Limits are pointwise 95% with Greenwood's variance; those of the median are where the pointwise
        limits cross one half. A risk set that empties early leaves the curve at 0 (`Curve.empties`).

    Raises
    ------
    NotMeasured
        A time is negative or not finite, or an entry is not before its time.

    References
    ----------
    Kaplan & Meier 1958, doi 10.1080/01621459.1958.10501452; Brookmeyer & Crowley 1982, doi 10.2307/2530286. Equals R
    survfit(Surv(entry, time, event) ~ 1, conf.type = interval).
    """
    if tied:
        time, entry = checked(time, entry)
    times, inverse = np.unique(time, return_inverse=True)
    d = np.bincount(inverse, weights=event, minlength=times.size)
    c = np.bincount(inverse, weights=~event, minlength=times.size)
    n_risk = at_risk(times, time, entry)
    survival = np.cumprod((n_risk - d) / n_risk).astype(np.float64)
    with np.errstate(divide="ignore"):
        variance = np.cumsum(np.where(d > 0, d / (n_risk * (n_risk - d)), 0.0))
    std_err_log = np.asarray(np.where(survival > 0, np.sqrt(variance), np.nan), dtype=np.float64)
    low, high = limits(survival, std_err_log, interval)
    gone = np.flatnonzero(survival == 0)
    steps = pl.DataFrame(
        {
            "time": times,
            "n_risk": n_risk.astype(np.int64),
            "n_event": d.astype(np.int64),
            "n_censor": c.astype(np.int64),
            "survival": survival,
            "ci_low": low,
            "ci_high": high,
            "std_err": survival * std_err_log,
            "std_err_log": std_err_log,
        }
    ).with_columns(pl.col("ci_low", "ci_high", "std_err", "std_err_log").fill_nan(None))
    return Curve(
        group=group,
        n=int(time.size),
        events=int(event.sum()),
        steps=steps,
        median=_crossing(times, survival),
        median_ci=(_crossing(times, low), _crossing(times, high)),
        interval=interval,
        empties=float(times[gone[0]]) if gone.size > 1 else float("nan"),
    )


def round_ticks(end: float, *, most: int = 6) -> tuple[float, ...]:
    """At most `most` round months from 0 up to `end` (steps of 1, 2, 3, 6, 12, 24, ... months)."""
    for step in (0.25, 0.5, 1, 2, 3, 6, 12, 24, 36, 48, 60, 120, 240, 480):
        if end / step < most:
            return tuple(float(t) for t in np.arange(0.0, end + 1e-9, step))
    return (0.0, float(end))


def kaplan_meier(
    frame: pl.DataFrame, *, outcome: str = "os", by: str | None = None, interval: str = "log-log"
) -> Curves:
    """Kaplan-Meier curves of a cohort, by group.

    Parameters
    ----------
    frame : one row a patient with `<outcome>_months`, `<outcome>_event` and `by`.
    outcome : 'os', 'pfs', 'dss' or 'dfi'. by : column of the groups, or None for one curve.
    interval : 'log-log' or 'log'.

    Estimand: S(t), the probability of being event-free t months after the start, in each group; times in months. Where
    the frame has `entry_months`, patients are at risk from then on only.

    Raises
    ------
    TooFewPatients
        No patient has a time, an event flag and a group.
    NotMeasured, UnknownName
        The columns are not there; the endpoint does not exist.

    References
    ----------
    Kaplan & Meier 1958, doi 10.1080/01621459.1958.10501452. Equals R survfit(conf.type = interval).
    """
    grouping = groups(frame, by)
    data = endpoint(frame, outcome, extra=grouping.codes >= 0)
    if data.time.size == 0:
        raise TooFewPatients(
            f"no patient of this cohort has {label(outcome).lower()}"
            + (" and a known group" if by else "")
            + "; choose another endpoint, another split or a study that reports it"
        )
    codes = grouping.codes[data.rows]
    curves = tuple(
        estimate(
            data.time[codes == k], data.event[codes == k], group=name, interval=interval, tied=False,
            entry=None if data.entry is None else data.entry[codes == k],
        )
        for k, name in enumerate(grouping.labels)
        if (codes == k).any()
    )
    ticks = round_ticks(float(data.time.max()))
    return Curves(
        outcome=outcome,
        outcome_label=label(outcome),
        by=by,
        curves=curves,
        ticks=ticks,
        at_risk=risk_table(curves, ticks),
        n=int(data.time.size),
        events=int(data.event.sum()),
        n_missing=data.total - int(data.time.size),
        notes=(*([data.note] if data.note else []), *early_ends(curves)),
    )


def early_ends(curves: tuple[Curve, ...]) -> tuple[str, ...]:
    """A sentence for each curve that late entry leaves at 0 before its follow-up ends."""
    return tuple(
        f"{c.group}: at {c.empties:.4g} months everyone then at risk had the event, so the curve is 0 from there on, although "
        "patients who entered later were still observed; the early risk set is too small for this estimate"
        for c in curves
        if c.empties == c.empties
    )


def risk_table(curves: tuple[Curve, ...], ticks: tuple[float, ...]) -> pl.DataFrame:
    """Numbers at risk at each tick (at the next time of the curve, as R counts), events and censorings before it."""
    rows: list[tuple[str, float, int, int, int]] = []
    for curve in curves:
        time = curve.steps["time"].to_numpy()
        events = np.concatenate(([0], np.cumsum(curve.steps["n_event"].to_numpy())))
        censored = np.concatenate(([0], np.cumsum(curve.steps["n_censor"].to_numpy())))
        n_risk = np.append(curve.steps["n_risk"].to_numpy(), 0)
        for tick in ticks:
            before = int(np.searchsorted(time, tick, side="left"))
            rows.append((curve.group, tick, int(n_risk[before]), int(events[before]), int(censored[before])))
    return pl.DataFrame(rows, schema=["group", "time", "n_risk", "n_event", "n_censor"], orient="row")

"""Kaplan-Meier curves with log-log intervals, medians and risk tables."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import TooFewPatients
from core.groups import groups
from core.survival.endpoint import Bools, Floats, endpoint, label

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
        ci_low, ci_high (pointwise 95%, log-log; null where survival is exactly 0 or 1).
    median : months, nan when the curve does not reach one half. median_ci : Brookmeyer-Crowley, nan = not reached.
    """

    group: str
    n: int
    events: int
    steps: pl.DataFrame
    median: float
    median_ci: tuple[float, float]

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


def estimate(time: Floats, event: Bools, *, group: str = "all patients") -> Curve:
    """The product-limit curve of one group.

    Parameters
    ----------
    time : (n,) float, months, not negative. event : (n,) bool. group : its label.

    Returns
    -------
    Curve
        Estimand: S(t), the probability of being event-free after t, under censoring that does not depend on the
        outcome. Intervals are 1 - alpha = .95 pointwise, on the log(-log S) scale with Greenwood's variance; those
        of the median are where the pointwise limits cross one half.

    References
    ----------
    Kaplan & Meier 1958, doi 10.1080/01621459.1958.10501452; Brookmeyer & Crowley 1982, doi 10.2307/2530286.
    """
    times, inverse = np.unique(time, return_inverse=True)
    d = np.bincount(inverse, weights=event, minlength=times.size)
    c = np.bincount(inverse, weights=~event, minlength=times.size)
    n_risk = time.size - np.concatenate(([0.0], np.cumsum(d + c)[:-1])) if times.size else np.zeros(0)
    survival = np.cumprod((n_risk - d) / n_risk) if times.size else np.zeros(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt(np.cumsum(np.where(d > 0, d / (n_risk * (n_risk - d)), 0.0)))
        inner = (survival > 0) & (survival < 1)
        log_s = np.log(np.where(inner, survival, 0.5))
        shift = Z95 * np.where(inner, se, 0.0) / log_s
        low = np.where(inner, np.exp(-np.exp(np.log(-log_s) - shift)), np.nan)
        high = np.where(inner, np.exp(-np.exp(np.log(-log_s) + shift)), np.nan)
    steps = pl.DataFrame(
        {
            "time": times,
            "n_risk": n_risk.astype(np.int64),
            "n_event": d.astype(np.int64),
            "n_censor": c.astype(np.int64),
            "survival": survival,
            "ci_low": low,
            "ci_high": high,
        }
    ).with_columns(pl.col("ci_low", "ci_high").fill_nan(None))
    return Curve(
        group=group,
        n=int(time.size),
        events=int(event.sum()),
        steps=steps,
        median=_crossing(times, survival),
        median_ci=(_crossing(times, low), _crossing(times, high)),
    )


def round_ticks(end: float, *, most: int = 6) -> tuple[float, ...]:
    """At most `most` round months from 0 up to `end` (steps of 1, 2, 3, 6, 12, 24, ... months)."""
    for step in (0.25, 0.5, 1, 2, 3, 6, 12, 24, 36, 48, 60, 120, 240, 480):
        if end / step < most:
            return tuple(float(t) for t in np.arange(0.0, end + 1e-9, step))
    return (0.0, float(end))


def kaplan_meier(frame: pl.DataFrame, *, outcome: str = "os", by: str | None = None) -> Curves:
    """Kaplan-Meier curves of a cohort, by group.

    Parameters
    ----------
    frame : one row a patient with `<outcome>_months`, `<outcome>_event` and `by`.
    outcome : 'os', 'pfs', 'dss' or 'dfi'. by : column of the groups, or None for one curve.

    Estimand: S(t), the probability of being event-free t months after the start, in each group; times in months.

    Raises
    ------
    TooFewPatients
        No patient has a time, an event flag and a group.
    NotMeasured, UnknownName
        The columns are not there; the endpoint does not exist.

    References
    ----------
    Kaplan & Meier 1958, doi 10.1080/01621459.1958.10501452. Equals R survfit(conf.type = "log-log").
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
        estimate(data.time[codes == k], data.event[codes == k], group=name)
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
    )


def risk_table(curves: tuple[Curve, ...], ticks: tuple[float, ...]) -> pl.DataFrame:
    """Numbers at risk just before each tick, and events and censorings before it."""
    rows: list[tuple[str, float, int, int, int]] = []
    for curve in curves:
        time = curve.steps["time"].to_numpy()
        events = np.concatenate(([0], np.cumsum(curve.steps["n_event"].to_numpy())))
        censored = np.concatenate(([0], np.cumsum(curve.steps["n_censor"].to_numpy())))
        for tick in ticks:
            before = int(np.searchsorted(time, tick, side="left"))
            d, c = int(events[before]), int(censored[before])
            rows.append((curve.group, tick, curve.n - d - c, d, c))
    return pl.DataFrame(rows, schema=["group", "time", "n_risk", "n_event", "n_censor"], orient="row")

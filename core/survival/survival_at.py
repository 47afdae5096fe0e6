"""Survival at chosen times, with interval and number at risk, read from Kaplan-Meier curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from core.errors import NotMeasured
from core.survival.kaplan_meier import Curve, Curves

COLUMNS = ("survival", "std_err", "ci_low", "ci_high")


def survival_at(curves: Curves | Sequence[Curve], times: Sequence[float]) -> pl.DataFrame:
    """Read curves at times.

    Parameters
    ----------
    curves : from `kaplan_meier`, or curves from `estimate`. times : months, 0 or more.

    Returns
    -------
    pl.DataFrame
        One row a group and time: group, time, survival, std_err, ci_low, ci_high (pointwise 95%), n_risk (at the next
        time of the curve), note. Estimand: S(t), the probability of being event-free after t. Before the first time of a
        curve survival is 1 with no error. Past its last time survival is 0 where the curve has reached 0, else null and
        `note` says when follow-up ends; R's summary(..., extend = TRUE) would repeat the last value there.

    Raises
    ------
    NotMeasured
        A time is negative or not finite.

    References
    ----------
    Kaplan & Meier 1958, doi 10.1080/01621459.1958.10501452. Equals R summary(survfit(...), times = times).
    """
    for time in times:
        if not (np.isfinite(time) and time >= 0):
            raise NotMeasured(f"survival is read at months from 0 on, not at {time:g}")
    rows = []
    for curve in curves.curves if isinstance(curves, Curves) else curves:
        axis = curve.steps["time"].to_numpy()
        for time in times:
            rows.append({"group": curve.group, "time": float(time), **_read(curve, axis, float(time))})
    schema = {"group": pl.String, "time": pl.Float64, **dict.fromkeys(COLUMNS, pl.Float64), "n_risk": pl.Int64, "note": pl.String}
    return pl.DataFrame(rows, schema=schema)


def _read(curve: Curve, axis: np.ndarray[tuple[int], np.dtype[np.float64]], time: float) -> dict[str, object]:
    if axis.size == 0:
        return {**dict.fromkeys(COLUMNS), "n_risk": 0, "note": "no patient"}
    following = int(np.searchsorted(axis, time, side="left"))
    n_risk = int(curve.steps["n_risk"][following]) if following < axis.size else 0
    last = int(np.searchsorted(axis, time, side="right")) - 1
    if last < 0:
        return {"survival": 1.0, "std_err": 0.0, "ci_low": 1.0, "ci_high": 1.0, "n_risk": n_risk, "note": ""}
    row = curve.steps.row(last, named=True)
    if time > axis[-1] and row["survival"] > 0:
        note = f"follow-up ends at {axis[-1]:.4g} months, so survival at {time:g} is not known"
        return {**dict.fromkeys(COLUMNS), "n_risk": 0, "note": note}
    return {**{name: row[name] for name in COLUMNS}, "n_risk": n_risk, "note": ""}

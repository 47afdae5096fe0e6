"""Endpoint: the (time, event) pairs of a frame that can be used, and how many cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import UnknownName
from core.groups import require
from core.survival.ties import merged, merged_intervals
from data.schema import ENDPOINTS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ENTRY = "entry_months"
"""Column of a frame that says when observation of a patient began (left truncation); null = from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Right-censored times, left-truncated where patients came under observation late.

    Attributes
    ----------
    time : (n,) float, months, nearly tied times made equal. event : (n,) bool, false = censored.
    rows : (n,) int, row of the frame that each pair comes from.
    total : rows of the frame.
    entry : (n,) float, months, when observation began (minus infinity = from the start), or None where nobody is late:
        a patient is at risk at t when entry < t <= time.
    too_late : rows left out because their entry is not before their time. note : that, in words, or empty.
    """

    time: Floats
    event: Bools
    rows: Ints
    total: int
    entry: Floats | None = None
    too_late: int = 0
    note: str = ""


def label(outcome: str) -> str:
    """What a person calls an endpoint ('os' -> 'Overall survival')."""
    return ENDPOINTS.get(outcome, outcome.upper())


def endpoint(frame: pl.DataFrame, outcome: str, *, extra: Bools | None = None) -> Endpoint:
    """Take the usable pairs of columns `<outcome>_months` and `<outcome>_event`.

    Parameters
    ----------
    frame : one row a patient.
    outcome : 'os', 'pfs', 'dss' or 'dfi'.
    extra : (rows,) a further condition that a row must meet (its group or score is known).

    A row is left out when its time or event is null, or its time is negative or not finite. Where the frame has the
    column `entry_months` with a value, times are left-truncated: null is observed from the start, and a row whose entry
    is at or after its time is left out and counted, as nothing of its follow-up was seen. Nearly tied times are made
    equal (`core.survival.ties`).

    Raises
    ------
    UnknownName
        There is no such endpoint.
    NotMeasured
        The frame has no such columns.
    """
    if outcome not in ENDPOINTS:
        raise UnknownName(f"there is no endpoint '{outcome}'; choose one of {', '.join(ENDPOINTS)}")
    months, flag = f"{outcome}_months", f"{outcome}_event"
    require(frame, months, flag)
    time = frame[months].cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = np.isfinite(time) & (np.nan_to_num(time, nan=-1.0) >= 0) & frame[flag].is_not_null().to_numpy()
    if extra is not None:
        known &= extra
    late = _entry(frame)
    if late is None:
        rows = np.flatnonzero(known)
        event = frame[flag].fill_null(value=False).cast(pl.Boolean).to_numpy()[rows]
        return Endpoint(time=merged(time[rows]), event=event, rows=rows, total=frame.height)
    with np.errstate(invalid="ignore"):
        forwards = known & (late < time)
        entry, time = merged_intervals(np.where(forwards, late, -np.inf), np.where(forwards, time, np.nan))
        backwards = known & ~(entry < time)
    rows = np.flatnonzero(known & ~backwards)
    event = frame[flag].fill_null(value=False).cast(pl.Boolean).to_numpy()[rows]
    count = int(backwards.sum())
    return Endpoint(
        time=time[rows], event=event, rows=rows, total=frame.height, entry=entry[rows], too_late=count,
        note=too_late(count) if count else "",
    )  # fmt: skip


def too_late(count: int) -> str:
    """The sentence for patients whose entry is not before their time."""
    who = "1 patient enters" if count == 1 else f"{count:,} patients enter"
    return f"{who} observation at or after the end of follow-up, so nothing was observed: left out"


def _entry(frame: pl.DataFrame) -> Floats | None:
    """When observation of each row began, minus infinity = from the start; None where nobody entered late."""
    if ENTRY not in frame.columns or frame[ENTRY].null_count() == frame.height:
        return None
    values = frame[ENTRY].cast(pl.Float64).fill_null(np.nan).to_numpy()
    values = np.where(np.isnan(values), -np.inf, values)
    return values if np.isfinite(values).any() else None

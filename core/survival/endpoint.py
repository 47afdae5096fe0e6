"""Endpoint: the (time, event) pairs of a frame that can be used, and how many cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import UnknownName
from core.groups import require
from data.schema import ENDPOINTS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Right-censored times.

    Attributes
    ----------
    time : (n,) float, months. event : (n,) bool, false = censored.
    rows : (n,) int, row of the frame that each pair comes from.
    total : rows of the frame.
    """

    time: Floats
    event: Bools
    rows: Ints
    total: int


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

    A row is left out when its time or event is null, or its time is negative or not finite.

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
    rows = np.flatnonzero(known)
    event = frame[flag].fill_null(value=False).cast(pl.Boolean).to_numpy()[rows]
    return Endpoint(time=time[rows], event=event, rows=rows, total=frame.height)

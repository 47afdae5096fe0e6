"""Landmark: patients still at risk at a chosen time, with the clock started there (conditional survival)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core.errors import NotMeasured, TooFewPatients
from core.survival.endpoint import ENTRY, endpoint, label

REFERENCE = "10.1200/JCO.1983.1.11.710"


@dataclass(frozen=True, slots=True, kw_only=True)
class Landmark:
    """A cohort from a landmark on.

    Attributes
    ----------
    frame : patients with time > at; `<outcome>_months` (and `entry_months`, where there is one) counted from the landmark.
    at : months. n : patients in `frame`. left_out : patients with the endpoint who are not in it: `events_before` had the
    event by then, `censored_before` were last seen by then. note : that, in one sentence.
    """

    frame: pl.DataFrame
    at: float
    n: int
    left_out: int
    events_before: int
    censored_before: int
    note: str


def landmark(frame: pl.DataFrame, *, outcome: str = "os", at: float) -> Landmark:
    """Restrict a cohort to those at risk after a landmark and count time from it.

    Parameters
    ----------
    frame : one row a patient. at : months after the start, 0 or more. A patient whose time equals the landmark had the
        event, or was last seen, by then, and is left out. Patients who enter observation after the landmark stay, and are
        at risk from their entry on.

    Estimand of what is computed from the result: survival given survival past the landmark, S(at + t) / S(at). Groups
    formed by what is known at the landmark (response, for example) can be compared from there on without guarantee-time
    bias.

    Raises
    ------
    NotMeasured
        The landmark is negative or not finite.
    TooFewPatients
        Nobody is at risk after the landmark.

    References
    ----------
    Anderson, Cain & Gelber 1983, doi 10.1200/JCO.1983.1.11.710. Equals R subset = time > at, Surv(time - at, event).
    """
    if not (np.isfinite(at) and at >= 0):
        raise NotMeasured(f"a landmark is a number of months from 0 on, not {at:g}")
    data = endpoint(frame, outcome)
    after = data.time > at
    if not after.any():
        raise TooFewPatients(
            f"nobody with {label(outcome).lower()} is at risk after {at:g} months; choose an earlier landmark"
        )
    kept = frame[data.rows[after]].with_columns(pl.Series(f"{outcome}_months", data.time[after] - at))
    if data.entry is not None:
        late = data.entry[after] - at
        kept = kept.with_columns(pl.Series(ENTRY, np.where(late > 0, late, np.nan)).fill_nan(None))
    before = data.event[~after]
    events, censored = int(before.sum()), int((~before).sum())
    note = (
        f"time is counted from {at:g} months; {events:,} with the event and {censored:,} last seen by then are left out, "
        f"{kept.height:,} remain"
    )
    return Landmark(
        frame=kept, at=at, n=kept.height, left_out=events + censored, events_before=events, censored_before=censored, note=note
    )

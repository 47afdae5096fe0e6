"""Median follow-up by the reverse Kaplan-Meier method."""

from __future__ import annotations

import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.survival.endpoint import endpoint, label
from core.survival.kaplan_meier import estimate

REFERENCE = "10.1016/0197-2456(96)00075-X"


def median_follow_up(frame: pl.DataFrame, *, outcome: str = "os") -> Finding:
    """Median time under observation, had nobody had the event.

    Estimand: the median of the censoring distribution, from a Kaplan-Meier curve in which censoring is the event.

    Returns
    -------
    Finding
        `effect` and `statistic` = months, interval by Brookmeyer-Crowley; nan when the curve does not reach one half.
        No test is made: p is nan.

    Raises
    ------
    TooFewPatients
        No patient has a time.

    References
    ----------
    Schemper & Smith 1996, doi 10.1016/0197-2456(96)00075-X. Equals R survfit(Surv(time, 1 - event) ~ 1).
    """
    data = endpoint(frame, outcome)
    n = int(data.time.size)
    if n == 0:
        raise TooFewPatients(f"no patient has {label(outcome).lower()}; choose another endpoint or study")
    curve = estimate(data.time, ~data.event, entry=data.entry)
    reached = curve.median == curve.median
    return Finding(
        name="median follow-up (reverse Kaplan-Meier)",
        statistic=curve.median,
        p_value=float("nan"),
        effect=curve.median,
        ci95=curve.median_ci,
        n=n,
        n_missing=data.total - n,
        events=int(data.event.sum()),
        note="" if reached else "median follow-up is not reached",
        reference=REFERENCE,
    )

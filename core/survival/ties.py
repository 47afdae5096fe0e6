"""Ties: times that differ by rounding alone made equal, before any survival statistic counts who is at risk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TOLERANCE = float(np.sqrt(np.finfo(np.float64).eps))
"""Times closer than this, absolutely or against the mean distinct time, are one time."""


def _cuts(values: Floats) -> Floats:
    """First value of each run of nearly tied values, ascending; empty when nothing is nearly tied."""
    distinct = np.unique(values[np.isfinite(values)])
    if distinct.size < 2:
        return np.empty(0)
    gap = np.diff(distinct)
    tied = (gap <= TOLERANCE) | (gap / np.abs(distinct).mean() <= TOLERANCE)
    return np.asarray(distinct[np.concatenate(([True], ~tied))], dtype=np.float64) if tied.any() else np.empty(0)


def _moved(values: Floats, cuts: Floats) -> Floats:
    place = np.searchsorted(cuts, values, side="right") - 1
    return np.where(np.isfinite(values) & (place >= 0), cuts[np.maximum(place, 0)], values)


def merged(time: Floats) -> Floats:
    """Times in which nearly tied values are equal: each takes the smallest of its run.

    Parameters
    ----------
    time : (n,) float, months. Pass all the patients of the analysis at once, not a group at a time: the tolerance is
        relative to the mean of the distinct times.

    Sorted distinct times are neighbours in a run when they differ by at most sqrt(machine epsilon) = 1.5e-8, absolutely
    or as a fraction of the mean distinct time. Without it, 3 * 0.1 and 0.3 would be two times, and a patient censored at
    one not at risk at the other.

    References
    ----------
    Therneau, vignette 'tied times' of R survival. Equals R survival::aeqSurv (`timefix`).
    """
    cuts = _cuts(time)
    return _moved(time, cuts) if cuts.size else time


def merged_intervals(entry: Floats, time: Floats) -> tuple[Floats, Floats]:
    """Entry and exit times in which nearly tied values are equal; the runs are over both together, as in R.

    Parameters
    ----------
    entry : (n,) float, months; minus infinity = observed from the start. time : (n,) float, months.

    A patient whose entry and time fall into one run has an interval of no length: entry == time, at risk at no event.
    """
    cuts = _cuts(np.concatenate((entry, time)))
    return (_moved(entry, cuts), _moved(time, cuts)) if cuts.size else (entry, time)

"""Split: the upper half of every marker at its own median, ties as on the survival page."""

from __future__ import annotations

import numpy as np

from core.markers.scan.many import Bools, Floats


def upper_half(x: Floats) -> Bools:
    """Whether each value is at or above its column's median.

    Parameters
    ----------
    x : (n, m) float, nan = missing (false in the result; mask it).

    Where the median is the lowest value (many ties there), the upper half is everything above it, as
    `core.survival.split` does.
    """
    n, m = x.shape
    if n == 0 or m == 0:
        return np.zeros(x.shape, dtype=bool)
    ordered = np.sort(x.T, axis=1)  # nan last
    known = n - np.isnan(ordered).sum(axis=1) if np.isnan(ordered[:, -1]).any() else np.full(m, n)
    rows = np.arange(m)
    last = np.maximum(known - 1, 0)
    # the mean of the two middle values as numpy's quantile makes it
    below, above = ordered[rows, last // 2], ordered[rows, (last + 1) // 2]
    middle = below + (above - below) * 0.5
    lowest = ordered[:, 0]
    at_bottom = middle <= lowest
    return np.asarray(np.where(at_bottom, x > lowest, x >= middle))

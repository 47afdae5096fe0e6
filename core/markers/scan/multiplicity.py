"""Multiplicity: what thousands of tests at once do to a p value."""

from __future__ import annotations

import numpy as np

from core.markers.scan.many import Floats, Ints


def benjamini_hochberg(p: Floats) -> Floats:
    """Benjamini-Hochberg adjusted p values (q values).

    Parameters
    ----------
    p : (m,) p values, nan = not tested; these count as no test and stay nan.

    Calling every marker with q <= .05 keeps the expected share of false ones among those called at most 5%, for tests
    that are independent or positively dependent.

    References
    ----------
    Benjamini & Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x. Equals R p.adjust(method = "BH").
    """
    result = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    if tested.size:
        order = tested[np.argsort(p[tested], kind="stable")]
        raw = p[order] * tested.size / np.arange(1, tested.size + 1)
        result[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return result


def rejections(p: Floats, *, level: float) -> Ints:
    """How many tests of each row Benjamini-Hochberg would call at a false discovery rate.

    Parameters
    ----------
    p : (rows, m) p values, nan = not tested. level : the rate.
    """
    counts = np.zeros(p.shape[0], dtype=np.int64)
    tested = np.isfinite(p).sum(axis=1)
    for row in range(p.shape[0]):
        small = np.sort(p[row][p[row] <= level])
        called = np.flatnonzero(small <= level * np.arange(1, small.size + 1) / max(int(tested[row]), 1))
        counts[row] = called[-1] + 1 if called.size else 0
    return counts

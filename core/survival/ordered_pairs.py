"""Ordered pairs: how many patients whose order of events is known have a lower, higher or equal score, in n log n steps."""

from __future__ import annotations

import numpy as np

from core.survival.endpoint import Bools, Floats, Ints


def ordered_pairs(
    time: Floats, event: Bools, rank: Ints, *, entry: Floats | None = None, stratum: Ints | None = None
) -> tuple[Ints, Ints, Ints]:
    """Comparable pairs that each patient is part of, by whether who has the earlier event ranks higher, lower or the same.

    Parameters
    ----------
    time : (n,) float, nearly tied times made equal. event : (n,) bool. rank : (n,) int, 0 or more, of the score.
    entry : (n,) float, minus infinity = from the start, or None. stratum : (n,) int, 0 or more, or None: pairs are of one.

    Returns
    -------
    higher, lower, equal : (n,) int. A pair counts for both of its patients. It is comparable when the earlier time is an
        event; at equal times, when one is an event and the other is censored; with late entry, when the other had entered
        before that event.
    """
    n = time.size
    late = np.full(n, -np.inf) if entry is None else entry
    layer = np.zeros(n, dtype=np.int64) if stratum is None else stratum.astype(np.int64)
    moments = np.unique(np.concatenate((time, late)), return_inverse=True)[1].astype(np.int64)
    width = 2 * (int(moments.max(initial=0)) + 2)
    base = layer * width
    # of equal times, an event comes before a censoring
    leaves, enters = base + 2 * moments[:n] + np.where(event, 0, 1), base + 2 * moments[n:]
    dying = np.flatnonzero(event)
    totals = np.zeros((3, n), dtype=np.int64)
    # of each event: everyone who leaves later, less those who enter at or after it
    key, own = leaves[dying], rank[dying]
    order = np.argsort(leaves, kind="stable")
    ends = np.searchsorted(leaves[order], base[dying] + width, side="left")
    below, level = _counted(rank[order], (np.searchsorted(leaves[order], key, side="right"), ends), own)
    among = ends - np.searchsorted(leaves[order], key, side="right")
    if np.isfinite(late).any():
        order = np.argsort(enters, kind="stable")
        first = np.searchsorted(enters[order], key, side="left")
        ends = np.searchsorted(enters[order], base[dying] + width, side="left")
        less, same = _counted(rank[order], (first, ends), own)
        below, level, among = below - less, level - same, among - (ends - first)
    totals[:, dying] = below, among - below - level, level
    # of each patient: the events after it entered and before it left
    order = dying[np.argsort(leaves[dying], kind="stable")]
    first = np.searchsorted(leaves[order], enters, side="right")
    ends = np.searchsorted(leaves[order], leaves, side="left")
    below, level = _counted(rank[order], (first, np.maximum(first, ends)), rank)
    totals += np.stack((np.maximum(ends - first, 0) - below - level, below, level))
    return totals[0], totals[1], totals[2]


def _counted(ranks: Ints, between: tuple[Ints, Ints], value: Ints) -> tuple[Ints, Ints]:
    """Of each query, the ranks in places first <= place < last that are under its value, and those equal to it."""
    first, last = between
    below, upto = _below(ranks, first, last, value=value), _below(ranks, first, last, value=value + 1)
    return below, upto - below


def _below(ranks: Ints, first: Ints, last: Ints, *, value: Ints) -> Ints:
    """Ranks in places first <= place < last that are under a value, all queries at once, from the highest bit down."""
    count = np.zeros(value.size, dtype=np.int64)
    if not ranks.size or not value.size:
        return count
    for bit in range(max(int(ranks.max()), int(value.max())).bit_length() - 1, -1, -1):
        one = (ranks >> bit) & 1
        zeros = np.concatenate(([0], np.cumsum(1 - one)))
        upper = ((value >> bit) & 1).astype(np.bool_)
        low, high = zeros[first], zeros[last]
        count += np.where(upper, high - low, 0)
        first = np.where(upper, zeros[-1] + first - low, low)
        last = np.where(upper, zeros[-1] + last - high, high)
        ranks = np.concatenate((ranks[one == 0], ranks[one == 1]))
    return count

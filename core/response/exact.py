"""Exact and permutation p values of tables of counts, without the second that importing scipy.stats costs a page."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def fisher(counts: Counts) -> float:
    """Two-sided p value of Fisher's exact test of a 2 x 2 table: tables no likelier than this one, margins held.

    Null hypothesis: the odds ratio is 1. Equals R fisher.test; doi 10.2307/2340521.
    """
    (a, b), (c, d) = (int(x) for x in counts[0]), (int(x) for x in counts[1])
    row, column, n = a + b, a + c, a + b + c + d
    low, high = max(0, row + column - n), min(row, column)
    log = np.array([_log_choose(column, x) + _log_choose(n - column, row - x) for x in range(low, high + 1)])
    probability = np.exp(log - log.max())
    probability /= probability.sum()
    return float(min(1.0, probability[probability <= probability[a - low] * (1 + 1e-7)].sum()))


def random_tables(rows: Counts, columns: Counts, *, draws: int, seed: int) -> Counts:
    """(draws, r, c) tables with these margins, drawn as if row and column were independent."""
    rng = np.random.default_rng(seed)
    tables = np.zeros((draws, rows.size, columns.size), dtype=np.int64)
    left = np.tile(columns, (draws, 1))
    for r in range(rows.size - 1):
        wanted = np.full(draws, rows[r])
        for c in range(columns.size - 1):
            others = left[:, c + 1 :].sum(axis=1)
            tables[:, r, c] = rng.hypergeometric(left[:, c], others, wanted)
            wanted = wanted - tables[:, r, c]
        tables[:, r, -1] = wanted
        left = left - tables[:, r]
    tables[:, -1] = left
    return tables


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

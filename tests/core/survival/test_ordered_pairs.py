"""Ordered pairs counted in n log n steps against counting them one by one."""

from __future__ import annotations

import time as clock

import numpy as np
import pytest

from core.survival.ordered_pairs import ordered_pairs


@pytest.mark.parametrize("seed", range(60))
def test_as_counted_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 30))
    time, event = rng.integers(0, 8, n).astype(np.float64), rng.random(n) < 0.6
    rank, stratum = rng.integers(0, rng.integers(1, 9), n), rng.integers(0, 3, n)
    entry = np.where(rng.random(n) < 0.5, -np.inf, time - rng.integers(1, 4, n)) if seed % 2 else np.full(n, -np.inf)
    counted = np.zeros((3, n), dtype=np.int64)
    for i in np.flatnonzero(event):
        for j in range(n):
            later = time[j] > time[i] or (time[j] == time[i] and not event[j])
            if stratum[i] == stratum[j] and later and entry[j] < time[i]:
                kind = 0 if rank[j] < rank[i] else 1 if rank[j] > rank[i] else 2
                counted[kind, [i, j]] += 1
    found = ordered_pairs(time, event, rank, entry=entry if seed % 2 else None, stratum=stratum)
    np.testing.assert_array_equal(np.stack(found), counted)


def test_a_hundred_thousand_patients_take_a_moment() -> None:
    rng = np.random.default_rng(0)
    n = 100_000
    start = clock.perf_counter()
    counts = ordered_pairs(rng.exponential(1, n), rng.random(n) < 0.5, rng.permutation(n), entry=np.full(n, -np.inf))
    assert clock.perf_counter() - start < 10
    assert sum(int(c.sum()) for c in counts) > 1e9

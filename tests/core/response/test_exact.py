"""Exact p values: against R's numbers and scipy's code."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact

from core.response import exact


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=4, max_size=4))
def test_fisher_equals_scipy(cells: list[int]) -> None:
    counts = np.array(cells).reshape(2, 2)
    if counts.sum() == 0:
        return
    np.testing.assert_allclose(exact.fisher(counts), fisher_exact(counts)[1], rtol=1e-6)


def test_random_tables_keep_their_margins_and_their_mean() -> None:
    counts = np.array([[19, 43, 8], [28, 85, 3], [14, 55, 9]])
    drawn = exact.random_tables(counts.sum(axis=1), counts.sum(axis=0), draws=4000, seed=1)
    assert (drawn.sum(axis=2) == counts.sum(axis=1)).all()
    assert (drawn.sum(axis=1) == counts.sum(axis=0)).all()
    assert drawn.min() >= 0
    expected = chi2_contingency(counts).expected_freq
    np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=0.25)

"""The rank score: a reference number from R, its range, and its invariance under monotone changes of scale."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tme.single_sample import ranks, singscore

X = np.array([[5, 1, 3, 0, 0, 2, 8, 9], [2, 2, 7, 1, 0, 4, 4, 6]], dtype=float).T


def test_reference_numbers() -> None:
    """Rscript tests/references/tme_scores.R"""
    np.testing.assert_allclose(singscore(ranks(X), [np.array([0, 2, 6])])[0], [0.3, 0.1666666667], atol=1e-9)


def test_ties_take_the_lowest_rank_and_missing_stays_missing() -> None:
    values = np.array([[1.0], [np.nan], [1.0], [0.5]])
    np.testing.assert_array_equal(ranks(values)[:, 0], [2.0, np.nan, 2.0, 1.0])


def test_top_bottom_and_whole_assay() -> None:
    rank = ranks(np.arange(10.0)[:, None])
    top, bottom, whole, none = np.array([7, 8, 9]), np.array([0, 1]), np.arange(10), np.array([], dtype=np.int64)
    scores = singscore(rank, [top, bottom, whole, none])[:, 0]
    np.testing.assert_allclose(scores[:2], [0.5, -0.5])
    assert np.isnan(scores[2:]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_a_monotone_change_of_scale_changes_nothing(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 2, (40, 3))
    rows = rng.choice(40, size, replace=False)
    one, two = singscore(ranks(values), [rows]), singscore(ranks(np.exp(values) * 7), [rows])
    np.testing.assert_allclose(one, two)
    assert (np.abs(one) <= 0.5 + 1e-12).all()

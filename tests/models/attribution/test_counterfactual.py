"""Counterfactuals: they flip, nothing smaller does, they stay in the cohort's range, and they say when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from models.attribution.counterfactual import MARGIN, linear, observed_range
from models.attribution.neighbours import OFF, manifold
from models.attribution.search import search
from models.card import ModelError


def cohort(seed, n=200, f=6):
    return np.random.default_rng(seed).normal(size=(n, f)) * np.array([1.0, 5.0, 0.1, 2.0, 1.0, 3.0])[:f]


def test_the_strongest_feature_moves_by_just_enough():
    values = cohort(0)
    within = observed_range(values)
    x, slopes = np.zeros(6), np.array([1.0, 0.01, 0.0, 0.1, 0.0, 0.0])
    found = linear(x, slopes, output=-0.5, threshold=0.0, within=within)
    assert found.flips
    np.testing.assert_array_equal(np.flatnonzero(found.sd), [0])
    assert found.x[0] == pytest.approx(0.5 + MARGIN)
    assert found.size == pytest.approx((0.5 + MARGIN) / within.spread[0])
    down = linear(x, slopes, output=0.5, threshold=0.0, within=within)
    assert down.flips
    assert down.x[0] == pytest.approx(-0.5 - MARGIN)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000), gap=st.floats(-3, 3))
def test_no_smaller_change_exists(seed, gap):
    """Against a linear program over the same box."""
    rng = np.random.default_rng(seed)
    values = cohort(seed)
    within = observed_range(values)
    x, slopes = values[0], rng.normal(size=6) / within.spread * 0.4
    found = linear(x, slopes, output=gap, threshold=0.0, within=within, most=6)
    sign = 1.0 if gap < 0 else -1.0
    room_up, room_down = np.maximum(within.high - x, 0) / within.spread, np.maximum(x - within.low, 0) / within.spread
    strength = sign * slopes * within.spread
    best = linprog(np.ones(12), A_ub=[-np.concatenate([strength, -strength])], b_ub=[-(abs(gap) + MARGIN)],
                   bounds=[(0, b) for b in (*room_up, *room_down)])  # fmt: skip
    assert found.flips == best.success
    if best.success:
        assert found.size == pytest.approx(best.fun, abs=1e-6)
        moved = found.sd != 0
        assert (found.x >= np.minimum(within.low, x) - 1e-9)[moved].all()
        assert (found.x <= np.maximum(within.high, x) + 1e-9)[moved].all()


def test_few_features_only_and_an_honest_no():
    within = observed_range(cohort(1))
    slopes = np.full(6, 0.2) / within.spread
    found = linear(np.zeros(6), slopes, output=-1.0, threshold=0.0, within=within, most=3)
    assert found.flips
    assert (found.sd != 0).sum() <= 3
    never = linear(np.zeros(6), slopes, output=-20.0, threshold=0.0, within=within)
    assert not never.flips
    assert -20.0 < never.output < 0.0


def test_unknown_and_fixed_features_stay():
    values = cohort(2)
    within = observed_range(values, mutable=np.array([False, True, True, True, True, True]))
    x = np.zeros(6)
    x[3] = np.nan
    slopes = np.array([9.0, 0.2, 0.0, 9.0, 0.0, 0.0])
    found = linear(x, slopes, output=-0.3, threshold=0.0, within=within)
    np.testing.assert_array_equal(np.flatnonzero(found.sd), [1])
    assert np.isnan(found.x[3])
    with pytest.raises(ModelError, match="do not fit"):
        linear(x[:3], slopes, output=0.0, threshold=1.0, within=within)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_a_search_of_a_linear_model_finds_what_the_closed_form_does(seed):
    rng = np.random.default_rng(seed)
    values = cohort(seed)
    within = observed_range(values)
    x, slopes = values[0], rng.normal(size=6) / within.spread * 0.5
    output = float(x @ slopes)
    exact = linear(x, slopes, output=output, threshold=0.3, within=within)
    found = search(lambda rows: rows @ slopes, x, threshold=0.3, within=within)
    assert found.flips == exact.flips
    if exact.flips:
        assert float(found.x @ slopes >= 0.3) == float(output < 0.3)
        assert found.size <= exact.size * 1.25 + 1e-6
        assert found.size >= exact.size - 1e-6


def test_a_search_copes_with_a_bump():
    """A model that is highest in the middle: no straight line leads there."""
    within = observed_range(cohort(3, f=2))
    found = search(lambda rows: 2 - (rows[:, 0] - 1) ** 2 * 4, np.array([-1.5, 0.0]), threshold=0.0, within=within)
    assert found.flips
    assert found.x[0] == pytest.approx(1 - np.sqrt(0.5), abs=1e-3)
    nothing = search(lambda rows: -1.0 + 0 * rows[:, 0], np.zeros(2), threshold=0.0, within=within)
    assert not nothing.flips


def test_a_patient_like_nobody_is_flagged():
    rng = np.random.default_rng(4)
    line = rng.normal(size=(300, 1)) @ np.ones((1, 3)) + 0.1 * rng.normal(size=(300, 3))
    cloud = manifold(line)
    typical = cloud.percentile(line[:100], leave_out=np.arange(100))
    assert (typical <= OFF).mean() > 0.9
    off = cloud.percentile(np.array([[1.5, -1.5, 1.5]]), leave_out=np.array([0]))
    assert off[0] == 1.0
    with pytest.raises(ModelError, match="too few"):
        manifold(line[:4])

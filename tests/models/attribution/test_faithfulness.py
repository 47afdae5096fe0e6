"""Deletion, stability and shares: known answers on additive models, and what noise gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from models.attribution.deletion import additive, curves, ratio
from models.attribution.share import share
from models.attribution.stability import agreement, kendall, resampled
from models.card import ModelError


def test_deletion_of_an_additive_model_by_hand():
    shap = np.array([[3.0, -1.0, 0.5, 0.0], [-0.2, 2.0, 1.0, 0.0]])
    found = curves(additive(shap, np.array([0.1, 0.1])), shap)
    np.testing.assert_array_equal(found.k, [1, 2, 3])  # the fourth feature is used by nobody
    np.testing.assert_allclose(found.deletion, [[3.0, 2.0, 2.5], [2.0, 3.0, 2.8]])
    np.testing.assert_allclose(found.insertion, [[0.5, 0.5, 0.0], [0.8, 0.2, 0.0]], atol=1e-12)
    np.testing.assert_allclose(found.random_deletion[:, :, -1], np.tile(found.deletion[:, -1], (20, 1)))


def test_a_faithful_order_beats_a_random_one_and_a_wrong_one_does_not():
    rng = np.random.default_rng(0)
    shap = rng.normal(size=(200, 12)) * np.geomspace(2.0, 0.05, 12)
    model = additive(shap, np.zeros(200))
    right = curves(model, shap)
    for kind in ("deletion", "insertion"):
        better = ratio(right, kind=kind)
        assert better.low > 1.2
        assert better.low <= better.value <= better.high
    wrong = curves(model, rng.normal(size=shap.shape))
    noise = ratio(wrong)
    assert noise.low < 1.0 < noise.high or abs(noise.value - 1) < 0.1
    assert ratio(right).value == ratio(curves(model, shap)).value
    with pytest.raises(ModelError, match="two features"):
        curves(model, shap * (np.arange(12) == 0))


def test_kendall_is_that_of_scipy():
    rng = np.random.default_rng(1)
    reference, draws = np.round(rng.normal(size=15), 1), np.round(rng.normal(size=(6, 15)), 1)
    expected = [stats.kendalltau(reference, draw).statistic for draw in draws]
    np.testing.assert_allclose(kendall(reference, draws), expected, atol=1e-12)


def test_agreement_of_equal_and_of_random_rankings():
    rng = np.random.default_rng(2)
    reference = np.arange(30.0)
    same = agreement(reference, np.tile(reference, (50, 1)))
    assert same.tau == (1.0, 1.0, 1.0)
    assert same.overlap == (1.0, 1.0, 1.0)
    assert same.top == 10
    np.testing.assert_array_equal(same.rank_low[1:], np.arange(29, 0, -1))
    noise = agreement(reference, np.abs(rng.normal(size=(200, 30))))
    assert abs(noise.tau[0]) < 0.05
    assert abs(noise.overlap[0] - 1 / 3) < 0.05
    assert agreement(np.arange(1.0, 7.0), np.ones((3, 6))).top == 3
    with pytest.raises(ModelError, match="two features"):
        agreement(np.zeros(4), np.zeros((3, 4)))


def test_resampled_importance_centres_on_the_mean():
    size = np.abs(np.random.default_rng(3).normal(size=(300, 4)))
    draws = resampled(size)
    np.testing.assert_allclose(draws.mean(axis=0), size.mean(axis=0), rtol=0.02)
    np.testing.assert_array_equal(draws, resampled(size))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), groups=st.integers(1, 4))
def test_shares_add_up_to_one(seed, groups):
    rng = np.random.default_rng(seed)
    shap = rng.normal(size=(20, 7))
    found = share(shap, rng.integers(0, groups, 7), groups=groups)
    assert found.value.sum() == pytest.approx(1.0)
    assert (found.low <= found.value + 1e-12).all()
    assert (found.value <= found.high + 1e-12).all()
    np.testing.assert_allclose(found.patients.sum(axis=1), 1.0)


def test_shares_of_a_model_that_says_nothing():
    found = share(np.zeros((5, 3)), np.array([0, 1, 1]), groups=2)
    assert np.isnan(found.value).all()
    assert np.isnan(found.patients).all()

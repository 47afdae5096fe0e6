"""Multiplicity, permutation and meta-analysis: equal to R, right under the null, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.markers.scan.meta import in_none
from core.markers.scan.multiplicity import benjamini_hochberg, rejections
from core.markers.scan.outcome import Outcome
from core.markers.scan.permutation import permutation
from core.markers.scan.residual import Layer, martingale, residuals, score
from core.pooling import random_effects
from tests.core.markers.scan.conftest import Table


def test_benjamini_hochberg_equals_r_and_leaves_missing_out(scan_reference: Table) -> None:
    np.testing.assert_allclose(benjamini_hochberg(scan_reference["p"]), scan_reference["bh"], rtol=1e-12)
    assert np.isnan(benjamini_hochberg(np.full(3, np.nan))).all()
    assert benjamini_hochberg(np.zeros(0)).size == 0


@settings(max_examples=50, deadline=None)
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=40), level=st.sampled_from([0.05, 0.1]))
def test_rejections_count_the_q_values_under_the_level(p: list[float], level: float) -> None:
    values = np.array(p)
    q = benjamini_hochberg(values)
    assert ((q >= values - 1e-15) & (q <= 1)).all()
    # at equality the product of p and m / rank can round either way
    if not np.isclose(q, level, rtol=1e-9).any():
        assert rejections(values[None], level=level)[0] == (q <= level).sum()


def test_martingale_residuals_equal_r(scan_reference: Table) -> None:
    r = scan_reference
    found = martingale(r["time"], r["event"] == 1)
    np.testing.assert_allclose(found, r["martingale"], rtol=1e-9, atol=1e-12)
    assert abs(found.sum()) < 1e-9


def test_pooling_equals_r(scan_reference: Table) -> None:
    r = scan_reference
    effect, error = r["meta_effect"], r["meta_error"]
    np.testing.assert_allclose(in_none(effect, error), r["meta"][:, 0], rtol=1e-8)
    pooled = random_effects(effect, error)
    se = np.fmax(pooled.se, pooled.se_model)
    np.testing.assert_allclose(pooled.estimate, r["meta"][:, 1], rtol=1e-5)
    np.testing.assert_allclose(se, r["meta"][:, 2], rtol=1e-5)


def test_the_score_test_is_the_logrank_test_of_a_trend() -> None:
    """With the permutation's variance: close to the log-rank chi-square of two groups."""
    from core.markers.scan.engine import logrank_many

    rng = np.random.default_rng(5)
    time, event, group = rng.exponential(10, 400), rng.random(400) < 0.7, rng.random((400, 3)) < 0.4
    total, variance = score(Layer(residual=martingale(time, event), x=group.astype(float)))
    found = logrank_many(time, event, group)
    np.testing.assert_allclose(total**2 / variance, found.statistic, rtol=0.1)


def noise(seed: int, n: int, m: int) -> Layer:
    rng = np.random.default_rng(seed)
    time, event = rng.exponential(10, n), rng.random(n) < 0.6
    return Layer(residual=martingale(time, event), x=rng.normal(size=(n, m)))


def test_noise_looks_like_its_shuffles_and_a_signal_does_not() -> None:
    plain = permutation([noise(1, 80, 500)], threshold=0.01, shuffles=200, seed=3)
    assert plain.tested == 500
    assert abs(float(plain.null.mean()) - 5) < 1.5
    assert plain.p_any > 0.02
    rng = np.random.default_rng(2)
    x = rng.normal(size=(80, 500))
    layer = Layer(residual=x[:, 0] + 0.3 * rng.normal(size=80), x=x)
    found = permutation([layer], threshold=0.01, shuffles=200, seed=3)
    assert int(np.nanargmin(found.p_adjusted)) == 0
    assert found.p_adjusted[0] == pytest.approx(1 / 201)
    assert found.called[0.05] >= 1


def test_family_wise_error_of_the_maximum_statistic_holds() -> None:
    """Of 60 data sets of noise about 5% have a marker with an adjusted p under .05."""
    hits = [np.nanmin(permutation([noise(s, 40, 60)], threshold=0.01, shuffles=99, seed=s).p_adjusted) <= 0.05 for s in range(60)]
    assert sum(hits) <= 8


def test_the_same_seed_gives_the_same_shuffles() -> None:
    one, two, three = (permutation([noise(1, 40, 30)], threshold=0.05, shuffles=50, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.null, two.null)
    assert (one.null != three.null).any()


def test_layers_strata_covariates_missing_and_constant_columns() -> None:
    one, two = noise(1, 40, 20), noise(2, 30, 20)
    x = two.x.copy()
    x[:, 3] = 1.0
    x[:, 4] = np.nan
    x[:10, 5] = np.nan
    strata = np.arange(30) % 2
    layer = Layer(residual=two.residual, x=x, strata=strata, covariates=np.linspace(0, 1, 30)[:, None])
    alone = permutation([layer], threshold=0.05, shuffles=40)
    assert alone.tested == 18
    assert np.isnan(alone.z[[3, 4]]).all()
    assert permutation([one, layer], threshold=0.05, shuffles=40).tested == 20


def test_residuals_of_a_stratified_model_with_late_entry_clear_its_covariates() -> None:
    """The score equation: at the maximum of the partial likelihood, covariates and martingale residuals are orthogonal."""
    rng = np.random.default_rng(11)
    n = 160
    held, strata = rng.normal(size=(n, 2)), rng.integers(0, 3, n)
    time = rng.exponential(np.exp(-0.7 * held[:, 0] + 0.5 * strata)) * 12 + 0.1
    one = Outcome(
        study="s", cohort="c", patients=tuple(map(str, range(n))), kind="os", event=rng.random(n) < 0.7, time=time,
        entry=time * rng.uniform(0, 0.6, n), covariates=held, strata=strata, total=n,
    )  # fmt: skip
    residual = residuals(one)
    assert np.abs(held.T @ residual).max() < 1e-6
    for code in range(3):
        assert abs(residual[strata == code].sum()) < 1e-9

"""Log-rank tests and Cox models of many markers: equal to R, to lifelines, and to themselves in any order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.markers.scan import pattern
from core.markers.scan.device import blocks
from core.markers.scan.engine import cox_many, logrank_many
from core.markers.scan.many import CONSTANT, FINE, NO_EVENTS, SEPARATED, TOO_FEW, Many
from core.markers.scan.split import upper_half
from tests.core.markers.scan.conftest import Table

Floats = npt.NDArray[np.float64]


def table(seed: int, n: int, m: int, *, tied: bool = False) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    rng = np.random.default_rng(seed)
    time = rng.exponential(10, n)
    return np.ceil(time) if tied else time, rng.random(n) < 0.6, rng.normal(size=(n, m))


def same(many: Many, expected: Floats) -> None:
    """Coefficient, standard error and p value as R's, to 1e-8 of their size."""
    np.testing.assert_allclose(many.estimate, expected[:, 0], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(many.se, expected[:, 1], rtol=1e-8)
    np.testing.assert_allclose(many.p_value, expected[:, 2], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("least", [1, 10**6], ids=["by pattern", "with a mask"])
def test_cox_equals_r_with_ties_missing_covariates_strata_and_late_entry(
    scan_reference: Table, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    monkeypatch.setattr(pattern, "LEAST", least)
    r = scan_reference
    time, event, strata = r["time"], r["event"] == 1, r["strata"].astype(np.int64)
    same(cox_many(time, event, r["x"]), r["cox"])
    same(cox_many(time, event, r["x"], covariates=r["z"]), r["adjusted"])
    same(cox_many(time, event, r["x"], covariates=r["z"], strata=strata), r["stratified"])
    same(cox_many(time, event, r["x"], entry=r["entry"]), r["late"])


def test_logrank_equals_r(scan_reference: Table) -> None:
    r = scan_reference
    time, event, known = r["time"], r["event"] == 1, np.isfinite(r["x"])
    found = logrank_many(time, event, upper_half(r["x"]), known=known)
    np.testing.assert_allclose(found.statistic, r["logrank"][:, 0], rtol=1e-9)
    np.testing.assert_allclose(found.p_value, r["logrank"][:, 1], rtol=1e-8)
    stratified = logrank_many(time, event, upper_half(r["x"]), known=known, strata=r["strata"].astype(np.int64))
    np.testing.assert_allclose(stratified.p_value, r["logrank_stratified"][:, 1], rtol=1e-8)


def test_p_values_equal_the_loop_over_lifelines_to_1e_8() -> None:
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.statistics import logrank_test

    for tied in (False, True):
        time, event, x = table(3, 120, 6, tied=tied)
        if tied:
            x[:20, 3:] = np.nan
        cox, high = cox_many(time, event, x), upper_half(x)
        rank = logrank_many(time, event, high, known=np.isfinite(x))
        for j in range(x.shape[1]):
            k = np.isfinite(x[:, j])
            frame = pd.DataFrame({"t": time[k], "e": event[k], "x": x[k, j]})
            # lifelines stops early unless told to go on
            tight = {"precision": 1e-20, "r_precision": 1e-18, "step_size": 1.0}
            theirs = CoxPHFitter().fit(frame, "t", "e", fit_options=tight).summary["p"].iloc[0]
            assert abs(theirs - cox.p_value[j]) < 1e-8
            h = high[:, j]
            assert abs(logrank_test(time[k & h], time[k & ~h], event[k & h], event[k & ~h]).p_value - rank.p_value[j]) < 1e-8


def test_torch_gives_the_same_numbers() -> None:
    time, event, x = table(4, 60, 20, tied=True)
    x[:9, :4] = np.nan
    z = np.random.default_rng(0).normal(size=(60, 2))
    for held in (None, z):
        one, two = (cox_many(time, event, x, covariates=held, device=device) for device in ("cpu", "torch-cpu"))
        np.testing.assert_allclose(one.p_value, two.p_value, rtol=1e-10)
    high = upper_half(x)
    known = np.isfinite(x)
    one, two = (logrank_many(time, event, high, known=known, device=device) for device in ("cpu", "torch-cpu"))
    np.testing.assert_allclose(one.p_value, two.p_value, rtol=1e-10)


def test_what_cannot_be_estimated_says_why() -> None:
    time = np.arange(1.0, 21.0)
    event = np.ones(20, dtype=bool)
    x = np.random.default_rng(1).normal(size=(20, 6))
    x[:, 0] = 3.0  # constant
    x[:, 1] = -time  # the earliest death always has the highest value
    x[4:, 2] = np.nan  # four patients
    x[:, 3] = np.nan
    event[10:] = False
    x[:10, 4] = np.nan  # nobody with a value has an event
    found = cox_many(time, event, x)
    assert found.reason.tolist() == [CONSTANT, SEPARATED, TOO_FEW, TOO_FEW, NO_EVENTS, FINE]
    assert np.isnan(found.p_value[:5]).all()
    assert found.n.tolist() == [20, 20, 4, 0, 10, 20]
    assert found.events.tolist() == [10, 10, 4, 0, 0, 10]
    nobody = cox_many(time, np.zeros(20, dtype=bool), x)
    assert set(nobody.reason.tolist()) <= {NO_EVENTS, TOO_FEW}
    group = np.zeros((20, 2), dtype=bool)
    group[:5, 1] = True
    assert logrank_many(time, event, group).reason.tolist() == [CONSTANT, FINE]


def test_a_marker_that_is_a_covariate_is_not_estimable() -> None:
    time, event, x = table(7, 50, 3)
    found = cox_many(time, event, x, covariates=x[:, :1])
    assert found.reason.tolist() == [CONSTANT, FINE, FINE]
    twice = cox_many(time, event, x, covariates=np.column_stack((x[:, 0], x[:, 0], np.ones(50))))
    np.testing.assert_allclose(twice.p_value[1:], found.p_value[1:], rtol=1e-9)


def test_the_input_is_left_as_it_was() -> None:
    time, event, x = table(8, 40, 5)
    x[3, 2] = np.nan
    before = x.copy()
    cox_many(time, event, x)
    upper_half(x)
    np.testing.assert_array_equal(x, before)


def test_infinite_values_count_as_missing() -> None:
    time, event, x = table(9, 40, 2)
    y = x.copy()
    x[3, 0], y[3, 0] = np.inf, np.nan
    np.testing.assert_allclose(cox_many(time, event, x).p_value, cox_many(time, event, y).p_value)


def test_many_blocks_give_what_one_does() -> None:
    time, event, x = table(10, 25, 9000)
    whole = cox_many(time, event, x)
    some = cox_many(time, event, x[:, 4000:4010])
    np.testing.assert_allclose(whole.p_value[4000:4010], some.p_value, rtol=1e-12)
    parts = blocks(9000)
    assert parts[0].start == 0
    assert parts[-1].stop == 9000
    assert blocks(0) == []


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(12, 60), scale=st.floats(0.01, 1000.0), tied=st.booleans())
def test_cox_does_not_mind_order_unit_or_sign(seed: int, n: int, scale: float, tied: bool) -> None:
    time, event, x = table(seed, n, 3, tied=tied)
    found = cox_many(time, event, x)
    order = np.random.default_rng(seed).permutation(n)
    np.testing.assert_allclose(cox_many(time[order], event[order], x[order]).p_value, found.p_value, rtol=1e-6)
    changed = cox_many(3 * time, event, 5 - scale * x)
    np.testing.assert_allclose(changed.estimate * scale, -found.estimate, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(changed.p_value, found.p_value, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(12, 60))
def test_logrank_does_not_mind_which_group_is_high(seed: int, n: int) -> None:
    time, event, x = table(seed, n, 4, tied=True)
    high = upper_half(x)
    one, two = logrank_many(time, event, high), logrank_many(time, event, ~high)
    np.testing.assert_allclose(one.p_value, two.p_value, rtol=1e-9)
    np.testing.assert_allclose(one.estimate, -two.estimate, rtol=1e-9, atol=1e-12)


def test_upper_half_is_the_survival_page_split() -> None:
    import polars as pl

    from core.survival.split import split

    rng = np.random.default_rng(2)
    x = np.column_stack((rng.normal(size=31), rng.integers(0, 4, 31), np.maximum(rng.normal(size=31), 0.3)))
    x[:4, 0] = np.nan
    high = upper_half(x)
    for j in range(3):
        made = split(pl.DataFrame({"v": x[:, j]}).with_columns(pl.col("v").fill_nan(None)), "v", label="v")
        expected = (made.groups == made.labels[0]).fill_null(value=False).to_numpy()
        np.testing.assert_array_equal(high[:, j], expected)
    assert upper_half(np.zeros((0, 3))).shape == (0, 3)

"""Restricted mean survival time: what must hold for any cohort; R's numbers are in test_against_r.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients
from core.survival.rmst import compare, difference, ratio, rmst

ROWS = st.lists(st.tuples(st.integers(0, 40).map(float), st.booleans()), min_size=1, max_size=50)


def arrays(rows: list[Any]) -> tuple[Any, Any]:
    return np.array([t for t, _ in rows]), np.array([e for _, e in rows])


@settings(max_examples=40, deadline=None)
@given(ROWS, st.floats(0.5, 60))
def test_the_mean_lies_between_zero_and_the_horizon_and_grows_with_it(rows: list[Any], horizon: float) -> None:
    time, event = arrays(rows)
    short, long = rmst(time, event, horizon=horizon), rmst(time, event, horizon=horizon * 1.5)
    assert -1e-12 <= short.value <= horizon + 1e-9
    assert long.value >= short.value - 1e-9
    assert short.se >= 0


@settings(max_examples=25, deadline=None)
@given(ROWS, st.sampled_from([0.5, 2.0, 12.0]))
def test_a_change_of_unit_scales_mean_and_error(rows: list[Any], factor: float) -> None:
    time, event = arrays(rows)
    one, other = rmst(time, event, horizon=15), rmst(time * factor, event, horizon=15 * factor)
    np.testing.assert_allclose([other.value, other.se], [one.value * factor, one.se * factor], rtol=1e-9, atol=1e-12)


def test_without_censoring_it_is_the_mean_of_the_shorter() -> None:
    time = np.array([1.0, 2.0, 4.0, 8.0, 20.0])
    assert rmst(time, np.ones(5, dtype=bool), horizon=10).value == pytest.approx(np.minimum(time, 10).mean())


def test_difference_and_ratio_are_those_of_the_groups() -> None:
    rng = np.random.default_rng(1)
    rows = pl.DataFrame(
        {"os_months": rng.exponential(12, 90), "os_event": rng.random(90) < 0.7, "group": rng.choice(["a", "b"], 90)}
    )
    table = compare(rows, by="group", horizon=10)
    assert table["what"].to_list() == ["group", "group", "difference", "ratio"]
    a, b, gap, quotient = table.rows(named=True)
    assert gap["estimate"] == pytest.approx(a["estimate"] - b["estimate"])
    assert quotient["estimate"] == pytest.approx(a["estimate"] / b["estimate"])
    assert gap["ci_low"] < gap["estimate"] < gap["ci_high"]
    assert (gap["ci_low"] <= 0 <= gap["ci_high"]) == (gap["p_value"] >= 0.05)
    shortest = min(rows.filter(pl.col("group") == g)["os_months"].to_numpy().max() for g in "ab")
    assert compare(rows, by="group")["horizon"][0] == pytest.approx(shortest)


def test_swapping_the_groups_turns_the_sign() -> None:
    rng = np.random.default_rng(2)
    one, two = (rmst(rng.exponential(5, 30), np.ones(30, dtype=bool), horizon=8) for _ in range(2))
    assert difference(one, two).estimate == -difference(two, one).estimate
    assert ratio(one, two).estimate == pytest.approx(1 / ratio(two, one).estimate)
    assert ratio(one, two).p_value == pytest.approx(ratio(two, one).p_value)


def test_what_is_not_known_is_said() -> None:
    flat = rmst(np.array([1.0, 2.0]), np.array([False, False]), horizon=5)
    assert "held flat" in flat.note
    assert flat.value == 5
    assert np.isnan(difference(flat, flat).p_value)
    assert "no standard error" in difference(flat, flat).note
    at_once = rmst(np.zeros(3), np.ones(3, dtype=bool), horizon=5)
    assert "no ratio" in ratio(at_once, flat).note
    assert np.isnan(rmst(np.zeros(0), np.zeros(0, dtype=bool), horizon=5).value)
    for horizon in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(NotMeasured, match="horizon"):
            rmst(np.array([1.0]), np.array([True]), horizon=horizon)
    zero = pl.DataFrame({"os_months": [0.0, 0.0], "os_event": [True, True], "group": ["a", "b"]})
    with pytest.raises(TooFewPatients, match="every time is 0"):
        compare(zero, by="group")
    with pytest.raises(TooFewPatients):
        compare(zero.clear(), by="group")


def test_a_tiny_p_value_is_no_zero() -> None:
    time = np.arange(1.0, 201.0)
    slow, fast = (rmst(time / rate, np.ones(200, dtype=bool), horizon=100.0) for rate in (1.0, 4.0))
    assert 0 < difference(slow, fast).p_value < 1e-50
    assert 0 < ratio(slow, fast).p_value < 1e-50

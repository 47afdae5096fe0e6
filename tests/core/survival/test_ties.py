"""Nearly tied times: R's aeqSurv, and what must hold for any times."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured
from core.survival.kaplan_meier import estimate
from core.survival.rank_tests import rank_test
from core.survival.ties import merged, merged_intervals

MORE = json.loads((Path(__file__).parents[2] / "references" / "survival_more.json").read_text(encoding="utf-8"))
TIMES = st.lists(st.floats(0, 500, allow_nan=False), min_size=1, max_size=40)


@pytest.mark.parametrize("case", MORE["ties"])
def test_times_are_merged_as_r_does(case: dict[str, list[float]]) -> None:
    np.testing.assert_array_equal(merged(np.array(case["time"])), case["merged"])


def test_entries_and_times_are_merged_together_as_r_does() -> None:
    case = MORE["intervals"]
    entry, time = merged_intervals(np.array(case["entry"]), np.array(case["time"]))
    np.testing.assert_array_equal(entry, case["merged_entry"])
    np.testing.assert_array_equal(time, case["merged_time"])


@settings(max_examples=40, deadline=None)
@given(TIMES)
def test_order_is_kept_and_nothing_moves_far(times: list[float]) -> None:
    before = np.array(times)
    after = merged(before)
    assert (after <= before).all()
    assert (before - after <= before.size * 1.5e-8 * max(1.0, before.mean() * 2)).all()
    order = np.argsort(before, kind="stable")
    assert (np.diff(after[order]) >= 0).all()


def test_a_rounding_error_is_no_new_time() -> None:
    time = np.array([0.3, 0.1 * 3, 1.0])
    event = np.array([False, True, True])
    curve = estimate(time, event)
    assert curve.steps["time"].to_list() == [0.3, 1.0]
    assert curve.steps["n_risk"].to_list() == [3, 1]
    exact = rank_test(np.array([0.3, 0.3, 1.0, 2.0]), np.array([True] * 4), np.array([0, 1, 0, 1]))
    rounded = rank_test(np.array([0.3, 0.1 * 3, 1.0, 2.0]), np.array([True] * 4), np.array([0, 1, 0, 1]))
    assert exact.statistic == rounded.statistic


def test_infinite_entries_pass() -> None:
    entry, time = merged_intervals(np.array([-np.inf, 0.0, -np.inf]), np.array([1.0, 1 + 1e-10, 2.0]))
    assert entry.tolist() == [-np.inf, 0.0, -np.inf]
    assert time.tolist() == [1.0, 1.0, 2.0]


def test_an_interval_of_no_length_is_refused() -> None:
    with pytest.raises(NotMeasured, match="2 patients enter observation at or after"):
        estimate(np.array([1.0, 2.0, 3.0]), np.array([True] * 3), entry=np.array([1.0, 2 - 1e-12, 0.0]))

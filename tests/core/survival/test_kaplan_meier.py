"""Kaplan-Meier: R's survfit(conf.type = "log-log") to 1e-6, and what must hold for any cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.survival import kaplan_meier
from core.survival.kaplan_meier import estimate, round_ticks

COHORTS = st.lists(
    st.tuples(st.floats(0, 200, allow_nan=False).map(lambda t: round(t, 1)), st.booleans()), min_size=1, max_size=60
)


def numbers(values: Any) -> np.ndarray:
    """A column of a reference: R's toJSON writes a single value bare and NA as null."""
    listed = values if isinstance(values, list) else [values]
    return np.array([np.nan if v is None else v for v in listed], dtype=float)


def frame(rows: list[tuple[float, bool]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"os_months": pl.Float64, "os_event": pl.Boolean}, orient="row")


def test_reference_numbers(reference_set: Any) -> None:
    curves = kaplan_meier(reference_set.frame, outcome="os", by="group")
    assert list(curves.labels) == sorted(reference_set.expected["curves"])
    for curve in curves.curves:
        expected = reference_set.expected["curves"][curve.group]
        for name in ("time", "n_risk", "n_event", "n_censor", "survival", "ci_low", "ci_high"):
            got = curve.steps[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            np.testing.assert_allclose(got, numbers(expected[name]), atol=1e-6, err_msg=name)
        medians = [curve.median, *curve.median_ci]
        wanted = [expected[name] for name in ("median", "median_low", "median_high")]
        np.testing.assert_allclose(medians, numbers(wanted), atol=1e-6)


@settings(max_examples=80, deadline=None)
@given(COHORTS)
def test_survival_falls_from_one_and_stays_inside_its_limits(rows: list[tuple[float, bool]]) -> None:
    steps = kaplan_meier(frame(rows)).curves[0].steps
    survival = steps["survival"].to_numpy()
    assert (survival <= 1).all()
    assert (survival >= 0).all()
    assert (np.diff(survival) <= 1e-12).all()
    limits = steps.drop_nulls("ci_low")
    assert (limits["ci_low"] <= limits["survival"] + 1e-12).all()
    assert (limits["ci_high"] >= limits["survival"] - 1e-12).all()
    assert int((steps["n_event"] + steps["n_censor"]).sum()) == len(rows)


@settings(max_examples=40, deadline=None)
@given(COHORTS, st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter(rows: list[tuple[float, bool]], shuffle: Any) -> None:
    mixed = list(rows)
    shuffle.shuffle(mixed)
    assert kaplan_meier(frame(rows)).curves[0].steps.equals(kaplan_meier(frame(mixed)).curves[0].steps)


@settings(max_examples=40, deadline=None)
@given(COHORTS, st.sampled_from([0.5, 2.0, 4.0, 1024.0]))
def test_a_change_of_unit_scales_times_alone(rows: list[tuple[float, bool]], factor: float) -> None:
    one = kaplan_meier(frame(rows)).curves[0]
    other = kaplan_meier(frame([(t * factor, e) for t, e in rows])).curves[0]
    np.testing.assert_array_equal(one.steps["survival"], other.steps["survival"])
    np.testing.assert_allclose(other.median, one.median * factor)


def test_missing_values_are_counted_and_left_out() -> None:
    rows = pl.DataFrame(
        {
            "os_months": [1.0, None, 3.0, 4.0, -1.0, float("nan")],
            "os_event": [True, True, None, False, True, True],
            "group": ["a", "a", "a", None, "a", "a"],
        }
    )
    curves = kaplan_meier(rows, by="group")
    assert (curves.n, curves.n_missing, curves.events) == (1, 5, 1)
    assert kaplan_meier(rows).n == 2


def test_all_censored_and_one_patient() -> None:
    flat = kaplan_meier(frame([(1, False), (2, False)])).curves[0]
    assert flat.steps["survival"].to_list() == [1.0, 1.0]
    assert np.isnan(flat.median)
    alone = kaplan_meier(frame([(5, True)])).curves[0]
    assert alone.median == 5.0
    assert alone.at(4.9) == (1.0, 1.0, 1.0)
    assert alone.at(5.0)[0] == 0.0


def test_risk_table_agrees_with_the_patients() -> None:
    times = [0.0, 1.0, 2.0, 6.0, 6.0, 13.0, 24.0]
    curves = kaplan_meier(frame([(t, i % 2 == 0) for i, t in enumerate(times)]))
    for row in curves.at_risk.rows(named=True):
        assert row["n_risk"] == sum(t >= row["time"] for t in times)
        assert row["n_risk"] + row["n_event"] + row["n_censor"] == len(times)


@pytest.mark.parametrize("end", [0.2, 1, 5.9, 17, 24, 60, 119, 240, 3000])
def test_ticks_are_few_and_start_at_zero(end: float) -> None:
    ticks = round_ticks(end)
    assert ticks[0] == 0
    assert len(ticks) <= 6
    assert ticks[-1] <= end


def test_what_cannot_be_drawn_says_why() -> None:
    with pytest.raises(TooFewPatients, match="overall survival"):
        kaplan_meier(frame([]))
    with pytest.raises(NotMeasured, match="progression-free survival"):
        kaplan_meier(frame([(1, True)]), outcome="pfs")
    with pytest.raises(UnknownName, match="'xx'"):
        kaplan_meier(frame([(1, True)]), outcome="xx")


def test_estimate_takes_plain_arrays() -> None:
    curve = estimate(np.array([1.0, 2.0]), np.array([True, False]), group="g")
    assert (curve.group, curve.n, curve.events) == ("g", 2, 1)

"""Landmark analysis, survival at chosen times and late entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.survival import kaplan_meier, logrank, median_follow_up
from core.survival.endpoint import endpoint
from core.survival.kaplan_meier import estimate
from core.survival.landmark import landmark
from core.survival.survival_at import survival_at

MORE = json.loads((Path(__file__).parents[2] / "references" / "survival_more.json").read_text(encoding="utf-8"))["conditional"]
ROWS = st.lists(st.tuples(st.integers(0, 30).map(float), st.booleans(), st.integers(1, 9).map(float)), min_size=2, max_size=50)


def frame(rows: list[Any]) -> pl.DataFrame:
    schema = {"os_months": pl.Float64, "os_event": pl.Boolean, "entry_months": pl.Float64}
    return pl.DataFrame([(t, e, t - early) for t, e, early in rows], schema=schema, orient="row")


def test_the_landmark_curve_is_that_of_r() -> None:
    rows = pl.DataFrame({"os_months": MORE["time"], "os_event": MORE["event"]}).cast({"os_months": pl.Float64, "os_event": pl.Boolean})
    found = landmark(rows, at=MORE["at"])
    steps = kaplan_meier(found.frame).curves[0].steps
    assert found.n == MORE["n"]
    assert found.left_out == rows.height - found.n == found.events_before + found.censored_before
    np.testing.assert_array_equal(steps["time"], MORE["months"])
    np.testing.assert_allclose(steps["survival"], MORE["survival"], rtol=1e-12)
    np.testing.assert_allclose(steps["survival"], MORE["ratio"], rtol=1e-12)
    np.testing.assert_allclose(steps["ci_low"].cast(pl.Float64).fill_null(np.nan).to_numpy(), np.array(MORE["low"], dtype=float), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(0, 15), st.booleans())
def test_survival_from_a_landmark_is_the_ratio_of_survivals(rows: list[Any], at: int, late: bool) -> None:
    whole = frame(rows) if late else frame(rows).drop("entry_months")
    curve = kaplan_meier(whole).curves[0]
    if not (curve.steps["time"] > at).any():
        with pytest.raises(TooFewPatients, match="earlier landmark"):
            landmark(whole, at=at)
        return
    found = landmark(whole, at=at)
    if curve.at(at)[0] == 0:
        return
    for time, survival in kaplan_meier(found.frame).curves[0].steps.select("time", "survival").iter_rows():
        assert survival == pytest.approx(curve.at(at + time)[0] / curve.at(at)[0], abs=1e-9)


def test_a_landmark_that_is_no_time_is_refused() -> None:
    for at in (-1.0, float("nan"), float("inf")):
        with pytest.raises(NotMeasured, match="landmark"):
            landmark(frame([(3.0, True, 1.0)]), at=at)


def test_survival_at_reads_the_steps() -> None:
    curves = kaplan_meier(frame([(1.0, False, 1.0), (2.0, True, 2.0), (3.0, True, 3.0), (5.0, False, 5.0)]).drop("entry_months"))
    table = survival_at(curves, [0, 0.5, 1, 2, 2.5, 3, 5, 6])
    np.testing.assert_allclose(table["survival"][:7].to_numpy(), [1, 1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3])
    assert table["n_risk"].to_list() == [4, 4, 4, 3, 2, 2, 1, 0]
    assert table["survival"][7] is None
    assert "follow-up ends at 5 months" in table["note"][7]
    dead = survival_at([estimate(np.array([1.0, 2.0]), np.array([True, True]))], [9])
    assert dead["survival"].to_list() == [0.0]
    with pytest.raises(NotMeasured, match="not at -1"):
        survival_at(curves, [-1])


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_late_entry_lowers_the_risk_set_alone(rows: list[Any]) -> None:
    whole, late = kaplan_meier(frame(rows).drop("entry_months")).curves[0], kaplan_meier(frame(rows)).curves[0]
    assert (late.steps["n_risk"] <= whole.steps["n_risk"]).all()
    assert (late.steps["n_risk"] >= late.steps["n_event"] + late.steps["n_censor"]).all()
    survival = late.steps["survival"].to_numpy()
    assert ((survival >= 0) & (survival <= 1)).all()
    assert (np.diff(survival) <= 1e-12).all()


def test_an_unknown_entry_is_from_the_start() -> None:
    rows = frame([(3.0, True, 1.0), (4.0, True, 1.0), (5.0, False, 1.0)])
    nobody = rows.with_columns(pl.lit(None, dtype=pl.Float64).alias("entry_months"))
    assert kaplan_meier(nobody).curves[0].steps.equals(kaplan_meier(rows.drop("entry_months")).curves[0].steps)
    assert endpoint(nobody, "os").entry is None
    one = rows.with_columns(pl.Series("entry_months", [None, 3.5, None]))
    assert kaplan_meier(one).curves[0].steps["n_risk"].to_list() == [2, 2, 1]


def test_a_risk_set_that_empties_early_stays_at_zero_and_says_so() -> None:
    curves = kaplan_meier(frame([(2.0, True, 2.0), (8.0, True, 3.0), (9.0, False, 3.0)]))
    assert curves.curves[0].steps["survival"].to_list() == [0.0, 0.0, 0.0]
    assert curves.curves[0].steps["std_err"].null_count() == 3
    assert curves.curves[0].empties == 2
    assert "everyone then at risk had the event" in curves.notes[0]


def test_patients_who_enter_too_late_are_counted() -> None:
    rows = frame([(3.0, True, 1.0), (4.0, True, 0.0), (5.0, False, -1.0), (6.0, True, 6.0)])
    found = endpoint(rows, "os")
    assert (found.time.size, found.too_late) == (2, 2)
    curves = kaplan_meier(rows)
    assert (curves.n, curves.n_missing) == (2, 2)
    assert "2 patients enter observation at or after the end of follow-up" in curves.notes[0]


def test_tests_and_follow_up_take_late_entry() -> None:
    rows = frame([(float(t), t % 3 != 0, 0.5 + t % 4) for t in range(5, 40)]).with_columns(
        pl.Series("group", ["a" if i % 2 else "b" for i in range(35)])
    )
    plain = rows.drop("entry_months")
    assert logrank(rows, by="group").statistic != logrank(plain, by="group").statistic
    assert median_follow_up(rows).effect != median_follow_up(plain).effect


def test_both_intervals_hold_the_curve() -> None:
    rows = frame([(float(t), t % 3 != 0, 1.0) for t in range(1, 30)]).drop("entry_months")
    one, other = (kaplan_meier(rows, interval=scale).curves[0] for scale in ("log-log", "log"))
    assert one.steps["survival"].equals(other.steps["survival"])
    assert one.interval != other.interval
    assert not one.steps["ci_low"].equals(other.steps["ci_low"])
    for steps in (one.steps.drop_nulls("ci_low"), other.steps.drop_nulls("ci_low")):
        assert (steps["ci_low"] <= steps["survival"]).all()
        assert (steps["ci_high"] >= steps["survival"]).all()
        assert (steps["ci_high"] <= 1).all()
    with pytest.raises(UnknownName, match="'plain'"):
        kaplan_meier(rows, interval="plain")

"""Test of proportional hazards: R's cox.zph (version 3) to 1e-6, residuals and smooth included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TooFewPatients, UnknownName
from core.survival.cox_model import CoxModel, fit_table
from core.survival.natural_spline import band, basis
from core.survival.proportional_hazards import ph_test

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "cox.json").read_text(encoding="utf-8")
)["sets"]


def fitted(name: str, **options: Any) -> CoxModel:
    data = REFERENCE[name]["data"]
    table = pl.DataFrame({k: data[k] if k == "g" else [float(v) for v in data[k]] for k in ("x1", "x2", "g", "f")})
    return fit_table(data["time"], data["event"], table, entry=data.get("entry"), strata=data.get("s"), **options)


@pytest.mark.parametrize("name", list(REFERENCE))
def test_reference_numbers(name: str) -> None:
    model = fitted(name)
    for transform in ("km", "rank", "identity", "log"):
        if transform not in REFERENCE[name]["zph"]:
            continue
        expected = REFERENCE[name]["zph"][transform]
        table = ph_test(model, transform=transform).table  # type: ignore[arg-type]
        assert table["term"].to_list() == expected["term"]
        assert table["df"].to_list() == expected["df"]
        np.testing.assert_allclose(table["statistic"], expected["statistic"], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(table["p_value"], expected["p"], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", list(REFERENCE))
def test_reference_residuals_and_smooth(name: str) -> None:
    found, expected = ph_test(fitted(name)), REFERENCE[name]["zph"]["residuals"]
    # deaths at one time come in no order: compare them sorted within their time and stratum's terms
    for i, wanted in enumerate(expected["y"]):
        term = REFERENCE[name]["zph"]["km"]["term"][i]
        rows = found.residuals.filter(pl.col("term") == term)
        wanted = np.array([np.nan if v in (None, "NA") else v for v in wanted], dtype=float)
        got = rows["residual"].fill_null(np.nan).to_numpy()
        order, other = np.lexsort((got, rows["time"])), np.lexsort((wanted, expected["time"]))
        np.testing.assert_allclose(rows["time"].to_numpy()[order], np.array(expected["time"])[other])
        np.testing.assert_allclose(got[order], wanted[other], rtol=1e-5, atol=1e-7)
        smooth = found.smooth.filter(pl.col("term") == term)
        np.testing.assert_allclose(smooth["estimate"], expected["smooth"][i]["fitted"], rtol=1e-5, atol=1e-7)
        half = smooth["ci_high"] - smooth["estimate"]
        np.testing.assert_allclose(half, expected["smooth"][i]["half"], rtol=1e-5, atol=1e-7)


def test_times_of_nought_have_no_logarithm() -> None:
    found = ph_test(fitted("zero_times"), transform="log")
    assert found.table["p_value"].null_count() == found.table.height
    assert "times above 0" in found.notes[0]


def test_collinear_columns_are_named_and_a_penalty_is_left_out() -> None:
    found = ph_test(fitted("collinear"))
    assert found.table["term"].to_list() == ["x1", "g", "f", "GLOBAL"]
    assert found.notes == ("x2 cannot be tested: not estimable",)
    plain, penalised = ph_test(fitted("plain")), ph_test(fitted("plain", ridge=1.0))
    assert plain.table.equals(penalised.table)


def test_nothing_to_test() -> None:
    table = pl.DataFrame({"x": [1.0, 2.0, 3.0]})
    with pytest.raises(TooFewPatients, match="no events"):
        ph_test(fit_table([1, 2, 3], [0, 0, 0], table))
    with pytest.raises(UnknownName, match="'square'"):
        ph_test(fitted("plain"), transform="square")  # type: ignore[arg-type]
    one = ph_test(fit_table([1, 2, 3, 4], [1, 0, 0, 1], pl.DataFrame({"x": [1.0, 2.0, 0.5, 1.0]})))
    assert one.smooth.is_empty()
    assert one.table.height == 2


def test_a_planted_change_is_found_and_a_constant_effect_is_not() -> None:
    rng = np.random.default_rng(2)
    n = 2000
    x = (rng.random(n) < 0.5).astype(float)
    early, late = rng.exponential(5 * np.exp(-1.2 * x)), rng.exponential(5 * np.exp(1.2 * x))
    changing = np.where(early < 4, early, 4 + late)
    table = pl.DataFrame({"x": x})
    assert ph_test(fit_table(changing, np.ones(n), table)).table["p_value"][0] < 1e-10
    constant = rng.exponential(5 * np.exp(-x))
    assert ph_test(fit_table(constant, np.ones(n), table)).table["p_value"][0] > 0.01


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.01, 100))
def test_units_do_not_matter_and_ranks_take_any_clock(seed: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 2))
    time, event = rng.exponential(10, 60).round(2) + 0.01, rng.random(60) < 0.7
    tables = [pl.DataFrame({"a": z[:, 0], "b": z[:, 1]}) for z in (x, x * unit)]
    one = ph_test(fit_table(time, event, tables[0]), transform="rank").table["statistic"].to_numpy()
    other = ph_test(fit_table(np.exp(time / 50), event, tables[1]), transform="rank").table["statistic"].to_numpy()
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_natural_spline_is_linear_outside_and_passes_through_a_line() -> None:
    knots = np.array([0.0, 1.0, 2.0, 4.0])
    outside = basis(np.array([-3.0, -2.0, -1.0, 6.0, 7.0, 8.0]), knots)
    np.testing.assert_allclose(np.diff(outside[:3], 2, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.diff(outside[3:], 2, axis=0), 0, atol=1e-12)
    x = np.linspace(0, 10, 30)
    at, fitted_line, half = band(x, 3 - 2 * x, variance=1.0)
    np.testing.assert_allclose(fitted_line, 3 - 2 * at, atol=1e-9)
    assert (half > 0).all()
    assert band(x[:3], x[:3], variance=1.0)[0].size == 0


def test_a_transform_that_hardly_differs_is_said() -> None:
    # the first patient is alone at risk when it dies, so that 1 - Kaplan-Meier is 1 at every later event
    time, entry = np.array([1.0, *range(3, 23)]), np.array([0.0, *([1.5] * 20)])
    x = pl.DataFrame({"x": np.sin(np.arange(21.0))})
    model = fit_table(time, np.ones(21), x, entry=entry)
    flat, fine = ph_test(model), ph_test(model, transform="rank")
    assert flat.table["p_value"].null_count() == 2
    assert any("x cannot be tested" in note and "choose another transform" in note for note in flat.notes)
    assert fine.table["p_value"].null_count() == 0 and not fine.notes

"""Spline: R's knots, basis, fits and tests; invariance; what cannot be fitted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import UnknownName
from core.markers.cutoff.spline import basis, place_knots, spline_effect

SETS = ("plain", "small", "tied_times", "skewed", "crowded", "large", "few")


@pytest.fixture(scope="module")
def reference(references: Path) -> dict[str, Any]:
    return json.loads((references / "cutoff.json").read_text(encoding="utf-8"))["splines"]  # type: ignore[no-any-return]


def columns(rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in rows[0]}


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("name", SETS)
def test_equals_r(reference: dict[str, Any], name: str, which: int) -> None:
    d = columns(reference[name]["data"])
    fit = reference[name]["fits"][which]
    outcome = {"response": d["response"]} if fit["outcome"] == "response" else {"time": d["time"], "event": d["event"]}
    knots = np.array(fit["knots"])
    np.testing.assert_allclose(place_knots(d["marker"], knots=fit["k"]), knots, atol=1e-9)
    found = spline_effect(d["marker"], **outcome, knots=fit["k"])
    if len(found.knots) != knots.size:
        pytest.fail(f"{len(found.knots)} knots instead of {knots.size}: {found.note}")
    first = 0 if found.kind == "hazard ratio" else 1
    np.testing.assert_allclose(found.beta[first:], np.atleast_1d(fit["beta"]), atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(found.beta[first:], np.atleast_1d(fit["rms"]), atol=2e-4, rtol=2e-4)
    at, zero = basis(np.array(fit["at"]), knots), basis(np.array([found.reference]), knots)
    step = at - zero
    spread = found.covariance[first:, first:]
    np.testing.assert_allclose(step @ found.beta[first:], fit["log_ratio"], atol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.einsum("ij,jk,ik->i", step, spread, step)), fit["se"], atol=1e-6)
    assert found.statistic_nonlinear == pytest.approx(fit["nonlinear"], abs=1e-6)
    assert found.statistic_overall == pytest.approx(fit["overall"], abs=1e-6)
    assert found.p_nonlinear == pytest.approx(fit["p_nonlinear"], abs=1e-6)
    assert found.p_overall == pytest.approx(fit["p_overall"], abs=1e-6)


def example(seed: int = 0, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, censored = rng.exponential(12 * np.exp(-0.5 * x)), rng.uniform(2, 40, n)
    response = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(float)
    return x, np.minimum(time, censored), (time <= censored).astype(float), response


def test_the_curve_passes_through_one_at_the_median_and_is_straight_outside() -> None:
    x, t, e, y = example()
    for found in (spline_effect(x, time=t, event=e), spline_effect(x, response=y)):
        row = found.table.filter(found.table["value"] == found.reference).row(0, named=True)
        assert row["ratio"] == pytest.approx(1.0)
        assert row["ci_low"] == pytest.approx(1.0)
        outside = found.table.filter(found.table["value"] > found.knots[-1])
        slopes = np.diff(outside["log_ratio"].to_numpy()) / np.diff(outside["value"].to_numpy())
        assert np.ptp(slopes) < 1e-6 * max(1.0, abs(slopes[0]))
        assert (found.table["ci_low"] <= found.table["ratio"]).all()
        assert found.table["ci_high"].is_infinite().sum() == 0
    assert found.table["probability"].is_between(0, 1).all()
    assert (
        spline_effect(x, time=t, event=e).table["probability"].null_count()
        == spline_effect(x, time=t, event=e).table.height
    )


def test_units_do_not_matter() -> None:
    x, t, e, _ = example(1)
    one, two = spline_effect(x, time=t, event=e), spline_effect(1e6 * x + 3e6, time=t, event=e)
    assert one.statistic_nonlinear == pytest.approx(two.statistic_nonlinear, abs=1e-6)
    assert one.per_sd == pytest.approx(two.per_sd, abs=1e-8)
    np.testing.assert_allclose(one.table["ratio"].to_numpy(), two.table["ratio"].to_numpy(), rtol=1e-5)


def test_a_threshold_bends_and_a_line_does_not() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=1_500)
    line = (rng.random(1_500) < 1 / (1 + np.exp(-0.7 * x))).astype(float)
    step = (rng.random(1_500) < np.where(x > 0.8, 0.8, 0.2)).astype(float)
    assert spline_effect(x, response=line).p_nonlinear > 0.01
    assert spline_effect(x, response=step).p_nonlinear < 1e-4


def test_what_cannot_be_fitted_is_said() -> None:
    x, t, e, y = example(3, 60)
    few = np.zeros(60)
    few[:6] = 1
    cases = {
        "same marker value": spline_effect(np.ones(60), time=t, event=e),
        "no events": spline_effect(x, time=t, event=np.zeros(60)),
        "one class": spline_effect(x, response=np.ones(60)),
        "too few for a spline": spline_effect(x, time=t, event=few),
        "too few different values": spline_effect(np.round(np.tanh(x)), time=t, event=e),
        "no maximum": spline_effect(x, response=(x > 0.1).astype(float)),
    }
    for words, found in cases.items():
        assert words in found.note, (words, found.note)
        assert found.table.is_empty()
        assert np.isnan(found.p_nonlinear)
    assert len(spline_effect(x, time=t, event=np.where(np.arange(60) < 14, 1.0, 0.0)).knots) == 3
    with pytest.raises(UnknownName, match="3, 4 or 5 knots"):
        spline_effect(x, response=y, knots=7)
    assert place_knots(np.arange(4.0), knots=3).size == 0

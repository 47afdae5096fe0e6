"""Calibration: R's glm(binomial) to 1e-6, and a refusal of scores that are no probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from core.errors import NotMeasured, TooFewPatients
from core.response import calibration, recalibration
from core.response.calibration import calibrate
from core.survival.kaplan_meier import Z95


def test_reference_numbers(reference_set: Any) -> None:
    result = calibration(reference_set.frame, probability="probability")
    expected = reference_set.expected
    assert result.brier == pytest.approx(expected["brier"], abs=1e-12)
    for finding, name in ((result.slope, "slope"), (result.intercept, "intercept")):
        if name == "slope" and not expected["slope_converged"]:
            assert np.isnan(finding.effect or np.nan)
            assert "not estimable" in finding.note
            continue
        assert finding.effect == pytest.approx(expected[name], abs=1e-6)
        assert finding.ci95 is not None
        assert finding.ci95[1] - finding.ci95[0] == pytest.approx(2 * Z95 * expected[f"{name}_se"], abs=1e-5)


def test_true_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.02, 0.9, 40_000)
    result = calibration(pl.DataFrame({"p": p, "response": rng.random(40_000) < p}), probability="p")
    assert result.slope.effect == pytest.approx(1, abs=0.05)
    assert result.intercept.effect == pytest.approx(0, abs=0.05)
    assert result.ece < 0.02
    assert result.skill > 0.1
    assert result.bins["n"].sum() == result.n
    assert result.bins.height == 10


def test_prevalence_for_everybody_has_no_slope_and_no_skill() -> None:
    result = calibration(pl.DataFrame({"p": [0.25] * 4, "response": [True, False, False, False]}), probability="p")
    assert np.isnan(result.slope.effect or np.nan)
    assert result.skill == pytest.approx(0)
    assert result.ece == pytest.approx(0)


def test_scores_are_refused() -> None:
    with pytest.raises(NotMeasured, match="not a probability"):
        calibration(pl.DataFrame({"p": [-0.2, 1.4], "response": [True, False]}), probability="p")
    with pytest.raises(TooFewPatients):
        calibration(
            pl.DataFrame({"p": [0.2], "response": [None]}, schema_overrides={"response": pl.Boolean}), probability="p"
        )


def test_calls_and_wrong_lengths_are_refused() -> None:
    with pytest.raises(NotMeasured, match="only 0 and 1"):
        calibrate([0.0, 1.0, 1.0], [True, False, True])
    with pytest.raises(NotMeasured, match="one of each"):
        calibrate([0.1, 0.2], [True])
    with pytest.raises(TooFewPatients):
        calibrate([np.nan, np.inf], [True, False])


def test_extreme_probabilities_still_converge() -> None:
    p = np.array([0.999999, 0.999999, 0.000001, 0.000001, 0.5, 0.99])
    found = calibrate(p, np.array([True, False, False, True, True, False]))
    assert np.isfinite(found.intercept.effect or np.nan)
    assert np.isfinite(found.slope.effect or np.nan)


def test_one_patient_and_one_class() -> None:
    found = calibrate([0.3, 0.4], [True, True])
    assert np.isnan(found.slope.effect or np.nan)
    assert np.isnan(found.intercept.effect or np.nan)
    assert "no interval" in found.observed_expected.note
    assert np.isnan(calibrate([0.3], [True]).brier_ci95).all()


def test_the_two_intercepts_are_told_apart() -> None:
    rng = np.random.default_rng(6)
    p = rng.uniform(0.1, 0.9, 500)
    y = rng.random(500) < p**2
    found, fit = calibrate(p, y), recalibration.fit(p, y)
    assert found.slope_intercept == pytest.approx(fit.intercept)
    assert found.slope.effect == pytest.approx(fit.slope)
    assert found.intercept.effect == pytest.approx(recalibration.fit(p, y, method="intercept").intercept)

"""Calibration: R's glm(binomial) to 1e-6, and a refusal of scores that are no probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from core.errors import NotMeasured, TooFewPatients
from core.response import calibration
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

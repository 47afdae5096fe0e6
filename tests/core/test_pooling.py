"""Random-effects pooling: metafor's rma(method = "REML", test = "knha") to 1e-7, and what must hold for any cohorts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.pooling import random_effects

SETS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "references" / "pooling.json").read_text())["sets"]
COHORTS = st.lists(st.tuples(st.floats(-3, 3), st.floats(0.05, 2)), min_size=2, max_size=8)


def values(name: str) -> tuple[Any, Any]:
    given_ = SETS[name]
    return tuple(np.array([np.nan if v is None else v for v in given_[key]]) for key in ("estimate", "se"))  # type: ignore[return-value]


@pytest.mark.parametrize("name", list(SETS))
def test_reference_numbers(name: str) -> None:
    found, expected = random_effects(*values(name)), SETS[name]["expected"]
    ours = {
        "pooled": found.estimate, "pooled_se": found.se, "pooled_low": found.ci95[0], "pooled_high": found.ci95[1],
        "pooled_p": found.p_value, "tau2": found.tau2, "i2": found.i2, "q": found.q, "q_p": found.p_heterogeneity,
        "prediction_low": found.prediction_interval[0], "prediction_high": found.prediction_interval[1],
    }  # fmt: skip
    for key, value in ours.items():
        assert float(value) == pytest.approx(expected[key], rel=1e-7, abs=1e-7), key
    assert int(found.k) == expected["k"]


def test_many_sets_at_once_equal_one_at_a_time() -> None:
    rng = np.random.default_rng(1)
    y, se = rng.normal(size=(3, 40, 6)), rng.uniform(0.1, 1, (3, 40, 6))
    y[rng.random(y.shape) < 0.2] = np.nan
    whole = random_effects(y, se)
    assert whole.estimate.shape == (3, 40)
    assert whole.ci95.shape == whole.prediction_interval.shape == (3, 40, 2)
    for i, j in ((0, 0), (1, 17), (2, 39)):
        one = random_effects(y[i, j], se[i, j])
        assert whole.estimate[i, j] == pytest.approx(float(one.estimate), abs=1e-12)
        assert whole.tau2[i, j] == pytest.approx(float(one.tau2), abs=1e-10)
        assert whole.se[i, j] == pytest.approx(float(one.se), abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(COHORTS, st.floats(-5, 5), st.floats(0.01, 100))
def test_moves_and_scales_with_its_input(cohorts: list[tuple[float, float]], shift: float, scale: float) -> None:
    y, se = (np.array(column) for column in zip(*cohorts, strict=True))
    one, two = random_effects(y, se), random_effects(y * scale + shift, se * scale)
    size = scale * (1 + np.abs(y).max())
    assert float(two.estimate) == pytest.approx(float(one.estimate) * scale + shift, abs=1e-5 * size)
    assert float(two.tau2) == pytest.approx(float(one.tau2) * scale**2, abs=1e-5 * size**2)
    assert float(two.i2) == pytest.approx(float(one.i2), abs=1e-5)
    assert y.min() - 1e-9 <= float(one.estimate) <= y.max() + 1e-9
    assert one.weights.sum() == pytest.approx(1)


@settings(max_examples=40, deadline=None)
@given(st.floats(-3, 3), st.lists(st.floats(0.05, 2), min_size=2, max_size=8))
def test_equal_cohorts_have_no_heterogeneity(value: float, errors: list[float]) -> None:
    found = random_effects(np.full(len(errors), value), np.array(errors))
    assert float(found.estimate) == pytest.approx(value, abs=1e-9)
    assert float(found.tau2) == pytest.approx(0, abs=1e-9)
    assert float(found.i2) == pytest.approx(0, abs=1e-6)
    assert float(found.p_heterogeneity) == pytest.approx(1)
    assert float(found.se_model) == pytest.approx(1 / np.sqrt((1 / np.array(errors) ** 2).sum()))


def test_the_interval_covers_the_mean_more_often_than_the_normal_one() -> None:
    rng = np.random.default_rng(5)
    se = rng.uniform(0.1, 0.5, (3000, 8))
    y = 0.3 + 0.25 * rng.normal(size=se.shape) + se * rng.normal(size=se.shape)
    found = random_effects(y, se)
    covers = ((found.ci95[:, 0] < 0.3) & (found.ci95[:, 1] > 0.3)).mean()
    normal = (np.abs(found.estimate - 0.3) < 1.96 * found.se_model).mean()
    assert 0.92 < covers < 0.97
    assert covers > normal


def test_what_cannot_be_pooled_is_said() -> None:
    nobody = random_effects([np.nan, 1.0, 2.0], [0.1, 0.0, np.inf])
    assert int(nobody.k) == 0
    assert np.isnan(nobody.estimate)
    assert "nothing to pool" in nobody.note
    alone = random_effects([0.4, np.nan], [0.2, 0.1])
    assert float(alone.estimate) == 0.4
    assert float(alone.se) == pytest.approx(0.2)
    assert np.isnan(alone.tau2)
    assert np.isnan(alone.prediction_interval).all()
    assert "one cohort" in alone.note
    assert "more closely" in random_effects([0.5, 0.5, 0.51], [0.2, 0.3, 0.2]).note
    with pytest.raises(ValueError, match="one shape"):
        random_effects([1.0, 2.0], [0.1])

"""E-values: the published formulas as R computes them, and what must hold for any ratio."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UnknownName
from core.survival.e_value import MEASURES, e_value

CASES = json.loads((Path(__file__).parents[2] / "references" / "survival_more.json").read_text(encoding="utf-8"))["e_values"]
RATIOS = st.floats(0.05, 20)


@pytest.mark.parametrize("case", CASES)
def test_reference_numbers(case: dict[str, float]) -> None:
    found = e_value(case["ratio"], (case["low"], case["high"]), measure="HR", rare=bool(case["rare"]))
    got = [found.risk_ratio, found.point, found.limit]
    np.testing.assert_allclose(got, [case["risk_ratio"], case["point"], case["limit"]], rtol=1e-12)


def test_the_example_of_the_paper() -> None:
    """VanderWeele & Ding 2017: risk ratio 3.9 (1.8 to 8.7) has E-values 7.26 and 3.0."""
    found = e_value(3.9, (1.8, 8.7), measure="RR")
    assert (round(found.point, 2), round(found.limit, 2)) == (7.26, 3.0)
    assert "7.26" in found.sentence


@settings(max_examples=60, deadline=None)
@given(RATIOS, st.sampled_from(list(MEASURES)), st.booleans())
def test_protective_and_harmful_mirror_each_other(ratio: float, measure: str, rare: bool) -> None:
    one = e_value(ratio, (ratio / 1.5, ratio * 1.5), measure=measure, rare=rare)
    other = e_value(1 / ratio, (1 / ratio / 1.5, 1 / ratio * 1.5), measure=measure, rare=rare)
    assert one.point >= 1
    assert one.point == pytest.approx(other.point)
    assert one.limit == pytest.approx(other.limit)
    assert 1 <= one.limit <= one.point + 1e-12


def test_no_effect_needs_no_confounding() -> None:
    assert e_value(1.0, (0.5, 2.0)).point == 1
    assert e_value(1.5, (0.9, 2.5)).limit == 1


@pytest.mark.parametrize("ratio", [float("nan"), float("inf"), 0.0, -1.0])
def test_what_is_not_estimable_has_none(ratio: float) -> None:
    found = e_value(ratio, (float("nan"), float("nan")))
    assert np.isnan(found.point)
    assert "not estimable" in found.note
    half = e_value(2.0, (float("nan"), float("inf")))
    assert half.point > 1
    assert np.isnan(half.limit)


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(UnknownName, match="'XX'"):
        e_value(2.0, (1.0, 3.0), measure="XX")

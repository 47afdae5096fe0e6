"""C-index and median follow-up: R's concordance() and reverse survfit() to 1e-6."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TooFewPatients
from core.survival import concordance, median_follow_up
from core.survival.kaplan_meier import Z95

ROWS = st.lists(
    st.tuples(st.integers(0, 20).map(float), st.booleans(), st.integers(-3, 3).map(float)), min_size=2, max_size=50
)


def frame(rows: list[tuple[float, bool, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"os_months": pl.Float64, "os_event": pl.Boolean, "x": pl.Float64}, orient="row")


def test_reference_numbers(reference_set: Any) -> None:
    finding = concordance(reference_set.frame, outcome="os", score="score")
    expected = reference_set.expected["concordance"]
    assert finding.effect == pytest.approx(expected["c"], abs=1e-9)
    assert finding.ci95 is not None
    low = max(0.0, expected["c"] - Z95 * expected["se"])
    assert finding.ci95[0] == pytest.approx(low, abs=1e-6)


def test_reference_follow_up(reference_set: Any) -> None:
    finding = median_follow_up(reference_set.frame, outcome="os")
    assert finding.ci95 is not None
    wanted = [reference_set.expected["follow_up"][k] for k in ("median", "low", "high")]
    got = np.array([finding.effect, *finding.ci95], dtype=float)
    np.testing.assert_allclose(got, [np.nan if w is None else w for w in wanted], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_turning_the_score_round_mirrors_the_index(rows: list[tuple[float, bool, float]]) -> None:
    one = concordance(frame(rows), score="x").effect
    other = concordance(frame([(t, e, -x) for t, e, x in rows]), score="x").effect
    monotone = concordance(frame([(t, e, float(np.exp(x))) for t, e, x in rows]), score="x").effect
    assert one is not None
    if np.isnan(one):
        return
    assert one + (other or 0) == pytest.approx(1)
    assert monotone == pytest.approx(one)


def test_no_comparable_pair_and_nobody() -> None:
    finding = concordance(frame([(1, False, 1), (2, False, 2)]), score="x")
    assert np.isnan(finding.effect or np.nan)
    assert "compared" in finding.note
    with pytest.raises(TooFewPatients):
        concordance(frame([]), score="x")
    with pytest.raises(TooFewPatients):
        median_follow_up(frame([]))
    assert "not reached" in median_follow_up(frame([(1, True, 1), (2, True, 1)])).note

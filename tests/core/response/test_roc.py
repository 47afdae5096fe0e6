"""AUC: pROC's ci.auc(method = "delong") to 1e-6, and what must hold for any score."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients
from core.response import auc, roc
from core.response.roc import best_cut, curve

ROWS = st.lists(st.tuples(st.booleans(), st.integers(-4, 4).map(float)), min_size=4, max_size=60)


def frame(rows: list[tuple[bool | None, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"response": pl.Boolean, "score": pl.Float64}, orient="row")


def test_reference_numbers(reference_set: Any) -> None:
    finding = auc(reference_set.frame, score="score")
    expected = reference_set.expected
    assert finding.effect == pytest.approx(expected["auc"], abs=1e-9)
    assert finding.ci95 == pytest.approx((expected["ci_low"], expected["ci_high"]), abs=1e-6)


def test_reference_points(reference_set: Any) -> None:
    points = roc(reference_set.frame, score="score").points
    got = sorted(zip(points["specificity"].round(9), points["sensitivity"].round(9), strict=True))
    expected = reference_set.expected
    wanted = sorted(zip(np.round(expected["specificity"], 9), np.round(expected["sensitivity"], 9), strict=True))
    np.testing.assert_allclose(got, wanted, atol=1e-8)


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_direction_ranks_and_area(rows: list[tuple[bool, float]]) -> None:
    data = frame(list(rows))
    result = roc(data, score="score")
    value = result.auc.effect
    assert value is not None
    if np.isnan(value):
        assert "AUC does not exist" in result.auc.note
        return
    mirrored = auc(data.with_columns(-pl.col("score")), score="score").effect
    stretched = auc(data.with_columns(pl.col("score").exp() * 3), score="score").effect
    assert value + (mirrored or 0) == pytest.approx(1)
    assert value == pytest.approx(stretched)
    x, y = 1 - result.points["specificity"].to_numpy(), result.points["sensitivity"].to_numpy()
    assert np.trapezoid(y, x) == pytest.approx(value)
    brute = [
        (a > b) + (a == b) / 2 for (p, a) in rows if p for (q, b) in rows if not q
    ]  # all pairs of a responder and a non-responder
    assert value == pytest.approx(float(np.mean(brute)))


def test_missing_values_are_counted() -> None:
    finding = auc(frame([(True, 2.0), (False, 1.0), (None, 3.0), (True, None), (False, float("nan"))]), score="score")
    assert (finding.n, finding.n_missing) == (2, 3)
    assert finding.effect == 1.0


def test_refusals() -> None:
    with pytest.raises(TooFewPatients):
        auc(frame([(None, 1.0)]), score="score")
    with pytest.raises(NotMeasured, match="tumour mutational burden"):
        auc(frame([(True, 1.0)]), score="tmb_per_mb")
    assert "no responders" in auc(frame([(False, 1.0), (False, 2.0)]), score="score").note


def test_infinite_scores_are_no_measurement() -> None:
    finding = auc(frame([(True, 2.0), (False, 1.0), (True, float("inf")), (False, float("-inf"))]), score="score")
    assert (finding.n, finding.n_missing) == (2, 2)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_best_cut_has_the_largest_youden(rows: list[tuple[bool, float]]) -> None:
    y, s = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    found = curve(s, y)
    cut = best_cut(found)
    if y.all() or not y.any():
        assert np.isnan(cut)
        return
    youden = {t: (s[y] >= t).mean() - (s[~y] >= t).mean() for t in np.unique(s)}
    assert youden[cut] == pytest.approx(max(youden.values()))
    assert cut in s


def test_separated_and_constant_scores_say_so() -> None:
    assert "separates the two fully" in curve([1.0, 2, 3, 4], [False, False, True, True]).auc.note
    assert "does not vary" in curve([1.0, 1, 1, 1], [False, False, True, True]).auc.note
    assert "one patient in a class" in curve([1.0, 2], [False, True]).auc.note


def test_a_tiny_p_value_is_no_zero() -> None:
    rng = np.random.default_rng(0)
    hit = np.arange(4000) % 2 == 0
    found = auc(pl.DataFrame({"response": hit, "score": rng.normal(size=4000) + hit}), score="score")
    assert found.statistic > 20
    assert 0 < found.p_value < 1e-80

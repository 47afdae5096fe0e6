"""Average precision by steps, with Boyd's logit interval."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients
from core.response.precision_recall import by_chance, curve, precision_recall
from tests.core.response.measures import SETS, column

ROWS = st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), min_size=2, max_size=60)


@pytest.mark.parametrize("name", list(SETS))
def test_reference_numbers(name: str) -> None:
    expected = SETS[name]
    found = curve(column(name, "a"), column(name, "y")).average_precision
    assert found.effect == pytest.approx(expected["average_precision"], abs=1e-12)
    assert found.ci95 == pytest.approx((expected["ap_low"], expected["ap_high"]), abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_against_every_threshold(rows: list[tuple[bool, int]]) -> None:
    y, s = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=float)
    found = curve(s, y)
    value = found.average_precision.effect
    assert value is not None
    if y.all() or not y.any():
        assert np.isnan(value)
        assert found.average_precision.note
        return
    # the mean over responders of the precision at their own score
    assert value == pytest.approx(np.mean([y[s >= t].mean() for t in s[y]]))
    assert curve(np.exp(s), y).average_precision.effect == pytest.approx(value)
    assert found.points["recall"].to_list()[-1] == pytest.approx(1)
    assert found.points["precision"].to_list()[-1] == pytest.approx(found.prevalence)


def test_a_constant_score_gives_the_response_rate() -> None:
    found = curve([1.0] * 8, [True] * 2 + [False] * 6)
    assert found.average_precision.effect == pytest.approx(0.25)
    assert found.prevalence == 0.25


def test_perfect_and_missing() -> None:
    perfect = curve([3.0, 2, 1, 0], [True, True, False, False]).average_precision
    assert perfect.effect == 1
    assert np.isnan(perfect.ci95 or (0.0, 0.0)).all()
    assert "no interval" in perfect.note
    frame = pl.DataFrame({"response": [True, None, False], "s": [1.0, 2.0, float("nan")]})
    found = precision_recall(frame, score="s")
    assert (found.n, found.average_precision.n_missing) == (1, 2)
    with pytest.raises(TooFewPatients):
        precision_recall(frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("s")), score="s")
    with pytest.raises(NotMeasured):
        curve([1.0, 2.0], [0.0, 3.0])


@pytest.mark.parametrize(("m", "n"), [(1, 4), (2, 6), (3, 7), (6, 7), (5, 5)])
def test_average_precision_by_chance_is_its_mean_over_every_order(m: int, n: int) -> None:
    score = np.arange(n, 0, -1.0)
    orders = itertools.combinations(range(n), m)
    found = [1.0 if m == n else curve(score, np.isin(np.arange(n), o)).average_precision.effect for o in orders]
    assert by_chance(m, n) == pytest.approx(np.mean(np.array(found, dtype=np.float64)))
    assert by_chance(m, n) >= m / n
    assert np.isnan(by_chance(0, n))

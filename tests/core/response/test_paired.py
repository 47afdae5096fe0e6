"""Paired DeLong test: pROC's roc.test(paired = TRUE) to 1e-9, and what must hold for any two scores."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients
from core.response.paired import compare, covariance, paired_auc, standard_error
from core.response.roc import delong
from tests.core.response.measures import SETS, column

ROWS = st.lists(st.tuples(st.booleans(), st.integers(-4, 4), st.integers(-4, 4)), min_size=6, max_size=50)


@pytest.mark.parametrize("name", list(SETS))
def test_reference_numbers(name: str) -> None:
    expected = SETS[name]
    found = compare(column(name, "a"), column(name, "b"), column(name, "y") > 0.5)
    assert found.effect == pytest.approx(expected["paired_difference"], abs=1e-10)
    assert found.statistic == pytest.approx(expected["paired_z"], abs=1e-8)
    assert found.p_value == pytest.approx(expected["paired_p"], abs=1e-9)
    assert standard_error(found) == pytest.approx(abs(expected["paired_difference"] / expected["paired_z"]), abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_swapping_and_stretching(rows: list[tuple[bool, int, int]]) -> None:
    y, a, b = (np.array(v, dtype=t) for v, t in zip(zip(*rows, strict=True), (bool, float, float), strict=True))
    found, other = compare(a, b, y), compare(b, a, y)
    if y.all() or not y.any():
        assert "do not exist" in found.note
        return
    assert found.effect == pytest.approx(-(other.effect or 0))
    assert compare(np.exp(a), 3 * b - 7, y).effect == pytest.approx(found.effect)
    assert np.isnan(compare(a, a, y).p_value)
    if min(y.sum(), (~y).sum()) > 1:
        auc, spread = covariance(np.column_stack((a, b)), y)
        assert auc[0] == pytest.approx(delong(a, y)[0])
        assert spread[0, 0] == pytest.approx(delong(a, y)[1])
        assert spread[0, 1] == pytest.approx(spread[1, 0])


def test_missing_values_leave_both_scores() -> None:
    frame = pl.DataFrame(
        {
            "response": [True, False, True, False, None, True],
            "a": [3.0, 1.0, 2.0, 0.0, 1.0, None],
            "b": [1.0, 2.0, float("inf"), 0.5, 1.0, 2.0],
        }
    )
    found = paired_auc(frame, first="a", second="b")
    assert (found.n, found.n_missing) == (3, 3)
    with pytest.raises(TooFewPatients, match="has a, b and a response"):
        paired_auc(frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("b")), first="a", second="b")
    with pytest.raises(NotMeasured):
        paired_auc(frame, first="a", second="c")


def test_one_patient_in_a_class_has_no_variance() -> None:
    found = compare(np.array([1.0, 2, 3]), np.array([2.0, 1, 3]), np.array([False, False, True]))
    assert found.effect == 0
    assert np.isnan(found.p_value)
    assert "one patient in a class" in found.note

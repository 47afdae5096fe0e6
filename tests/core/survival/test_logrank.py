"""Log-rank test: R's survdiff to 1e-6, and what must hold for any cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TooFewPatients
from core.survival import logrank

ROWS = st.lists(
    st.tuples(st.integers(0, 30).map(float), st.booleans(), st.sampled_from("abc")), min_size=2, max_size=60
)


def frame(rows: list[tuple[float, bool, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"os_months": pl.Float64, "os_event": pl.Boolean, "group": pl.String}, orient="row"
    )


def test_reference_numbers(reference_set: Any) -> None:
    finding = logrank(reference_set.frame, outcome="os", by="group")
    expected = reference_set.expected["logrank"]
    np.testing.assert_allclose(finding.statistic, expected["chisq"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(finding.p_value, expected["p"], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_order_names_and_unit_do_not_matter(rows: list[tuple[float, bool, str]], shuffle: Any) -> None:
    one = logrank(frame(rows), by="group")
    mixed = [(t * 7, e, {"a": "z", "b": "y", "c": "x"}[g]) for t, e, g in rows]
    shuffle.shuffle(mixed)
    other = logrank(frame(mixed), by="group")
    np.testing.assert_allclose(one.statistic, other.statistic, rtol=1e-7, atol=1e-9)
    assert np.isnan(one.p_value) or 0 <= one.p_value <= 1


def test_equal_groups_give_zero() -> None:
    rows = [(float(t), t % 3 != 0, g) for t in range(20) for g in "ab"]
    finding = logrank(frame(rows), by="group")
    assert finding.statistic == pytest.approx(0, abs=1e-12)
    assert finding.p_value == pytest.approx(1)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([(1.0, True, "a"), (2.0, True, "a")], "one group"),
        ([(1.0, False, "a"), (2.0, False, "b")], "no events"),
        ([(1.0, True, "a")], "one group"),
        ([(1.0, True, "a"), (0.5, False, "b")], "same time"),
    ],
)
def test_nothing_to_compare_is_said(rows: list[tuple[float, bool, str]], why: str) -> None:
    finding = logrank(frame(rows), by="group")
    assert np.isnan(finding.p_value)
    assert why in finding.note


def test_nobody_with_a_group() -> None:
    with pytest.raises(TooFewPatients):
        logrank(frame([]), by="group")

"""Splits: groups from a number, with ties, missing values and labels that carry the cut."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.survival import kaplan_meier, split


def frame(values: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame({"tmb_per_mb": values}, schema={"tmb_per_mb": pl.Float64})


def test_published_cut_puts_the_cut_in_the_upper_group() -> None:
    result = split(frame([9.99, 10.0, 25.0, None]), "tmb_per_mb", method="cut", cut=10, label="TMB")
    assert result.labels == ("TMB ≥ 10 mutations/Mb", "TMB < 10 mutations/Mb")
    assert result.groups.to_list() == [result.labels[1], result.labels[0], result.labels[0], None]
    assert result.n_missing == 1


def test_quantiles_agree_with_r_type_7() -> None:
    values = [float(v) for v in (1, 2, 2, 3, 5, 8, 13, 21, 34)]
    # quantile(c(1,2,2,3,5,8,13,21,34), 1:2/3) = 2.666667, 9.666667; 1:3/4 = 2, 5, 13
    assert split(frame(values), "tmb_per_mb", method="tertiles").cuts == pytest.approx((2.666667, 9.666667), abs=1e-6)
    assert split(frame(values), "tmb_per_mb", method="quartiles").cuts == (2, 5, 13)
    assert split(frame(values), "tmb_per_mb", method="median").cuts == (5,)


def test_median_at_the_minimum_moves_up_and_says_so() -> None:
    result = split(frame([0, 0, 0, 0, 3, 7]), "tmb_per_mb")
    assert result.cuts == (3,)
    assert result.groups.value_counts().height == 2
    assert "67%" in result.note


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 40).map(float)), min_size=2, max_size=80),
    st.sampled_from(["median", "tertiles", "quartiles"]),
)
def test_groups_are_ordered_and_complete(values: list[float | None], method: str) -> None:
    data = frame(values)
    if data["tmb_per_mb"].n_unique() - (data["tmb_per_mb"].null_count() > 0) < 2:
        with pytest.raises(TooFewPatients):
            split(data, "tmb_per_mb", method=method)
        return
    result = split(data, "tmb_per_mb", method=method)
    both = result.onto(data).drop_nulls("tmb_per_mb")
    assert both["group"].null_count() == 0
    assert result.n_missing == data["tmb_per_mb"].null_count()
    spans = [both.filter(pl.col("group") == label)["tmb_per_mb"] for label in reversed(result.labels)]
    assert all(len(span) for span in spans)
    for lower, upper in itertools.pairwise(spans):
        assert lower.max() < upper.min()  # type: ignore[operator]


def test_order_reaches_the_curves() -> None:
    data = frame([1.0, 5, 9, 12, 15, 30]).with_columns(os_months=pl.Series([1.0, 2, 3, 4, 5, 6]), os_event=pl.lit(True))
    result = split(data, "tmb_per_mb", method="tertiles", label="TMB")
    assert kaplan_meier(result.onto(data), by="group").labels == result.labels
    assert result.labels[0].startswith("TMB ≥")
    assert result.labels[-1].startswith("TMB <")


def test_refusals_name_value_and_remedy() -> None:
    with pytest.raises(TooFewPatients, match="same value"):
        split(frame([2.0, 2.0]), "tmb_per_mb")
    with pytest.raises(TooFewPatients, match="no patient"):
        split(frame([None, None]), "tmb_per_mb")
    with pytest.raises(TooFewPatients, match="below it"):
        split(frame([1.0, 2.0]), "tmb_per_mb", method="cut", cut=10)
    with pytest.raises(UnknownName, match="'thirds'"):
        split(frame([1.0, 2.0]), "tmb_per_mb", method="thirds")
    with pytest.raises(UnknownName, match="number to cut at"):
        split(frame([1.0, 2.0]), "tmb_per_mb", method="cut")
    with pytest.raises(NotMeasured, match="neutrophil"):
        split(frame([1.0, 2.0]), "nlr")
    with pytest.raises(UnknownName, match="not a number"):
        split(pl.DataFrame({"sex": ["male", "female"]}), "sex")

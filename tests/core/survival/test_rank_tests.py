"""Rank tests: what must hold for any cohort; R's numbers are in test_against_r.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.survival import rank_tests
from core.survival.rank_tests import KINDS, every_test, holm, pairwise, rank_test

MORE = json.loads((Path(__file__).parents[2] / "references" / "survival_more.json").read_text(encoding="utf-8"))
ROWS = st.lists(
    st.tuples(st.integers(0, 20).map(float), st.booleans(), st.integers(0, 2), st.integers(0, 1), st.integers(0, 5).map(float)),
    min_size=4, max_size=50,
)  # fmt: skip


def arrays(rows: list[Any]) -> tuple[Any, ...]:
    time, event, codes, strata, early = (np.array(v) for v in zip(*rows, strict=True))
    return time + 1, event.astype(bool), np.unique(codes, return_inverse=True)[1], strata, time + 1 - early - 0.5


@settings(max_examples=30, deadline=None)
@given(ROWS, st.randoms(use_true_random=False), st.sampled_from(list(KINDS)))
def test_order_unit_and_names_of_groups_do_not_matter(rows: list[Any], shuffle: Any, kind: str) -> None:
    mixed = list(rows)
    shuffle.shuffle(mixed)
    time, event, codes, strata, entry = arrays(rows)
    one = rank_test(time, event, codes, kind=kind, strata=strata, entry=entry)
    time, event, codes, strata, entry = arrays(mixed)
    other = rank_test(time * 3, event, codes.max() - codes, kind=kind, strata=strata, entry=entry * 3)
    np.testing.assert_allclose(one.statistic, other.statistic, rtol=1e-6, atol=1e-9)
    assert one.df == other.df
    assert np.isnan(one.p_value) or 0 <= one.p_value <= 1
    assert not np.isinf(one.statistic)


@settings(max_examples=30, deadline=None)
@given(ROWS, st.sampled_from(list(KINDS)))
def test_observed_and_expected_add_up(rows: list[Any], kind: str) -> None:
    time, event, codes, strata, entry = arrays(rows)
    test = rank_test(time, event, codes, kind=kind, strata=strata, entry=entry)
    np.testing.assert_allclose(test.observed.sum(), test.expected.sum(), atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_one_stratum_is_no_stratum_and_copies_of_a_stratum_add_up(rows: list[Any]) -> None:
    time, event, codes, _, _ = arrays(rows)
    plain = every_test(time, event, codes)
    one = every_test(time, event, codes, strata=np.zeros(time.size, dtype=np.int64))
    twice = every_test(np.tile(time, 2), np.tile(event, 2), np.tile(codes, 2), strata=np.repeat([0, 1], time.size))
    for kind, test in plain.items():
        np.testing.assert_allclose(test.statistic, one[kind].statistic, rtol=1e-9)
        np.testing.assert_allclose(2 * test.statistic, twice[kind].statistic, rtol=1e-7, atol=1e-9)


def test_fleming_harrington_holds_the_others() -> None:
    rng = np.random.default_rng(3)
    time, event, codes = rng.exponential(size=80), rng.random(80) < 0.7, rng.integers(0, 2, 80)
    flat = rank_test(time, event, codes, kind="fleming_harrington", rho=0, gamma=0)
    assert flat.statistic == pytest.approx(rank_test(time, event, codes).statistic)
    early = rank_test(time, event, codes, kind="fleming_harrington", rho=1, gamma=0)
    assert early.statistic == pytest.approx(rank_test(time, event, codes, kind="peto").statistic)


def test_an_entry_before_everything_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    time, event, codes = rng.exponential(size=60).round(1), rng.random(60) < 0.7, rng.integers(0, 3, 60)
    for kind in KINDS:
        late = rank_test(time, event, codes, kind=kind, entry=np.full(60, np.nan))
        assert late.statistic == rank_test(time, event, codes, kind=kind).statistic


def test_the_late_test_sees_late_differences_and_the_early_tests_early_ones() -> None:
    rng = np.random.default_rng(5)
    n = 4000
    codes = rng.integers(0, 2, n)
    first = rng.exponential(10, n)
    late = np.where((first > 6) & (codes == 1), 6 + (first - 6) * 2, first)
    event = np.ones(n, dtype=bool)
    found = every_test(np.minimum(late, 30), event, codes)
    assert found["fleming_harrington"].statistic > found["logrank"].statistic > found["gehan"].statistic


def test_holm_is_that_of_r() -> None:
    np.testing.assert_allclose(holm(np.array(MORE["holm"]["p"])), MORE["holm"]["adjusted"], rtol=1e-12)
    np.testing.assert_allclose(holm(np.array([0.02, np.nan, 0.01])), [0.02, np.nan, 0.02])
    assert holm(np.array([])).size == 0


def frame(n: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(6)
    return pl.DataFrame(
        {
            "os_months": rng.exponential(10, n).round(1) + 0.1, "os_event": rng.random(n) < 0.7,
            "group": rng.choice(["a", "b", "c"], n), "site": rng.choice(["x", "y"], n),
        }
    )  # fmt: skip


def test_pairwise_has_a_row_a_pair_and_never_a_smaller_p() -> None:
    table = pairwise(frame(), by="group")
    assert table.select("a", "b").rows() == [("a", "b"), ("a", "c"), ("b", "c")]
    assert (table["p_holm"] >= table["p_value"]).all()
    alone = rank_test(*(frame().filter(pl.col("group") != "c")[c].to_numpy() for c in ("os_months", "os_event")),
                      (frame().filter(pl.col("group") != "c")["group"] == "b").cast(pl.Int64).to_numpy())  # fmt: skip
    assert table["statistic"][0] == pytest.approx(alone.statistic)


def test_a_pair_without_events_is_said_and_the_others_stay() -> None:
    rows = frame().with_columns(pl.col("os_event") & (pl.col("group") == "a"))
    table = pairwise(rows, by="group")
    assert table["p_value"].is_null().to_list() == [False, False, True]
    assert "no events" in table["note"][2]
    np.testing.assert_allclose(table["p_holm"][:2].to_numpy(), holm(table["p_value"][:2].to_numpy()))


def test_frames_give_every_test_stratified_or_not() -> None:
    plain, within = rank_tests.tests(frame(), by="group"), rank_tests.tests(frame(), by="group", strata="site")
    assert set(plain) == set(within) == set(KINDS)
    assert all(t.label.startswith("stratified") for t in within.values())
    assert plain["logrank"].statistic != within["logrank"].statistic


@pytest.mark.parametrize(
    ("event", "codes", "why"),
    [
        ([True, True], [0, 0], "one group"),
        ([False, False], [0, 1], "no events"),
        ([True, False], [0, 1], "same time"),
    ],
)
@pytest.mark.parametrize("kind", list(KINDS))
def test_nothing_to_compare_is_said(event: list[bool], codes: list[int], why: str, kind: str) -> None:
    test = rank_test(np.array([2.0, 1.0]), np.array(event), np.array(codes), kind=kind)
    assert np.isnan(test.p_value)
    assert test.note
    assert why in test.note or kind == "fleming_harrington"


def test_what_cannot_be_tested_says_why() -> None:
    with pytest.raises(UnknownName, match="'cox'"):
        rank_test(np.array([1.0]), np.array([True]), np.array([0]), kind="cox")
    with pytest.raises(UnknownName, match="negative"):
        rank_test(np.array([1.0]), np.array([True]), np.array([0]), kind="fleming_harrington", rho=-1)
    with pytest.raises(NotMeasured, match="1 of 2 times"):
        rank_test(np.array([1.0, np.inf]), np.array([True, True]), np.array([0, 1]))
    with pytest.raises(TooFewPatients):
        pairwise(frame().with_columns(pl.lit(None, dtype=pl.Float64).alias("os_months")), by="group")


def test_a_test_without_weight_says_so() -> None:
    # the first patient is alone at risk when it dies: the survival of all together is 0 from there on
    time, entry = np.array([1.0, *range(3, 13)]), np.array([0.0, *([1.5] * 10)])
    event, codes = np.ones(11, dtype=bool), np.arange(11) % 2
    found = every_test(time, event, codes, entry=entry)
    assert found["logrank"].note == ""
    assert "has a weight in this test" in found["peto"].note

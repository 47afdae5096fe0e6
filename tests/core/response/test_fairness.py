"""Fairness: planted gaps are found, their intervals are Newcombe's, equal groups are not told apart."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.response.closer.look import look
from core.response.confusion import confusion, proportion
from core.response.fairness import MEASURES, by_subgroup, difference, fairness
from data.store import Store


def cohort(seed: int, *, n: int = 800, missed: float = 0.0) -> pl.DataFrame:
    """Calls that find 60% of male responders and 60% less `missed` of female ones; a probability that is right for men."""
    rng = np.random.default_rng(seed)
    man, old = rng.random(n) < 0.5, rng.random(n) < 0.5
    p = rng.uniform(0.05, 0.7, n)
    y = rng.random(n) < p
    hit = np.where(y, 0.6 - missed * ~man, 0.2)
    return pl.DataFrame(
        {
            "response": y, "called": rng.random(n) < hit, "probability": np.where(man, p, np.clip(p + missed, 0, 0.99)),
            "sex": np.where(man, "male", "female"), "age_group": np.where(old, "65 and over", "under 65"), "race": [None] * n,
        },
        schema_overrides={"race": pl.String},
    )  # fmt: skip


def test_a_planted_gap_is_found_and_corrected() -> None:
    table, tests = by_subgroup(cohort(1, missed=0.3), called="called", by=("sex", "age_group", "race"), probability="probability")
    p = {(t["variable"], t["measure"]): t for t in tests.iter_rows(named=True)}
    assert p["sex", "sensitivity"]["p_holm"] < 0.001
    assert p["sex", "calibration in the large"]["p_holm"] < 0.001
    assert p["age_group", "sensitivity"]["p_value"] > 0.01
    assert set(tests["measure"]) == set(MEASURES.values())
    assert "race" not in set(tests["variable"])
    women = table.filter(pl.col("level") == "female").row(0, named=True)
    men = table.filter(pl.col("level") == "male").row(0, named=True)
    assert {women["reference"], men["reference"]} == {True, False}
    other = men if women["reference"] else women
    assert abs(other["gap"]) == pytest.approx(abs(women["sensitivity"] - men["sensitivity"]))
    assert table["level"][0] == "All patients"


def test_shares_are_those_of_the_two_by_two_table() -> None:
    frame = cohort(2)
    table, _ = by_subgroup(frame, called="called", by=("sex",))
    mine = frame.filter(pl.col("sex") == "female")
    known = confusion(mine["called"].cast(pl.Float64).to_numpy(), mine["response"].to_numpy(), cut=0.5)
    row = table.filter(pl.col("level") == "female").row(0, named=True)
    for name in ("sensitivity", "specificity", "ppv"):
        assert (row[name], row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(tuple(getattr(known, name)))
    assert row["shift"] is None


def test_equal_groups_are_seldom_told_apart() -> None:
    wrong = sum(
        float(by_subgroup(cohort(seed, n=300), called="called", by=("sex", "age_group"))[1].filter(pl.col("measure") == "sensitivity")["p_holm"].min()) < 0.05  # type: ignore[arg-type]
        for seed in range(60)
    )
    assert wrong <= 7


def test_newcombe_reference() -> None:
    # Newcombe 1998, table II, example (a) by method 10: 56/70 - 48/80 = 0.2, 0.0524 to 0.3339
    found = difference(proportion(56, 70), proportion(48, 80))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert np.isnan(difference(proportion(0, 0), proportion(1, 2)).estimate)


def test_small_levels_have_no_gap() -> None:
    frame = cohort(3, n=100).with_columns(pl.when(pl.int_range(pl.len()) < 4).then(pl.lit("other")).otherwise("sex").alias("sex"))
    table, tests = by_subgroup(frame, called="called", by=("sex",))
    assert table.filter(pl.col("level") == "other")["gap"][0] is None
    assert tests.filter(pl.col("measure") == "sensitivity")["levels"][0] == 2


def test_store_and_page(synthetic_store: Store) -> None:
    query = CohortQuery(("synthetic_a", "synthetic_b"))
    for predictor, how in (("elastic_net", "as many as responded"), ("tmb", "published cut")):
        found = fairness(synthetic_store, query, predictor)
        assert how in found.how
        assert found.cohorts == 2
        if predictor == "elastic_net":
            everyone = found.table.row(0, named=True)
            assert everyone["called"] == pytest.approx(everyone["responders"], abs=2)
    charts = look(synthetic_store, query, kind="subgroups", predictor="elastic_net").charts
    assert [c.slug for c in charts] == ["subgroups-elastic_net", "fairness-elastic_net"]
    with pytest.raises(UnknownName):
        fairness(synthetic_store, query, "magic")

"""Overview: the flow adds up, unknown values are counted, errors name the filter."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest

from core.cohort import frame, overview
from core.cohort.query import CohortQuery, Filter
from core.errors import EmptyCohort, NotMeasured
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))


def test_flow_adds_up(synthetic_store: Store) -> None:
    query = QUERY.with_filter(Filter("tmb_per_mb", "ge", 5.0)).with_filter(Filter("sex", "in", ("female",)))
    steps = overview.flow(synthetic_store, query)
    n = steps["n"].to_list()
    assert n[0] == 240
    assert [a - b for a, b in pairwise(n)] == steps["left_out"].to_list()[1:]
    assert n[-2] == frame.count(synthetic_store, query)


def test_columns_account_for_everybody(synthetic_store: Store) -> None:
    found = overview.overview(synthetic_store, QUERY)
    assert ((found.columns["n"] + found.columns["n_missing"]) == 240).all()
    rows = frame.patients(synthetic_store, QUERY)
    age = found.columns.row(by_predicate=pl.col("column") == "age_years", named=True)
    assert age["median"] == pytest.approx(rows["age_years"].median())
    assert found.counts.evaluable == rows["response"].count()
    assert found.missing_by_study["missing"].is_between(0, 1).all()


def test_distribution_counts_the_known(synthetic_store: Store) -> None:
    rows = frame.patients(synthetic_store, QUERY)
    for column in ("age_years", "sex", "response"):
        assert overview.distribution(synthetic_store, QUERY, column)["n"].sum() == rows[column].count()
    with pytest.raises(NotMeasured, match="no study in the database has it"):
        overview.distribution(synthetic_store, QUERY, "hed" if rows["hed"].count() == 0 else "dfi_months")


def test_an_empty_cohort_names_the_filter_to_relax(synthetic_store: Store) -> None:
    query = QUERY.with_filter(Filter("sex", "in", ("female",))).with_filter(Filter("age_years", "ge", 150.0))
    with pytest.raises(EmptyCohort, match="relax the filter Age ≥ 150"):
        overview.overview(synthetic_store, query)
    assert overview.counts(synthetic_store, query).patients == 0

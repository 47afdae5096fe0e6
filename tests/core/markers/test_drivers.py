"""What the captions of attributions say about who is left out, and about additive models."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import TooFewPatients
from core.markers import attribution
from core.markers.drivers import _left_out, drivers, one_feature, unexplained
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))


def test_those_who_trained_are_told_apart_from_those_without_a_score(synthetic_store: Store) -> None:
    found = attribution.summary(synthetic_store, QUERY, "loris")
    both = replace(found, n_missing=1076, n_in_sample=964)
    assert _left_out(both) == "964 patients trained the model and are left out; 112 have no score."
    assert _left_out(replace(both, n_in_sample=1076)) == "1,076 patients trained the model and are left out."
    assert _left_out(replace(both, n_in_sample=0)) == "1,076 patients without a score left out."
    assert _left_out(replace(both, n_missing=0, n_in_sample=0)) == ""
    assert found.n_in_sample == 0
    for chart in drivers(synthetic_store, QUERY, predictor="loris").charts:
        assert chart.caption.count("left out") == (1 if found.n_missing else 0)


def test_too_few_patients_have_no_summary(synthetic_store: Store) -> None:
    tmb = synthetic_store.table("patient", study="synthetic_a")["tmb_per_mb"].drop_nulls().sort(descending=True)
    few = QUERY.with_filter(Filter("tmb_per_mb", "ge", float(tmb[9])))
    with pytest.raises(TooFewPatients, match="relax a filter"):
        drivers(synthetic_store, few, predictor="elastic_net")


def test_the_colour_of_an_additive_model_is_no_interaction(synthetic_store: Store) -> None:
    chart = one_feature(synthetic_store, QUERY, predictor="loris", feature="tmb_per_mb")
    assert "The model is additive" in chart.caption
    assert "not an interaction" in chart.caption
    assert set(attribution.available(synthetic_store, QUERY)["predictor"]) <= attribution.ADDITIVE


def test_the_partner_goes_with_the_value_where_a_line_leaves_no_spread() -> None:
    line = pl.DataFrame({"value": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}).with_columns(shap=pl.col("value") * 2, other=pl.col("value") ** 2)
    assert attribution._partner_strength(line) == (pytest.approx(1.0), "value")
    assert attribution._partner_strength(line.with_columns(shap=pl.col("value") ** 2))[1] == "residual"


def test_a_model_that_nobody_explained_says_how(synthetic_store: Store) -> None:
    class Scored:
        def __init__(self, scored: int, explained: int) -> None:
            self._row = {"scored": scored, "explained": explained}

        def sql(self, statement: str, params: object = None) -> pl.DataFrame:
            return pl.DataFrame([self._row])

    query = CohortQuery(("synthetic_a",))
    assert "python -m core embed --explain" in unexplained(Scored(30, 0), query)  # type: ignore[arg-type]
    assert unexplained(Scored(30, 20), query) == ""  # type: ignore[arg-type]
    assert unexplained(Scored(0, 0), query) == ""  # type: ignore[arg-type]
    assert unexplained(synthetic_store, query) in {"", unexplained(Scored(1, 0), query)}  # type: ignore[arg-type]

"""The forest of predictors: the same numbers as the stored performance, filters applied, nothing in-sample; its sentence."""

from __future__ import annotations

import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import EmptyCohort
from core.response.closer import patients
from core.response.leaderboard import leaderboard
from core.response.ranking import judged_rows, ranking
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))


def test_whole_cohorts_have_the_stored_numbers(synthetic_store: Store) -> None:
    mine = judged_rows(patients.judged(synthetic_store, QUERY))
    stored = leaderboard(synthetic_store, studies=QUERY.studies)
    both = mine.join(stored, on=["study", "cohort", "predictor", "protocol"], how="full", suffix="_stored")
    assert both.height == mine.height == stored.height
    for column in ("auc", "ci_low", "ci_high", "n", "responders"):
        assert both[column].to_list() == pytest.approx(both[f"{column}_stored"].to_list(), abs=1e-12)


def test_the_ranking_says_what_beats_the_best_simple_marker(synthetic_store: Store) -> None:
    found = ranking(synthetic_store, QUERY)
    assert "the best simple marker here" in found.sentence
    assert "paired DeLong" in found.sentence
    chart = found.charts[0]
    assert "variance of training" in chart.caption
    assert "in-sample" not in " ".join(chart.table["detail"])


def test_filters_apply(synthetic_store: Store) -> None:
    women = QUERY.with_filter(Filter("sex", "in", ("female",)))
    some, every = (ranking(synthetic_store, query).charts[0] for query in (women, QUERY))
    assert some.provenance.n < every.provenance.n
    counted = synthetic_store.table("patient", study="synthetic_a").filter(
        (pl.col("sex") == "female") & pl.col("response").is_not_null() & (pl.col("arm").fill_null("ICB") != "control")
    )
    assert max(some.table["n"].to_list()) <= counted.height


def test_one_class_only_is_a_sentence(synthetic_store: Store) -> None:
    found = ranking(synthetic_store, QUERY.with_filter(Filter("response", "in", ("true",))))
    assert found.sentence.startswith("No AUC can be estimated here")
    assert found.charts == ()


def test_nobody_is_an_empty_cohort(synthetic_store: Store) -> None:
    with pytest.raises(EmptyCohort, match="relax"):
        ranking(synthetic_store, QUERY.with_filter(Filter("age_years", "ge", 500.0)))


@pytest.mark.realdata
def test_published_loris_is_never_shown_on_the_patients_who_trained_it(real_store: Store) -> None:
    query = CohortQuery(("loris",), (Filter("cohort", "in", ("Chowell_train",)),))
    found = patients.judged(real_store, query)
    assert not {"loris", "loris_recalibrated"} & {v.predictor for v in found.variants}
    assert not set(ranking(real_store, query).charts[0].table["label"].str.contains("LORIS")) & {True}

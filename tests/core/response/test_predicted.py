"""Predicted response: groups, cuts, counts, and what is never shown."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import EmptyCohort, NotMeasured, TooFewPatients, UnknownName
from core.response import predicted
from core.response.leaderboard import leaderboard
from data.store import Store
from models import MODULES

QUERY = CohortQuery(("synthetic_a",))


@pytest.mark.parametrize("split", list(predicted.SPLITS))
def test_groups_follow_the_score(synthetic_store: Store, split: predicted.Split) -> None:
    found = predicted.predicted(synthetic_store, QUERY, "tmb", split=split)
    assert found.n + found.n_missing + found.n_untreated == 240
    assert set(found.frame["group"]) <= set(found.groups)
    bounds = [found.frame.filter(pl.col("group") == g)["score"] for g in found.groups]
    for low, high in pairwise(bounds):
        assert float(low.to_numpy().max()) <= float(high.to_numpy().min())


def test_the_published_cut_belongs_to_the_upper_group(synthetic_store: Store) -> None:
    found = predicted.predicted(synthetic_store, QUERY, "tmb", split="published")
    upper = found.frame.filter(pl.col("group") == found.groups[1])["score"].to_numpy()
    assert upper.min() >= 10.0
    assert found.frame.filter(pl.col("group") == found.groups[0])["score"].to_numpy().max() < 10.0
    assert "KEYNOTE-158" in found.notes[0]


def test_quantiles_are_taken_within_each_study(synthetic_store: Store) -> None:
    both = CohortQuery(("synthetic_a", "synthetic_b"))
    found = predicted.predicted(synthetic_store, both, "gep")
    assert set(found.cuts) == {"synthetic_a", "synthetic_b"}
    shares = found.frame.group_by("study").agg((pl.col("group") == found.groups[-1]).mean())
    np.testing.assert_allclose(shares["group"].to_numpy(), 0.5, atol=0.02)
    assert any("within each study" in note for note in found.notes)


def test_errors_name_the_remedy(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName, match="there are tmb"):
        predicted.predicted(synthetic_store, QUERY, "oracle")
    with pytest.raises(NotMeasured, match="no cut was published"):
        predicted.predicted(synthetic_store, QUERY, "gep", split="published")
    with pytest.raises(EmptyCohort, match="relax the filter Age"):
        predicted.predicted(synthetic_store, QUERY.with_filter(Filter("age_years", "ge", 200.0)), "tmb")
    with pytest.raises(TooFewPatients, match="need at least"):
        few = synthetic_store.sql(
            "SELECT age_years FROM patient WHERE study = 'synthetic_a' ORDER BY 1 DESC NULLS LAST LIMIT 6"
        )
        oldest = QUERY.with_filter(Filter("age_years", "ge", float(few["age_years"][-1])))
        predicted.predicted(synthetic_store, oldest, "tmb", split="quartiles")


def test_leaderboard_speaks_and_hides_in_sample(synthetic_store: Store) -> None:
    board = leaderboard(synthetic_store)
    assert "in_sample" not in set(board["protocol"])
    assert set(board["predictor"]) <= set(MODULES)
    assert board["label"].null_count() == 0
    assert (board["ci_low"] <= board["auc"]).all()
    assert (board["auc"] <= board["ci_high"]).all()
    assert (
        board.filter(pl.col("kind") == "marker")["brier"].null_count()
        == board.filter(pl.col("kind") == "marker").height
    )
    with pytest.raises(UnknownName):
        leaderboard(synthetic_store, predictors=["oracle"])
    with pytest.raises(NotMeasured, match="try loris"):
        leaderboard(synthetic_store, studies=["her2st"])

"""Attribution readers: shapes that add up, in words, and honest about the null."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from core.markers import attribution
from core.pipeline.attributions import correlated_groups
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))


def test_summary_orders_features_and_adds_up(synthetic_store: Store) -> None:
    found = attribution.summary(synthetic_store, QUERY, "elastic_net")
    assert found.residual < 1e-6
    strength = found.features["mean_abs_shap"].to_numpy()
    assert (np.diff(strength) <= 1e-12).all()
    assert found.features.filter(pl.col("beats_null").is_null()).height == 0
    inside = found.features.filter(pl.col("ci_low").is_not_null())
    assert (inside["ci_low"] <= inside["mean_abs_shap"] + 1e-9).all()
    by_hand = found.points.group_by("feature").agg((pl.col("shap").abs().sum() / found.n).alias("by_hand"))
    joined = found.features.join(by_hand, on="feature")
    np.testing.assert_allclose(joined["mean_abs_shap"].to_numpy(), joined["by_hand"].to_numpy(), atol=1e-12)
    assert found.points["place"].drop_nulls().is_between(0, 1).all()


def test_a_published_formula_has_no_null(synthetic_store: Store) -> None:
    found = attribution.summary(synthetic_store, QUERY, "loris")
    assert found.features["beats_null"].null_count() == found.features.height
    assert found.n + found.n_missing == 240


def test_waterfall_ends_at_the_output(synthetic_store: Store) -> None:
    patient = attribution.summary(synthetic_store, QUERY, "elastic_net").points["patient_id"][0]
    found = attribution.waterfall(synthetic_store, patient, "elastic_net", top=5)
    assert abs(found.residual) < 1e-6
    assert found.steps["end"][-1] == pytest.approx(found.output)
    assert found.steps["start"][0] == pytest.approx(found.base)
    assert found.steps.height == 6
    assert 0 < found.probability < 1


def test_dependence_finds_a_partner(synthetic_store: Store) -> None:
    feature = "tmb_per_mb"
    found = attribution.dependence(synthetic_store, QUERY, "loris", feature=feature)
    assert found.partner != feature
    assert found.n + found.n_missing == attribution.summary(synthetic_store, QUERY, "loris").n
    capped = found.points.filter(pl.col("value") <= 50).sort("value")
    assert (np.diff(capped["shap"].to_numpy()) >= -1e-12).all()
    with pytest.raises(UnknownName, match="does not use"):
        attribution.dependence(synthetic_store, QUERY, "loris", feature="hallmark_hypoxia")
    with pytest.raises(NotMeasured, match="not a number"):
        attribution.dependence(synthetic_store, QUERY, "loris", feature="cancer_type")


def test_unknown_predictor_and_patient(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName):
        attribution.summary(synthetic_store, QUERY, "oracle")
    with pytest.raises(UnknownName, match="pick one"):
        attribution.waterfall(synthetic_store, "nobody", "loris")


def test_groups_hold_only_features_that_all_correlate() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=300)
    values = np.column_stack([a, a + 0.1 * rng.normal(size=300), rng.normal(size=300), np.full(300, np.nan)])
    assert correlated_groups(values, ("a", "b", "c", "d"))[2:] == ["c", "d"]
    groups = correlated_groups(values, ("a", "b", "c", "d"))
    assert groups[0] == groups[1]

"""The pipeline on the synthetic studies: filled, additive, repeatable, and judged out of sample only."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import data.sources
from core.pipeline import enrich
from core.pipeline.staging import Staging
from core.response.leaderboard import leaderboard
from core.response.roc import auc
from data.schema import PROTOCOLS
from data.sources.source import Files
from data.store import Store

DERIVED = (
    "signature_score",
    "prediction",
    "performance",
    "attribution",
    "attribution_summary",
    "embedding",
    "cluster",
)


def test_every_derived_table_is_filled(synthetic_store: Store) -> None:
    for name in DERIVED:
        assert synthetic_store.table(name).height, f"{name} is empty"


def test_same_seed_same_answer_and_finished_work_is_not_redone(
    synthetic_path: Path, tmp_path: Path, fill_database: object
) -> None:
    study = next(iter(data.sources.SYNTHETIC))
    sources = [(data.sources.source(study), Files({}))]
    first = fill_database(tmp_path / "first.duckdb", sources)  # type: ignore[operator]
    second = Path(shutil.copy(first, tmp_path / "second.duckdb"))
    said: list[str] = []
    enrich(first, progress=said.append, cache_dir=tmp_path / "cache")
    stored = sorted(path.name for path in (tmp_path / "cache" / "enrich").iterdir())
    enrich(second, cache_dir=tmp_path / "cache")
    assert sorted(path.name for path in (tmp_path / "cache" / "enrich").iterdir()) == stored
    assert any("TME" in words for words in said)
    one, two = Store(first), Store(second)
    for name in DERIVED:
        assert one.table(name).equals(two.table(name)), f"{name} differs"
    one.close()
    two.close()
    again = Path(shutil.copy(second, tmp_path / "again.duckdb"))
    enrich(again)
    three = Store(again)
    two = Store(second)
    for name in DERIVED:
        assert three.table(name).equals(two.table(name)), f"{name} changes when enriched twice, without the cache"
    two.close()
    three.close()


def test_z_is_standardised_within_the_cohort(synthetic_store: Store) -> None:
    spread = synthetic_store.sql(
        """SELECT avg(z) AS mean, stddev_samp(z) AS sd FROM signature_score s JOIN patient p USING (patient_id)
           GROUP BY p.cohort, s.signature, s.assay HAVING count(z) > 3"""
    )
    assert spread["mean"].abs().to_numpy().max() < 1e-9
    np.testing.assert_allclose(spread["sd"].to_numpy(), 1.0, atol=1e-9)


def test_base_plus_shap_is_the_output_and_the_output_is_the_prediction(synthetic_store: Store) -> None:
    residual = synthetic_store.sql(
        """SELECT a.patient_id, a.predictor, any_value(base) + sum(shap) - any_value(output) AS residual,
                  any_value(output) AS output, any_value(p.probability) AS probability
           FROM attribution a JOIN prediction p USING (patient_id, predictor, protocol) GROUP BY ALL"""
    )
    assert residual["residual"].abs().to_numpy().max() < 1e-6
    probability = 1 / (1 + np.exp(-residual["output"].to_numpy()))
    np.testing.assert_allclose(probability, residual["probability"].to_numpy(), atol=1e-9)


def test_every_row_has_a_protocol_and_control_patients_judge_nothing(synthetic_store: Store) -> None:
    predictions = synthetic_store.table("prediction")
    assert set(predictions["protocol"]) <= set(PROTOCOLS)
    patients = synthetic_store.table("patient")
    judged = patients.filter(pl.col("response").is_not_null() & (pl.col("arm") != "control"))
    for row in synthetic_store.table("performance").iter_rows(named=True):
        own = judged.filter(pl.col("cohort") == row["cohort"])
        scored = predictions.filter(
            (pl.col("predictor") == row["predictor"]) & (pl.col("protocol") == row["protocol"])
        ).join(own.select("patient_id", "response"), on="patient_id")
        assert row["n"] == scored.height
        assert row["n"] + row["n_missing"] == own.height
        assert row["responders"] == scored["response"].sum()
        assert row["auc"] == pytest.approx(auc(scored, score="score").effect)


def test_types_are_stable_named_and_found_in_feature_space(synthetic_store: Store) -> None:
    types = synthetic_store.table("cluster")
    assert types["name"].null_count() == 0
    parted = types.filter(pl.col("cluster").n_unique().over("study", "space") > 1)
    assert parted.height
    assert parted["stability"].to_numpy().min() > 0.75
    assert types.filter(pl.col("cluster").n_unique().over("study", "space") == 1)["stability"].null_count() == types.height - parted.height
    for _, part in types.group_by("study", "space"):
        assert (
            part.group_by("cluster").agg(pl.col("name").n_unique())["name"].to_list()
            == [1] * part["cluster"].n_unique()
        )
        assert part["name"].n_unique() == part["cluster"].n_unique()
    assert types["silhouette"].is_between(-1, 1).all()


def test_shuffled_responses_are_not_predicted(tmp_path: Path, fill_database: object) -> None:
    study = next(iter(data.sources.SYNTHETIC))
    path = fill_database(tmp_path / "shuffled.duckdb", [(data.sources.source(study), Files({}))])  # type: ignore[operator]
    database = Staging(path)
    patients = database.sql("SELECT * FROM patient ORDER BY rowid")
    rng = np.random.default_rng(4)
    order = rng.permutation(patients.height)
    shuffled = patients.with_columns(patients["response"].gather(order).alias("response"), pl.lit("ICB").alias("arm"))
    database.clear("patient")
    database.append("patient", shuffled)
    database.close()
    enrich(path)
    store = Store(path)
    found = leaderboard(store, predictors=["elastic_net"]).filter(pl.col("protocol") == "out_of_fold")
    store.close()
    assert found.height == 1
    assert 0.35 < found["auc"][0] < 0.62


def test_a_cohort_without_recist_trains_none_of_the_others(tmp_path: Path, fill_database: object) -> None:
    sources = [(data.sources.source(study), Files({})) for study in data.sources.SYNTHETIC]
    path = fill_database(tmp_path / "benefit.duckdb", sources)  # type: ignore[operator]
    database = Staging(path)
    patients = database.sql("SELECT * FROM patient ORDER BY rowid")
    database.clear("patient")
    benefit = pl.when(pl.col("study") == "synthetic_c").then(pl.lit("clinical benefit (no RECIST published)"))
    database.append(
        "patient",
        patients.with_columns(response_definition=benefit.otherwise(pl.lit("RECIST CR or PR against SD or PD"))),
    )
    database.close()
    enrich(path)
    store = Store(path)
    trained = store.sql("SELECT DISTINCT study, trained_on FROM prediction WHERE protocol = 'leave_one_cohort_out'")
    store.close()
    assert set(trained["study"]) == set(data.sources.SYNTHETIC)
    assert not any("synthetic_c" in text for text in trained["trained_on"])


def test_an_empty_database_is_no_error(tmp_path: Path, fill_database: object) -> None:
    path = fill_database(tmp_path / "empty.duckdb", [])  # type: ignore[operator]
    enrich(path)
    store = Store(path)
    assert store.table("prediction").is_empty()
    store.close()


def test_an_assay_that_cannot_be_scored_does_not_stop_the_others(tmp_path: Path, fill_database: object) -> None:
    sources = [(data.sources.source(study), Files({})) for study in list(data.sources.SYNTHETIC)[:2]]
    path = fill_database(tmp_path / "odd.duckdb", sources)  # type: ignore[operator]
    database = Staging(path)
    assays = database.sql("SELECT * FROM assay ORDER BY rowid")
    database.clear("assay")
    first = pl.col("study") == sources[0][0].study
    database.append("assay", assays.with_columns(unit=pl.when(first).then(pl.lit("parsecs")).otherwise("unit")))
    database.close()
    said: list[str] = []
    enrich(path, progress=said.append)
    assert any("parsecs" in words for words in said)
    store = Store(path)
    assert store.table("signature_score")["study"].unique().to_list() == [sources[1][0].study]
    assert set(store.table("prediction")["study"]) == {source.study for source, _ in sources}
    store.close()

"""The multimodal model's attributions: they add up, land on named features, and every table accepts their rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from core.pipeline import network
from data.schema import TABLES
from models.config import Config
from models.training import train
from tests.models.synthetic_patients import WORDS, patients

TINY = Config(dim=16, layers=2, heads=2, inner=16, gene_dim=2, pretrain_epochs=0, tune_epochs=0, batch=32, seeds=2)


@pytest.fixture(scope="module")
def explained() -> tuple[dict[str, pl.DataFrame], np.ndarray, pl.DataFrame]:
    inputs, labels = patients(n=120)
    model = train(inputs, labels, vocabulary=WORDS, config=TINY)
    own = inputs.take(np.flatnonzero(np.asarray(inputs.cohorts) == "c1"))
    rows = pl.DataFrame({"patient_id": list(own.patients), "study": "s", "cohort": "c1"})
    found = network.explain(model, own, rows, background=inputs, predictor="multimodal", protocol="leave_one_cohort_out")
    return found, model.embed(own).log_odds, rows


def test_every_table_takes_the_rows(explained) -> None:
    found, _, _ = explained
    assert set(found) == {"attribution", "attribution_summary", "attribution_curve", "attribution_measure", "counterfactual"}
    for name, frame in found.items():
        TABLES[name].conform(frame)


def test_values_add_up_to_the_models_own_log_odds(explained) -> None:
    found, log_odds, rows = explained
    rows = rows.with_columns(pl.Series("model", log_odds))
    sums = found["attribution"].group_by("patient_id").agg(pl.col("shap").sum(), pl.col("base").first(), pl.col("output").first())
    sums = sums.join(rows, on="patient_id")
    np.testing.assert_allclose((sums["base"] + sums["shap"]).to_numpy(), sums["output"].to_numpy(), atol=1e-9)
    np.testing.assert_allclose(sums["output"].to_numpy(), sums["model"].to_numpy(), atol=1e-4)
    leftover = found["attribution_measure"].filter(pl.col("measure") == "leftover")["value"][0]
    assert leftover < 1e-4


def test_what_is_not_known_contributes_nothing(explained) -> None:
    found, _, _ = explained
    inputs, _ = patients(n=120)
    blind = {p for p, row in zip(inputs.patients, inputs.expression, strict=True) if not np.isfinite(row).any()}
    rows = found["attribution"].filter(pl.col("feature").is_in(list(WORDS.sets)) & pl.col("patient_id").is_in(list(blind)))
    assert rows.height
    assert rows["shap"].abs().to_numpy().max() == 0.0
    assert rows["value"].null_count() == rows.height


def test_changes_flip_where_they_say_so(explained) -> None:
    found, _, _ = explained
    rows = found["counterfactual"]
    assert rows["exact"].any() is False
    up, down = rows.filter(pl.col("flips") & (pl.col("output") < pl.col("threshold"))), rows.filter(pl.col("flips") & (pl.col("output") > pl.col("threshold")))
    assert up.height and down.height
    assert (up["reached"] >= up["threshold"]).all()
    assert (down["reached"] < down["threshold"]).all()


def test_same_seed_same_rows() -> None:
    inputs, labels = patients(n=60)
    model = train(inputs, labels, vocabulary=WORDS, config=replace(TINY, seeds=1))
    own = inputs.take(np.arange(24))
    rows = pl.DataFrame({"patient_id": list(own.patients), "study": "s", "cohort": "c"})
    made = [network.explain(model, own, rows, background=inputs, predictor="multimodal", protocol="external", seed=2) for _ in range(2)]
    for name in made[0]:
        assert made[0][name].equals(made[1][name]), name

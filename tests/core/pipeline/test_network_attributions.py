"""Every treated cohort is explained by a model that never saw it, once, and the rows are in the database."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import BadModel
from core.markers import attribution
from core.pipeline import network_attributions
from core.pipeline.inputs import gather, vocabulary
from core.pipeline.staging import Finished, Staging
from core.speakers import ASSETS, speakers
from data.store import Store
from models import bundle
from models.attribution.shuffled import shuffled
from models.card import ModelError
from models.config import Config
from models.heads import auc
from models.training import train

TINY = Config(dim=8, layers=1, heads=2, inner=8, gene_dim=2, pretrain_epochs=0, tune_epochs=0, seeds=1)


@pytest.mark.slow
def test_fill_explains_only_cohorts_that_no_model_was_trained_on(synthetic_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.duckdb"
    shutil.copy(synthetic_path, path)
    staging = Staging(path)
    words = vocabulary(staging)
    inputs, labels = gather(staging, words)
    model = train(inputs, labels, vocabulary=words, config=TINY)
    trained = sorted({c for c in inputs.cohorts if c.startswith(("synthetic_b", "synthetic_c"))})
    card = {"name": "multimodal", "kind": "multimodal", "cohorts": trained, "without": [], "family": "f"}
    folder = bundle.save(tmp_path / "models", model.tensors(), {**model.document(), **card})
    staging._connection.execute("UPDATE study SET synthetic = false")  # only real patients are explained
    said: list[str] = []
    found = speakers([tmp_path / "models"])
    assert found is not None
    done = network_attributions.fill(staging, Finished(tmp_path / "cache"), speakers=found, progress=said.append, most=24)
    assert done == 24
    assert len(said) == 1 and "synthetic_a" in said[0]
    (folder / "weights.safetensors").write_bytes(b"broken")
    with pytest.raises(BadModel):
        network_attributions.fill(staging, Finished(None), speakers=found, progress=said.append, most=24)
    staging.close()
    store = Store(path)
    rows = store.sql("SELECT * FROM attribution WHERE predictor = 'multimodal'")
    assert rows["study"].unique().to_list() == ["synthetic_a"]
    assert rows["protocol"].unique().to_list() == ["external"]
    assert attribution.additivity(rows) < 1e-6
    against = store.sql("SELECT mean_abs_shap, null_95, beats_null FROM attribution_summary WHERE predictor = 'multimodal'")
    assert against["null_95"].null_count() == 0
    assert against.filter(pl.col("beats_null") != (pl.col("mean_abs_shap") > pl.col("null_95"))).is_empty()
    labels_ = store.sql("SELECT feature, label FROM attribution_summary WHERE predictor = 'multimodal'")
    assert labels_.filter(pl.col("feature") == "tmb_in_cohort")["label"].to_list() == ["Tumour mutational burden relative to the cohort"]
    store.close()


@pytest.mark.slow
def test_shuffled_heads_know_nothing_and_repeat(synthetic_store: Store) -> None:
    words = vocabulary(synthetic_store)
    inputs, labels = gather(synthetic_store, words)
    model = train(inputs, labels, vocabulary=words, config=TINY)
    first, second = (list(shuffled(model, inputs, labels, shuffles=3, seed=1)) for _ in range(2))
    told = np.flatnonzero(np.isfinite(labels.response) & labels.treated)
    true = auc(model.embed(inputs.take(told)).log_odds, labels.response[told] > 0)
    for one, again in zip(first, second, strict=True):
        assert all(np.array_equal(a, again.members[0][name]) for name, a in one.members[0].items())
        assert np.array_equal(one.members[0]["head.subtype"], model.members[0]["head.subtype"])  # only the response is taught anew
        assert auc(one.embed(inputs.take(told)).log_odds, labels.response[told] > 0) < true - 0.05
    with pytest.raises(ModelError, match="responded and who did not"):
        next(shuffled(model, inputs, replace(labels, response=np.full_like(labels.response, np.nan)), shuffles=1))
    with pytest.raises(ModelError, match="names no penalties"):
        next(shuffled(replace(model, meta={}), inputs, labels, shuffles=1))


def test_nothing_is_computed_unless_asked(synthetic_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "copy.duckdb"
    shutil.copy(synthetic_path, path)
    staging = Staging(path)
    try:
        found = speakers((ASSETS,))
        assert found is not None
        assert network_attributions.fill(staging, Finished(tmp_path), speakers=found, progress=print, compute=False) == 0
    finally:
        staging.close()

"""Next labels: only patients without a response are listed, none of whose outcomes is read; bad asks are sentences."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from core.errors import BadModel, NotMeasured
from core.pipeline.inputs import gather, vocabulary
from core.response.next_labels import next_labels
from data.store import Store
from models import bundle
from models.config import Config
from models.training import train

TINY = Config(dim=8, layers=1, heads=2, inner=8, gene_dim=2, pretrain_epochs=0, tune_epochs=0, seeds=1)


@pytest.fixture(scope="module")
def shelf(synthetic_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = vocabulary(synthetic_store)
    inputs, labels = gather(synthetic_store, words)
    model = train(inputs, labels, vocabulary=words, config=TINY)
    card = {"name": "multimodal", "kind": "multimodal", "cohorts": sorted(set(inputs.cohorts)), "without": [], "family": "f"}
    folder = tmp_path_factory.mktemp("models")
    bundle.save(folder, model.tensors(), {**model.document(), **card})
    return folder


def test_patients_without_a_response_are_ranked_by_what_they_would_teach(synthetic_store: Store, shelf: Path) -> None:
    unknown = synthetic_store.sql("SELECT patient_id, study FROM patient WHERE response IS NULL")
    study = unknown["study"].value_counts(sort=True)["study"][0]
    table, name = next_labels(synthetic_store, study, folders=(shelf,), most=5)
    assert name.startswith("multimodal-")
    assert set(table["patient_id"]) <= set(unknown.filter(pl.col("study") == study)["patient_id"])
    assert table["information"].is_sorted(descending=True)
    assert table["share"].sum() == pytest.approx(1.0)
    assert table.equals(next_labels(synthetic_store, study, folders=(shelf,), most=5)[0])


def test_what_cannot_be_ranked_is_a_sentence(synthetic_store: Store, shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="nobody of elsewhere is without a response"):
        next_labels(synthetic_store, "elsewhere", folders=(shelf,))
    with pytest.raises(BadModel, match="python -m core train"):
        next_labels(synthetic_store, "synthetic_a", folders=(tmp_path,))

"""Model cards: every predictor has one, with its numbers; a trained model's row is read where there is one."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from core.errors import UnknownName
from core.pipeline.staging import Staging
from core.response import model_card as module
from core.response.leaderboard import leaderboard
from core.response.model_card import listed, model_card
from data import staging
from data.store import Store
from models import EVALUATED, MODULES, card


def test_every_predictor_has_a_card(synthetic_store: Store) -> None:
    assert set(listed(synthetic_store)) == {*MODULES, *EVALUATED}
    for name in (*MODULES, *EVALUATED):
        found = model_card(synthetic_store, predictor=name)
        facts = dict(found.facts.iter_rows())
        assert card(name).limits in facts["Limits"]
        assert {"What it is", "Intended use", "Never sees", "Reference", "Licence", "Protocol"} <= set(facts)
        assert all(text.strip() and "None" not in text.replace("None is used.", "").replace("None stated.", "") for text in facts.values())
        assert found.sentence.endswith(".")
    with pytest.raises(UnknownName, match="magic"):
        model_card(synthetic_store, predictor="magic")


def test_its_numbers_are_those_of_the_leaderboard(synthetic_store: Store) -> None:
    found = model_card(synthetic_store, predictor="elastic_net")
    stored = leaderboard(synthetic_store, predictors=["elastic_net"])
    assert found.chart is not None
    assert sorted(found.chart.table["estimate"].to_list()) == pytest.approx(sorted(stored["auc"].to_list()))
    assert found.calibration.height == stored.height
    assert "in-sample" not in " ".join(found.chart.table["group"].to_list())
    assert model_card(synthetic_store, predictor="tmb").calibration.is_empty()


def test_a_trained_model_is_read_from_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cohort-x.duckdb"
    staging.create(path)
    database = Staging(path)
    rows = pl.DataFrame(
        {
            "model": ["multimodal-abc", "multimodal-def"], "name": ["multimodal"] * 2, "main": [True, False], "patients": [900, 800], "seeds": [3, 3],
            "trained_on": [["a/A", "b/B"], ["b/B"]], "without": [[], ["a/A"]], "created": ["2026-01-01"] * 2, "limits": ["Small."] * 2, "parameters": [1000, 1000],
            "bytes": [4_000_000] * 2, "sha256": ["0" * 64] * 2, "data_hash": ["beef"] * 2, "metrics": [json.dumps({"loss": {"response": 0.5}})] * 2,
        }
    )  # fmt: skip
    database.append("model", rows)
    database.close()
    store = Store(path)
    facts = dict(module._trained(store, "multimodal", {"a": "Trial A", "b": "Trial B"}))
    store.close()
    assert "900 patients: Trial A; Trial B, B." in facts["Trained on"].replace("Trial A, A", "Trial A")
    assert "Trial A" in facts["Models that left a cohort out"]
    assert "loss response 0.5" in facts["Metrics of the training"]
    assert "3 members" in facts["Weights"]
    assert module._trained(store, "loris", {}) == []

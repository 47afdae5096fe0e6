"""train, embed and ingest as a person runs them, with the real model at its smallest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import core.__main__ as command_line
from data.store import Store

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("--seeds", "1", "--epochs", "1", "--set", "dim=8", "layers=1", "heads=2", "inner=8")


@pytest.fixture(scope="module")
def folder(synthetic_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(synthetic_data_dir, tmp_path_factory.mktemp("data") / "data"))


@pytest.fixture
def main(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    for name in [name for name in os.environ if name.startswith("TMESCOPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TMESCOPE_DATA", str(folder))
    monkeypatch.setenv("TMESCOPE_OFFLINE", "1")

    def call(*words: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = command_line.main([*words, "--json"])
        told = capsys.readouterr()
        return code, json.loads(told.out), told.err

    return call


@pytest.mark.slow
def test_train_embed_and_ingest(main: Any, folder: Path) -> None:
    code, trained, _ = main("train", *SMALL, "--without", "synthetic_a")
    assert code == 0
    assert all(name.startswith("synthetic_a/") for name in trained["without"])
    assert {row["endpoint"] for row in trained["metrics"]} >= {"response", "os"}
    code, again, _ = main("train", *SMALL, "--without", "synthetic_a")
    assert again["model"] == trained["model"]
    code, whole, _ = main("train", *SMALL)
    assert whole["model"] != trained["model"]
    assert whole["without"] == []
    code, first, _ = main("embed")
    assert code == 0
    assert first["model"] == whole["model"]
    assert first["computed"] > 0
    assert first["changed"] is True
    code, second, _ = main("embed")
    assert (second["computed"], second["changed"], second["version"]) == (0, False, first["version"])
    code, built, _ = main("build", "--synthetic", "always")
    assert built["version"] == first["version"]
    code, taken, _ = main("ingest", str(ROOT / "data" / "assets" / "example_cohort"))
    assert code == 0
    assert whole["model"] in taken["embedding"]
    store = Store.open_current(folder / "database")
    rows = store.sql(
        """SELECT p.study, p.protocol, count(*) AS n, min(p.probability) AS low, max(p.probability) AS high
           FROM prediction p JOIN embedding e USING (patient_id) WHERE p.predictor = 'multimodal' AND e.protocol = p.protocol GROUP BY 1, 2"""
    )
    protocols = {row["study"]: row["protocol"] for row in rows.to_dicts()}
    assert protocols["synthetic_a"] == "leave_one_cohort_out"
    assert protocols["synthetic_b"] == "in_sample"
    assert protocols[taken["study"]] == "external"
    assert (rows["low"] >= 0).all() and (rows["high"] <= 1).all()
    assert store.sql("SELECT model FROM model WHERE main")["model"].to_list() == [whole["model"]]
    store.close()


def test_what_cannot_be_done_is_one_sentence(main: Any, tmp_path: Path) -> None:
    for words, said in (
        (("embed", "--models", str(tmp_path)), "there is no trained model"),
        (("embed", "--actors", "many"), "neither a number nor auto"),
        (("train", "--epochs", "0"), "trains nothing"),
        (("train", "--set", "dim"), "is no NAME=NUMBER"),
        (("train", "--set", "depth=3"), "no setting 'depth'"),
        (("train", "--without", "atlantis"), "there is no cohort 'atlantis'"),
        (("train", "--studies", "atlantis"), "there is no study 'atlantis'"),
        (("train", "--each", "--without", "synthetic_a"), "leave --without out"),
    ):
        code, document, err = main(*words)
        assert code == 1, words
        assert said in document["error"], document
        assert said in err


@pytest.mark.slow
def test_a_build_without_change_imports_no_torch_though_there_are_models(folder: Path) -> None:
    code = "import sys, core.__main__ as c; c.main(['build', '--synthetic', 'always', '--json']); print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'umap', 'ray'}), file=sys.stderr)"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TMESCOPE_")}
    environment = kept | {"TMESCOPE_DATA": str(folder), "TMESCOPE_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip().splitlines()[-1] == "[]"

"""Embeddings: by content, once, by a model that never saw the cohort, with a sentence for whatever cannot be embedded."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import data.sources
from core.cohort import embedded
from core.errors import BadModel, NotMeasured
from core.pipeline import embeddings
from core.pipeline.embeddings import Desk, How, readable
from core.pipeline.inputs import gather, vocabulary
from core.pipeline.kept import Kept
from core.pipeline.staging import Finished, Staging
from core.speakers import identity, speakers, unseen
from data.sources.source import Files
from data.store import Store
from models import bundle
from models.inputs import Inputs
from tests.models import stand_in

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = "tests.models.stand_in"
A, B = "synthetic_a", "synthetic_b"


@pytest.fixture(scope="module")
def inputs(synthetic_store: Store) -> Inputs:
    return gather(synthetic_store, vocabulary(synthetic_store))[0]


@pytest.fixture(scope="module")
def folder(synthetic_store: Store, inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A main model that trained on synthetic_a and synthetic_b, and one that never saw synthetic_a."""
    made = tmp_path_factory.mktemp("models")
    cohorts = [c for c in dict.fromkeys(inputs.cohorts) if c.startswith((A, B))]
    own = [c for c in cohorts if c.startswith(A)]
    for seed, (trained, without) in enumerate([(cohorts, []), ([c for c in cohorts if c not in own], own)]):
        model = stand_in.starting(vocabulary(synthetic_store), stand_in.features(inputs).shape[1], seed=seed)
        card = {"name": "multimodal", "kind": "multimodal", "cohorts": trained, "without": without, "family": "f", "intended_use": "tests",
                "limits": "a toy", "metrics": {"left_out": [{"cohort": own[0], "value": 0.5}]}}  # fmt: skip
        bundle.save(made, model.tensors(), {**model.document(), **card}, created=f"2026-01-0{seed + 1}T00:00:00+00:00")
    return made


def desk(folder: Path, cache: Path | None, said: list[str] | None = None, *, loader: str = "from_parts") -> Desk:
    found = speakers([folder])
    assert found is not None
    return Desk(speakers=found, cache_dir=cache, how=How(loader=f"{STAND_IN}:{loader}", batch=32), say=(said if said is not None else []).append)


def made(source: object, one: Desk) -> dict[str, embeddings.Embedded]:
    return {found.study: found for found in embeddings.patients(source, one)}  # type: ignore[arg-type]


def test_each_cohort_is_spoken_about_by_a_model_that_never_saw_it(synthetic_store: Store, folder: Path) -> None:
    found = made(synthetic_store, desk(folder, None))
    assert found[A].rows["protocol"].unique().to_list() == ["leave_one_cohort_out"]
    assert found[B].rows["protocol"].unique().to_list() == ["in_sample"]
    assert found["synthetic_c"].rows["protocol"].unique().to_list() == ["external"]
    main, other = speakers([folder]).main, speakers([folder]).held_out[0]  # type: ignore[union-attr]
    assert set(found[A].rows["space"]) == {other.name}
    assert set(found[B].rows["space"]) == {main.name}
    assert found[A].rows["trained_on"][0] == B
    patients = synthetic_store.sql("SELECT patient_id FROM patient WHERE study = 'synthetic_a' ORDER BY rowid")["patient_id"]
    assert found[A].rows["patient_id"].to_list() == patients.to_list()


def test_models_that_share_patients_have_seen_each_other(tmp_path: Path) -> None:
    path = bundle.save(tmp_path, {"w": np.ones(1)}, {"name": "multimodal", "cohorts": ["loris/MSK1"]})
    found = bundle.read(path)
    assert not unseen(found, "loris/MSK1")
    assert not unseen(found, "samstein2019/Samstein")
    assert unseen(found, "liu2019/liu2019")


def test_nothing_is_computed_twice_and_only_what_changed_again(synthetic_path: Path, folder: Path, tmp_path: Path) -> None:
    store = Store(synthetic_path)
    first = made(store, desk(folder, tmp_path))
    assert all(one.computed for one in first.values())
    second = made(store, desk(folder, tmp_path))
    store.close()
    assert not any(one.computed for one in second.values())
    for study, one in first.items():
        assert one.rows.equals(second[study].rows)
    changed = Path(shutil.copy(synthetic_path, tmp_path / "changed.duckdb"))
    database = Staging(changed)
    rows = database.sql("SELECT * FROM patient ORDER BY rowid")
    database.clear("patient")
    patient = rows.filter(study=A)["patient_id"][3]
    older = pl.when(pl.col("patient_id") == patient).then(pl.col("age_years") + 5).otherwise("age_years")
    database.append("patient", rows.with_columns(older))
    third = made(database, desk(folder, tmp_path))
    database.close()
    assert {study: one.computed for study, one in third.items()} == {study: int(study == A) for study in third}
    differs = third[A].rows.filter(pl.col("input_hash") != first[A].rows["input_hash"])
    assert differs["patient_id"].to_list() == [patient]


def test_a_killed_run_keeps_its_finished_parts(synthetic_store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "PART", 32)
    with pytest.raises(KeyboardInterrupt):
        made(synthetic_store, desk(folder, tmp_path, loader="dying"))
    files = list((tmp_path / "embeddings").rglob("*"))
    assert len([path for path in files if path.suffix == ".parquet"]) == 1
    kept = shutil.copytree(tmp_path / "embeddings", tmp_path / "moved" / "embeddings", copy_function=shutil.copy2)
    for path in kept.iterdir():  # the part that was finished is found by the next run of the same code
        path.rename(path.with_name(path.name.replace(embeddings._code(f"{STAND_IN}:dying"), embeddings._code(f"{STAND_IN}:from_parts"))))
    whole = made(synthetic_store, desk(folder, None))
    rest = made(synthetic_store, desk(folder, tmp_path / "moved"))
    assert sum(one.computed for one in whole.values()) - sum(one.computed for one in rest.values()) == 32
    for study, one in whole.items():
        assert one.rows.equals(rest[study].rows)


def test_damaged_and_joined_cache_files(synthetic_store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "PART", 8)
    made(synthetic_store, desk(folder, tmp_path))
    files = sorted((tmp_path / "embeddings").rglob("*.parquet"))
    assert 2 <= len(files) <= 34  # many parts were joined into one file a model
    files[0].write_bytes(files[0].read_bytes()[:-50])
    said: list[str] = []
    again = made(synthetic_store, desk(folder, tmp_path, said))
    assert sum(one.computed for one in again.values()) > 0
    assert any("damaged" in words for words in said)


def test_a_full_disk_is_a_sentence_and_loses_nothing(inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.pipeline.jobs import Vectors

    def some(n: int) -> Vectors:
        zeros = np.zeros(n)
        return Vectors(vector=np.zeros((n, 3), np.float32), log_odds=zeros, os_risk=zeros, pfs_risk=zeros, subtype=np.zeros((n, 6), np.float32),
                       seen=np.ones((n, 4), dtype=bool))  # fmt: skip

    kept = Kept(tmp_path, "model")
    kept.keep(["a", "b"], some(2))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadModel, match="No space left"):
        kept.keep(["c"], some(1))
    monkeypatch.undo()
    assert set(Kept(tmp_path, "model").find(["a", "b", "c"])["input_hash"]) == {"a", "b"}
    assert len(list((tmp_path / "embeddings" / "model").iterdir())) == 1


def test_patients_that_no_model_can_read(synthetic_store: Store, inputs: Inputs) -> None:
    words = vocabulary(synthetic_store)
    some = inputs.take(np.arange(6))
    some.numbers[1, 0] = np.inf
    for block in ("numbers", "expression", "mutated", "copied", "slide"):
        getattr(some, block)[[2, 3]] = np.nan
    some.categories[[2, 3]] = -1
    kept, told = readable(some, words, study="own")
    assert kept.patients == tuple(inputs.patients[i] for i in (0, 4, 5))
    assert f"own: 1 of 6 patients have an infinite value (first: {inputs.patients[1]})" in told[0]
    assert told[1] == "own: 2 of 6 patients have nothing that the model reads and are not embedded"
    none, told = readable(some.take(np.asarray([2, 3])), words, study="own")
    assert none.n == 0
    assert "nothing is known of its 2 patients that the model reads" in told[0]


def test_a_panel_that_shares_three_genes_is_left_out_with_a_sentence(tmp_path: Path, fill_database: Callable[..., Path]) -> None:
    path = fill_database(tmp_path / "own.duckdb", [(data.sources.source(A), Files({}))])
    database = Staging(path)
    genes = database.sql("SELECT DISTINCT gene FROM expression ORDER BY gene")["gene"].to_list()
    invented = [*genes[:3], *(f"NOVEL{i}" for i in range(60))]
    words = vocabulary(database)
    wide = type(words)(**{name: getattr(words, name) for name in words.__slots__} | {"genes": tuple(invented)})
    found, _ = gather(database, wide)
    said = embeddings.few_genes(database, found, wide, study=A)
    database.close()
    assert len(said) == 1
    assert "shares 3 of its" in said[0]
    assert "at least 50 are needed" in said[0]
    assert not np.isfinite(found.expression).any()


def test_the_database_holds_embeddings_predictions_and_cards(synthetic_path: Path, folder: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(synthetic_path, tmp_path / "cohort-own.duckdb"))
    database = Staging(path)
    predictions = embeddings.fill(database, Finished(None), desk=desk(folder, None), progress=lambda _words: None, seed=0)
    again = embeddings.fill(database, Finished(None), desk=desk(folder, None), progress=lambda _words: None, seed=0)
    database.close()
    assert all(one.equals(two) for one, two in zip(predictions, again, strict=True))
    table = pl.concat(predictions)
    assert set(table["predictor"]) == {"multimodal"}
    assert table["probability"].is_between(0, 1).all()
    store = Store(path)
    cards = embedded.models(store)
    assert cards["main"].to_list() == [True, False]
    assert embedded.metrics(cards.row(0, named=True))[0]["value"] == 0.5
    found = embedded.embedding(store, A)
    assert found.vectors.shape == (found.rows.height, 8)
    assert found.rows["umap_1"].null_count() == 0
    assert found.rows["seen"].list.len().min() > 0  # type: ignore[operator]
    with pytest.raises(NotMeasured, match="has no patient that a trained model can read"):
        embedded.embedding(store, "elsewhere")
    assert store.sql("SELECT count(*) AS n FROM embedding WHERE space = 'tme_signatures'")["n"][0] > 0
    store.close()


def test_a_page_reads_embeddings_and_cards_without_torch(synthetic_path: Path, folder: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(synthetic_path, tmp_path / "cohort-own.duckdb"))
    database = Staging(path)
    embeddings.fill(database, Finished(None), desk=desk(folder, None), progress=lambda _words: None, seed=0)
    database.close()
    code = (
        "import sys; from pathlib import Path; from data.store import Store; from core.cohort import embedded; import pages.shared.cache;"
        f"store = Store(Path({str(path)!r})); embedded.models(store); print(embedded.embedding(store, 'synthetic_a').vectors.shape[1]);"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'sklearn', 'umap', 'shap', 'ray', 'safetensors'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["8", "[]"]


def test_a_damaged_model_is_told_and_changes_the_build_when_mended(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "models")
    whole = identity([copy])
    card = next(copy.iterdir()) / bundle.CARD
    text = card.read_text()
    card.write_text(text[:-40])
    with pytest.raises(BadModel, match="cut short"):
        speakers([copy])
    assert identity([copy]) != whole
    card.write_text(text)
    assert identity([copy]) == whole
    assert speakers([tmp_path / "nothing here"]) is None

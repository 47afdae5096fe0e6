"""Training: the same seed the same bits, also after a kill; what is left out is left out; the card says what was done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import BadModel, UnknownName
from core.pipeline.jobs import Job, run
from core.pipeline.material import Material, folds, material
from core.pipeline.training import Plan, left_out_of, train
from core.speakers import speakers
from data.store import Store
from models import bundle
from models import training as network
from tests.models import stand_in

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = "tests.models.stand_in"


def plan(folder: Path, **changes: object) -> Plan:
    made = Plan(
        out=folder / "models", checkpoints=folder / "checkpoints", trainer=f"{STAND_IN}:train", maker=f"{STAND_IN}:from_parts",
        configuration=f"{STAND_IN}:Config",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found(synthetic_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material(synthetic_store)


def quiet(_words: str) -> None:
    pass


def test_the_same_seed_gives_the_same_model_and_another_seed_another(found: Material, tmp_path: Path) -> None:
    first = train(found, plan(tmp_path), say=quiet)
    told: list[str] = []
    once = train(found, plan(tmp_path), say=told.append)
    assert (once.path, once.document) == (first.path, first.document)
    assert told == [f"{first.path.name} was trained before on the same patients, with the same settings and code"]
    second = train(found, plan(tmp_path, out=tmp_path / "again"), say=quiet)
    other = train(found, plan(tmp_path, seed=1), say=quiet)
    assert first.path.name == second.path.name != other.path.name
    assert not list((tmp_path / "checkpoints").rglob("*.safetensors"))  # nothing is left once a model is whole
    tensors, document = bundle.load(first.path)
    assert document["cohorts"] == list(dict.fromkeys(found.inputs.cohorts))
    assert sum(row["patients"] for row in document["splits"].values()) == document["patients"] == found.inputs.n
    for word in ("intended_use", "limits", "data_hash", "vocabulary", "config", "metrics"):
        assert document[word]
    assert tensors["0.w"].dtype == np.float32


def test_a_cohort_that_is_left_out_has_no_part_in_the_training_and_is_judged(found: Material, tmp_path: Path) -> None:
    own = next(c for c in found.inputs.cohorts if c.startswith("synthetic_a/"))
    without = train(found, plan(tmp_path, without=("synthetic_a",)), say=quiet)
    assert own not in without.document["cohorts"]
    assert own in without.document["without"]
    response = next(row for row in without.held_out if row["endpoint"] == "response" and row["cohort"] == own)
    rows = np.asarray([c == own for c in found.inputs.cohorts]) & found.labels.treated & np.isfinite(found.labels.response)
    assert (response["n"], response["events"]) == (int(rows.sum()), int(found.labels.response[rows].sum()))
    assert response["ci_low"] < response["value"] < response["ci_high"]
    # nothing of that cohort reaches the weights: its labels and values may be anything
    blank = replace(found, labels=replace(found.labels, response=np.where([c == own for c in found.inputs.cohorts], 1.0, found.labels.response).astype(np.float32)))
    assert train(blank, plan(tmp_path, without=("synthetic_a",)), say=quiet).document["data_hash"] == without.document["data_hash"]
    main = train(found, plan(tmp_path), say=quiet, others=[without])
    assert main.document["metrics"]["leave_one_cohort_out"] == without.held_out
    chosen = speakers([tmp_path / "models"])
    assert chosen is not None
    assert chosen.of(own).bundle.name == without.path.name
    assert folds(found)[0] == ("synthetic_a",)


def test_names_of_cohorts() -> None:
    listed = ["loris/MSK1", "loris/MSK2", "samstein2019/Samstein", "liu2019/Liu"]
    assert left_out_of(listed, ["Liu"]) == left_out_of(listed, ["liu2019/Liu"]) == {"liu2019/Liu"}
    assert left_out_of(listed, ["loris MSK1"]) == {"loris/MSK1", "samstein2019/Samstein"}  # known to share patients
    with pytest.raises(UnknownName, match="there is no cohort 'Lui'"):
        left_out_of(listed, ["Lui"])


def test_what_cannot_be_trained_is_a_sentence(synthetic_store: Store, found: Material, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="there is no study 'elsewhere'"):
        material(synthetic_store, studies=("elsewhere",))
    with pytest.raises(BadModel, match="0 patients are left"):
        train(found, plan(tmp_path, without=("synthetic_a", "synthetic_b", "synthetic_c")), say=quiet)
    with pytest.raises(BadModel, match="no setting 'depth'"):
        train(found, plan(tmp_path, config={"depth": 3}), say=quiet)
    with pytest.raises(BadModel, match="leave --precision bf16 out"):
        train(found, plan(tmp_path, precision="bf16"), say=quiet)
    with pytest.raises(BadModel, match="cannot be had here"):
        train(found, plan(tmp_path, trainer="models.nowhere:train"), say=quiet)
    infinite = replace(found.inputs, numbers=found.inputs.numbers.copy())
    infinite.numbers[0, 0] = np.inf
    with pytest.raises(ValueError, match=f"numbers of patient {infinite.patients[0]} holds an infinite value"):
        infinite.check(found.words)


def test_studies_that_share_patients_do_not_train_together() -> None:
    class Listed:
        def sql(self, statement: str, params: object = None) -> pl.DataFrame:
            names = ["loris", "samstein2019"]
            return pl.DataFrame({"study": names, "synthetic": [False] * 2, "uploaded": [False] * 2})

    with pytest.raises(BadModel, match="loris and samstein2019 share patients, who would count twice; name one of them"):
        material(Listed(), studies=("loris", "samstein2019"))


def test_who_may_be_a_patient_held_out_does_not_train(found: Material, tmp_path: Path) -> None:
    cohorts = np.asarray(found.inputs.cohorts)
    held = np.char.startswith(cohorts, "synthetic_a/")
    first, twin = found.inputs.patients[int(np.flatnonzero(held)[0])], found.inputs.patients[int(np.flatnonzero(~held)[0])]
    doubled = replace(found, alike=((twin, first),))
    assert [found.inputs.patients[row] for row in np.flatnonzero(doubled.kept_apart(held))] == [twin]
    made = train(doubled, plan(tmp_path, without=("synthetic_a",)), say=quiet).document
    assert (made["kept_apart"], made["patients"]) == (1, int((~held).sum()) - 1)
    assert train(doubled, plan(tmp_path), say=quiet).document["kept_apart"] == 0


def test_an_interrupted_training_goes_on_to_the_identical_model(found: Material, tmp_path: Path) -> None:
    whole = train(found, plan(tmp_path / "whole"), say=quiet)
    said: list[str] = []

    def stop(words: str) -> None:
        said.append(words)
        if len(said) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(found, plan(tmp_path), say=stop)
    assert not (tmp_path / "models").exists()
    told: list[str] = []
    resumed = train(found, plan(tmp_path), say=told.append)
    assert resumed.path.name == whole.path.name
    assert told[0] == "going on from where an earlier run of the same training stood"
    assert 0 < len(told) - 1 < stand_in.Config().epochs  # the first member and what was done of the second are not done again
    with pytest.raises(KeyboardInterrupt):
        train(found, plan(tmp_path, out=tmp_path / "fresh"), say=stop if not said.clear() else quiet)  # type: ignore[func-returns-value]
    told.clear()
    train(found, plan(tmp_path, out=tmp_path / "fresh", fresh=True), say=told.append)
    assert len(told) == stand_in.Config().epochs * stand_in.Config().seeds


SMALL = {"seeds": 2, "epochs": 2, "dim": 8, "layers": 1, "heads": 2, "inner": 8}


def test_the_multimodal_model_goes_on_to_the_identical_weights_and_embeds_alike_in_any_company(found: Material, tmp_path: Path) -> None:
    real = Plan(out=tmp_path / "models", checkpoints=tmp_path / "checkpoints", config=SMALL)
    said: list[str] = []
    whole = train(found, replace(real, checkpoints=tmp_path / "other"), say=said.append)
    shutil.move(whole.path, tmp_path / "whole")
    stops = [number for number, words in enumerate(said) if "pass" in words]
    for stop in (stops[0], stops[2], stops[-1]):
        told: list[str] = []

        def interrupted(words: str, stop: int = stop, told: list[str] = told) -> None:
            told.append(words)
            if words == said[stop]:
                raise KeyboardInterrupt

        network._DONE.clear()  # what a new process does not remember
        with pytest.raises(KeyboardInterrupt):
            train(found, real, say=interrupted)
        assert not list((tmp_path / "models").iterdir())
    network._DONE.clear()
    resumed = train(found, real, say=quiet)
    assert resumed.path.name == whole.path.name
    assert (resumed.path / bundle.WEIGHTS).read_bytes() == (tmp_path / "whole" / bundle.WEIGHTS).read_bytes()
    tensors, document = bundle.load(resumed.path)
    job = Job(tensors=tensors, document=document, batch=32)
    some = found.inputs.take(np.arange(0, found.inputs.n, 3))
    together = next(run(job, [some]))
    by_twenty = [some.take(np.arange(start, min(start + 20, some.n))) for start in range(0, some.n, 20)]
    apart = list(run(replace(job, threads=2), by_twenty))
    for name in ("vector", "log_odds", "os_risk", "subtype", "seen"):
        np.testing.assert_array_equal(getattr(together, name), np.concatenate([getattr(one, name) for one in apart]), err_msg=name)


KILLED = f"""
import sys
from pathlib import Path
from data.store import Store
from core.pipeline.material import material
from core.pipeline.training import Plan, train
from tests.models import stand_in
stand_in.SECONDS_AN_EPOCH = float(sys.argv[3])
plan = Plan(out=Path(sys.argv[2]) / "models", checkpoints=Path(sys.argv[2]) / "checkpoints", config={{"epochs": 8}}, half=True,
            trainer="{STAND_IN}:train", maker="{STAND_IN}:from_parts", configuration="{STAND_IN}:Config")
store = Store(Path(sys.argv[1]))
print(train(material(store), plan, say=lambda words: print(words, flush=True)).path.name)
"""


@pytest.mark.slow
def test_a_training_that_is_killed_outright_goes_on_to_the_identical_model(synthetic_path: Path, tmp_path: Path) -> None:
    def start(folder: Path, seconds: float) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", KILLED, str(synthetic_path), str(folder), str(seconds)]
        return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})

    running = start(tmp_path / "killed", 0.2)
    assert running.stdout is not None
    epochs = 0
    while epochs < 11 and (line := running.stdout.readline()):
        epochs += "epoch" in line
    time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    running.stdout.close()
    assert not (tmp_path / "killed" / "models").exists()
    assert list((tmp_path / "killed" / "checkpoints").rglob("*.safetensors"))
    whole, _ = start(tmp_path / "whole", 0).communicate()
    resumed, _ = start(tmp_path / "killed", 0).communicate()
    assert resumed.splitlines()[-1] == whole.splitlines()[-1]
    assert len(resumed.splitlines()) < len(whole.splitlines())
    names = [next((tmp_path / which / "models").iterdir()) / bundle.WEIGHTS for which in ("whole", "killed")]
    assert names[0].read_bytes() == names[1].read_bytes()

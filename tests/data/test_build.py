"""The build: one bad study stops no other, nothing is done twice, and a kill at any moment loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from data import build as builder
from data import staging, study_folder
from data.errors import BuildError, SchemaError
from data.fetch import Places, Verified
from data.lock import build_lock
from data.schema import TABLES
from data.sources.source import StudyTables
from data.store import Store

HERE = Path(__file__).resolve().parent
MODULE = "fake_studies"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., builder.Plan]:
    def make(*studies: str, **more: object) -> builder.Plan:
        fields: dict[str, object] = {
            "database_dir": tmp_path / "database",
            "cache_dir": tmp_path / "cache",
            "upload_dir": tmp_path / "uploads",
            "places": Places(
                downloads=tmp_path / "down", verified=Verified(tmp_path / "cache" / "v.json"), offline=True
            ),
            "studies": dict.fromkeys(studies, MODULE),
            "synthetic_studies": {"two": MODULE},
        }
        return builder.Plan(**(fields | more))  # type: ignore[arg-type]

    return make


Make = Callable[..., builder.Plan]


def served(plan: builder.Plan) -> pl.DataFrame:
    store = Store.open_current(plan.database_dir)
    try:
        return store.studies()
    finally:
        store.close()


def test_builds_every_table_with_the_schemas_types(plan: Make) -> None:
    built = builder.build(plan("one"))
    store = Store(built.path)
    assert built.changed
    for name, table in TABLES.items():
        frame = store.table(name)
        assert frame.columns == list(table.dtypes), name
        assert list(frame.dtypes) == list(table.dtypes.values()), name
    row = store.studies().row(0, named=True)
    assert [row[c] for c in ("study", "patients", "evaluable", "responders", "deaths", "genes")] == [
        "one",
        12,
        12,
        6,
        6,
        3,
    ]
    assert row["notes"] == "made up"
    assert store.table("refused")["reason"].to_list() == ["no age"]
    assert store.table("check_result").height > 25
    store.close()


def test_a_value_that_was_not_measured_stays_null(plan: Make) -> None:
    store = Store(builder.build(plan("one")).path)
    assert store.gene("CD8A")["value"].null_count() == 1
    genes, patients, values = store.matrix("one", "rna")
    assert genes == ["CD8A", "GZMB", "PRF1"]
    assert patients == [f"one:{i}" for i in range(12)]
    assert values.shape == (3, 12)
    assert values[0, 0] != values[0, 0]
    store.close()


def test_a_bad_study_stops_no_other(plan: Make) -> None:
    said: list[str] = []
    built = builder.build(plan("broken", "one", "double", "dying", "lost"), say=said.append)
    assert set(built.unavailable) == {"broken", "double", "dying", "lost"}
    assert "KeyError" in built.unavailable["broken"]
    assert "more than once" in built.unavailable["double"]
    assert "killed" in built.unavailable["dying"]
    assert "a.csv is not on this machine" in built.unavailable["lost"]
    frame = served(plan())
    assert frame["study"].to_list() == ["broken", "one", "double", "dying", "lost"]
    assert frame.filter(study="one")["status"].item() == "built"
    assert frame.filter(study="lost")["reason"].item() == built.unavailable["lost"]
    assert frame.filter(study="lost")["licence"].item() == "CC0"


def test_nothing_changed_nothing_done(plan: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "loads"
    monkeypatch.setenv("FAKE_LOADS", str(log))
    enriched: list[Path] = []
    first = builder.build(plan("one", enrich=enriched.append))
    again = builder.build(plan("one", enrich=enriched.append))
    assert (first.changed, again.changed) == (True, False)
    assert first.path == again.path
    assert log.read_text().split() == ["one"]
    assert len(enriched) == 1
    other = builder.build(plan("one", enrich=enriched.append, enrich_version="new"))
    assert other.version != first.version
    assert log.read_text().split() == ["one"]
    assert len(enriched) == 2


def test_a_database_that_does_not_open_is_built_again(plan: Make) -> None:
    first = builder.build(plan("one"))
    first.path.write_bytes(b"garbage")
    assert builder.build(plan("one")).changed
    assert served(plan()).height == 1


def test_a_damaged_cache_is_read_again(plan: Make, tmp_path: Path) -> None:
    builder.build(plan("one"))
    for path in (tmp_path / "cache" / "study").rglob("study.json"):
        path.write_text("{")
    assert builder.build(plan("one", enrich_version="x")).changed
    assert served(plan())["patients"].item() == 12


def test_a_study_that_cannot_be_had_now_is_kept_as_it_was(plan: Make, tmp_path: Path) -> None:
    import fake_studies

    found = StudyTables(tables={"patient": fake_studies.patients("lost")})
    row = study_folder.study_row(fake_studies.SOURCES["lost"], version="v0")
    study_folder.write(tmp_path / "cache" / "study" / "lost-v0", found, row=row)
    said: list[str] = []
    built = builder.build(plan("one", "lost", "broken"), say=said.append)
    assert set(built.unavailable) == {"broken"}
    assert built.kept["lost"].startswith("kept from an earlier build: ")
    assert "lost is kept from an earlier build" in said
    frame = served(plan())
    assert frame.filter(study="lost").select("status", "reason", "patients", "version").row(0) == (
        "built", built.kept["lost"], 12, "v0",
    )  # fmt: skip
    assert frame.filter(study="one")["reason"].item() is None
    for path in (tmp_path / "cache" / "study" / "lost-v0").glob("patient.parquet"):
        path.write_bytes(b"damaged")
    assert set(builder.build(plan("one", "lost")).unavailable) == {"lost"}


def test_a_build_of_some_studies_keeps_the_others(plan: Make) -> None:
    builder.build(plan("one", "slow"))
    built = builder.build(plan("one", "slow", "lost", only=frozenset({"slow"})))
    assert served(plan())["study"].to_list() == ["one", "slow"]
    assert (dict(built.unavailable), dict(built.kept), built.lacking) == ({}, {}, ("lost",))


def test_the_last_two_versions_are_kept(plan: Make) -> None:
    made = [builder.build(plan("one", enrich_version=str(i))).path for i in range(4)]
    assert [path.exists() for path in made] == [False, False, True, True]
    (made[0].parent / "staging-1.duckdb").write_bytes(b"left over")
    builder.build(plan("one", enrich_version="3"))
    assert not list(made[0].parent.glob("staging-*"))


def test_synthetic_studies_stand_in_only_when_there_is_nothing_else(plan: Make) -> None:
    assert builder.build(plan("lost")).unavailable
    assert served(plan()).filter(status="built")["study"].to_list() == ["two"]
    builder.build(plan("one"))
    assert served(plan())["study"].to_list() == ["one"]
    builder.build(plan("one", synthetic="always"))
    assert served(plan())["study"].to_list() == ["one", "two"]


def test_published_studies_are_not_replaced_by_synthetic_ones(plan: Make) -> None:
    builder.build(plan("one"))
    with pytest.raises(BuildError, match="stays as it is"):
        builder.build(plan("lost"))
    assert served(plan())["study"].to_list() == ["one"]
    builder.build(plan("lost", synthetic="always"))
    assert served(plan()).filter(status="built")["study"].to_list() == ["two"]


def test_nothing_to_build_from(plan: Make) -> None:
    with pytest.raises(BuildError, match="no study with patients"):
        builder.build(plan("broken", synthetic="never"))


def test_an_ingested_cohort_is_in_every_build(plan: Make, tmp_path: Path) -> None:
    import fake_studies

    found = StudyTables(tables={"patient": fake_studies.patients("mine")}, expression=[fake_studies.matrix("mine")])
    row = study_folder.study_row(fake_studies.SOURCES["one"], version="v1", uploaded=True) | {"study": "mine"}
    study_folder.write(tmp_path / "uploads" / "mine", found, row=row)
    (tmp_path / "uploads" / "half").mkdir()
    built = builder.build(plan("one"))
    frame = served(plan())
    assert frame["study"].to_list() == ["one", "half", "mine"]
    assert frame.filter(study="mine")["uploaded"].item() is True
    assert "half" in built.unavailable


def test_two_builds_at_once(plan: Make) -> None:
    with (
        build_lock(plan().database_dir),
        pytest.raises(BuildError, match=rf"another build is running .*process {os.getpid()}"),
    ):
        builder.build(plan("one"))
    assert builder.build(plan("one")).changed


def test_the_lock_of_a_dead_process_is_taken_over(plan: Make) -> None:
    folder = plan().database_dir
    code = f"import os; from pathlib import Path; from data.lock import build_lock\nwith build_lock(Path({str(folder)!r})): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], cwd=HERE.parents[1], check=False).returncode == 9
    assert (folder / "build.lock").exists()
    assert builder.build(plan("one")).changed


def test_a_full_disk_is_said_in_words(plan: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "FREE_BYTES", 10**18)
    with pytest.raises(BuildError, match="GB free and a build needs"):
        builder.build(plan("one"))


def test_a_folder_that_cannot_be_written(plan: Make, tmp_path: Path) -> None:
    (tmp_path / "database").write_text("a file, not a folder")
    with pytest.raises(BuildError, match="cannot be written"):
        builder.build(plan("one"))


def test_a_failure_while_enriching_leaves_the_good_one(plan: Make) -> None:
    builder.build(plan("one"))

    def fail(_: Path) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        builder.build(plan("one", enrich=fail, enrich_version="2"))
    assert served(plan())["patients"].item() == 12


SCRIPT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from data import build, staging
from data.fetch import Places, Verified

moment, folder = sys.argv[1], Path(sys.argv[2])

def reached():
    print("reached", flush=True)
    time.sleep(60)

def enrich(path):
    if moment == "enriching":
        reached()

def patch(name):
    original = getattr(staging, name)
    def patched(*args, **more):
        result = original(*args, **more)
        reached()
        return result
    setattr(staging, name, patched)

if __name__ == "__main__":
    if moment in ("create", "fill", "_flush"):
        patch(moment)
    elif moment == "named":
        original = staging._flush
        def flush(path):
            if "current" in path.name:
                reached()
            original(path)
        staging._flush = flush
    def say(what):
        pass
    if moment == "loading":
        print("reached", flush=True)
    build.build(build.Plan(
        database_dir=folder / "database", cache_dir=folder / "cache", upload_dir=folder / "uploads",
        places=Places(downloads=folder / "down", verified=Verified(folder / "cache" / "v.json"), offline=True),
        studies={{"one": "fake_studies", "slow": "fake_studies"}}, synthetic_studies={{}}, enrich=enrich,
        enrich_version=moment, workers=1), say=say)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["loading", "create", "fill", "enriching", "_flush", "named"])
def test_killed_at_any_moment_the_last_good_database_serves(plan: Make, tmp_path: Path, moment: str) -> None:
    first = builder.build(plan("one"))
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(here=str(HERE))))
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE.parents[1]),
        "FAKE_SECONDS": "30" if moment == "loading" else "0",
    }
    process = subprocess.Popen(
        [sys.executable, str(script), moment, str(tmp_path)], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "reached\n"
    if moment == "loading":
        time.sleep(2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert staging.opens(first.path)
    assert served(plan())["study"].to_list() == ["one"]
    built = builder.build(plan("one", "slow", synthetic_studies={}, enrich_version=moment))
    assert built.changed
    assert served(plan())["study"].to_list() == ["one", "slow"]
    assert not list(plan().database_dir.glob("staging-*"))


def test_a_table_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    import fake_studies

    row = study_folder.study_row(fake_studies.SOURCES["one"], version="v1")
    for tables, message in (
        ({"patient": fake_studies.patients("two")}, "gives rows of two"),
        ({"nothing": pl.DataFrame()}, "no loader may give"),
        ({"prediction": pl.DataFrame()}, "no loader may give"),
        ({"patient": fake_studies.patients("one").with_columns(shoe_size=pl.lit(42))}, "shoe_size"),
    ):
        with pytest.raises(SchemaError, match=message):
            study_folder.write(tmp_path / "one", StudyTables(tables=tables), row=row)
    assert not list(tmp_path.iterdir())

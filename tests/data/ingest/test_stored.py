"""Storing: whole or not at all; the version before survives every failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cohort_folder import EXAMPLE, edit, example

from core.__main__ import main
from data import study_folder
from data.errors import IngestError
from data.ingest import stored_studies, take_in
from data.ingest.stored import replaced, stored_version


def store(uploads: Path, folder: Path) -> None:
    intake = take_in(folder)
    row = study_folder.study_row(intake.source, version=intake.version, notes=intake.tables.notes, uploaded=True)
    with replaced(uploads, intake.source.study, lambda fresh: study_folder.write(fresh, intake.tables, row=row)):
        pass


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_stored_study_reads_back(tmp_path: Path) -> None:
    store(tmp_path, EXAMPLE)
    assert stored_studies(tmp_path) == ["example_lung"]
    found = study_folder.read(tmp_path / "example_lung")
    assert found.row["uploaded"] is True
    assert found.row["synthetic"] is True
    assert found.frame("patient").height == 40
    assert found.expression()[0].values.shape == (60, 36)


def test_storing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    store(tmp_path, EXAMPLE)
    first = contents(tmp_path / "example_lung")
    store(tmp_path, EXAMPLE)
    assert contents(tmp_path / "example_lung") == first


def test_an_error_inside_brings_the_version_before_back(tmp_path: Path) -> None:
    store(tmp_path, EXAMPLE)
    first = contents(tmp_path / "example_lung")

    def write(fresh: Path) -> None:
        fresh.mkdir()
        (fresh / study_folder.ABOUT).write_text("{}")

    with pytest.raises(IngestError, match="later"), replaced(tmp_path, "example_lung", write):
        raise IngestError("later")
    assert contents(tmp_path / "example_lung") == first

    def fails(fresh: Path) -> None:
        fresh.mkdir()
        raise OSError(28, "No space left on device")

    with pytest.raises(IngestError, match="No space left"), replaced(tmp_path, "example_lung", fails):
        pass
    assert contents(tmp_path / "example_lung") == first
    assert stored_studies(tmp_path) == ["example_lung"]


def test_a_first_ingest_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="later"), replaced(tmp_path, "x", lambda fresh: fresh.mkdir()):
        raise IngestError("later")
    assert stored_studies(tmp_path) == []
    assert not (tmp_path / "x").exists()


def test_a_swap_cut_off_between_its_renames_is_repaired(tmp_path: Path) -> None:
    store(tmp_path, EXAMPLE)
    (tmp_path / "example_lung").rename(tmp_path / ".aside" / "example_lung")
    assert stored_studies(tmp_path) == ["example_lung"]
    assert stored_version(tmp_path, "example_lung") == take_in(EXAMPLE).version


def test_two_ingests_at_once(tmp_path: Path) -> None:
    with (
        replaced(tmp_path, "a", lambda fresh: fresh.mkdir()),
        pytest.raises(IngestError, match="another ingest"),
        replaced(tmp_path, "b", lambda fresh: fresh.mkdir()),
    ):
        pass


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMESCOPE_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("TMESCOPE_OFFLINE", "1")
    monkeypatch.delenv("TMESCOPE_MIRROR", raising=False)
    return tmp_path


def document(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    code = main(["ingest", *words, "--json"])
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return code, found


def test_the_command_takes_in_checks_and_builds(offline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from core.settings import Settings
    from data.store import Store

    folder = edit(example(offline / "c"), "EX-002,EX-002-T1,M,65", "EX-002,EX-002-T1,M,650", file="clinical.csv")
    code, found = document(capsys, str(folder))
    assert code == 0
    assert found["study"] == "example_lung"
    assert found["rows_in"] == 176
    assert found["rows_in"] == found["rows_accepted"] + found["rows_refused"]  # type: ignore[operator]
    assert len(found["refused"]) == found["rows_refused"]  # type: ignore[arg-type]
    assert found["checks"]
    assert found["identifiers"] == []
    store = Store.open_current(Settings.from_env().database_dir)
    assert store.table("patient", study="example_lung").height == 39
    assert store.table("refused", study="example_lung").height == found["rows_refused"]
    assert store.studies().filter(study="example_lung")["uploaded"].to_list() == [True]
    version = store.version
    store.close()
    code, again = document(capsys, str(folder))
    assert (code, again["changed"]) == (0, False)
    assert Store.open_current(Settings.from_env().database_dir).version == version


def test_the_command_says_errors_in_one_sentence(offline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = document(capsys, str(offline / "nowhere"))
    assert code == 1
    assert "no folder" in str(found["error"])
    folder = edit(example(offline / "c"), 'id = "example_lung"', 'id = "imvigor210"')
    code, found = document(capsys, str(folder))
    assert code == 1
    assert "taken by a study" in str(found["error"])


def test_a_failed_build_takes_the_new_version_back(
    offline: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.settings import Settings
    from data import build
    from data.errors import BuildError

    folder = example(offline / "c")
    assert main(["ingest", str(folder), "--no-build"]) == 0
    uploads = Settings.from_env().upload_dir
    first = contents(uploads / "example_lung")
    edit(folder, "EX-001,EX-001-T1,M,63", "EX-001,EX-001-T1,M,64", file="clinical.csv")

    def fails(*args: object, **kwargs: object) -> None:
        raise BuildError("the disk is full; make room")

    monkeypatch.setattr(build, "build", fails)
    assert main(["ingest", str(folder)]) == 1
    assert "disk is full" in capsys.readouterr().err
    assert contents(uploads / "example_lung") == first

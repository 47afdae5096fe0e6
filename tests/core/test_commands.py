"""The command line: tables for people, one JSON document for programs, one sentence for a mistake."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import core.__main__ as command_line
from core.commands import COMMANDS, report
from core.errors import BadSetting
from core.settings import Settings
from data.schema import PROTOCOLS

ROOT = Path(__file__).resolve().parents[2]
STUDY = "synthetic_a"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a database of the synthetic studies alone, built by the command itself."""
    made = tmp_path_factory.mktemp("data")
    done = run("build", "--json", data=made)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [row["study"] for row in document["studies"] if row["status"] == "built"] == [
        "synthetic_a", "synthetic_b", "synthetic_c",
    ]  # fmt: skip
    assert document["changed"] is True
    return made


def run(*words: str, data: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does, offline, with the given data folder."""
    return subprocess.run(
        [sys.executable, "-m", "core", *words],
        env=environment(data),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def environment(data: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TMESCOPE_")}
    return kept | {"TMESCOPE_DATA": str(data), "TMESCOPE_OFFLINE": "1"}


@pytest.fixture
def main(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command in this process: (exit code, stdout, stderr)."""
    for name in [name for name in os.environ if name.startswith("TMESCOPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TMESCOPE_DATA", str(folder))
    monkeypatch.setenv("TMESCOPE_OFFLINE", "1")

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = command_line.main(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.mark.slow
def test_a_second_build_does_nothing_and_is_quick(folder: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("build", "--json", data=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime  # a busy machine does not count
    assert json.loads(done.stdout)["changed"] is False
    assert taken < 3


@pytest.mark.slow
def test_a_build_without_change_imports_nothing_heavy(folder: Path) -> None:
    code = (
        "import sys, core.__main__ as c; c.main(['build', '--json']); "
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'torch','sklearn','umap','shap','pandas','numba','lifelines'}),"
        " file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(folder), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_doctor(main: Any) -> None:
    code, out, _ = main("doctor", "--json")
    document = json.loads(out)
    assert code == 0
    assert {"studies", "versions", "device", "database", "python"} <= set(document)
    built = {row["study"]: row for row in document["studies"] if row["status"] == "built"}
    row = built[STUDY]
    assert {"study", "patients", "evaluable", "responders", "deaths", "genes"} <= set(row)
    assert row["patients"] > row["evaluable"] > row["responders"] > 0
    assert sum(cohort["patients"] for cohort in row["cohorts"]) == row["patients"]


def test_doctor_without_a_database_says_what_to_do(main: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMESCOPE_DATA", str(tmp_path))
    code, out, _ = main("doctor", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["studies"] == []
    assert any("python -m core build" in problem for problem in document["problems"])


def test_checks(main: Any) -> None:
    code, out, _ = main("checks", "--json")
    rows = json.loads(out)
    assert code == 0
    assert set(rows[0]) == {"study", "check", "status", "n", "detail"}
    assert {row["status"] for row in rows} <= {"pass", "fail", "not applicable"}
    assert len({row["check"] for row in rows}) >= 25
    _, out, _ = main("checks", "--study", STUDY, "--failed", "--json")
    assert {(row["study"], row["status"]) for row in json.loads(out)} <= {(STUDY, "fail")}


def test_leaderboard(main: Any) -> None:
    code, out, _ = main("leaderboard", "--json")
    rows = json.loads(out)
    assert code == 0
    assert list(rows[0])[:9] == ["study", "cohort", "predictor", "protocol", "n", "responders", "auc", "ci_low", "ci_high"]
    for study in {row["study"] for row in rows}:
        advised = {(row["predictor"], row["protocol"]) for row in rows if row["study"] == study and row["recommended"]}
        assert len(advised) <= 1
    assert any(row["recommended"] for row in rows)
    assert all((row["rule"] == "recommended") == row["recommended"] for row in rows)
    assert {row["protocol"] for row in rows} <= set(PROTOCOLS) - {"in_sample"}
    assert all(row["ci_low"] <= row["auc"] <= row["ci_high"] for row in rows if row["ci_low"] is not None)


def test_leaderboard_of_survival(main: Any) -> None:
    code, out, _ = main("leaderboard", "--endpoint", "os", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {"study", "predictor", "protocol", "complexity", "n", "c_index", "ci_low", "ci_high", "recommended"} <= set(rows[0])
    assert all(0 <= row["ci_low"] <= row["c_index"] <= row["ci_high"] <= 1 for row in rows)
    _, out, _ = main("leaderboard", "--endpoint", "os", "--study", STUDY)
    assert "From simple to complex" in out


def test_km_with_a_cut(main: Any) -> None:
    code, out, _ = main("km", "--study", STUDY, "--by", "tmb_per_mb", "--cut", "10", "--endpoint", "os", "--json")
    document = json.loads(out)
    assert code == 0
    high, low = document["groups"]
    assert "≥ 10" in high["group"]
    assert "< 10" in low["group"]
    assert {"n", "events", "median", "ci_low", "ci_high"} <= set(high)
    assert high["n"] + low["n"] == document["n"]
    ratio = document["hazard_ratio"]
    assert ratio["ci_low"] < ratio["hr"] < ratio["ci_high"]
    assert (ratio["group"], ratio["reference"]) == (high["group"], low["group"])


def test_km_between_groups(main: Any) -> None:
    _, out, _ = main("km", "--study", STUDY, "--by", "sex", "--json")
    assert [group["group"] for group in json.loads(out)["groups"]] == ["female", "male"]
    _, out, _ = main("km", "--study", STUDY, "--by", "response", "--json")
    assert json.loads(out)["hazard_ratio"]["reference"] == "non-responder"


def test_studies(main: Any) -> None:
    code, out, _ = main("studies", "--json")
    rows = {row["study"]: row for row in json.loads(out)}
    assert code == 0
    assert rows[STUDY]["synthetic"] is True
    assert rows["loris"]["status"] == "unavailable"
    assert "TMESCOPE_OFFLINE" in rows["loris"]["reason"]


def test_an_ingest_with_an_inverted_flag_leads_with_a_warning() -> None:
    from core.commands.ingest import report
    from data.ingest import take_in

    intake = take_in(Path(__file__).resolve().parents[2] / "data" / "assets" / "example_cohort")
    row = {"check": "event_flag_inverted", "title": "t", "status": "fail", "n": 40, "detail": "the flag may mean censored"}
    found = report(intake, pl.DataFrame([row]), changed=True)
    assert found.title.startswith("WARNING: the flag may mean censored; check the columns in study.toml\nStudy ")
    quiet = report(intake, pl.DataFrame([row | {"check": "time_zero"}]), changed=True)
    assert quiet.title.startswith("Study ")


@pytest.mark.parametrize(
    "words", [("doctor",), ("checks",), ("leaderboard",), ("studies",), ("km", "--study", STUDY, "--by", "sex")]
)
def test_people_see_tables(main: Any, words: tuple[str, ...]) -> None:
    code, out, err = main(*words)
    assert code == 0
    assert "┃" in out
    assert err == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("km", "--study", "nope", "--by", "sex"), "there is no study 'nope'"),
        (("km", "--study", STUDY, "--by", "tmb"), "did you mean tmb_per_mb"),
        (("km", "--study", STUDY, "--by", "sex", "--cut", "3"), "'sex' is not a number"),
        (("km", "--study", STUDY, "--by", "hed"), "is not known for any patient"),
        (("km", "--study", STUDY, "--by", "sex", "--cohort", "zz"), "has no cohort 'zz'"),
        (("km", "--study", STUDY, "--by", "tmb_per_mb", "--cut", "99999"), "99"),
        (("km", "--study", STUDY, "--by", "patient_id"), "'patient_id' is an id, which makes no groups"),
        (("km", "--study", STUDY, "--by", "os_months"), "is a time of follow-up, itself an outcome"),
        (("checks", "--study", "nope"), "there is no study 'nope'"),
        (("leaderboard", "--study", "nope"), "there is no study 'nope'"),
        (("build", "--only", "nope"), "there is no published study 'nope'"),
    ],
)
def test_a_mistake_is_one_sentence(main: Any, words: tuple[str, ...], sentence: str) -> None:
    code, out, err = main(*words)
    assert code == 1
    assert out == ""
    assert sentence in err
    assert err.startswith("Error: ")
    assert len(err.strip().splitlines()) == 1
    code, out, err = main(*words, "--json")
    assert code == 1
    assert f"Error: {json.loads(out)['error']}" == err.strip()


@pytest.mark.parametrize("words", [(), ("bogus",), ("km",), ("km", "--study", STUDY, "--by", "sex", "--cut", "x")])
def test_wrong_arguments_exit_2(main: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as left:
        main(*words)
    assert left.value.code == 2


@pytest.mark.parametrize(
    ("name", "value"), [("TMESCOPE_WORKERS", "two"), ("TMESCOPE_WORKERS", "-1"), ("TMESCOPE_QUERY_SECONDS", "0")]
)
def test_a_setting_that_is_no_number(main: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting, match=f"{name} is '{value}'"):
        Settings.from_env()
    code, _, err = main("studies")
    assert code == 1
    assert name in err


def test_a_database_that_is_no_database(main: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "database").mkdir()
    (tmp_path / "database" / "current").write_text("cohort-1.duckdb\n")
    (tmp_path / "database" / "cohort-1.duckdb").write_bytes(b"garbage" * 1000)
    monkeypatch.setenv("TMESCOPE_DATA", str(tmp_path))
    code, _, err = main("studies")
    assert code == 1
    assert "cannot be opened" in err
    assert main("doctor")[0] == 0


def test_every_command_has_help() -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as left:
            command_line.parser(name).parse_args([name, "--help"])
        assert left.value.code == 0


def test_json_has_neither_nan_nor_infinity() -> None:
    text = report.to_json({"a": float("nan"), "b": [float("inf"), 1.5, None], "c": Path("x")})
    assert json.loads(text) == {"a": None, "b": [None, 1.5, None], "c": "x"}


@pytest.mark.slow
def test_ctrl_c_is_clean(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "core", "build"], env=environment(tmp_path), cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in err

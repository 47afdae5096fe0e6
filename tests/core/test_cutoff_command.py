"""python -m core cutoff on the synthetic studies: derive, lock, validate, ledger, interaction, checklist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core import __main__ as command_line


@pytest.fixture
def data_dir(synthetic_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own that serves the synthetic studies."""
    database = tmp_path / "database"
    database.mkdir()
    (database / synthetic_path.name).symlink_to(synthetic_path)
    (database / "current").write_text(synthetic_path.name, encoding="utf-8")
    monkeypatch.setenv("TMESCOPE_DATA", str(tmp_path))
    return tmp_path


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = command_line.main(["cutoff", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


TMB = ("--study", "synthetic_a", "--marker", "clinical:tmb_per_mb")


def test_the_whole_path(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, derived = asked(capsys, "derive", *TMB)
    assert code == 0
    assert derived["record"]["kind"] == "tried"
    code, locked = asked(capsys, "lock", *TMB, "--use", "Select patients")
    assert locked["content"]["cut"] == derived["cut"]
    validate = ("validate", "--lock", locked["hash"][:12], "--study", "synthetic_b", "--comparator", "predictor:pdl1")
    code, first = asked(capsys, *validate)
    assert (code, first["repeated"]) == (0, False)
    assert first["agreement"]["n"] > 50
    assert "retuned_do_not_report" in first
    code, again = asked(capsys, *validate)
    assert again["repeated"]
    assert again["performance"] == first["performance"]
    code, ledger = asked(capsys, "ledger")
    assert (code, ledger["holds"]) == (0, True)
    assert [r["kind"] for r in ledger["records"]] == ["tried", "locked", "validated"]
    code, items = asked(capsys, "checklist", "--lock", locked["hash"])
    assert (len(items["remark"]), len(items["stard"])) == (20, 30)
    assert command_line.main(["cutoff", "ledger"]) == 0
    assert command_line.main(["cutoff", *validate]) == 0
    assert "MUST NOT BE REPORTED" in capsys.readouterr().out


def test_an_interaction_is_a_try(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = asked(capsys, "interaction", *TMB, "--cut", "10")
    assert code == 0
    assert found["randomised"]
    assert found["interaction"]["ci_low"] < found["interaction"]["hazard_ratio"] < found["interaction"]["ci_high"]
    assert asked(capsys, "ledger")[1]["records"][0]["content"]["rule"] == "interaction"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("derive", "--study", "synthetic_a"), "needs --marker"),
        (("derive", "--study", "nowhere", "--marker", "clinical:tmb_per_mb"), "no study"),
        (("derive", *TMB, "--cohort", "X"), "no cohort"),
        (("validate", "--study", "synthetic_b"), "needs --lock"),
        (("validate", "--study", "synthetic_b", "--lock", "0123456789"), "holds no locked record"),
        (("lock", *TMB), "for a purpose"),
        (("interaction", *TMB, "--endpoint", "response"), "os or pfs"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(data_dir: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    code, document = asked(capsys, *words)
    assert code == 1
    assert said in document["error"]


def test_a_broken_ledger_fails(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(capsys, "derive", *TMB)
    path = data_dir / "ledger" / "ledger.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("tried", "loved"), encoding="utf-8")
    code, document = asked(capsys, "ledger")
    assert (code, document["holds"]) == (1, False)

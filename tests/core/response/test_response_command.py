"""python -m core response: the same numbers as the functions, fixed keys, and a sentence for every bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.__main__ import main
from core.commands.report import to_json
from core.commands.response import judged
from tests.core.response.measures import SETS, column

SCORE_KEYS = {
    "score", "n", "n_missing", "auc", "se", "ci_low", "ci_high", "p_value", "average_precision", "cut", "calibration",
}  # fmt: skip
Asker = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asker:
    """Runs the command on rows of words and gives (exit code, document, stderr)."""

    def run(text: str, *options: str) -> tuple[int, dict[str, Any], str]:
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        code = main(["response", str(path), *options, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out), err

    return run


def csv(**columns: Any) -> str:
    rows = [",".join(columns)]
    rows += [",".join(str(v) for v in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("name", list(SETS))
def test_reference_numbers(ask: Asker, name: str) -> None:
    expected = SETS[name]
    text = csv(y=column(name, "y").astype(int), a=column(name, "a"), b=column(name, "b"), p=column(name, "p"))
    code, found, _ = ask(text, "--label", "y", "--score", "a,b,p", "--cut", repr(expected["data"]["cut"]))
    assert code == 0
    first, _, third = found["scores"]
    assert set(first) >= SCORE_KEYS
    for ours, theirs in (
        ("auc", "auc"),
        ("se", "auc_se"),
        ("ci_low", "auc_low"),
        ("ci_high", "auc_high"),
        ("average_precision", "average_precision"),
    ):
        assert first[ours] == pytest.approx(expected[theirs], abs=1e-9)
    for measure in ("sensitivity", "specificity", "ppv", "npv", "accuracy", "lr_positive", "lr_negative", "youden"):
        if measure in expected:
            assert first["cut"][measure]["estimate"] == pytest.approx(expected[measure], abs=1e-9)
            assert first["cut"][measure]["ci_low"] == pytest.approx(expected[f"{measure}_low"], abs=1e-9)
    pair = found["paired"][0]
    assert (pair["a"], pair["b"]) == ("a", "b")
    assert pair["z"] == pytest.approx(expected["paired_z"], abs=1e-8)
    assert pair["p_value"] == pytest.approx(expected["paired_p"], abs=1e-9)
    right = third["calibration"]
    assert right["slope"] == pytest.approx(expected["slope"], abs=1e-8)
    assert right["intercept"] == pytest.approx(expected["intercept"], abs=1e-8)
    assert right["brier"] == pytest.approx(expected["brier"], abs=1e-12)
    assert right["brier_null"] == pytest.approx(expected["brier_null"], abs=1e-12)
    assert sum(b["n"] for b in right["bins"]) == third["n"]
    if min(column(name, "a")) < 0:
        assert first["calibration"] is None
        assert any("not a probability" in note for note in found["notes"])


def test_missing_infinite_and_words(ask: Asker) -> None:
    text = "resp,s,t\nCR,3,1\nPD,1,\nSD,2,4\nNE,5,2\nPR,inf,2\nPR,4,3\n,1,1\n"
    code, found, _ = ask(text, "--label", "resp", "--score", "s,t")
    assert code == 0
    assert (found["n"], found["n_missing"], found["responders"]) == (5, 2, 3)
    assert (found["scores"][0]["n"], found["scores"][0]["n_missing"]) == (4, 3)
    assert any("infinite" in note for note in found["notes"])
    assert any("no --cut" in note for note in found["notes"])
    assert found["scores"][0]["cut"]["chosen"].startswith("largest Youden")
    assert any("fewer than 10" in note for note in found["notes"])


def test_one_and_two_are_said_and_a_note_is_said_once(ask: Asker) -> None:
    rng = np.random.default_rng(3)
    y, a = np.array([2, 1] * 8), rng.normal(size=16)
    code, found, _ = ask(csv(y=y, a=a, b=2 * a), "--label", "y", "--score", "a,b")
    assert code == 0
    assert found["responders"] == 8
    assert found["notes"][0] == "y is coded 1 and 2: 2 is read as a responder, 1 as a non-responder."
    assert len(set(found["notes"])) == len(found["notes"])


def test_groups(ask: Asker) -> None:
    rng = np.random.default_rng(2)
    y = rng.random(80) < 0.4
    text = csv(y=y.astype(int), s=(rng.normal(size=80) + y).round(3), g=rng.choice(["x", "y"], 80))
    _, found, _ = ask(text, "--label", "y", "--score", "s", "--group", "g", "--cut", "0.5")
    assert [g["group"] for g in found["groups"]] == ["x", "y"]
    assert sum(g["n"] for g in found["groups"]) == found["n"] == 80
    assert sum(g["scores"][0]["cut"]["tp"] for g in found["groups"]) == found["scores"][0]["cut"]["tp"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("y,s\n1,1\n1,2\n1,3\n", "non-responder"),
        ("y,s\n0,1\n0,2\n0,3\n", "responder"),
        ("y,s\n,1\n,2\n", "nothing can be computed"),
        ("y,s\n1,\n0,\n", "no patient has both"),
        ("y,s\n1,inf\n0,-inf\n", "infinite"),
        ("y,s\n1,5\n0,5\n1,5\n0,5\n", "does not vary"),
        ("y,s\n1,0.4\n", "nothing can be computed|non-responder"),
        ("y,s\n1,0\n0,1\n1,1\n0,0\n", "only 0 and 1"),
        ("y,s\n1,5\n0,1\n", "one patient in a class"),
        ("y,s\n1,5\n1,6\n0,1\n0,2\n", "AUC of 1"),
    ],
)
def test_what_cannot_be_computed_is_null_with_a_sentence(ask: Asker, text: str, said: str) -> None:
    code, found, err = ask(text, "--label", "y", "--score", "s")
    assert code == 0
    assert "Traceback" not in err
    import re

    assert re.search(said, " ".join(found["notes"]) + " ".join(s["note"] or "" for s in found["scores"]))
    assert set(found) >= {"file", "n", "n_missing", "responders", "scores", "paired", "notes"}
    assert set(found["scores"][0]) >= SCORE_KEYS


def test_a_cut_that_leaves_a_side_empty(ask: Asker) -> None:
    _, found, _ = ask("y,s\n1,1\n0,2\n1,3\n0,4\n", "--label", "y", "--score", "s", "--cut", "99")
    two = found["scores"][0]["cut"]
    assert two["ppv"]["estimate"] is None
    assert two["sensitivity"]["estimate"] == 0
    assert any("no patient is called positive" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("y,s\n1,2\n", ("--label", "yy", "--score", "s"), "no column 'yy'"),
        ("y,s\n1,2\n", ("--label", "y", "--score", "q"), "no column 'q'"),
        ("y,s\n1,2\n", ("--label", "y", "--score", ","), "names no column"),
        ("y,s\n1,2\n", ("--label", "y", "--score", "s", "--group", "h"), "no column 'h'"),
        ("y,s\n1,2\n", ("--label", "y", "--score", "s", "--cut", "nan"), "divides nobody"),
        ("y,s\nmaybe,2\n1,3\n", ("--label", "y", "--score", "s"), "line 2: y is 'maybe'"),
        ("y,s\n1,high\n0,3\n", ("--label", "y", "--score", "s"), "line 2: s is 'high'"),
        ("", ("--label", "y", "--score", "s"), "empty"),
        ("y,s\n", ("--label", "y", "--score", "s"), "no row"),
    ],
)
def test_refusals_are_sentences(ask: Asker, text: str, options: tuple[str, ...], said: str) -> None:
    code, found, err = ask(text, *options)
    assert code == 1
    assert said in found["error"]
    assert said in err


def test_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["response", str(tmp_path / "none.csv"), "--label", "y", "--score", "s"]) == 1
    assert "there is no file" in capsys.readouterr().err


def test_tables_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("y,s,p\n1,3,.9\n0,1,.2\n1,2,.7\n0,2,.4\n0,0,.1\n1,1,.3\n", encoding="utf-8")
    assert main(["response", str(path), "--label", "y", "--score", "s,p"]) == 0
    out = capsys.readouterr().out
    assert "6 patients of t.csv, 3 responders" in out
    assert "Paired differences" in out
    assert "nan" not in out


@pytest.mark.parametrize("seed", range(40))
def test_any_small_table_gives_a_document(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    response = np.where(rng.random(n) < 0.15, np.nan, (rng.random(n) < rng.choice([0, 0.3, 1])).astype(float))
    made = [
        rng.normal(size=n),
        rng.random(n),
        np.round(rng.random(n)),
        np.full(n, 0.5),
        rng.normal(size=n) * 1e300,
        np.full(n, np.nan),
    ]
    scores = {name: made[rng.integers(len(made))] for name in "ab"}
    found = json.loads(to_json(judged(scores, response, cut=None if seed % 2 else 0.5)))
    assert found["n"] + found["n_missing"] == n
    for row in found["scores"]:
        assert set(row) >= SCORE_KEYS
        if row["auc"] is None:
            assert row["note"]

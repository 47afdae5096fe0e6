"""Every number of `python -m core survival` against R: stored answers for data sets of many kinds, to 1e-6."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.against_r import LIMIT, Differences, arguments, compare_one, ours_of

STORED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "references" / "survival_command.json").read_text(encoding="utf-8")
)["sets"]


@pytest.mark.parametrize("stored", STORED, ids=lambda s: s["options"]["file"])
def test_every_number_is_that_of_r(stored: dict[str, Any], tmp_path: Path) -> None:
    options = stored["options"]
    (tmp_path / options["file"]).write_text(stored["csv"], encoding="utf-8")
    found = Differences()
    compare_one(options, (ours_of(arguments(options, tmp_path), real=False), stored["r"]), found)
    assert found.wrong == []
    assert sum(found.compared.values()) >= 10
    assert max(found.largest.values()) <= LIMIT, {k: v for k, v in found.largest.items() if v > LIMIT}


def test_the_sets_meet_what_is_hard() -> None:
    options = [s["options"] for s in STORED]
    for flag in ("entry", "strata", "group"):
        assert {o[flag] for o in options} == {True, False}
    assert {o["interval"] for o in options} == {"log", "log-log"}
    assert {o["endpoint"] for o in options} == {"survival", "competing"}
    answers = [s["r"] for s in STORED]
    assert any(a["events"] == 0 for a in answers), "all censored"
    assert any(a["n"] == 1 for a in answers), "one patient"
    assert any(g["n"] == 1 for a in answers for g in a["km"] if len(a["km"]) > 1), "a group of one patient"
    assert any(g["n_events"] == 0 for a in answers for g in a["km"] if a["events"]), "a group without events"
    assert any(0 in g["time"] for a in answers for g in a["km"]), "zero times"
    assert any(0 in g["survival"][:-1] for a in answers for g in a["km"]), "a risk set that empties early"

"""The ledger: a chain that holds, says what was tampered with, survives a crash and two writers at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import LedgerError, UnknownName
from core.markers.cutoff.ledger import START, Ledger, canonical

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def filled(ledger: Ledger, n: int = 4) -> Ledger:
    for number in range(n):
        ledger.append("tried", {"marker": "clinical:tmb_per_mb", "cut": float(number)})
    return ledger


def lines(ledger: Ledger) -> list[str]:
    return ledger.path.read_text(encoding="utf-8").splitlines()


def put(ledger: Ledger, found: list[str]) -> None:
    ledger.path.write_text("".join(f"{line}\n" for line in found), encoding="utf-8")


def test_an_empty_ledger_holds(ledger: Ledger) -> None:
    state = ledger.verify()
    assert state.records == ()
    assert state.head == START
    assert state.sentence == "Nothing has been tried here yet."


def test_each_record_names_the_one_before_it(ledger: Ledger) -> None:
    state = filled(ledger).verify()
    assert [r.number for r in state.records] == [1, 2, 3, 4]
    assert [r.previous for r in state.records] == [START, *(r.hash for r in state.records[:-1])]
    assert all(r.time.endswith("+00:00") for r in state.records)
    assert ledger.find(state.records[2].short).number == 3
    assert state.sentence == "All 4 records are as they were written; none was changed, moved or taken out."


def test_not_a_number_becomes_null(ledger: Ledger) -> None:
    made = ledger.append("tried", {"cut": float("nan"), "limits": (1.0, float("inf"))})
    assert json.loads(lines(ledger)[0])["content"] == {"cut": None, "limits": [1.0, None]}
    assert ledger.verify().records[0].hash == made.hash


def test_a_changed_record_is_named(ledger: Ledger) -> None:
    found = lines(filled(ledger))
    found[1] = found[1].replace('"cut":1.0', '"cut":9.0')
    put(ledger, found)
    state = ledger.state()
    assert len(state.problems) == 1
    assert "record 2 (tried" in state.problems[0]
    assert "was changed" in state.problems[0]
    with pytest.raises(LedgerError, match="record 2"):
        ledger.append("tried", {"cut": 5.0})
    assert lines(ledger) == found


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_record_taken_out_is_named(ledger: Ledger, number: int) -> None:
    found = lines(filled(ledger))
    del found[number]
    put(ledger, found)
    assert f"record {number + 2} " in ledger.state().problems[0]


def test_a_record_taken_off_the_end_is_named(ledger: Ledger) -> None:
    put(ledger, lines(filled(ledger))[:-1])
    with pytest.raises(LedgerError, match="records 4 to 4 were taken off the end"):
        ledger.verify()


def test_a_record_written_anew_with_a_right_hash_breaks_the_chain(ledger: Ledger) -> None:
    other = filled(Ledger(ledger.folder.parent / "other"), 1)
    found = lines(filled(ledger))
    found[0] = lines(other)[0].replace("tried", "tried")
    put(ledger, found)
    assert any("record 2" in problem for problem in ledger.state().problems)


def test_records_that_are_swapped_are_named(ledger: Ledger) -> None:
    found = lines(filled(ledger))
    found[1], found[2] = found[2], found[1]
    put(ledger, found)
    assert ledger.state().problems


def test_a_line_that_a_crash_cut_short_is_kept_aside(ledger: Ledger) -> None:
    filled(ledger)
    with ledger.path.open("a", encoding="utf-8") as file:
        file.write('{"number":5,"time":"2026')
    state = ledger.verify()
    assert len(state.records) == 4
    assert "cut short" in state.torn[0]
    assert ledger.append("tried", {"cut": 4.0}).number == 5
    after = ledger.verify()
    assert len(after.records) == 5
    aside = list(ledger.folder.glob("torn-*"))
    assert aside[0].read_text(encoding="utf-8") == '{"number":5,"time":"2026'
    assert aside[0].name in after.torn[0]


def test_a_whole_last_line_without_its_end_is_kept(ledger: Ledger) -> None:
    filled(ledger)
    ledger.path.write_bytes(ledger.path.read_bytes().rstrip(b"\n"))
    assert len(ledger.verify().records) == 4
    assert ledger.append("tried", {"cut": 4.0}).number == 5
    assert len(ledger.verify().records) == 5


def test_a_crash_between_the_record_and_its_name_is_no_tampering(ledger: Ledger) -> None:
    filled(ledger, 3)
    before = ledger.end.read_bytes()
    ledger.append("tried", {"cut": 7.0})
    ledger.end.write_bytes(before)
    assert len(ledger.verify().records) == 4


def test_the_file_that_names_the_last_record_cannot_be_taken_away(ledger: Ledger) -> None:
    filled(ledger)
    ledger.end.unlink()
    with pytest.raises(LedgerError, match="names the last record is gone"):
        ledger.verify()


def test_without_the_lock_file_the_records_are_still_read(ledger: Ledger) -> None:
    filled(ledger)
    (ledger.folder / "lock").unlink()
    assert len(ledger.verify().records) == 4


def test_two_processes_write_at_once(ledger: Ledger) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from core.markers.cutoff.ledger import Ledger\n"
        "for i in range(25): Ledger(sys.argv[2]).append('tried', {'who': sys.argv[3], 'i': i})\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(ROOT), str(ledger.folder), name]) for name in ("a", "b")
    ]
    assert [w.wait(timeout=60) for w in writers] == [0, 0]
    records = ledger.verify().records
    assert len(records) == 50
    for name in ("a", "b"):
        assert [r.content["i"] for r in records if r.content["who"] == name] == list(range(25))


def test_a_choice_that_raises_writes_nothing(ledger: Ledger) -> None:
    def refuse(state: object) -> tuple[str, dict[str, object]]:
        raise UnknownName("no")

    with pytest.raises(UnknownName):
        ledger.decide(refuse)  # type: ignore[arg-type]
    assert ledger.state().records == ()


def test_a_hash_that_names_nothing(ledger: Ledger) -> None:
    made = filled(ledger, 1).records()[0]
    with pytest.raises(UnknownName, match="no locked record"):
        ledger.find(made.hash, kind="locked")
    with pytest.raises(UnknownName):
        ledger.find("")
    with pytest.raises(UnknownName, match="no kind"):
        ledger.append("forged", {})  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(LedgerError, match="cannot be written"):
        Ledger(tmp_path / "file" / "ledger").append("tried", {})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_single_character_can_change_unseen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    ledger = filled(Ledger(tmp_path_factory.mktemp("chain") / "ledger"), 3)
    text = ledger.path.read_text(encoding="utf-8")
    place = data.draw(st.integers(0, len(text) - 2))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = text[:place] + letter + text[place + 1 :]
    ledger.path.write_text(changed, encoding="utf-8")
    same = [json.loads(x) for x in text.splitlines()] == _read(changed)
    assert bool(ledger.state().problems) != same


def _read(text: str) -> list[object] | None:
    try:
        return [json.loads(x) for x in text.splitlines()]
    except ValueError:
        return None


@given(st.dictionaries(st.text(max_size=5), st.floats() | st.integers() | st.text(max_size=5) | st.none(), max_size=5))
def test_canonical_json_does_not_depend_on_the_order(content: dict[str, object]) -> None:
    assert canonical(content) == canonical(dict(reversed(list(content.items()))))
    assert canonical(json.loads(canonical(content))) == canonical(content)

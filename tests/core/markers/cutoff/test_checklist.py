"""REMARK and STARD: every item there, filled only from what is known, the rest marked missing; sizes of a study."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures.checklist import STATUS
from core.markers.cutoff import checklist, lock, required
from core.markers.cutoff.checklist_items import REMARK, STARD
from core.markers.cutoff.ledger import Ledger
from core.markers.cutoff.lock import Choice
from core.markers.cutoff.validation import validate
from data.store import Store

A, B = CohortQuery(("synthetic_a",)), CohortQuery(("synthetic_b",))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def locked(store: Store, ledger: Ledger) -> str:
    choice = Choice(marker="clinical:tmb_per_mb")
    return lock.lock(store, A, choice, ledger=ledger, intended_use="Select patients", who="A. Person").hash


def test_the_guidelines_have_their_items() -> None:
    assert list(REMARK) == [str(i) for i in range(1, 21)]
    assert list(STARD) == [str(i) for i in range(1, 31)]


@pytest.mark.parametrize("guideline", list(checklist.GUIDELINES))
def test_without_a_lock_everything_is_missing(guideline: str) -> None:
    assert set(checklist.items(guideline, None)["status"]) == {"missing"}


@pytest.mark.parametrize("guideline", list(checklist.GUIDELINES))
def test_a_validation_fills_more_and_never_invents(synthetic_store: Store, ledger: Ledger, guideline: str) -> None:
    name = locked(synthetic_store, ledger)
    before = checklist.items(guideline, checklist.known_of(synthetic_store, name, ledger=ledger))
    validate(synthetic_store, B, ledger=ledger, lock=name)
    after = checklist.items(guideline, checklist.known_of(synthetic_store, name, ledger=ledger))
    assert set(after["status"]) <= set(STATUS)
    assert (after["status"] == "filled").sum() > (before["status"] == "filled").sum()
    always = {"remark": ["4", "14", "16", "17", "20"], "stard": ["1", "2", "8", "11", "25", "28", "30"]}[guideline]
    assert set(after.filter(pl.col("item").is_in(always))["status"]) == {"missing"}
    assert after.filter(pl.col("status") == "filled")["text"].str.len_chars().min() > 10  # type: ignore[operator]
    size = after.row(by_predicate=pl.col("item") == {"remark": "9", "stard": "18"}[guideline], named=True)
    assert size["status"] == "partly"
    assert "Not planned" in size["text"] and "patients" in size["text"]
    text = " ".join(after["text"])
    assert "None" not in text
    assert "nan" not in text


def test_the_chart_carries_the_items(synthetic_store: Store, ledger: Ledger) -> None:
    name = locked(synthetic_store, ledger)
    chart = checklist.filled(synthetic_store, guideline="stard", lock=name, folder=str(ledger.folder))
    assert chart.table.height == 30
    assert "missing" in chart.caption
    empty = checklist.filled(synthetic_store, guideline="remark", lock="", folder=str(ledger.folder))
    assert "nothing is locked" in empty.title
    with pytest.raises(UnknownName, match="no guideline"):
        checklist.items("consort", None)


def test_a_wider_interval_takes_fewer_patients(synthetic_store: Store, ledger: Ledger) -> None:
    name = locked(synthetic_store, ledger)
    sizes = [
        required.required(synthetic_store, lock=name, half_width=w, folder=str(ledger.folder))["patients"].to_list() for w in required.HALF_WIDTHS
    ]
    assert sizes[0][0] > sizes[1][0] > sizes[2][0]
    assert sizes[0][2:] == sizes[1][2:]
    with pytest.raises(UnknownName, match="half width"):
        required.required(synthetic_store, lock=name, half_width="7", folder=str(ledger.folder))

"""What the workbench offers and says: one cohort to derive on before all of them, late entry, the ledger in words."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import EmptyCohort
from core.markers.cutoff.late_entry import late_entry
from core.markers.cutoff.ledger import Ledger
from core.markers.cutoff.lock import Choice, derived, ledger_table
from core.markers.cutoff.offered import ALL, derivation_cohorts
from data.store import Store

BOTH = CohortQuery(("synthetic_a", "synthetic_b"))


def test_one_cohort_is_offered_before_all_of_them(synthetic_store: Store) -> None:
    found = derivation_cohorts(synthetic_store, BOTH)
    keys = list(found)
    assert keys[0].startswith("synthetic_a/")
    assert keys[-1] == ALL
    assert found[ALL].startswith(f"All {len(found) - 1} cohorts")


def test_a_single_cohort_is_no_choice(synthetic_store: Store) -> None:
    assert derivation_cohorts(synthetic_store, CohortQuery(("synthetic_a",))) == {}
    with pytest.raises(EmptyCohort):
        derivation_cohorts(synthetic_store, CohortQuery(("synthetic_a",), (Filter("cohort", "in", ("nowhere",)),)))


class _Late(Store):
    """A store in which `n` patients entered late."""

    def __init__(self, n: int) -> None:
        self._n = n

    def sql(self, statement: str, params: object = None) -> pl.DataFrame:
        assert "entry_months" in statement
        return pl.DataFrame({"n": [self._n]})


@pytest.mark.parametrize(("n", "said"), [(0, ""), (1, "1 patient came"), (12, "12 patients came")])
def test_late_entry_is_said(n: int, said: str) -> None:
    text = late_entry(_Late(n), BOTH)
    assert text.startswith(said)
    assert bool(text) == bool(n)


def test_late_entry_of_the_synthetic_studies_is_counted(synthetic_store: Store) -> None:
    known = synthetic_store.sql("SELECT count(*) AS n FROM patient WHERE entry_months > 0")["n"][0]
    assert bool(late_entry(synthetic_store, BOTH)) == bool(known)


def test_the_ledger_says_how_a_cut_was_chosen(synthetic_store: Store, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    derived(synthetic_store, CohortQuery(("synthetic_a",)), Choice(marker="clinical:tmb_per_mb", rule="median"), ledger=ledger)
    table = ledger_table(ledger.state())
    assert table["What"].to_list() == ["Tried"]
    assert table["By"].to_list() == ["median of the marker"]

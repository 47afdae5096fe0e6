"""Bench: the steps of the workbench's page as answers - what was derived, what a lock would hold, how it is noted."""

from __future__ import annotations

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.markers.cutoff.ledger import Ledger
from core.markers.cutoff.lock import Choice, derived, ledger_table, proposal
from data.store import Store


def derivation(
    store: Store, query: CohortQuery, *, marker: str, endpoint: str, rule: str, direction: str, cut: float | None, folder: str, head: str = ""
) -> Answer:
    """The cut-off curve of a derivation cohort with what the choice is worth; noted in the ledger as tried.

    Raises
    ------
    As `core.markers.cutoff.derivation.derive`; LedgerError : the ledger cannot be written.
    """
    from core.markers.cutoff.derivation_answer import answer

    choice = Choice(marker=marker, endpoint=endpoint, rule=rule, direction=direction, cut=cut)
    found, _ = derived(store, query, choice, ledger=Ledger(folder))
    return answer(store, found)


def proposed(
    store: Store, query: CohortQuery, *, marker: str, endpoint: str, rule: str, direction: str, cut: float | None, folder: str, head: str
) -> str:
    """What the lock button would lock, in a sentence. `head` : of the ledger, for the memory of the pages."""
    ledger = Ledger(folder)
    choice = Choice(marker=marker, endpoint=endpoint, rule=rule, direction=direction, cut=cut)
    found, _ = derived(store, query, choice, ledger=ledger)
    return proposal(found, query, state=ledger.state())


__all__ = ["derivation", "ledger_table", "proposed"]

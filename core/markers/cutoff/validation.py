"""Validation: the labels of other patients are read once, for a cut-off that was locked before, and the result is kept.

`labels` is the only function that reads an outcome of a validation cohort. It takes a lock, and applies every rule of
`core.markers.cutoff.admission` before it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from core.cohort.provenance import describe, titles
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, Refused
from core.markers import marker as markers
from core.markers.cutoff.admission import ENDPOINT_WORDS, Admission, admission, fingerprint, ids
from core.markers.cutoff.ledger import Kind, Ledger, Record, State
from core.markers.cutoff.performance import Performance, Retuned, performance, performance_from, retuned
from data.store import Store
from models import card

LABELS = ("patient_id", "response", "os_months", "os_event", "pfs_months", "pfs_event")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A validation as the ledger holds it.

    Attributes
    ----------
    record : its record. lock : the record of its lock. repeated : it stood already, and nothing was computed anew.
    performance : at the locked cut. retuned : what choosing the cut on these patients would have claimed.
    """

    record: Record
    lock: Record
    repeated: bool
    performance: Performance
    retuned: Retuned

    @property
    def cohort(self) -> CohortQuery:
        return CohortQuery.from_key(str(self.record.content["cohort"]))


def labels(
    store: Store, query: CohortQuery, *, ledger: Ledger, lock: str, state: State | None = None
) -> tuple[pl.DataFrame, Admission]:
    """Outcomes of a validation cohort, with the marker.

    Parameters
    ----------
    lock : the hash of a locked record. state : of the ledger, where the caller holds it.

    Returns
    -------
    patient_id, value, response, os_months, os_event, pfs_months, pfs_event of the patients admitted; the admission.

    Raises
    ------
    UnknownName
        The ledger holds no such lock. LedgerError : its chain does not hold.
    Refused
        A rule of `admission` is broken; the message says which, and what to do instead.
    """
    state = ledger.verify() if state is None else state
    locked = state.find(lock, kind="locked")
    found = admission(store, query, state=state, lock=locked)
    redrawn = found.standing is not None and found.standing.content["cohort"] == query.key()
    if found.reasons and not redrawn:
        raise Refused(f"these patients cannot validate this lock: {found.reasons[0]}")
    if found.standing is not None and not redrawn:
        raise Refused(
            f"some of these patients were part of the validation of this lock already (record {found.standing.number}); "
            "its result stands"
        )
    outcomes = store.patients(query.where(), columns=LABELS)
    return outcomes.join(found.patients, on="patient_id", how="inner", maintain_order="left"), found


def validate(store: Store, query: CohortQuery, *, ledger: Ledger, lock: str) -> Validation:
    """Validate a locked cut-off on a cohort, once.

    A second validation of the same lock on the same patients, or on some of them, computes nothing: it gives back the
    result that stands.

    Raises
    ------
    As `labels`; NotMeasured : nobody here has the endpoint of the lock, and nothing is written.
    """
    made: list[Record] = []

    def choice(state: State) -> tuple[Kind, Mapping[str, object]] | Record:
        locked = state.find(lock, kind="locked")
        before = admission(store, query, state=state, lock=locked)
        if before.standing is not None:
            return before.standing
        frame, found = labels(store, query, ledger=ledger, lock=locked.hash, state=state)
        made.append(locked)
        return "validated", _content(store, query, found=(frame, found), locked=locked)

    record = ledger.decide(choice)
    return opened(record, ledger.find(str(record.content["lock"]), kind="locked"), repeated=not made)


def opened(record: Record, lock: Record, *, repeated: bool = True) -> Validation:
    """A stored validation read back."""
    facts = record.content
    claim = facts["retuned"]
    return Validation(
        record=record, lock=lock, repeated=repeated, performance=performance_from(facts["performance"]),
        retuned=Retuned(
            cut=float("nan") if claim["cut"] is None else claim["cut"], by=claim["by"], note=claim["note"],
            performance=None if claim["performance"] is None else performance_from(claim["performance"]),
        ),
    )  # fmt: skip


def validations(ledger: Ledger, lock: str) -> tuple[Validation, ...]:
    """Every validation of a lock, in order."""
    state = ledger.verify()
    locked = state.find(lock, kind="locked")
    return tuple(opened(r, locked) for r in state.records if r.kind == "validated" and r.content["lock"] == locked.hash)


def is_probability(marker: str) -> bool:
    """Whether a marker's values are probabilities of response."""
    where = markers.address(marker)
    return where.kind == "predictor" and card(where.name).kind == "probability"


def _content(
    store: Store, query: CohortQuery, *, found: tuple[pl.DataFrame, Admission], locked: Record
) -> dict[str, Any]:
    frame, admitted = found
    facts = locked.content
    endpoint, direction, marker = str(facts["endpoint"]), str(facts["direction"]), str(facts["marker"])
    column = "response" if endpoint == "response" else f"{endpoint}_months"
    if frame[column].null_count() == frame.height:
        raise NotMeasured(
            f"the {ENDPOINT_WORDS[endpoint]} of nobody in {query.describe()} is known, so that this lock cannot be validated there; nothing "
            "was written; choose another cohort"
        )
    result = performance(frame, cut=float(facts["cut"]), direction=direction, probability=is_probability(marker))
    claim = retuned(frame, direction=direction, endpoint=endpoint)
    overlap = admitted.overlap
    return {
        "lock": locked.hash,
        "marker": marker,
        "label": facts.get("label", marker),
        "endpoint": endpoint,
        "cohort": query.key(),
        "cohort_words": describe(query, titles(store)),
        "database": store.version,
        "patients": fingerprint(ids(store, query)),
        "n": frame.height,
        "n_missing": admitted.n_missing,
        "left_out": list(admitted.left_out),
        "overlap": None if overlap is None else {
            "same_id": overlap.same_id, "exact": overlap.exact, "near": overlap.near, "expected_exact": overlap.expected_exact,
            "expected_near": overlap.expected_near, "sentence": overlap.sentence,
        },
        "notes": list(admitted.notes),
        "performance": result.document(),
        "retuned": {
            "cut": claim.cut, "by": claim.by, "note": claim.note,
            "performance": None if claim.performance is None else claim.performance.document(),
        },
    }  # fmt: skip


def told(validation: Validation) -> str:
    """Whether this is the first look, in a sentence; names the cohort that the stored result belongs to."""
    number, time = validation.record.number, validation.record.time[:16].replace("T", " ")
    if not validation.repeated:
        return f"First and only look at these patients for this lock; kept as record {number} ({time} UTC)."
    return (
        f"The outcomes of {validation.record.content['cohort_words']} were read once for this lock, on {time} UTC (record {number}); that result stands, and "
        "asking again computes nothing anew."
    )

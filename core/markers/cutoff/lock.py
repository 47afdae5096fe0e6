"""Lock: a cut-off fixed in the ledger, with all that was tried before it, while no validation label has been read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import polars as pl

from core.cohort.provenance import describe, titles
from core.cohort.query import CohortQuery
from core.errors import Refused
from core.figures import words
from core.markers.cutoff.admission import ENDPOINT_WORDS, canonical_marker, fingerprint
from core.markers.cutoff.derivation import RULES, Derivation, derive
from core.markers.cutoff.ledger import Kind, Ledger, Record, State
from core.markers.cutoff.performance import performance
from core.markers.cutoff.validation import LABELS, is_probability
from core.version import software_version
from data.store import Store

LONGEST = 400
"""Characters of an intended use, and of a name, that are kept."""
MOST_REMEMBERED = 8
SAME_TRY = ("marker", "cohort", "endpoint", "rule", "direction", "cut", "database")
SAME_LOCK = (*SAME_TRY, "intended_use")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person chose on the derivation cohort.

    Attributes
    ----------
    marker : its id. endpoint : 'response', 'os', 'pfs'. rule : key of RULES. direction : 'high' or 'low'.
    cut : where the rule is 'given'. seed : of the resampling.
    """

    marker: str
    endpoint: str = "response"
    rule: str = "youden"
    direction: str = "high"
    cut: float | None = None
    seed: int = 1


_LAST: dict[tuple[str, str, Choice], Derivation] = {}


def derived(store: Store, query: CohortQuery, choice: Choice, *, ledger: Ledger) -> tuple[Derivation, Record]:
    """Derive a cut-off and note in the ledger that it was tried; the same one again is noted once.

    Raises
    ------
    As `derive`; LedgerError : the ledger cannot be written, so that nothing may be tried.
    """
    found = _derive(store, query, choice)
    facts = {**_address(store, query, found), "n": found.n}

    def note(state: State) -> tuple[Kind, Mapping[str, object]] | Record:
        return _standing(state, "tried", facts, same=SAME_TRY) or ("tried", facts)

    return found, ledger.decide(note)


def _derive(store: Store, query: CohortQuery, choice: Choice) -> Derivation:
    """`derive`, the last few remembered: the page derives, then proposes, then locks the same cut."""
    key = (str(store.path), query.key(), choice)
    found = _LAST.get(key)
    if found is None:
        found = derive(
            store, query, marker=choice.marker, endpoint=choice.endpoint, rule=choice.rule, direction=choice.direction,
            cut=choice.cut, seed=choice.seed,
        )  # fmt: skip
        while len(_LAST) >= MOST_REMEMBERED:
            _LAST.pop(next(iter(_LAST), key), None)
        _LAST[key] = found
    return found


def lock(
    store: Store, query: CohortQuery, choice: Choice, *, ledger: Ledger, intended_use: str, who: str = ""
) -> Record:
    """Fix a cut-off: from now on it can be validated, and not be changed.

    The record holds the cut, its direction and rule, the marker, the derivation cohort and database version, n, every
    candidate tried on that cohort or for that marker so far, the apparent and the optimism-corrected performance, and
    the intended use. The same lock again gives back the record that stands.

    Raises
    ------
    Refused
        No intended use is named. Others : as `derived`.
    """
    purpose = " ".join(intended_use.split())[:LONGEST]
    if not purpose:
        raise Refused("a cut-off is locked for a purpose: say in a sentence what the test is meant to decide, and for whom")
    found, _ = derived(store, query, choice, ledger=ledger)
    facts = {
        **_address(store, query, found), "intended_use": purpose, "who": " ".join(who.split())[:LONGEST],
        **_evidence(store, query, found, seed=choice.seed),
    }  # fmt: skip

    def write(state: State) -> tuple[Kind, Mapping[str, object]] | Record:
        standing = _standing(state, "locked", facts, same=SAME_LOCK)
        return standing or ("locked", {**facts, "tried": tried(state, query.key(), marker=found.marker)})

    return ledger.decide(write)


def tried(state: State, cohort: str, *, marker: str) -> dict[str, Any]:
    """Candidates tried so far: every one on this cohort, and this marker's elsewhere; with their count."""
    rows = [
        {"record": r.number, **{name: r.content[name] for name in ("marker", "cohort", "endpoint", "rule", "direction", "cut")}}
        for r in state.records
        if r.kind == "tried" and (r.content["cohort"] == cohort or canonical_marker(str(r.content["marker"])) == canonical_marker(marker))
    ]
    return {"count": len(rows), "list": rows, "markers": len({canonical_marker(str(row["marker"])) for row in rows})}


def proposal(found: Derivation, query: CohortQuery, *, state: State) -> str:
    """What the lock button will lock, in words."""
    rule = f"by the {RULES[found.rule]}" if found.rule != "given" else "as a cut fixed beforehand"
    side = "at or above" if found.direction == "high" else "below"
    so_far = tried(state, query.key(), marker=found.marker)
    return (
        f"{found.label} {side} {words.number(found.cut, unit=spoken_unit(found.unit))} is marker-positive, chosen {rule} for "
        f"{ENDPOINT_WORDS[found.endpoint]} on {found.cohort} (n = {found.n:,}), after {words.count(so_far['count'], 'candidate')} "
        f"of {words.count(so_far['markers'], 'marker')} tried."
    )


def spoken_unit(unit: str) -> str:
    """A unit that can stand behind a number; a description of a score cannot."""
    return "" if unit.startswith(("score", "probability", "log", "z", "fraction", "call")) else unit


def _address(store: Store, query: CohortQuery, found: Derivation) -> dict[str, Any]:
    return {
        "marker": found.marker, "label": found.label, "unit": found.unit, "cohort": query.key(),
        "cohort_words": describe(query, titles(store)), "endpoint": found.endpoint, "rule": found.rule, "direction": found.direction,
        "cut": float(found.cut), "database": store.version, "software": software_version(),
    }  # fmt: skip


def _evidence(store: Store, query: CohortQuery, found: Derivation, *, seed: int) -> dict[str, Any]:
    """What is known of the cut on its own cohort: apparent performance, optimism, corrected p, how scores were made."""
    used = found.patients.select("patient_id", "value")
    outcomes = store.patients(query.where(), columns=LABELS)
    frame = outcomes.join(used, on="patient_id", how="inner", maintain_order="left")
    apparent = performance(frame, cut=found.cut, direction=found.direction, probability=is_probability(found.marker))
    return {
        "n": found.n, "n_missing": found.n_missing, "events": found.events, "positives": found.positives,
        "below": found.below, "n_cuts": found.n_cuts, "patients": fingerprint(used["patient_id"]), "seed": seed,
        "performance": apparent.document(), "optimism": simple(found.optimism), "selected": simple(found.selected),
        "notes": list(found.notes),
    }  # fmt: skip


def simple(value: object) -> dict[str, Any]:
    """The plain facts of a result: numbers, words and pairs; tables and arrays are left out."""
    if not is_dataclass(value):
        return {}
    out: dict[str, Any] = {}
    for field in fields(value):
        held = getattr(value, field.name)
        if isinstance(held, np.generic):
            held = held.item()
        if isinstance(held, tuple) and all(isinstance(v, str | int | float | np.generic) or v is None for v in held):
            held = [v.item() if isinstance(v, np.generic) else v for v in held]
        elif is_dataclass(held) and not isinstance(held, type):
            held = simple(held)
        elif not (held is None or isinstance(held, str | int | float | bool)):
            continue
        out[field.name] = held
    return out


def _standing(state: State, kind: Kind, facts: Mapping[str, Any], *, same: tuple[str, ...]) -> Record | None:
    def equal(a: object, b: object) -> bool:
        both = isinstance(a, float | int) and isinstance(b, float | int)
        return math.isclose(float(a), float(b), rel_tol=1e-12) if both else a == b  # type: ignore[arg-type]

    return next(
        (r for r in state.records if r.kind == kind and all(equal(r.content.get(k), facts[k]) for k in same)), None
    )


def _by(kind: Kind, facts: Mapping[str, Any]) -> str:
    """How a cut was chosen, or what else was asked of it, in words."""
    rule = str(facts.get("rule", ""))
    if kind == "validated":
        return "locked cut"
    return {"interaction": "treatment by marker"}.get(rule, RULES.get(rule, rule))


def ledger_table(state: State) -> pl.DataFrame:
    """The ledger as people read it, last record first: record, time, what, marker, cut, cohort, hash."""
    rows = []
    for r in reversed(state.records):
        c = r.content
        cut = c.get("cut", (c.get("performance") or {}).get("cut"))
        rows.append(
            (r.number, r.time[:19].replace("T", " "), r.kind.capitalize(), str(c.get("label", c.get("marker", ""))), ENDPOINT_WORDS.get(str(c.get("endpoint")), ""), _by(r.kind, c), cut, str(c.get("cohort_words", "")), r.short)
        )
    schema = {
        "Record": pl.Int64, "Time (UTC)": pl.String, "What": pl.String, "Marker": pl.String, "Endpoint": pl.String, "By": pl.String,
        "Cut": pl.Float64, "Cohort": pl.String, "Hash": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")

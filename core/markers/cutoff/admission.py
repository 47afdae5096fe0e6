"""Admission: whether a cohort may still be read as the validation of a locked cut-off. No outcome is read here.

The rules, in order. A cohort is refused where
1. its filters name an outcome; 2. it shares a patient's id with the derivation cohort, or a study that is known to hold
the same patients; 3. more than a tenth of its patients look like patients of the derivation cohort, beyond chance
(fewer are left out; matches that chance explains stay and are shown); 4. the cut-off curve of this marker was
computed on any of its patients, for this endpoint ever or for another one before the lock; 5. its labels were read for another lock of this marker before this lock was made;
6. the scores of the predictor were fitted on these patients; 7. the marker is in another unit there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from core.cohort.overlap import BASELINE, Overlap, shared_patients
from core.cohort.query import CohortQuery
from core.errors import CohortError, NotMeasured
from core.figures import words
from core.markers import marker as markers
from core.markers.cutoff.ledger import Record, State
from data.schema import PATIENT
from data.sources import OVERLAPPING
from data.store import Store
from models import MODULES, card

OUTCOMES = frozenset(
    {"response", "recist", "tumour_change_percent", "entry_months"}
    | {f"{e}_{part}" for e in ("os", "pfs", "dss", "dfi") for part in ("months", "event")}
)
"""Columns of the patient table that tell how a patient fared."""
MOST_ALIKE = 0.10
"""Share of look-alikes above which a cohort is refused, and at or under which they are left out."""
FIXED = ("published", "external", "leave_one_cohort_out")
"""Protocols whose scores owe nothing to the labels of the cohort that is scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a cohort may validate a lock.

    Attributes
    ----------
    reasons : sentences that refuse it; empty = admitted. notes : what a reader must know.
    patients : patient_id, value of the patients admitted who have the marker. n_missing : without the marker.
    left_out : ids of look-alikes of derivation patients. overlap : how they were looked for; None where that was
        impossible. standing : the validation of this lock that any of these patients were part of, if there is one.
    """

    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    patients: pl.DataFrame
    n_missing: int
    left_out: tuple[str, ...]
    overlap: Overlap | None
    standing: Record | None

    @property
    def n(self) -> int:
        return self.patients.height


def admission(store: Store, query: CohortQuery, *, state: State, lock: Record) -> Admission:
    """Apply the rules of this module to a cohort; reads ids, the marker and baseline columns, never an outcome.

    Parameters
    ----------
    query : the cohort. state : of the ledger. lock : its locked record.
    """
    facts = lock.content
    marker, endpoint = str(facts["marker"]), str(facts["endpoint"])
    reasons, notes = list(_by_filter(query)), []
    if reasons:
        return _refused(reasons)
    mine = ids(store, query)
    derived = derivation_ids(store, lock)
    standing = _standing(store, mine, validations=_validations(state, lock))
    reasons += _by_patients(query, CohortQuery.from_key(str(facts["cohort"])), shared=len(mine & derived))
    if not derived:
        notes.append("The derivation cohort is not in this database any more, so that shared patients cannot be looked for.")
    reasons += _by_ledger(store, mine, history=(state, lock))
    units = unit_differs(store, CohortQuery.from_key(str(facts["cohort"])), query, marker=marker)
    reasons += [units] if units else []
    try:
        values, protocols = fixed_values(store, query, marker)
    except CohortError as error:
        return _refused([*reasons, _sentence(str(error))])
    notes += [_carried(protocols)] if "leave_one_cohort_out" in protocols else []
    elsewhere = _other_endpoints(store, mine, history=(state, marker, endpoint))
    notes += [elsewhere] if elsewhere else []
    if not set(query.studies) & set(CohortQuery.from_key(str(facts["cohort"])).studies):
        notes.append("The marker was measured by another study: the same unit does not make two assays alike.")
    left_out: tuple[str, ...] = ()
    overlap = None
    if not reasons and derived:
        overlap, left_out, why, said = _look_alikes(store, CohortQuery.from_key(str(facts["cohort"])), query)
        reasons += why
        notes += said
    known = values.drop_nulls("value").filter(~pl.col("patient_id").is_in(list(left_out)))
    return Admission(
        reasons=tuple(reasons), notes=tuple(notes), patients=known.select("patient_id", "value"),
        n_missing=values["value"].null_count(), left_out=left_out, overlap=overlap, standing=standing,
    )  # fmt: skip


def ids(store: Store, query: CohortQuery) -> frozenset[str]:
    """Ids of a cohort's patients."""
    return frozenset(store.patients(query.where(), columns=("patient_id",))["patient_id"].to_list())


def derivation_ids(store: Store, lock: Record) -> frozenset[str]:
    """Ids of the patients of a lock's derivation cohort, as far as they are in the database."""
    return _ids_of(store, str(lock.content["cohort"]))


def fingerprint(patients: Iterable[str]) -> str:
    """SHA-256 of a set of ids: says that a cohort is still the same, not who is in it."""
    return hashlib.sha256("\n".join(sorted(patients)).encode()).hexdigest()


def canonical_marker(marker: str) -> str:
    """One address for a marker that has two: a predictor that is a single patient column is that column."""
    kind, _, name = marker.partition(":")
    if kind == "predictor" and name in MODULES:
        inputs = card(name).inputs
        if card(name).kind == "marker" and len(inputs) == 1 and inputs[0] in PATIENT.dtypes:
            return f"clinical:{inputs[0]}"
    return marker


def fixed_values(store: Store, query: CohortQuery, marker: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A marker's values by a rule that these patients had no part in: patient_id, value; and the protocols of a score.

    Raises
    ------
    NotMeasured
        Nobody has such a value.
    """
    frame = markers.values(store, query, marker)
    where = markers.address(marker)
    if where.kind != "predictor":
        return frame.select("patient_id", "value"), ()
    condition, params = query.where()
    found = store.sql(
        f"""SELECT DISTINCT ON (patient_id) patient_id, score AS value, protocol FROM prediction
            WHERE predictor = $predictor AND protocol = ANY($fixed) AND score IS NOT NULL
              AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})
            ORDER BY patient_id, list_position($fixed, protocol)""",
        {**params, "predictor": where.name, "fixed": list(FIXED)},
    )
    if found.is_empty():
        raise NotMeasured(
            f"every score of {markers.label(marker)} for these patients was fitted on patients of this cohort, so that a "
            "validation would be in-sample; choose a cohort that it was not trained on, or a marker with a fixed formula"
        )
    joined = frame.select("patient_id").join(found, on="patient_id", how="left", maintain_order="left")
    return joined.select("patient_id", "value"), tuple(sorted(set(found["protocol"])))


def unit_differs(store: Store, one: CohortQuery, other: CohortQuery, *, marker: str) -> str:
    """Why a cut of one cohort means nothing in another: expression in another unit; empty where it does not differ."""
    if markers.address(marker).kind != "gene":
        return ""
    units = [_units(store, query) for query in (one, other)]
    if not units[0] or not units[1] or units[0] == units[1]:
        return ""
    return (
        f"{markers.label(marker)} is in {words.listing(sorted(units[0]))} there and in {words.listing(sorted(units[1]))} here, so that the "
        "cut means nothing here; choose a cohort with the same unit, or lock a marker that is measured alike"
    )


def _units(store: Store, query: CohortQuery) -> set[str]:
    found = store.sql(
        "SELECT DISTINCT unit FROM assay WHERE study = ANY($studies) AND level = 'patient' AND preferred", {"studies": list(query.studies)}
    )
    return {str(unit) for unit in found["unit"] if unit}


def _refused(reasons: Sequence[str]) -> Admission:
    empty = pl.DataFrame(schema={"patient_id": pl.String, "value": pl.Float64})
    return Admission(
        reasons=tuple(reasons), notes=(), patients=empty, n_missing=0, left_out=(), overlap=None, standing=None
    )


def _by_filter(query: CohortQuery) -> list[str]:
    named = sorted({f.column for f in query.filters if f.column in OUTCOMES})
    if not named:
        return []
    labels = words.listing([words.column(name) for name in named])
    return [f"a validation cohort is chosen before its outcomes are known, and this one is filtered by {labels}; remove that filter"]


def _by_patients(query: CohortQuery, derivation: CohortQuery, *, shared: int) -> list[str]:
    if shared:
        return [
            f"{words.count(shared, 'patient')} of this cohort {'is' if shared == 1 else 'are'} in the derivation cohort too; choose other patients"
        ]
    both = {*query.studies, *derivation.studies}
    for pair in OVERLAPPING:
        if pair <= both and not (pair <= set(query.studies) or pair <= set(derivation.studies)):
            return [f"{words.listing(sorted(pair))} are known to share patients; choose a cohort of another study"]
    return []


def _by_ledger(store: Store, mine: frozenset[str], *, history: tuple[State, Record]) -> list[str]:
    state, lock = history
    marker, endpoint = canonical_marker(str(lock.content["marker"])), lock.content["endpoint"]
    seen: dict[str, bool] = {}

    def overlaps(key: str) -> bool:
        if key not in seen:
            seen[key] = bool(mine & _ids_of(store, key))
        return seen[key]

    reasons = []
    for record in state.records:
        facts = record.content
        if record.kind == "tried":
            same = canonical_marker(str(facts["marker"])) == marker
            counts = facts["endpoint"] == endpoint or record.number < lock.number
            if same and counts and overlaps(str(facts["cohort"])):
                what = ENDPOINT_WORDS.get(str(facts["endpoint"]), str(facts["endpoint"]))
                reasons.append(
                    f"a cut-off of this marker for {what} was tried on these patients (record {record.number}, {record.time[:16].replace('T', ' ')} UTC), "
                    "so that it is no longer a validation cohort; choose patients on whom nothing was tried"
                )
                break
    for record in state.records:
        facts = record.content
        if record.kind != "validated" or record.number >= lock.number or facts["lock"] == lock.hash:
            continue
        if canonical_marker(str(facts["marker"])) == marker and overlaps(str(facts["cohort"])):
            reasons.append(
                f"the outcomes of these patients were read for an earlier lock of this marker (record {record.number}), before this cut-off was "
                "locked, so that it could have been chosen in their light; choose other patients"
            )
            break
    return reasons


def _validations(state: State, lock: Record) -> list[Record]:
    return [r for r in state.records if r.kind == "validated" and r.content["lock"] == lock.hash]


def _standing(store: Store, mine: frozenset[str], *, validations: Sequence[Record]) -> Record | None:
    return next((r for r in validations if mine & _ids_of(store, str(r.content["cohort"]))), None)


def _ids_of(store: Store, key: str) -> frozenset[str]:
    try:
        return ids(store, CohortQuery.from_key(key))
    except CohortError:  # a study or column of an older database
        return frozenset()


def _look_alikes(
    store: Store, derivation: CohortQuery, query: CohortQuery
) -> tuple[Overlap | None, tuple[str, ...], list[str], list[str]]:
    columns = ("patient_id", *BASELINE)
    one, other = (store.patients(q.where(), columns=columns) for q in (derivation, query))
    try:
        overlap = shared_patients(one, other)
    except NotMeasured as error:
        return None, (), [], [f"Look-alikes cannot be looked for: {error}."]
    if overlap.same_id:
        return overlap, (), [f"{words.count(overlap.same_id, 'patient')} carry an id of the derivation cohort; choose other patients"], []
    if not overlap.beyond_chance:
        return overlap, (), [], []
    alike = tuple(str(p) for p in overlap.table["patient"].to_list())
    share = len(alike) / max(1, other.height)
    if share > MOST_ALIKE:
        why = (
            f"{words.count(len(alike), 'patient')} of {other.height:,} ({words.percent(share)}) look like patients of the derivation cohort, more than the "
            f"{words.percent(MOST_ALIKE)} that could be left out; choose a cohort from elsewhere"
        )
        return overlap, (), [why], []
    return overlap, alike, [], [f"{words.count(len(alike), 'patient')} who look like patients of the derivation cohort are left out."]


def _carried(protocols: Sequence[str]) -> str:
    return (
        "The score is fitted on the other cohorts for each cohort anew, so that the cut-off is carried over between two fits of the model."
        if "leave_one_cohort_out" in protocols
        else ""
    )


def _other_endpoints(store: Store, mine: frozenset[str], *, history: tuple[State, str, str]) -> str:
    """That the marker was tried on these patients for other endpoints, after the lock."""
    state, marker, endpoint = history
    others = {
        (str(r.content["endpoint"]), str(r.content["cohort"]))
        for r in state.records
        if r.kind == "tried" and canonical_marker(str(r.content["marker"])) == canonical_marker(marker) and r.content["endpoint"] != endpoint
    }
    here = sorted({ENDPOINT_WORDS.get(e, e) for e, key in others if mine & _ids_of(store, key)})
    return f"Since the lock, cut-offs of this marker were also tried for {words.listing(here)} on these patients." if here else ""


ENDPOINT_WORDS: Mapping[str, str] = {
    "response": "response", "os": "overall survival", "pfs": "progression-free survival"
}


def _sentence(text: str) -> str:
    return text.rstrip(".")

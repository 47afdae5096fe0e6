"""Offered: what can be chosen on the workbench - markers, endpoints, validation cohorts, comparators - without an outcome of
a validation cohort being read."""

from __future__ import annotations

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.provenance import names, short_name
from core.cohort.query import CohortQuery, Filter
from core.errors import CohortError
from core.figures import words
from core.markers import marker as markers
from core.markers.cutoff.admission import (
    ENDPOINT_WORDS,
    admission,
    canonical_marker,
    derivation_ids,
    fixed_values,
)
from core.markers.cutoff.ledger import Ledger
from core.response.predicted import treated
from data.schema import ENDPOINTS
from data.store import Store
from models import MODULES, card

KINDS = ("predictor", "clinical", "signature", "cell")
"""Kinds listed by name; a gene, mutation or copy number is typed in."""
FEWEST = 5
"""Patients with the marker under whom a cohort is not offered."""
ALL = "all"
"""Instead of one derivation cohort: all of them together."""
FIRST = ("predictor:loris", "clinical:tmb_per_mb", "predictor:gep")
PUBLISHED = {"clinical:tmb_per_mb": "tmb", "clinical:pdl1_tps_percent": "pdl1"}


def offered_markers(store: Store, query: CohortQuery) -> dict[str, str]:
    """Markers of a derivation cohort, by address: label and n. Predictors count with their in-sample scores, which may
    derive a cut-off; a marker that can only be 0 or 1 has none to derive."""
    found = markers.candidates(store, query, kinds=KINDS)
    rows = {m: (label, n) for m, label, n in found.select("marker", "label", "n").iter_rows()}
    condition, params = query.where()
    scored = store.sql(
        f"""SELECT predictor, count(DISTINCT patient_id) AS n FROM prediction
            WHERE score IS NOT NULL AND patient_id IN (SELECT patient_id FROM patient WHERE {condition}) GROUP BY 1""",
        params,
    )
    counts = dict(scored.iter_rows())
    for name in MODULES:
        if name in counts:
            rows[f"predictor:{name}"] = (card(name).label, counts[name])
    known = {m: r for m, r in rows.items() if not markers.is_binary(m) and not _twice(m, rows)}
    order = sorted(known, key=lambda m: (FIRST.index(m) if m in FIRST else len(FIRST), KINDS.index(m.partition(":")[0])))
    return {m: f"{known[m][0]} · {known[m][1]:,}" for m in order}


def _twice(marker: str, rows: dict[str, tuple[str, int]]) -> bool:
    """A predictor that is one patient column is offered as that column."""
    own = canonical_marker(marker)
    return own != marker and own in rows


def offered_endpoints(store: Store, query: CohortQuery) -> dict[str, str]:
    """Endpoints that somebody of a derivation cohort has."""
    condition, params = query.where()
    row = store.sql(
        f"""SELECT count(response) AS response, count(*) FILTER (os_months IS NOT NULL AND os_event IS NOT NULL) AS os,
            count(*) FILTER (pfs_months IS NOT NULL AND pfs_event IS NOT NULL) AS pfs FROM patient WHERE {condition}""",
        params,
    ).row(0, named=True)
    labels = {"response": "Response", **{e: ENDPOINTS[e] for e in ("os", "pfs")}}
    return {name: label for name, label in labels.items() if row[name]}


def offered_cohorts(store: Store, *, lock: str, folder: str, head: str) -> dict[str, str]:
    """Cohorts that could validate a lock, by key: their name and the number of patients with the marker, nothing else.

    The whole list is made from ids, cohort names and the marker. Cohorts that share a patient with the derivation, or in
    which fewer than 5 have the marker, are not listed. `head` : of the ledger, for the memory of the pages.
    """
    locked = Ledger(folder).find(lock, kind="locked")
    taken, marker = derivation_ids(store, locked), str(locked.content["marker"])
    names = {s: short_name(t or s) for s, t in store.sql("SELECT study, title FROM study ORDER BY rowid").iter_rows()}
    cohorts = store.sql(
        """SELECT study, cohort, count(*) AS n, bool_and(coalesce(arm = 'control', false)) AS untreated FROM patient
           GROUP BY 1, 2 HAVING count(*) >= 5 ORDER BY study, cohort"""
    )
    never = {(study, cohort) for study, cohort, yes in cohorts.select("study", "cohort", "untreated").iter_rows() if yes}
    rows = []
    for study, part in ((s, cohorts.filter(pl.col("study") == s)) for s in names):
        if part.is_empty():
            continue
        try:
            values, _ = fixed_values(store, CohortQuery((study,)), marker)
        except CohortError:  # the marker is not measured there
            continue
        where = store.sql("SELECT patient_id, cohort FROM patient WHERE study = $s", {"s": study})
        known = values.drop_nulls("value").join(where, on="patient_id")
        for (cohort,), mine in known.group_by("cohort", maintain_order=True):
            if mine.height < FEWEST or set(mine["patient_id"]) & taken:
                continue
            alone = part.height == 1
            query = CohortQuery((study,)) if alone else CohortQuery((study,), (Filter("cohort", "in", (str(cohort),)),))
            name = names[study] if alone else f"{names[study]}, {cohort}"
            without = (study, str(cohort)) in never
            rows.append(((without, study not in _studies(locked.content["cohort"]), -mine.height), query.key(), name))
    rows.sort(key=lambda r: r[0])
    return {key: f"{name} · {-order[2]:,} with the marker{', never had ICB' if order[0] else ''}" for order, key, name in rows}


def _studies(key: object) -> tuple[str, ...]:
    return CohortQuery.from_key(str(key)).studies


def offered_comparators(store: Store, query: CohortQuery, *, marker: str) -> dict[str, str]:
    """Other assays with a published cut that these patients have: predictor -> its label with the cut."""
    out = {}
    for name in MODULES:
        about = card(name)
        if about.published_cut is None or f"predictor:{name}" == marker:
            continue
        try:
            values, _ = fixed_values(store, query, f"predictor:{name}")
        except CohortError:  # not measured here
            continue
        n = values.drop_nulls("value").height
        if n >= FEWEST and PUBLISHED.get(marker) != name:
            out[name] = f"{about.label} ≥ {about.published_cut.value:g} · {n:,}"
    return out


def admitted(store: Store, query: CohortQuery, *, lock: str, folder: str, head: str) -> tuple[bool, tuple[str, ...]]:
    """Whether a cohort may be read for a lock, with sentences: who would be read, what is shared, why not."""
    state = Ledger(folder).verify()
    locked = state.find(lock, kind="locked")
    found = admission(store, query, state=state, lock=locked)
    said = []
    if found.reasons:
        said += [f"Refused: {reason}." for reason in found.reasons]
    elif found.standing is None:
        said.append(
            f"{words.count(found.n, 'patient')} with the marker would be read"
            + (f"; {words.count(found.n_missing, 'patient')} without it would not" if found.n_missing else "")
            + f". Primary endpoint: {ENDPOINT_WORDS[str(locked.content['endpoint'])]}. Nothing of their outcome has been read yet."
        )
    if found.overlap is not None:
        said.append(f"Shared patients: {found.overlap.sentence}")
    return not found.reasons and found.standing is None, (*said, *found.notes)


def comparators_of(store: Store, query: CohortQuery, *, lock: str, folder: str, head: str) -> dict[str, str]:
    """`offered_comparators` of a lock's marker. `head` : of the ledger, for the memory of the pages."""
    return offered_comparators(store, query, marker=str(Ledger(folder).find(lock, kind="locked").content["marker"]))


def derivation_cohorts(store: Store, query: CohortQuery) -> dict[str, str]:
    """Cohorts that a cut-off can be derived on, by "study/cohort", largest first, and all together at the end; empty where
    there is one only.

    Each patient on whom a marker is tried is lost for its validation, so that one cohort is offered before all of them.
    Cohorts in which nobody had immune checkpoint blockade come after those in which somebody had.

    Raises
    ------
    EmptyCohort
        Nobody matches.
    """
    columns = ("study", "cohort", "arm", "drug_class")
    counted = (
        cohort_frame.patients(store, query, columns=columns)
        .group_by("study", "cohort", maintain_order=True)
        .agg(pl.len().alias("n"), treated().any().fill_null(value=False).alias("treated"))
        .sort("treated", "n", descending=True, maintain_order=True)
    )
    if counted.height < 2:
        return {}
    known = names(store.studies())
    several = counted["study"].n_unique() > 1
    listed = {}
    for study, cohort, n in counted.select("study", "cohort", "n").iter_rows():
        named = f"{known[study]}, {cohort}" if several and known[study] != cohort else str(cohort)
        listed[f"{study}/{cohort}"] = f"{named} · {n:,}"
    return {**listed, ALL: f"All {len(listed)} cohorts · {counted['n'].sum():,}"}

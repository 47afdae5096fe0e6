"""Outcome: what the patients of one cohort came to, with the covariates that every model of a scan holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients, UnknownName
from core.figures import words
from core.markers.scan.many import Bools, Floats, Ints, full_rank
from core.response.predicted import treated, untreated
from core.survival.design import design, known_rows
from core.survival.endpoint import endpoint
from core.survival.ties import merged, merged_intervals
from data.schema import ENDPOINTS, PATIENT
from data.store import Store

FEWEST_PATIENTS = 20
"""Patients of a cohort with the outcome that a scan takes."""
FEWEST_EVENTS = 5
"""Events, and patients without one, that it takes; the same for responders."""
MOST_TERMS = 5
"""Indicators of one covariate in a Cox model; words with more levels make strata instead."""
OUTCOMES = {"response": "Response", **ENDPOINTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One cohort's outcome.

    Attributes
    ----------
    study, cohort : where. patients : (n,) ids, in the order of every array. kind : 'response' or an endpoint.
    event : (n,) responder, or event of the endpoint. time, entry : (n,) months; None for response (entry: for everyone
        seen from the start).
    covariates : (n, q) float of full rank. strata : (n,) int or None. total : patients of the cohort who were eligible.
    """

    study: str
    cohort: str
    patients: tuple[str, ...]
    kind: str
    event: Bools
    time: Floats | None
    entry: Floats | None
    covariates: Floats
    strata: Ints | None
    total: int

    @property
    def adjusted(self) -> bool:
        return self.covariates.shape[1] > 0 or self.strata is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """The cohorts that a scan can use.

    Attributes
    ----------
    cohorts : one Outcome each. small : cohorts left out, in words. untreated : patients left out who never had ICB.
    prognosis : nobody left is known to have had ICB. no_covariate : patients left out because a covariate is unknown.
    stratified : covariates that make strata. eligible : patients of the cohort query, without the untreated.
    """

    cohorts: tuple[Outcome, ...]
    small: tuple[str, ...]
    untreated: int
    prognosis: bool
    no_covariate: int
    stratified: tuple[str, ...]
    eligible: int

    @property
    def n(self) -> int:
        return sum(len(c.patients) for c in self.cohorts)

    @property
    def events(self) -> int:
        return sum(int(c.event.sum()) for c in self.cohorts)


def outcomes(store: Store, query: CohortQuery, *, outcome: str, covariates: Sequence[str] = ()) -> Outcomes:
    """Split a cohort query into its cohorts and read their outcome.

    Patients who never had ICB are left out beside patients who did, as on the survival page. A cohort of fewer than 20
    patients with the outcome, or fewer than 5 on either side of it, is left out and named.

    Raises
    ------
    UnknownName
        There is no such outcome or covariate.
    EmptyCohort, NotMeasured, TooFewPatients
        Nobody matches; nobody has the outcome; every cohort is too small.
    """
    if outcome not in OUTCOMES:
        raise UnknownName(f"there is no outcome '{outcome}'; choose one of {', '.join(OUTCOMES)}")
    for name in covariates:
        if name not in PATIENT.dtypes or PATIENT.column(name).kind not in {"number", "category", "flag"}:
            raise UnknownName(f"'{name}' is no covariate; choose patient columns such as age_years, sex or stage")
    needed = ("response",) if outcome == "response" else (f"{outcome}_months", f"{outcome}_event", "entry_months")
    have = set(store.sql("SELECT * FROM patient LIMIT 0").columns)
    columns = dict.fromkeys(("patient_id", "study", "cohort", "arm", "drug_class", *needed, *covariates))
    everyone = cohort_frame.patients(store, query, columns=[c for c in columns if c in have])
    known = everyone.drop_nulls([c for c in needed if c != "entry_months"])
    if known.is_empty():
        raise cohort_frame.not_measured(OUTCOMES[outcome], query, elsewhere=cohort_frame.studies_with(store, needed[0]))
    with_icb = not known.filter(treated()).is_empty()
    left_out = everyone.filter(untreated()).height if with_icb else 0
    if left_out:
        everyone = everyone.filter(~untreated())
    prognosis = not with_icb and not known.filter(untreated()).is_empty()
    kept, small, missing, strata = [], [], 0, set[str]()
    for (study, name), part in everyone.group_by("study", "cohort", maintain_order=True):
        made = _one(part, (str(study), str(name), outcome), covariates=tuple(covariates))
        if made is None:
            continue
        found, lost, words_as_strata = made
        if _enough(found):
            kept.append(found)
            missing += lost
            strata |= set(words_as_strata)
        else:
            side = "responder" if outcome == "response" else "event"
            small.append(f"{name} ({len(found.patients):,}, {words.count(int(found.event.sum()), side)})")
    if not kept:
        raise TooFewPatients(
            f"a scan takes at least {FEWEST_PATIENTS} patients of one cohort with {OUTCOMES[outcome].lower()}"
            f"{' and every covariate' if covariates else ''}, {FEWEST_EVENTS} with and {FEWEST_EVENTS} without "
            f"{'a response' if outcome == 'response' else 'the event'}; here: {words.listing(small[:6]) or 'none'}. Relax a "
            "filter, or choose another outcome or study"
        )
    return Outcomes(
        cohorts=tuple(kept), small=tuple(small), untreated=left_out, prognosis=prognosis, no_covariate=missing,
        stratified=tuple(name for name in covariates if name in strata), eligible=everyone.height,
    )  # fmt: skip


def _enough(found: Outcome) -> bool:
    events = int(found.event.sum())
    return len(found.patients) >= FEWEST_PATIENTS and min(events, len(found.patients) - events) >= FEWEST_EVENTS


def _one(
    part: pl.DataFrame, place: tuple[str, str, str], *, covariates: tuple[str, ...]
) -> tuple[Outcome, int, tuple[str, ...]] | None:
    """One cohort, the patients lost for want of a covariate, and the covariates that became strata; None = no outcome."""
    study, name, outcome = place
    if outcome == "response":
        rows = np.flatnonzero(part["response"].is_not_null().to_numpy())
        event, time, entry = part["response"].fill_null(value=False).to_numpy()[rows], None, None
    else:
        data = endpoint(part, outcome)
        rows, event, time = data.rows, data.event, merged(data.time)
        entry = _entry(part, rows)
        if entry is not None:
            entry, time = merged_intervals(entry, time)
            seen = entry < time
            rows, event, time, entry = rows[seen], event[seen], time[seen], entry[seen]
    if rows.size == 0:
        return None
    table = part[rows].select(covariates)
    complete = known_rows(table)[0] if covariates else np.ones(rows.size, dtype=bool)
    lost = int((~complete).sum())
    rows, event = rows[complete], event[complete]
    time = None if time is None else time[complete]
    entry = None if entry is None else entry[complete]
    z, strata = np.zeros((rows.size, 0)), None
    stratified: tuple[str, ...] = ()
    if covariates:
        z, strata, stratified = _held(table.filter(complete), cox=outcome != "response")
    found = Outcome(
        study=study, cohort=name, patients=tuple(part["patient_id"].gather(rows).to_list()), kind=outcome, event=event,
        time=time, entry=entry, covariates=z, strata=strata, total=part.height,
    )  # fmt: skip
    return found, lost, stratified


def _entry(part: pl.DataFrame, rows: Ints) -> Floats | None:
    if "entry_months" not in part.columns or part["entry_months"].null_count() == part.height:
        return None
    return part["entry_months"].fill_null(-np.inf).to_numpy()[rows]


def _held(table: pl.DataFrame, *, cox: bool) -> tuple[Floats, Ints | None, tuple[str, ...]]:
    """Covariates as columns of full rank; in a Cox model words of many levels as strata."""
    if table.is_empty():
        return np.zeros((0, 0)), None, ()
    many = [
        name
        for name in table.columns
        if cox and table[name].dtype == pl.String and table[name].n_unique() > MOST_TERMS + 1
    ]
    strata = None
    if many:
        strata = table.select(pl.struct(many).rank("dense")).to_series().to_numpy().astype(np.int64)
    rest = table.drop(many)
    if not rest.columns:
        return np.zeros((table.height, 0)), strata, tuple(many)
    x = design(rest).x
    return full_rank(x), strata, tuple(many)

"""Compared: the patients, groups and clock that the survival curves and every closer look at them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients, UnknownName
from core.figures import words
from core.figures.chart import Provenance
from core.groups import groups, ordered
from core.response.predicted import SHORT, SPLITS, Predicted, Split, predicted, treated, untreated
from core.survival.closer.columns import AFTER_START, FEWEST, MOST_GROUPS, WITH_UNTREATED, collapsed, kept_levels
from core.survival.landmark import landmark as from_landmark
from core.survival.split import split as split_at
from data.schema import ENDPOINTS, PATIENT, PHENOTYPES, PROTOCOLS
from data.store import Store

LANDMARKS = {"0": "At the start", "3": "At 3 months", "6": "At 6 months", "12": "At 12 months"}
"""Months after the start at which the clock can begin."""
_OWN = ("patient_id", "study", "cohort", "cancer_type", "response", "recist", "arm", "drug_class", "entry_months")
_ASCENDING = frozenset(
    {*PHENOTYPES, "IC0", "IC1", "IC2+", "TC0", "TC1", "TC2+", "normal", "elevated", "never", "former", "current", "ever"}
    | {"0", "1", "2", "3", "4", "I", "II", "III", "IV", "I-III"}
)
"""Levels that rise from the one that the others are compared with."""
_LAST = frozenset({"no", "control", "male", "PD"})
"""Levels that the others are compared with, though they stand last."""
_PREFIX = {"ecog": "ECOG {}", "stage": "Stage {}", "immune_subtype": "{}"}
_SHORT = {
    "tmb_per_mb": "TMB", "pdl1_tps_percent": "PD-L1 TPS", "nlr": "NLR", "fcna": "FCNA", "hed": "HED", "til_percent": "TIL",
    "bmi": "BMI", "mutation_count": "Mutations", "neoantigen_per_mb": "Neoantigens", "pack_years": "Pack-years",
}  # fmt: skip
_UNITS = {"age_years": "years", "pdl1_tps_percent": "%", "til_percent": "%"}
"""Units short enough to stand in the name of a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Groups of patients with an endpoint.

    Attributes
    ----------
    whole : one row a patient: patient_id, study, cohort, cancer_type, response, ..., the columns asked for, group (Enum,
        the reference last; null where it is not known), score (what was split, null for categories),
        `<endpoint>_months` and `<endpoint>_event`.
    frame : the same, of those at risk at the landmark, with months counted from it.
    endpoint : 'os', ... by : the groups in words ("LORIS", "immune phenotype"). how : the cut in words, or "".
    compare : the patient column of the groups, or "" for a predictor. predictor : its name, or "".
    inputs : patient columns that the groups are made from. reference : the group that the others are compared with.
    landmark : months at which the clock starts. clock : what that does, in a sentence, or "". everyone : patients of the cohort that were to be compared.
    prognosis : how an answer begins where a predictor foretells survival of patients who had no ICB; else "".
    sources : sentences on where the groups come from. notes : sentences on who is left out and what is doubtful.
    """

    whole: pl.DataFrame
    frame: pl.DataFrame
    endpoint: str
    by: str
    how: str
    compare: str
    predictor: str
    inputs: tuple[str, ...]
    reference: str
    landmark: float
    clock: str
    everyone: int
    prognosis: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def shown(self) -> pl.DataFrame:
        """The rows with a group, a time and an event flag."""
        return self.frame.drop_nulls(["group", f"{self.endpoint}_months", f"{self.endpoint}_event"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Groups that have at least one patient, in display order, the reference last."""
        return groups(self.shown, "group").labels

    @property
    def key(self) -> str:
        """The comparison as a part of a file's name."""
        return "-".join(part for part in (self.endpoint, self.predictor or self.compare.replace("_", "-"), self.how) if part)

    def source(self, store: Store, query: CohortQuery, *, n: int) -> Provenance:
        """Where a figure of n of these patients comes from."""
        return provenance(store, query, n=n, n_missing=self.everyone - n)


def compared(
    store: Store, query: CohortQuery, *, predictor: str = "", split: Split = "median", endpoint: str = "os", compare: str = "",
    landmark: str = "0", columns: tuple[str, ...] = (),
) -> Compared:
    """The groups of a comparison: a predictor's out-of-sample score, split, or a patient column.

    Parameters
    ----------
    predictor, split : as `core.response.predicted.predicted`; the split also cuts a numeric column (not at 'published').
    compare : a patient column; "" = by the predictor. landmark : months at which the clock starts, a key of LANDMARKS.
    columns : patient columns that the caller needs besides.

    Groups are made before the landmark is applied: a later clock changes who is watched, not where the cut is.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        Nobody matches; nobody has the score, the column or the endpoint; fewer than two groups; a name is wrong.
    """
    if endpoint not in ENDPOINTS:
        raise UnknownName(f"there is no endpoint '{endpoint}'; there are {', '.join(ENDPOINTS)}")
    if landmark not in LANDMARKS:
        raise UnknownName(f"the clock cannot start at {landmark} months; it can at {', '.join(LANDMARKS)}")
    months, event = f"{endpoint}_months", f"{endpoint}_event"
    needed = tuple(dict.fromkeys((*_OWN, months, event, *((compare,) if compare else ()), *columns)))
    people = cohort_frame.patients(store, query, columns=needed)
    if compare:
        parts = _by_column(people, (store, query), compare=compare, split=split, endpoint=endpoint)
    else:
        parts = _by_predictor(people, (store, query), predictor=predictor, split=split, endpoint=endpoint)
    whole: pl.DataFrame = parts["whole"]
    if whole.drop_nulls(["group", months, event]).is_empty():
        raise cohort_frame.not_measured(ENDPOINTS[endpoint], query, elsewhere=cohort_frame.studies_with(store, months))
    at, frame, clock = float(landmark), whole, ""
    if at > 0:
        later = from_landmark(whole.drop_nulls("group"), outcome=endpoint, at=at)
        frame = later.frame
        clock = (
            f"The clock starts at {landmark} months: {later.events_before:,} with the event and {later.censored_before:,} last seen by then are "
            "left out, so this is survival given that a patient came so far."
        )
    return Compared(**parts, frame=frame, endpoint=endpoint, compare=compare, landmark=at, clock=clock)


def _by_predictor(
    people: pl.DataFrame, place: tuple[Store, CohortQuery], *, predictor: str, split: Split, endpoint: str
) -> dict[str, Any]:
    store, query = place
    found = predicted(store, query, predictor, split=split, endpoint=endpoint)
    made = found.frame.select("patient_id", "score", "protocol", pl.col("group").cast(pl.Enum(list(reversed(found.groups)))))
    whole = people.join(made, on="patient_id", how="inner", maintain_order="left")
    known = whole.drop_nulls([f"{endpoint}_months", f"{endpoint}_event"])
    first = found.notes[:1] if split == "published" else ()
    return {
        "whole": whole,
        "by": SHORT.get(found.card.name, found.card.label),
        "how": split,
        "predictor": predictor,
        "reference": found.groups[0],
        "inputs": tuple(c for c in found.card.inputs if c in PATIENT.dtypes),
        "everyone": people.height - found.n_untreated,
        "prognosis": _prognosis(found) if found.prognosis else "",
        "sources": (*_origin(known), *first),
        "notes": found.notes[len(first) :],
    }


def _by_column(
    people: pl.DataFrame, place: tuple[Store, CohortQuery], *, compare: str, split: Split, endpoint: str
) -> dict[str, Any]:
    store, query = place
    if compare not in PATIENT.dtypes:
        raise UnknownName(f"there is no patient column '{compare}'; see the data dictionary on the About page")
    about = PATIENT.column(compare)
    notes: list[str] = []
    known = people.drop_nulls([f"{endpoint}_months", f"{endpoint}_event"])
    if compare not in WITH_UNTREATED and not known.filter(treated()).is_empty():
        left = people.filter(untreated()).height
        people = people.filter(~untreated())
        notes += [f"{words.count(left, 'patient')} who never had ICB {be(left)} left out."] if left else []
    if people[compare].null_count() == people.height:
        raise cohort_frame.not_measured(about.label, query, elsewhere=cohort_frame.studies_with(store, compare))
    missing = people[compare].null_count()
    if about.kind == "number":
        if split not in SPLITS or split == "published":
            split = "median"
        made = split_at(people, compare, method=split, label=_SHORT.get(compare, ""), unit=_UNITS.get(compare, ""))
        whole = people.with_columns(made.groups.alias("group"), pl.col(compare).cast(pl.Float64).alias("score"))
        how: str = split
        reference = made.labels[-1]
        notes += [f"{made.note[:1].upper()}{made.note[1:]}."] if made.note else []
        if people["study"].n_unique() > 1:
            notes.append("One cut for all studies together.")
    else:
        whole, reference, said = _levels(people, compare)
        how = ""
        notes += said
    if missing:
        notes.append(f"{words.count(missing, 'patient')} without known {words.column(compare)} {be(missing)} left out.")
    if compare in AFTER_START:
        notes.append(
            "Response is known only after the start, and nobody responds after death: patients must live to be called responders. "
            "Start the clock at a landmark to compare them fairly."
        )
    if compare in WITH_UNTREATED and not people.filter(untreated()).is_empty() and not people.filter(treated()).is_empty():
        notes.append("Treatment was not given at random: the groups differ in more than their treatment.")
    return {
        "whole": whole,
        "by": words.column(compare),
        "how": how,
        "predictor": "",
        "inputs": (compare,),
        "reference": reference,
        "everyone": people.height,
        "prognosis": "",
        "sources": (),
        "notes": tuple(notes),
    }


def _levels(people: pl.DataFrame, compare: str) -> tuple[pl.DataFrame, str, list[str]]:
    """A category as groups: the largest levels, in the order of the field; the reference; and who is left out."""
    values = collapsed(compare, people[compare])
    kept = kept_levels(values)
    if len(kept) < 2:
        raise TooFewPatients(
            f"{words.column(compare)} makes fewer than two groups of {FEWEST} patients or more here; compare by something else "
            "or relax a filter"
        )
    order = ordered(kept)
    reference = reference_level(kept)
    label = PATIENT.column(compare)
    groups_of = {v: named(compare, v) if label.kind != "flag" else f"{label.label}: {v}" for v in order}
    group = pl.Series(
        "group", [groups_of.get(v) if v is not None else None for v in values.to_list()], dtype=pl.Enum(list(groups_of.values()))
    )
    whole = people.with_columns(group, pl.lit(None, dtype=pl.Float64).alias("score"))
    small = values.drop_nulls().len() - group.drop_nulls().len()
    lost = values.drop_nulls().n_unique() - len(kept)
    notes = []
    if small:
        which = f"The {len(kept)} largest groups are compared; " if len(kept) == MOST_GROUPS else ""
        left = f"{words.count(small, 'patient')} of {words.count(lost, 'smaller group')} {be(small)} left out."
        notes = [f"{which}{left}"]
    return whole, groups_of[reference], notes


def named(column: str, level: str) -> str:
    """A level as it stands on its own: "ECOG 1", "Stage IV"."""
    return _PREFIX.get(column, "{}").format(level)


def reference_level(kept: Sequence[str]) -> str:
    """The level that others are compared with: the lowest of those that rise, "no" and the like, else the largest (the first)."""
    order = ordered(kept)
    return order[-1] if order[-1] in _LAST else order[0] if set(order) <= _ASCENDING else kept[0]


def _origin(shown: pl.DataFrame) -> list[str]:
    """How the patients drawn were scored.

    Patients without an evaluable response train no model, so that every cross-fitted model can score them.
    """
    unseen = (pl.col("protocol") == "out_of_fold") & (
        pl.col("response").is_null() | (pl.col("arm") == "control").fill_null(False)
    )
    others = shown.filter(unseen).height
    ways = set(shown.filter(~unseen)["protocol"])
    said = []
    if ways:
        listed = words.listing(
            [about.partition(":")[0].partition(",")[0] for p, about in PROTOCOLS.items() if p in ways]
        )
        said.append(f"Scores: {listed}.")
    if others:
        was = "was" if others == 1 else "were"
        said.append(
            f"{words.count(others, 'patient')} without evaluable response {was} scored by models trained on the others."
        )
    return said


def _prognosis(found: Predicted) -> str:
    """How the answer begins where nobody compared is known to have had ICB."""
    who = "Nobody here had ICB"
    if not found.frame.filter(treated()).is_empty():
        who = f"Nobody whose {ENDPOINTS[found.endpoint].lower()} is known had ICB"
    elif not found.frame.filter(~untreated()).is_empty():
        who = "Nobody here is known to have had ICB"
    return f"{who}, so this is prognosis, not response: "


def be(n: int) -> str:
    """The verb of so many: "is" or "are"."""
    return "is" if n == 1 else "are"

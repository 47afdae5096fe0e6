"""A cohort's rows: patients that a query addresses, with errors that say what to do when there are none."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from core.cohort.query import CohortQuery
from core.errors import EmptyCohort, NotMeasured
from data.schema import PATIENT
from data.store import Store


def patients(store: Store, query: CohortQuery, *, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """One row a patient of the cohort, in the order of the source.

    Raises
    ------
    EmptyCohort
        Nobody matches; the message names the filter whose removal brings most patients back.
    """
    frame = store.patients(query.where(), columns=columns)
    if frame.is_empty():
        raise EmptyCohort(_which_filter(store, query))
    return frame


def count(store: Store, query: CohortQuery) -> int:
    """Patients that the cohort addresses; 0 is an answer, not an error."""
    condition, params = query.where()
    return int(store.sql(f"SELECT count(*) AS n FROM patient WHERE {condition}", params)["n"][0])


def studies_with(store: Store, column: str) -> list[str]:
    """Studies in which at least one patient has a value in this column, most patients first."""
    name = PATIENT.column(column).name
    found = store.sql(
        f'SELECT study, count("{name}") AS n FROM patient GROUP BY study HAVING count("{name}") > 0 ORDER BY n DESC, study'
    )
    return list(found["study"])


def measured(store: Store, query: CohortQuery, column: str) -> pl.DataFrame:
    """patient_id, study, cohort and one column, rows with a null left out.

    Raises
    ------
    NotMeasured
        Nobody in the cohort has a value; the message names studies that do.
    """
    wanted = list(dict.fromkeys(("patient_id", "study", "cohort", column)))
    frame = patients(store, query, columns=wanted).drop_nulls(column)
    if frame.is_empty():
        raise not_measured(PATIENT.column(column).label, query, elsewhere=studies_with(store, column))
    return frame


def not_measured(what: str, query: CohortQuery, *, elsewhere: Sequence[str]) -> NotMeasured:
    """The error for a question that this cohort cannot answer, naming studies that can."""
    others = [study for study in elsewhere if study not in query.studies]
    if others:
        remedy = f"{', '.join(others[:4])}{' and others' if len(others) > 4 else ''} {'has' if len(others) == 1 else 'have'} it"
    elif elsewhere:
        remedy = "relax the filters to reach the patients of this study who have it"
    else:
        remedy = "no study in the database has it"
    return NotMeasured(f"{what} is not known for any patient of {query.describe()}; {remedy}", elsewhere=others)


def _which_filter(store: Store, query: CohortQuery) -> str:
    if not query.filters:
        return f"no patient in {', '.join(query.studies) or 'an empty list of studies'}; pick a study that has patients"
    best = max(
        query.canonical_filters(),
        key=lambda f: count(store, CohortQuery(query.studies, tuple(o for o in query.filters if o != f))),
    )
    words = CohortQuery((), (best,)).describe().strip(" ()")
    return f"no patient matches {query.describe()}; relax the filter {words}"

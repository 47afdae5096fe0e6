"""Who is in a cohort: flow from all patients to evaluable ones, one summary a column, missingness."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.survival.follow_up import median_follow_up
from data.schema import PATIENT, Column
from data.store import Store

PICTURES = (
    "age_years", "sex", "cancer_type", "stage", "drug_class", "prior_systemic_therapy", "tmb_per_mb", "pdl1_tps_percent",
    "pdl1_ic", "phenotype", "immune_subtype", "recist", "response", "os_months",
)  # fmt: skip
"""Columns shown as small pictures, in the order of telling who the patients are."""

_SKIP = frozenset({"patient_id", "study", "source_id", "response_definition"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A cohort in six numbers; cheap enough to follow a moving filter."""

    patients: int
    evaluable: int
    responders: int
    deaths: int
    with_os: int
    studies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything the overview page draws.

    Attributes
    ----------
    counts : the cohort in numbers.
    flow : step, n, left_out, reason; from all patients of the studies to those evaluable for response.
    columns : column, label, unit, kind, n, n_missing, missing (share), median, q1, q3, low, high, levels.
    missing_by_study : study, column, label, missing (share); columns that someone in the cohort has.
    follow_up_months : median follow-up of overall survival by reverse Kaplan-Meier, or None.
    """

    counts: Counts
    flow: pl.DataFrame
    columns: pl.DataFrame
    missing_by_study: pl.DataFrame
    follow_up_months: float | None


def counts(store: Store, query: CohortQuery) -> Counts:
    """Count a cohort without loading it; 0 patients is an answer."""
    condition, params = query.where()
    row = store.sql(
        f"""SELECT count(*) AS patients, count(response) AS evaluable, count(*) FILTER (response) AS responders,
                   count(*) FILTER (os_event) AS deaths, count(*) FILTER (os_months IS NOT NULL AND os_event IS NOT NULL) AS with_os,
                   count(DISTINCT study) AS studies FROM patient WHERE {condition}""",
        params,
    ).row(0, named=True)
    return Counts(**{name: int(value) for name, value in row.items()})


def overview(store: Store, query: CohortQuery) -> Overview:
    """Flow, column summaries and missingness of a cohort.

    Raises
    ------
    EmptyCohort
        Nobody matches; the message names the filter to relax.
    """
    frame = cohort_frame.patients(store, query)
    summaries = [_summary(frame[column.name], column) for column in PATIENT.columns if column.name not in _SKIP]
    columns = pl.DataFrame(summaries, schema_overrides={"levels": pl.Int64, "median": pl.Float64, "q1": pl.Float64, "q3": pl.Float64,
                                                        "low": pl.Float64, "high": pl.Float64})  # fmt: skip
    columns = columns.filter(pl.col("n") > 0)
    return Overview(
        counts=counts(store, query),
        flow=flow(store, query),
        columns=columns,
        missing_by_study=_missing(frame, columns["column"].to_list()),
        follow_up_months=_follow_up(frame),
    )


def flow(store: Store, query: CohortQuery) -> pl.DataFrame:
    """Patients left after each step, in the order of the filters, then those evaluable for response.

    Columns: step, n, left_out, reason. n of a row + left_out of a row = n of the row before.
    """
    steps = [("All patients of the chosen studies", "", cohort_frame.count(store, CohortQuery(query.studies)))]
    narrowed = CohortQuery(query.studies)
    for condition in query.canonical_filters():
        narrowed = narrowed.with_filter(condition)
        words = CohortQuery((), (condition,)).describe().strip(" ()")
        unknown = cohort_frame.count(store, narrowed.without(condition)) - _known(
            store, narrowed.without(condition), condition.column
        )
        reason = f"{unknown:,} with {PATIENT.column(condition.column).label.lower()} not known" if unknown else ""
        steps.append((f"Where {words}", reason, cohort_frame.count(store, narrowed)))
    steps.append(("Evaluable for response", "no RECIST response recorded", _known(store, query, "response")))
    rows = []
    for position, (step, reason, n) in enumerate(steps):
        left_out = steps[position - 1][2] - n if position else 0
        rows.append({"step": step, "n": n, "left_out": left_out, "reason": reason if left_out else ""})
    return pl.DataFrame(rows)


def distribution(store: Store, query: CohortQuery, column: str, *, bins: int = 24) -> pl.DataFrame:
    """Counts for a small picture: number columns as label, low, high, n; others as label, n (most frequent first).

    Raises
    ------
    NotMeasured
        Nobody in the cohort has a value.
    """
    info = PATIENT.column(column)
    values = cohort_frame.measured(store, query, column)[column]
    if info.kind in {"number", "time"}:
        numbers = values.to_numpy().astype(np.float64)
        n, edges = np.histogram(numbers, bins=min(bins, max(1, len(np.unique(numbers)))))
        return pl.DataFrame(
            {"label": [f"{a:g} to {b:g}" for a, b in pairwise(edges)], "low": edges[:-1], "high": edges[1:], "n": n}
        )
    counted = values.rename("label").cast(pl.String).value_counts(sort=True, name="n")
    if info.kind in {"flag", "event"}:
        counted = counted.with_columns(pl.col("label").replace({"true": "yes", "false": "no"}))
    return counted.sort("n", "label", descending=[True, False])


def levels(store: Store, studies: tuple[str, ...], column: str) -> pl.DataFrame:
    """Values of a category column over whole studies, for a filter's list: value, n, most frequent first."""
    name = PATIENT.column(column).name
    return store.sql(
        f'SELECT CAST("{name}" AS VARCHAR) AS value, count(*) AS n FROM patient WHERE study = ANY($studies) AND "{name}" IS NOT NULL '
        "GROUP BY 1 ORDER BY n DESC, value",
        {"studies": list(studies)},
    )


def bounds(store: Store, studies: tuple[str, ...], column: str) -> tuple[float, float] | None:
    """Smallest and largest value of a number column over whole studies, for a filter's slider; None if never measured."""
    name = PATIENT.column(column).name
    row = store.sql(
        f'SELECT min("{name}") AS low, max("{name}") AS high FROM patient WHERE study = ANY($studies)',
        {"studies": list(studies)},
    ).row(0)
    return None if row[0] is None else (float(row[0]), float(row[1]))


def filterable(store: Store, studies: tuple[str, ...]) -> list[Column]:
    """Columns that a filter can use here: at least two different values among these studies' patients."""
    names = [c.name for c in PATIENT.columns if c.name not in _SKIP]
    picked = ", ".join(f'min("{name}") < max("{name}") AS "{name}"' for name in names)
    row = store.sql(f"SELECT {picked} FROM patient WHERE study = ANY($studies)", {"studies": list(studies)}).row(
        0, named=True
    )
    return [PATIENT.column(name) for name in names if row[name]]


def _follow_up(frame: pl.DataFrame) -> float | None:
    try:
        months = median_follow_up(frame).effect
    except (NotMeasured, TooFewPatients):
        return None
    return None if months is None or np.isnan(months) else months


def _known(store: Store, query: CohortQuery, column: str) -> int:
    condition, params = query.where()
    return int(store.sql(f'SELECT count("{column}") AS n FROM patient WHERE {condition}', params)["n"][0])


def _summary(values: pl.Series, column: Column) -> dict[str, object]:
    known = values.drop_nulls()
    row: dict[str, object] = {
        "column": column.name,
        "label": column.label,
        "unit": column.unit,
        "kind": column.kind,
        "n": known.len(),
        "n_missing": values.null_count(),
        "missing": values.null_count() / values.len(),
    }
    numeric = column.kind in {"number", "time"} and known.len() > 0
    for name, share in (("median", 0.5), ("q1", 0.25), ("q3", 0.75), ("low", 0.0), ("high", 1.0)):
        row[name] = known.quantile(share, interpolation="linear") if numeric else None
    row["levels"] = None if numeric else known.n_unique()
    return row


def _missing(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    shares = frame.group_by("study", maintain_order=True).agg(
        (pl.col(c).null_count() / pl.len()).alias(c) for c in columns if c != "study"
    )
    labels = {c: PATIENT.column(c).label for c in columns}
    return shares.unpivot(index="study", variable_name="column", value_name="missing").with_columns(
        pl.col("column").replace(labels).alias("label")
    )

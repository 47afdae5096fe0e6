"""What a filter's control shows: the values of a column among the patients that the other filters leave."""

from __future__ import annotations

import polars as pl

from core.cohort.query import CohortQuery
from data.schema import PATIENT
from data.store import Store


def level_counts(store: Store, query: CohortQuery, *, column: str) -> pl.DataFrame:
    """Values of a column over the query's studies, with their count in the cohort (0 where the filters leave none).

    Columns: value (as a filter holds it), n; most frequent over the studies first.
    """
    name = PATIENT.column(column).name
    condition, params = query.where()
    return store.sql(
        f"""SELECT CAST("{name}" AS VARCHAR) AS value, count(*) FILTER ({condition}) AS n
            FROM patient WHERE study = ANY($studies) AND "{name}" IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, value""",
        params,
    )


def spoken(value: str) -> str:
    """A stored value as people say it."""
    return {"true": "yes", "false": "no"}.get(value, value)

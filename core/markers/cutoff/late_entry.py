"""Late entry: what to say where patients came under observation after the start of their follow-up."""

from __future__ import annotations

from core.cohort.query import CohortQuery
from core.figures import words
from data.schema import PATIENT
from data.store import Store


def late_entry(store: Store, query: CohortQuery) -> str:
    """A sentence where patients of a cohort entered late; empty where everybody was observed from the start."""
    if "entry_months" not in PATIENT.dtypes:
        return ""
    condition, params = query.where()
    n = int(store.sql(f"SELECT count(*) AS n FROM patient WHERE {condition} AND entry_months > 0", params)["n"][0])
    if not n:
        return ""
    return (
        f"{words.count(n, 'patient')} came under observation after the start of follow-up. Curves and hazard ratios here count everybody from the start, so that "
        "survival looks longer than it was where more entered late."
    )

"""Cells against survival: every density and every neighbourhood of two cell types, one Cox model each, corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.markers.scan.multiplicity import benjamini_hochberg
from core.spatial.cell_fields import UNNAMED
from core.survival.cox_model import univariable
from data.store import Store

FEWEST_DEATHS = 10
GROUPS = {
    "density": "Cells a mm²",
    "cross_l": "Attraction beyond chance, 5 to 50 µm",
    "nearest": "Neighbour within 20 µm, beyond chance",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSurvival:
    """Associations of cells with overall survival.

    Attributes
    ----------
    table : kind, label, hazard_ratio (per SD over the patients), ci_low, ci_high, p_value, q_value, n, events; in the order of kinds.
    n, deaths : patients with cells and known survival. n_missing : patients of the cohort without either.
    """

    table: pl.DataFrame
    n: int
    deaths: int
    n_missing: int


def cell_survival(store: Store, query: CohortQuery) -> CellSurvival:
    """Cox models of overall survival on each density (log2 of cells a mm² + 1) and on each statistic beyond chance, per SD.

    Estimand: unadjusted hazard ratio of a patient one standard deviation above another. q: Benjamini-Hochberg over all rows of
    the table, whatever kind. The statistics, distances and the least number of cells were fixed before survival was looked at.

    Raises
    ------
    NotMeasured, TooFewPatients
        The cohort has no single cells, or fewer than 10 deaths among patients who have.
    EmptyCohort
        Nobody matches.
    """
    people = cohort_frame.patients(store, query, columns=["patient_id", "os_months", "os_event"])
    wide, columns = features(store, people["patient_id"].to_list())
    if not columns:
        raise no_cells(store, query)
    frame = people.join(wide, on="patient_id", how="inner", maintain_order="left").drop_nulls(["os_months", "os_event"])
    deaths = int(frame["os_event"].sum() or 0)
    if deaths < FEWEST_DEATHS:
        raise TooFewPatients(f"{deaths} of {frame.height} patients with single cells and known survival have died and {FEWEST_DEATHS} deaths are needed; widen the cohort")
    names = [name for name, _, _ in columns]
    spread = frame.with_columns((pl.col(name) - pl.col(name).mean()) / pl.col(name).std() for name in names)
    fitted = univariable(spread, outcome="os", covariates=names).unique("covariate", keep="first", maintain_order=True)
    table = pl.DataFrame(columns, schema=["covariate", "kind", "label"], orient="row").join(fitted, on="covariate", how="left", maintain_order="left")
    q = benjamini_hochberg(table["p_value"].cast(pl.Float64).fill_null(np.nan).to_numpy())
    chosen = table.with_columns(q_value=pl.Series(q).fill_nan(None)).select(
        "kind", "label", "hazard_ratio", "ci_low", "ci_high", "p_value", "q_value", "n", "events"
    )
    return CellSurvival(table=chosen, n=frame.height, deaths=deaths, n_missing=people.height - frame.height)


def features(store: Store, patients: Sequence[str]) -> tuple[pl.DataFrame, list[tuple[str, str, str]]]:
    """One row a patient with a column a feature, and (column, kind, label) of each."""
    dense = store.sql("SELECT patient_id, cell_type, density FROM cell_density WHERE list_contains($p, patient_id)", {"p": list(patients)})
    dense = dense.filter(~pl.col("cell_type").is_in(list(UNNAMED)))
    placed = store.sql(
        "SELECT patient_id, statistic, first_type, second_type, beyond FROM spatial_statistic WHERE list_contains($p, patient_id) AND beyond IS NOT NULL",
        {"p": list(patients)},
    )
    first = dense.select(
        "patient_id", kind=pl.lit("density"), label=pl.col("cell_type").map_elements(short, return_dtype=pl.String),
        value=(pl.col("density") + 1).log(2),
    )  # fmt: skip
    second = placed.with_columns(
        one=pl.col("first_type").map_elements(short, return_dtype=pl.String), two=pl.col("second_type").map_elements(short, return_dtype=pl.String)
    ).select(
        "patient_id",
        kind="statistic",
        label=pl.when(pl.col("statistic") == "nearest").then(pl.format("{} near {}", "two", _inside("one"))).otherwise(pl.format("{} and {}", "one", _inside("two"))),
        value="beyond",
    )
    whole = pl.concat([first, second])
    if whole.is_empty():
        return pl.DataFrame(schema={"patient_id": pl.String}), []
    order = {kind: place for place, kind in enumerate(GROUPS)}
    keys = whole.select("kind", "label").unique(maintain_order=True).sort(pl.col("kind").replace_strict(order, return_dtype=pl.Int64), maintain_order=True)
    columns = [(f"{kind}: {label}", kind, label) for kind, label in keys.iter_rows()]
    wide = whole.with_columns(column=pl.format("{}: {}", "kind", "label")).pivot(on="column", index="patient_id", values="value", aggregate_function="first")
    return wide, columns


def _inside(column: str) -> pl.Expr:
    """A type inside a phrase: "Tumour cell" -> "tumour cell", "CD8 T cell" and "B cell" as they are."""
    name = pl.col(column)
    return pl.when(name.str.contains("^[A-Z][a-z]")).then(name.str.slice(0, 1).str.to_lowercase() + name.str.slice(1)).otherwise(name)


def short(name: str) -> str:
    """A cell type without its marker: "Tumour cell (CK+)" -> "Tumour cell"."""
    return name.partition(" (")[0]


def no_cells(store: Store, query: CohortQuery) -> NotMeasured:
    """The error for a cohort without single cells, naming studies that have them."""
    studies = store.sql("SELECT DISTINCT study FROM spot WHERE kind = 'cell' ORDER BY study")["study"].to_list()
    return cohort_frame.not_measured("The position of single cells", query, elsewhere=studies)

"""Cells between groups: means with intervals, and one test a cell type, corrected for their number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.groups import Groups, groups, label_of
from core.tme import cells
from core.tme import map as tme_map
from core.tme.estimates import Estimates
from core.tme.group_tests import LEAST, KruskalWallis, Pairs, dunn, kruskal_wallis
from data.schema import PATIENT
from data.store import Store

Floats = npt.NDArray[np.float64]

TYPE = "cluster"
"""Address of the TME types as groups."""
MOST_GROUPS = 40
FROM_RNA = {TYPE: "The TME types", "immune_subtype": "The immune subtypes"}
"""Groups that were themselves found on immune expression of the same samples."""
FIRST = ("response", "phenotype", "immune_subtype", "cancer_type", "recist", TYPE)
EVERYBODY = "all patients"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGroups:
    """The cells of a cohort by group.

    Attributes
    ----------
    table : one row a part of a group: cell_type, group, n, n_missing, mean, low, high (95%, t distribution), shift (mean of the
        group minus mean of the cohort, in SD of its patients).
    tests : one row a part: cell_type, n, n_groups, statistic (Kruskal-Wallis H), p_value, q_value (Benjamini-Hochberg over the
        cell types), effect (epsilon squared); null where there is nothing to test.
    groups : of the patients in `Estimates.frame`. by, label : the column and its words.
    n, n_missing : patients with a group; patients without one. small : groups too small to be tested.
    """

    table: pl.DataFrame
    tests: pl.DataFrame
    groups: Groups
    by: str
    label: str
    n: int
    n_missing: int
    small: tuple[str, ...]


def groupings(store: Store, query: CohortQuery) -> dict[str, str]:
    """What the patients of a cohort can be grouped by, address -> words; the first is the one to start with."""
    condition, params = query.where()
    columns = [c for c in PATIENT.columns if c.kind in {"category", "flag"} and c.name != "response_definition"]
    counted = ", ".join(f'count(DISTINCT "{c.name}") AS "{c.name}"' for c in columns)
    levels = store.sql(f"SELECT {counted} FROM patient WHERE {condition}", params).row(0, named=True)
    offered = {c.name: c.label for c in columns if 2 <= levels[c.name] <= MOST_GROUPS}
    if tme_map.positions(store, query)["type"].n_unique() > 1:
        offered[TYPE] = "TME type"
    ordered = [name for name in FIRST if name in offered] + [name for name in offered if name not in FIRST]
    return {**{name: offered[name] for name in ordered}, "": "All patients together"}


def labelled(store: Store, query: CohortQuery, *, by: str) -> tuple[pl.DataFrame, str]:
    """patient_id and `group` (the column's values), and the column in words.

    Raises
    ------
    NotMeasured
        The column is a number, or no patient here has a value.
    """
    if by == TYPE:
        found = tme_map.positions(store, query).select("patient_id", pl.col("type").alias(by))
        return found, "TME type"
    column = PATIENT.column(by)
    if column.kind not in {"category", "flag", "event"}:
        raise NotMeasured(f"{column.label} is a number; cells are compared between groups: pick response, phenotype or another category")
    found = store.patients(query.where(), columns=("patient_id", by))
    if found[by].null_count() == found.height:
        raise cohort_frame.not_measured(column.label, query, elsewhere=cohort_frame.studies_with(store, by))
    return found, label_of(by)


def cell_groups(found: Estimates, labels: pl.DataFrame, *, by: str, label: str = "") -> CellGroups:
    """Means and tests of every part between groups.

    Null hypothesis of a cell type: it has the same distribution in every group (Kruskal-Wallis; doi 10.1080/01621459.1952.10483441).
    Patients of several studies are compared after each cell type was standardised within its cohort.

    Parameters
    ----------
    found : from `core.tme.estimates.estimates`. labels : patient_id and the column `by`; "" = all patients in one group.
    """
    if by:
        frame = found.frame.select("patient_id").join(labels.select("patient_id", by), on="patient_id", how="left", maintain_order="left")
        own = groups(frame, by)
    else:
        own = Groups(labels=(EVERYBODY,), codes=np.zeros(found.n, dtype=np.int64))
    parts = [part.name for part in found.method.parts]
    values = matrix(found, aligned=False)
    sizes = np.bincount(own.codes[own.codes >= 0], minlength=len(own.labels))
    centre, spread = _centre(values)
    rows = []
    for code, name in enumerate(own.labels):
        inside = values[own.codes == code]
        n = np.isfinite(inside).sum(axis=0)
        mean, low, high = _mean_interval(inside, n)
        rows.append(
            pl.DataFrame(
                {"cell_type": parts, "group": name, "n": n, "n_missing": inside.shape[0] - n, "mean": mean, "low": low, "high": high, "shift": (mean - centre) / spread},
                schema_overrides={"n": pl.Int64, "n_missing": pl.Int64},
            )
        )
    table = pl.concat(rows).with_columns(pl.col("mean", "low", "high", "shift").fill_nan(None))
    tested = kruskal_wallis(np.where([part.family == cells.REST for part in found.method.parts], np.nan, matrix(found, aligned=True)), own.codes)
    return CellGroups(
        table=table,
        tests=_tests(parts, tested),
        groups=own,
        by=by,
        label=label or label_of(by) if by else "All patients",
        n=int(sizes.sum()),
        n_missing=own.n_missing,
        small=tuple(name for name, size in zip(own.labels, sizes, strict=True) if size < LEAST),
    )


def pairs_of(found: Estimates, compared: CellGroups, *, cell: str, correction: str = "holm") -> Pairs:
    """Dunn's test and Cliff's delta of one cell type for every pair of groups; codes are places in `compared.groups.labels`."""
    column = [part.name for part in found.method.parts].index(cell)
    return dunn(matrix(found, aligned=True)[:, column], compared.groups.codes, correction=correction)


def matrix(found: Estimates, *, aligned: bool) -> Floats:
    """(n, parts) values, nan where missing; aligned = standardised within each cohort where there are several studies."""
    names = [part.name for part in found.method.parts]
    frame = found.frame
    if aligned and frame["study"].n_unique() > 1:
        spread = [
            pl.when(pl.col(n).std().over("study", "cohort") > 0)
            .then((pl.col(n) - pl.col(n).mean().over("study", "cohort")) / pl.col(n).std().over("study", "cohort"))
            .otherwise(None)
            .alias(n)
            for n in names
        ]
        frame = frame.with_columns(spread)
    values: Floats = frame.select(pl.col(names).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    return values


def _centre(values: Floats) -> tuple[Floats, Floats]:
    """Mean and SD of each column; nan where it does not vary."""
    known = np.isfinite(values)
    n = known.sum(axis=0)
    mean = np.where(n > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(n, 1), np.nan)
    spread = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / np.maximum(n - 1, 1))
    return mean, np.where(spread > 0, spread, np.nan)


def _mean_interval(values: Floats, n: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Mean and 95% interval of each column by the t distribution; nan bounds under two values."""
    from scipy.special import stdtrit

    known = np.isfinite(values)
    count = np.maximum(n, 1)
    mean = np.where(n > 0, np.where(known, values, 0.0).sum(axis=0) / count, np.nan)
    deviation = np.where(known, values - mean, 0.0)
    error = np.sqrt((deviation**2).sum(axis=0) / np.maximum(n - 1, 1) / count)
    half = np.where(n > 1, stdtrit(np.maximum(n - 1, 1), 0.975) * error, np.nan)
    return mean, mean - half, mean + half


def _tests(parts: list[str], tested: KruskalWallis) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "cell_type": parts,
            "n": tested.n,
            "n_groups": tested.n_groups,
            "statistic": tested.statistic,
            "p_value": tested.p_value,
            "q_value": tested.q_value,
            "effect": tested.effect,
        }
    ).with_columns(pl.col("statistic", "p_value", "q_value", "effect").fill_nan(None))

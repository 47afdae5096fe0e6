"""Matrix: every marker of a study's patients as columns of one array, taken before treatment.

The values are those of `core.markers.marker.values`, read a table at a time instead of a marker at a time. Samples taken
after the start of the treatment count as missing: they cannot have foretold what followed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.cohort.query import CohortQuery
from core.markers.measured import ORDERED, clinical_names, sequenced_patients
from core.markers.scan.many import Bools, Floats
from data.store import Store

KINDS = ("clinical", "signature", "cell", "gene", "mutation", "copy_number")
"""Kinds that a scan takes; a predictor's score is judged on its own page."""
LATE = ("on-treatment", "after start of treatment")
"""Time points of samples that were taken after the treatment began."""
FROM_EXOME = ("tmb_per_mb", "mutation_count", "neoantigen_per_mb", "neoantigen_count", "purity", "ploidy", "fcna")
"""Clinical columns that are read off the tumour's DNA."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Markers of some patients.

    Attributes
    ----------
    markers : (m,) addresses, "kind:name". x : (n, m) float, nan = missing or taken after the start of treatment.
    binary : (m,) only 0 and 1.
    """

    markers: tuple[str, ...]
    x: Floats
    binary: Bools


@dataclass(slots=True, kw_only=True)
class Tables:
    """What the database holds of one study, read once for all its cohorts.

    Attributes
    ----------
    long : kind -> patient_id, name, value. everyone : kind -> patients that count as 0 where they have no row.
    assays : (genes, patients, values (genes, samples), whether only genes not seen before are taken).
    clinical : one row a patient. late : kind of sample -> patients whose only samples were taken after the start.
    """

    clinical: pl.DataFrame
    long: dict[str, pl.DataFrame] = field(default_factory=dict)
    everyone: dict[str, set[str]] = field(default_factory=dict)
    assays: list[tuple[list[str], list[str], npt.NDArray[np.float32], bool]] = field(default_factory=list)
    late: Mapping[str, set[str]] = field(default_factory=dict)


def tables(store: Store, query: CohortQuery, study: str, *, kinds: Sequence[str]) -> Tables:
    """Read one study's markers of these kinds."""
    condition, params = CohortQuery((study,), query.filters).where()
    inside = f"patient_id IN (SELECT patient_id FROM patient WHERE {condition})"
    mine = CohortQuery((study,), query.filters)
    read = Tables(clinical=store.patients(mine.where(), columns=("patient_id", *clinical_names())))
    read.late = late(store, study)
    if "signature" in kinds:
        read.long["signature"] = store.sql(
            f"""SELECT DISTINCT ON (s.signature, s.patient_id) s.patient_id, s.signature AS name, coalesce(s.z, s.score) AS value
                FROM signature_score s LEFT JOIN assay a USING (study, assay) WHERE s.{inside}
                ORDER BY s.signature, s.patient_id, coalesce(a.preferred, false) DESC, len(a.patients) DESC NULLS LAST, s.assay""",
            params,
        )
    if "cell" in kinds:
        read.long["cell"] = store.sql(
            f"SELECT patient_id, method || '/' || cell_type AS name, fraction AS value FROM cell_fraction WHERE {inside} "
            "ORDER BY name, patient_id",
            params,
        )
    if "mutation" in kinds:
        read.long["mutation"] = store.sql(
            f"""SELECT DISTINCT patient_id, gene AS name, 1.0::DOUBLE AS value FROM mutation
                WHERE effect IS DISTINCT FROM 'silent' AND {inside} ORDER BY name, patient_id""",
            params,
        )
        read.everyone["mutation"] = set(sequenced_patients(store, mine)["patient_id"])
    if "copy_number" in kinds:
        calls = store.sql(
            f"SELECT patient_id, gene AS name, call::DOUBLE AS value FROM copy_number WHERE {inside} ORDER BY name, patient_id",
            params,
        )
        read.long["copy_number"] = calls
        read.everyone["copy_number"] = set(calls["patient_id"])
    if "gene" in kinds:
        read.assays = _assays(store, study)
    return read


def matrix(read: Tables, patients: Sequence[str], *, kinds: Sequence[str], fewest: int, side: int) -> Matrix:
    """The markers of some patients of a study.

    Parameters
    ----------
    read : from `tables`. patients : (n,) in the order wanted. fewest : patients that a marker needs. side : patients that
        each side of a 0/1 marker needs, and that must differ from the commonest end of any other; the rest are left out.
    """
    row = {patient: i for i, patient in enumerate(patients)}
    blocks: list[tuple[list[str], Floats]] = []
    for kind in kinds:
        if kind == "clinical":
            found = _clinical(read, patients)
        elif kind == "gene":
            found = _genes(read, row)
        elif kind in read.long:
            found = _long(read, row, kind)
        else:
            continue
        names, x = found
        for sample, what in (("rna", {"gene", "signature", "cell"}), ("exome", {"mutation"})):
            if kind in what:
                x[[row[p] for p in read.late.get(sample, ()) if p in row]] = np.nan
        blocks.append(([f"{kind}:{name}" for name in names], x))
    markers = [name for names, _ in blocks for name in names]
    x = np.concatenate([x for _, x in blocks], axis=1) if blocks else np.zeros((len(patients), 0))
    known = np.isfinite(x)
    x[~known] = np.nan
    n = known.sum(axis=0)
    binary = (((x == 0) | (x == 1)) | ~known).all(axis=0)
    kept = np.flatnonzero((n >= fewest) & _moves(x, known, side))
    return Matrix(markers=tuple(markers[i] for i in kept), x=np.ascontiguousarray(x[:, kept]), binary=binary[kept])


def _moves(x: Floats, known: Bools, fewest: int) -> Bools:
    """Whether at least `fewest` values lie away from the lowest, and from the highest."""
    if x.shape[1] == 0:
        return np.zeros(0, dtype=bool)
    low = np.where(known, x, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, x, -np.inf).max(axis=0, initial=-np.inf)
    return np.asarray(((x > low).sum(axis=0) >= fewest) & ((x < high).sum(axis=0) >= fewest))


def late(store: Store, study: str) -> dict[str, set[str]]:
    """Patients all of whose samples of a kind were taken after the start of treatment."""
    found = store.sql(
        """SELECT kind, patient_id FROM sample WHERE study = $s AND kind IN ('rna', 'exome')
           GROUP BY 1, 2 HAVING bool_and(coalesce(list_contains($late, timepoint), false))""",
        {"s": study, "late": list(LATE)},
    )
    return {str(kind): set(part["patient_id"]) for (kind,), part in found.group_by("kind")}


def _clinical(read: Tables, patients: Sequence[str]) -> tuple[list[str], Floats]:
    frame = pl.DataFrame({"patient_id": list(patients)}).join(
        read.clinical, on="patient_id", how="left", maintain_order="left"
    )
    names = clinical_names()
    columns = []
    for name in names:
        if name in ORDERED:
            numbers = frame[name].replace_strict(dict(ORDERED[name]), default=None, return_dtype=pl.Float64)
        else:
            numbers = frame[name].cast(pl.Float64)
        columns.append(numbers.fill_null(np.nan).to_numpy().copy())
    x = np.column_stack(columns) if columns else np.zeros((len(patients), 0))
    late = read.late.get("exome", set())
    rows = [i for i, p in enumerate(patients) if p in late]
    x[np.ix_(rows, [i for i, name in enumerate(names) if name in FROM_EXOME])] = np.nan
    return names, x


def _long(read: Tables, row: Mapping[str, int], kind: str) -> tuple[list[str], Floats]:
    part = read.long[kind].filter(pl.col("patient_id").is_in(list(row)))
    names = part["name"].unique(maintain_order=True).to_list()
    column = {name: j for j, name in enumerate(names)}
    x = np.full((len(row), len(names)), np.nan)
    zero = read.everyone.get(kind)
    if zero is not None:
        x[[row[p] for p in zero if p in row]] = 0.0
    if part.height:
        i = part["patient_id"].replace_strict(dict(row), return_dtype=pl.Int64).to_numpy()
        j = part["name"].replace_strict(column, return_dtype=pl.Int64).to_numpy()
        values = part["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        if zero is None:
            x[i, j] = values
        else:
            counted = np.asarray([p in zero for p in part["patient_id"]], dtype=bool)
            x[i[counted], j[counted]] = values[counted]
    return names, x


def _assays(store: Store, study: str) -> list[tuple[list[str], list[str], npt.NDArray[np.float32], bool]]:
    """Matrices of a study: the preferred ones whole, the others for genes that those lack, most patients first."""
    found = store.sql(
        """SELECT assay, preferred FROM assay WHERE study = $s AND level = 'patient'
           ORDER BY preferred DESC, len(patients) DESC, assay""",
        {"s": study},
    )
    result = []
    for assay, preferred in found.iter_rows():
        genes, patients, values = store.matrix(study, assay)
        result.append((genes, patients, values, not preferred))
    return result


def _genes(read: Tables, row: Mapping[str, int]) -> tuple[list[str], Floats]:
    place: dict[str, int] = {}
    blocks: list[tuple[Any, Any, Any]] = []
    for genes, patients, values, only_new in read.assays:
        mine = [(i, row[p]) for i, p in enumerate(patients) if p in row]
        if not mine:
            continue
        taken = [g for g, name in enumerate(genes) if not (only_new and name in place)]
        columns = [place.setdefault(genes[g], len(place)) for g in taken]
        blocks.append((np.asarray(mine), np.asarray(columns, dtype=np.int64), values[taken]))
    x = np.full((len(row), len(place)), np.nan)
    for mine, columns, values in blocks:
        where, samples = mine[:, 1], mine[:, 0]
        if np.unique(where).size == where.size:
            x[np.ix_(where, columns)] = values[:, samples].T
            continue
        for patient in np.unique(where):  # several samples of a patient: their mean
            x[patient, columns] = values[:, samples[where == patient]].astype(np.float64).mean(axis=1)
    order = sorted(place, key=place.__getitem__)
    return order, x

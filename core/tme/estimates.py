"""Estimates: how much there is of each cell type in each patient of a cohort, by one way of counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, UnknownName
from core.tme import cells
from core.tme.cells import Method, Part
from core.tme.t_cell_states import GENES, t_cell_states
from data.store import Store

KEYS = ("patient_id", "study", "cohort")


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """A cohort's cells by one method.

    Attributes
    ----------
    frame : patient_id, study, cohort and one column a part (its name), in the method's unit; null = not measured. Patients
        with no value at all are left out.
    method : with the parts that somebody here has. absent : names of the parts that nobody here has.
    n, n_missing : patients in `frame`; patients of the cohort without any value. note : what these numbers cannot be used for.
    """

    frame: pl.DataFrame
    method: Method
    absent: tuple[str, ...]
    n: int
    n_missing: int
    note: str = ""


def available(store: Store, query: CohortQuery) -> dict[str, str]:
    """Methods with values for this cohort, key -> label, in the order in which to offer them; empty where there is none."""
    condition, params = query.where()
    inside = f"patient_id IN (SELECT patient_id FROM patient WHERE {condition})"
    stored = store.sql(f"SELECT DISTINCT method FROM cell_fraction WHERE fraction IS NOT NULL AND {inside} ORDER BY 1", params)["method"].to_list()
    found = store.sql(
        f"""SELECT EXISTS (SELECT 1 FROM signature_score WHERE starts_with(signature, 'mcp_') AND z IS NOT NULL AND {inside}) AS mcp,
                   EXISTS (SELECT 1 FROM expression e JOIN assay a USING (study, assay)
                           WHERE a.level = 'patient' AND e.study = ANY($studies) AND e.gene = ANY($genes)) AS states,
                   EXISTS (SELECT 1 FROM slide_feature WHERE feature = $density AND value IS NOT NULL AND {inside}) AS slides,
                   EXISTS (SELECT 1 FROM patient WHERE leukocyte_fraction IS NOT NULL AND {condition}) AS leukocytes""",
        {**params, "genes": list(GENES), "density": cells.SLIDES.parts[0].cells[0]},
    ).row(0, named=True)
    known = {m.stored for m in cells.METHODS.values() if m.stored}
    own = {m.key for m in cells.METHODS.values() if m.stored and m.stored in stored} | {key for key in ("mcp", "states", "slides") if found[key]}
    if not found["leukocytes"]:
        own.discard(cells.ABSOLUTE.key)
    brought = {f"{cells.PUBLISHED}:{name}": f"Fractions of the study ({name})" for name in stored if name not in known}
    listed = {key: method.label for key, method in cells.METHODS.items() if key in own}
    first = {key: label for key, label in listed.items() if cells.METHODS[key].kind == "fraction"}
    return {**first, **brought, **listed}


def estimates(store: Store, query: CohortQuery, *, method: str) -> Estimates:
    """Read the cells of a cohort.

    Parameters
    ----------
    method : key of `cells.METHODS`, or 'published:NAME' for a method that only the study's own table knows.

    Raises
    ------
    UnknownName
        No such method.
    NotMeasured, EmptyCohort
        Nobody here has a value by this method; the message names studies that do.
    """
    return _estimates(store, query, method)


@lru_cache(maxsize=16)  # the figures of a page read the same estimates
def _estimates(store: Store, query: CohortQuery, method: str) -> Estimates:
    everyone = cohort_frame.patients(store, query, columns=KEYS)
    chosen = _method(store, query, method)
    wide = _read(store, query, chosen)
    names = [part.name for part in chosen.parts]
    known = wide.filter(pl.any_horizontal(pl.col(names).is_not_null()))
    if known.is_empty():
        raise cohort_frame.not_measured(chosen.label, query, elsewhere=_elsewhere(store, chosen))
    present = tuple(part for part in chosen.parts if known[part.name].null_count() < known.height)
    frame = everyone.join(known, on="patient_id", how="inner", maintain_order="left").select(*KEYS, *(part.name for part in present))
    return Estimates(
        frame=frame,
        method=_with(chosen, present),
        absent=tuple(part.name for part in chosen.pieces() if part not in present),
        n=frame.height,
        n_missing=everyone.height - frame.height,
        note=_note(store, query, chosen),
    )


def _note(store: Store, query: CohortQuery, method: Method) -> str:
    """Where a study's expression came as z-scores in several parts, no score can compare the parts."""
    if method.kind != "score":
        return ""
    parts = store.sql(
        "SELECT study FROM assay WHERE study = ANY($s) AND level = 'patient' AND unit = 'z-score' GROUP BY 1 HAVING count(*) > 1 ORDER BY 1", {"s": list(query.studies)}
    )["study"]
    return f"The expression of {', '.join(parts)} came as z-scores made within each cancer type: these scores cannot compare cancer types." if parts.len() else ""


def nothing_measured(store: Store, query: CohortQuery) -> NotMeasured:
    """The error for a cohort that has cells by no method, naming studies that do."""
    cohort_frame.patients(store, query, columns=("patient_id",))
    return cohort_frame.not_measured("Cell composition (it needs expression, published fractions or slides)", query, elsewhere=_anywhere(store))


def _with(method: Method, parts: Sequence[Part]) -> Method:
    return replace(method, parts=tuple(parts))


def _method(store: Store, query: CohortQuery, key: str) -> Method:
    if key in cells.METHODS:
        return cells.METHODS[key]
    prefix, _, stored = key.partition(":")
    if prefix == cells.PUBLISHED and stored:
        names = store.sql(
            "SELECT DISTINCT cell_type FROM cell_fraction WHERE method = $m AND study = ANY($s) ORDER BY 1", {"m": stored, "s": list(query.studies)}
        )["cell_type"].to_list()
        if names:
            return cells.published(stored, tuple(names))
    raise UnknownName(f"there is no way of counting cells called '{key}'; use one of {', '.join(cells.METHODS)}")


def _read(store: Store, query: CohortQuery, method: Method) -> pl.DataFrame:
    """patient_id and one column a part."""
    if method.key == cells.MCP.key:
        return _mcp(store, query)
    if method.key == cells.STATES.key:
        return _states(store, query)
    if method.key == cells.SLIDES.key:
        return _slides(store, query)
    wide = _fractions(store, query, method)
    return _absolute(store, query, wide) if method.key == cells.ABSOLUTE.key else wide


def _fractions(store: Store, query: CohortQuery, method: Method) -> pl.DataFrame:
    """Sums of stored fractions; null where one of the summands is missing."""
    condition, params = query.where()
    stored = {cell: f"c{number}" for number, cell in enumerate(dict.fromkeys(cell for part in method.parts for cell in part.cells))}
    columns = ", ".join(f'max(CASE WHEN cell_type = ${slot} THEN fraction END) AS "{slot}"' for slot in stored.values())
    wide = store.sql(
        f"""SELECT patient_id, {columns} FROM cell_fraction
            WHERE method = $method AND patient_id IN (SELECT patient_id FROM patient WHERE {condition}) GROUP BY 1 ORDER BY 1""",
        {**params, **{slot: cell for cell, slot in stored.items()}, "method": method.stored},
    )
    sums = [
        (pl.sum_horizontal([stored[c] for c in part.cells], ignore_nulls=False) if part.cells else pl.lit(None, dtype=pl.Float64)).alias(part.name)
        for part in method.parts
    ]
    return wide.select("patient_id", *sums)


def _absolute(store: Store, query: CohortQuery, wide: pl.DataFrame) -> pl.DataFrame:
    known = store.patients(query.where(), columns=("patient_id", "leukocyte_fraction"))
    joined = wide.join(known, on="patient_id", how="left", maintain_order="left")
    whole = pl.col("leukocyte_fraction")
    counted = pl.any_horizontal(pl.col(part.name).is_not_null() for part in cells.ABSOLUTE.parts if part.cells)
    scaled = [
        (pl.col(part.name) * whole if part.cells else pl.when(counted).then(1.0 - whole if part.family == cells.REST else whole)).alias(part.name)
        for part in cells.ABSOLUTE.parts
    ]
    return joined.select("patient_id", *scaled)


def _scores(store: Store, query: CohortQuery, signatures: Sequence[str]) -> pl.DataFrame:
    """Standardised scores, one column a signature: of the preferred assays, and of another one only where those lack the signature."""
    condition, params = query.where()
    found = store.sql(
        f"""SELECT s.patient_id, s.study, s.signature, s.assay, s.z, coalesce(a.preferred, false) AS preferred
            FROM signature_score s LEFT JOIN assay a USING (study, assay)
            WHERE s.signature = ANY($names) AND s.z IS NOT NULL AND s.patient_id IN (SELECT patient_id FROM patient WHERE {condition})""",
        {**params, "names": list(signatures)},
    )
    best = found.filter(pl.col("preferred") == pl.col("preferred").max().over("study", "signature"))
    size = best.group_by("study", "signature", "assay").len("size")
    largest = (
        best.join(size, on=("study", "signature", "assay"))
        .sort("size", "assay", descending=(True, False))
        .unique(("patient_id", "signature"), keep="first", maintain_order=True)
    )
    wide = largest.pivot(on="signature", index="patient_id", values="z", maintain_order=True)
    return wide.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in signatures if name not in wide.columns)


def _mcp(store: Store, query: CohortQuery) -> pl.DataFrame:
    names = tuple(dict.fromkeys(cell for part in cells.MCP.parts for cell in part.cells))
    wide = _scores(store, query, names)
    means = [
        pl.when(pl.all_horizontal(pl.col(part.cells).is_not_null())).then(pl.mean_horizontal(part.cells)).alias(part.name) for part in cells.MCP.parts
    ]
    return wide.select("patient_id", *means)


def _states(store: Store, query: CohortQuery) -> pl.DataFrame:
    inside = store.patients(query.where(), columns=("patient_id",))
    states = t_cell_states(store, query.studies).join(inside, on="patient_id", how="semi")
    wide = _scores(store, query, ("cyt",)).join(states, on="patient_id", how="full", coalesce=True)
    return wide.select(
        "patient_id",
        pl.col("cytotoxicity").alias("Cytotoxicity"),
        pl.col("cyt").alias("Cytolytic activity"),
        pl.col("exhaustion").alias("Exhaustion"),
        (pl.col("exhaustion") - pl.col("cytotoxicity")).alias("Exhaustion beyond cytotoxicity"),
    )


def _slides(store: Store, query: CohortQuery) -> pl.DataFrame:
    """Mean over a patient's slides."""
    condition, params = query.where()
    wanted = sorted({cell for part in cells.SLIDES.parts for cell in part.cells})
    found = store.sql(
        f"""SELECT patient_id, feature, avg(value) AS value FROM slide_feature
            WHERE feature = ANY($f) AND patient_id IN (SELECT patient_id FROM patient WHERE {condition}) GROUP BY 1, 2 ORDER BY 1, 2""",
        {**params, "f": wanted},
    )
    wide = found.pivot(on="feature", index="patient_id", values="value", maintain_order=True)
    wide = wide.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in wanted if name not in wide.columns)
    sums = [pl.sum_horizontal(part.cells, ignore_nulls=False).alias(part.name) for part in cells.SLIDES.parts]
    return wide.select("patient_id", *sums)


def _elsewhere(store: Store, method: Method) -> list[str]:
    if method.stored:
        statement = "SELECT study, count(DISTINCT patient_id) AS n FROM cell_fraction WHERE method = $m GROUP BY 1 ORDER BY n DESC, study"
        return store.sql(statement, {"m": method.stored})["study"].to_list()
    if method.key == cells.SLIDES.key:
        return store.sql("SELECT study, count(*) AS n FROM slide_feature GROUP BY 1 ORDER BY n DESC, study")["study"].to_list()
    prefix = "mcp_" if method.key == cells.MCP.key else "cyt"
    statement = "SELECT study, count(DISTINCT patient_id) AS n FROM signature_score WHERE starts_with(signature, $p) GROUP BY 1 ORDER BY n DESC, study"
    return store.sql(statement, {"p": prefix})["study"].to_list()


def _anywhere(store: Store) -> list[str]:
    found = store.sql(
        """SELECT study, count(DISTINCT patient_id) AS n FROM
           (SELECT study, patient_id FROM cell_fraction UNION SELECT study, patient_id FROM signature_score WHERE starts_with(signature, 'mcp_'))
           GROUP BY 1 ORDER BY n DESC, study"""
    )
    return found["study"].to_list()

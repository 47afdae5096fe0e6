"""Cells: what the Cells page shows - a field's map, densities, how two types lie to each other, and all of it against survival."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures import words
from core.figures.cell_density import cell_density
from core.figures.cell_map import cell_map
from core.figures.chart import Chart
from core.figures.forest import forest
from core.figures.point_pattern import point_pattern
from core.spatial.cell_fields import Tissue, named_types, ordered, tissue
from core.spatial.cell_survival import GROUPS, CellSurvival, cell_survival, no_cells, short
from core.spatial.random_labelling import cross_l, nearest
from data.store import Store

L_RADII, G_RADII = np.arange(2.0, 51.0, 2.0), np.arange(2.0, 41.0, 2.0)
RATE = 0.05


def patients(store: Store, query: CohortQuery) -> dict[str, str]:
    """Patients with single cells, in words.

    Raises
    ------
    NotMeasured, EmptyCohort
        Nobody has any, or nobody matches.
    """
    people = cohort_frame.patients(store, query, columns=["patient_id", "source_id"])
    counted = store.sql("SELECT patient_id, sum(cells) AS cells, max(fields) AS fields FROM cell_density GROUP BY patient_id")
    found = people.join(counted, on="patient_id", how="inner", maintain_order="left").sort(pl.col("source_id").str.to_integer(strict=False), maintain_order=True)
    if found.is_empty():
        raise no_cells(store, query)
    return {
        patient: f"Patient {source} ({words.count(int(fields), 'field')}, {int(cells):,} cells)"
        for patient, source, cells, fields in found.select("patient_id", "source_id", "cells", "fields").iter_rows()
    }


def fields(store: Store, query: CohortQuery, *, patient: str) -> dict[str, str]:
    """Fields of a patient, numbered from 1; the one with most cells first."""
    found = store.sql("SELECT section_id, count(*) AS n FROM spot WHERE kind = 'cell' AND patient_id = $p GROUP BY section_id ORDER BY section_id", {"p": patient})
    numbered = sorted(enumerate(found["n"], 1), key=lambda one: -one[1])
    return {str(place): f"Field {place} ({n:,} cells)" for place, n in numbered}


def kinds(store: Store, query: CohortQuery) -> dict[str, str]:
    """Cell types that one can ask about; the most common first."""
    counted = store.sql(
        "SELECT cell_type AS label, sum(cells) AS cells FROM cell_density WHERE list_contains($s, study) GROUP BY cell_type", {"s": list(query.studies)}
    )
    types = ordered(counted)
    return {types[place]: types[place] for place in named_types(types)}


def field_map(store: Store, query: CohortQuery, *, patient: str, field: str = "1") -> Chart:
    """The cells of one field.

    Raises
    ------
    NotMeasured, UnknownName
        No cells of this patient, or no such field.
    """
    found = _tissue(store, patient)
    if field not in {str(place) for place in range(1, len(found.fields) + 1)}:
        raise UnknownName(f"this patient has no field {field}; there are {len(found.fields)}")
    place = int(field) - 1
    source = provenance(store, query, n=1)
    return cell_map(found.fields[place], types=found.types, provenance=source, name=f"{_name(patient)}, field {field}")


def densities(store: Store, query: CohortQuery, *, patient: str = "") -> Chart:
    """Cells a mm² of every patient of the cohort.

    Raises
    ------
    NotMeasured, EmptyCohort
        Nobody has cells, or nobody matches.
    """
    people = cohort_frame.patients(store, query, columns=["patient_id"])
    table = store.sql("SELECT patient_id, cell_type, density, cells FROM cell_density WHERE list_contains($p, patient_id)", {"p": people["patient_id"].to_list()})
    if table.is_empty():
        raise no_cells(store, query)
    types = list(kinds(store, query))
    chosen = table.filter(pl.col("cell_type").is_in(types)).sort(pl.col("cell_type").cast(pl.Enum(types)), maintain_order=True)
    n = table["patient_id"].n_unique()
    source = provenance(store, query, n=n, n_missing=people.height - n)
    return cell_density(chosen.select("patient_id", "cell_type", "density"), provenance=source, marked=patient, name=_name(patient))


def pattern(store: Store, query: CohortQuery, *, patient: str, first: str, second: str, function: str = "cross_l") -> Chart:
    """How two types of a patient lie to each other, over all fields.

    Raises
    ------
    NotMeasured, UnknownName
        Too few cells of a type, or no such type.
    """
    found = _tissue(store, patient)
    for kind in (first, second):
        if kind not in found.types:
            raise UnknownName(f"there is no cell type '{kind}' in this study; there are {', '.join(found.types)}")
    pair = (found.types.index(first), found.types.index(second))
    curve = nearest(found.fields, pair, G_RADII) if function == "nearest" else cross_l(found.fields, pair, L_RADII)
    return point_pattern(curve, function=function, names=(short(first), short(second)), provenance=provenance(store, query, n=1), name=_name(patient))


def against_survival(store: Store, query: CohortQuery) -> Answer:
    """Every density and neighbourhood against overall survival, and the sentence of the page.

    Raises
    ------
    NotMeasured, TooFewPatients, EmptyCohort
        No cells, too few deaths, or nobody matches.
    """
    found = cell_survival(store, query)
    source = provenance(store, query, n=found.n, n_missing=found.n_missing)
    rows = found.table.select(
        group=pl.col("kind").replace_strict(GROUPS, return_dtype=pl.String), label="label", estimate="hazard_ratio", ci_low="ci_low", ci_high="ci_high",
        n="n", detail=pl.struct("p_value", "q_value", "events").map_elements(_detail, return_dtype=pl.String),
    )  # fmt: skip
    tests = found.table["p_value"].count()
    chart = forest(
        rows, provenance=source, measure="HR", title="No cell type's density or neighbourhood stands out" if _hits(found).is_empty() else "Cells that go with survival",
        caption=(
            f"Hazard ratio of death per standard deviation over patients, one unadjusted Cox model a row; n = {found.n:,}, {words.count(found.deaths, 'death')}. q: "
            f"Benjamini-Hochberg over all {tests} tests of this figure. {found.deaths} deaths carry few tests: a hazard ratio under about {_smallest(found.deaths):.1f} "
            "would be missed more often than found even alone. Beyond chance: less the mean under random labelling within each field, so that a rare type "
            "is not called distant. Patients with fewer than 10 cells of a type are left out of its rows. These patients are those that the association was estimated on."
        ),
    )  # fmt: skip
    return Answer(sentence=_sentence(found, int(tests)), charts=(replace(chart, slug="cells-survival"),))


def _detail(row: dict[str, float | int | None]) -> str:
    p, q = row["p_value"], row["q_value"]
    return f"{row['events']} deaths, {words.p(p)}, q {words.p(q).removeprefix('p ')}" if p is not None and q is not None else "not estimable"


def _hits(found: CellSurvival) -> pl.DataFrame:
    return found.table.filter(pl.col("q_value") <= RATE)


def _smallest(deaths: int) -> float:
    """The hazard ratio per SD that a single test at 5% finds with probability one half."""
    return float(np.exp(1.96 / np.sqrt(deaths)))


def _sentence(found: CellSurvival, tests: int) -> str:
    best = found.table.drop_nulls("p_value").sort("p_value").row(0, named=True)
    where = GROUPS[best["kind"]][:1].lower() + GROUPS[best["kind"]][1:]
    strongest = (
        f"{best['label']} ({where}): HR {words.ratio(best['hazard_ratio'])} ({words.interval((best['ci_low'], best['ci_high']))}) per SD, "
        f"{words.p(best['p_value'])}, q {words.p(best['q_value']).removeprefix('p ')}"
    )
    head = f"n = {found.n:,}, {words.count(found.deaths, 'death')}, {tests} tests"
    hits = _hits(found).height
    if not hits:
        return f"No density and no neighbourhood of cell types is shown to go with overall survival ({head}, corrected for all of them); the strongest is {strongest}."
    return f"{words.count(hits, 'association')} with overall survival at a false discovery rate of 5% ({head}); the strongest is {strongest}."


def _tissue(store: Store, patient: str) -> Tissue:
    study = store.sql("SELECT study FROM patient WHERE patient_id = $p", {"p": patient})
    return tissue(store, str(study["study"][0]) if study.height else "", patient)


def _name(patient: str) -> str:
    return f"patient {patient.rpartition(':')[2]}" if patient else ""

"""Annotation: what tells each TME type from the rest, in signatures and genes, and the rule that named it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.figures import words
from core.figures.annotation import annotation as figure
from core.figures.chart import Chart
from core.tme import naming
from core.tme.against_rest import against_rest, delta_intervals
from core.tme.shared import SPACE as SHARED
from core.tme.signature_frame import IDENTITY, signature_frame
from core.tme.signatures import catalogue
from data.store import Store

Floats = npt.NDArray[np.float64]

SPACE = "tme_signatures"
KNOWN = 0.8
TOP = 5
STRONGEST = 10
"""Genes of each type and direction whose rows are kept."""
DIPPED = (
    "Signatures and genes marked • went into the features that made the types, in these same patients: their p values describe, and prove nothing."
)
OUTSIDE = "Unmarked genes did not; their false discovery rate stands, as long as they are independent of the features otherwise."


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation(Answer):
    """What the types are.

    Attributes
    ----------
    names : type, n, name, rule (in words), t_cells, stroma (SD from the cohort's mean). signatures, genes : type, feature, label,
        made_types (went into the types), n_in, n_out, delta with interval, smd with interval, p_value, q_value; all signatures,
        and the genes that are among the strongest of any type, either way.
    """

    names: pl.DataFrame
    signatures: pl.DataFrame
    genes: pl.DataFrame


def annotate(store: Store, query: CohortQuery, *, space: str = SPACE, genes: bool = True) -> Annotation:
    """Top signatures and genes of each type against the rest, with effect and FDR, and the name that the rule gives.

    Parameters
    ----------
    space : whose types; over several studies the shared space is read instead, as types of a study alone are its own.

    genes : compare genes too, a second or two for 20,000.

    Genes are compared where the cohort is one study, in its preferred assay. False discovery rate: Benjamini-Hochberg over
    all types and signatures, and apart over all types and genes.

    Raises
    ------
    NotMeasured
        No types here. TooFewPatients: a single type, or too few patients in every one.
    """
    members, own = _members(store, query, space=space)
    labels = members.unique("cluster", keep="first").sort("cluster")["name"].to_list()
    if len(labels) < 2:
        raise TooFewPatients("there is one TME type only here, so nothing to compare it with; choose a study or a filter that leaves two")
    frame = signature_frame(store, sorted(set(members["study"]))).drop("study", "cohort")
    frame = members.join(frame, on="patient_id", how="inner", maintain_order="left")
    features = [c for c in frame.columns if c not in {*IDENTITY, "cluster", "name"} and frame[c].is_not_null().mean() >= KNOWN]  # type: ignore[operator]
    if not features:
        raise NotMeasured(f"no signature is known for most patients of {query.describe()}; choose a study with gene expression")
    types = frame["cluster"].rank("dense").cast(pl.Int64).to_numpy() - 1
    z = frame.select(pl.col(features).cast(pl.Float64).fill_null(np.nan)).to_numpy().reshape(frame.height, len(features))
    made = {name for name, weight in zip(features, naming.balance(features), strict=True) if weight > 0}
    signatures = against_rest(z, types, features)
    signatures = delta_intervals(signatures, z, types, names=features)
    signatures = _worded(signatures, labels, made=made, label=naming.label)
    names = _named(z, types, features, labels=labels)
    found = _genes(store, own, frame, labels=labels, features=sorted(made)) if genes and len(own.studies) == 1 else signatures.clear()
    missing = members.height - frame.height
    source = provenance(store, own, n=frame.height, n_missing=missing)
    charts: list[Chart] = [figure(_top(signatures), provenance=source, names=names, caption=_caption("signatures", signatures, frame.height), kind="signatures")]
    if found.height:
        charts.append(figure(_top(found), provenance=source, names=names, caption=_caption("genes", found, frame.height), kind="genes"))
    return Annotation(sentence=_sentence(names, signatures), charts=tuple(charts), names=names, signatures=signatures, genes=found)


def _members(store: Store, query: CohortQuery, *, space: str) -> tuple[pl.DataFrame, CohortQuery]:
    """patient_id, study, cluster, name of the query's patients, and the query they make up."""
    condition, params = query.where()
    read = f"""SELECT patient_id, study, cluster, name FROM cluster WHERE space = $space AND cluster IS NOT NULL
               AND patient_id IN (SELECT patient_id FROM patient WHERE {condition}) ORDER BY rowid"""
    found = store.sql(read, {**params, "space": space})
    if found["study"].n_unique() > 1 and space != SHARED:
        found = store.sql(read, {**params, "space": SHARED})
    if found.is_empty():
        there = store.sql("SELECT DISTINCT study FROM cluster WHERE space = $s ORDER BY study", {"s": space})["study"].to_list()
        raise NotMeasured(
            f"{query.describe()} has no TME types to compare; {words.listing(there[:4]) or 'no study'} {'have' if len(there) > 1 else 'has'} them",
            elsewhere=there,
        )
    return found, CohortQuery(tuple(s for s in query.studies if s in set(found["study"])), query.filters)


def _named(z: Floats, types: npt.NDArray[np.int64], features: Sequence[str], *, labels: Sequence[str]) -> pl.DataFrame:
    rows = []
    for code, name in enumerate(labels):
        with np.errstate(invalid="ignore"):
            centre = np.nanmean(z[types == code], axis=0)
        t_cells, stroma = naming.axes(centre, features)
        given, rule = naming.category(t_cells, stroma)
        rows.append({"type": name, "n": int((types == code).sum()), "name": given, "rule": rule, "t_cells": t_cells, "stroma": stroma})
    return pl.DataFrame(rows).with_columns(pl.col("t_cells", "stroma").fill_nan(None))


def _genes(store: Store, query: CohortQuery, frame: pl.DataFrame, *, labels: Sequence[str], features: Sequence[str]) -> pl.DataFrame:
    """The strongest genes of each type, up and down, tested among all; empty where the study has no matrix."""
    study = query.studies[0]
    assays = store.sql(
        "SELECT assay, patients FROM assay WHERE study = $s AND level = 'patient' ORDER BY preferred DESC, n_genes DESC", {"s": study}
    )
    wanted = set(frame["patient_id"])
    held = [(name, len(wanted & set(patients))) for name, patients in assays.iter_rows()]
    best = max(held, key=lambda pair: pair[1], default=("", 0))
    if best[1] < KNOWN * len(wanted):
        return pl.DataFrame()
    genes, patients, values = store.matrix(study, best[0])
    place: dict[str, int] = {}
    for column, patient in enumerate(patients):
        place.setdefault(patient, column)
    placed = frame.filter(pl.col("patient_id").is_in(list(place)))
    types = placed["cluster"].rank("dense").cast(pl.Int64).to_numpy() - 1
    x = values[:, [place[p] for p in placed["patient_id"]]].T.astype(np.float64)
    tested = against_rest(x, types, genes)
    sides = [
        tested.filter(pl.col("p_value").is_not_null() & (pl.col("delta") * side > 0)).sort("p_value", "feature").group_by("type", maintain_order=True)
        for side in (1, -1)
    ]
    strongest = pl.concat([side.head(STRONGEST) for side in sides])["feature"].unique()
    kept = tested.filter(pl.col("feature").is_in(strongest.implode())).sort("type", "p_value", "feature")
    kept = delta_intervals(kept, x, types, names=genes)
    sets = store.sql("SELECT * FROM gene_set ORDER BY collection, name, gene")
    made = {g.upper() for s in catalogue(sets if sets.height else None) if s.name in set(features) for g in s.genes}
    return _worded(kept, labels, made=made, label=str).with_columns(tested=pl.lit(len(genes)))


def _worded(table: pl.DataFrame, labels: Sequence[str], *, made: set[str], label: object) -> pl.DataFrame:
    spoken = {f: label(f) if callable(label) else f for f in table["feature"].unique()}
    return table.with_columns(
        type=pl.Series([labels[code] for code in table["type"]], dtype=pl.String),
        label=pl.Series([str(spoken[f]) for f in table["feature"]], dtype=pl.String),
        made_types=pl.Series([f in made or f.upper() in made for f in table["feature"]], dtype=pl.Boolean),
    )


def _top(table: pl.DataFrame) -> pl.DataFrame:
    """All rows of the features that are among the strongest, upwards, of any type; in that order."""
    up = table.filter(pl.col("delta") > 0).sort("delta", descending=True, maintain_order=True)
    order = list(dict.fromkeys(f for name in table["type"].unique(maintain_order=True) for f in up.filter(pl.col("type") == name)["feature"][:TOP]))
    place = {feature: i for i, feature in enumerate(order)}
    return table.filter(pl.col("feature").is_in(order)).sort(pl.col("feature").replace_strict(place, default=None), maintain_order=True)


def _caption(kind: str, table: pl.DataFrame, n: int) -> str:
    tests = int(table["tested"][0]) if "tested" in table.columns else table["feature"].n_unique()
    return (
        f"Cliff's delta of each type against all other patients (1: every patient of the type is higher), the {TOP} strongest of each type of "
        f"{tests:,} {kind}; n = {n:,}. Filled: false discovery rate under .05 (Wilcoxon-Mann-Whitney, Benjamini-Hochberg over all types and {kind}). "
        f"{DIPPED}{' ' + OUTSIDE if kind == 'genes' else ''}"
    )


def _sentence(names: pl.DataFrame, signatures: pl.DataFrame) -> str:
    parts = []
    for row in names.iter_rows(named=True):
        top = signatures.filter((pl.col("type") == row["type"]) & pl.col("delta").is_not_null()).sort(pl.col("delta").abs(), descending=True)
        lead = ""
        if top.height:
            first = top.row(0, named=True)
            lead = f", {'more' if first['delta'] > 0 else 'less'} {words.inside(first['label'])}"
        parts.append(f"{row['type']} (n = {row['n']:,}{lead})")
    return f"{words.count(names.height, 'TME type')}: {'; '.join(parts)}. Names follow the T-cell and stroma themes by a fixed rule."

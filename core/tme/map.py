"""TME map: stored feature-space coordinates and types of a cohort, with one colouring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import polars as pl

from core.cohort import frame as cohort_frame
from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures.density import WHOLE
from core.tme import spaces
from core.tme.gene_names import current
from data.schema import PATIENT
from data.store import Store

SPACE = spaces.SPACE
STABLE = 0.75
"""Stability (mean Jaccard overlap over refits) from which a type is relied on (Hennig 2007, doi 10.1016/j.csda.2006.11.025)."""
UNTYPED = "no types found here"
HOVER = ("cancer_type", "recist", "response", "os_months", "tmb_per_mb")
"""A patient's five key facts, for the hover card."""
CARDS = 100_000
"""Patients up to which the facts are read; of more, the response alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TmeMap:
    """A cohort on its map.

    Attributes
    ----------
    frame : patient_id, study, x, y, cluster, type, stability, silhouette, stable, value, response, and cohort and the other HOVER columns where
        at most `CARDS` patients are on the map; `value` is what colours the points: a number, or a word; null = not measured.
    kind : 'number' or 'category'. label, unit : of the value. levels : words in their order (categories only).
    studies : each has a map of its own: positions in two of them cannot be compared.
    n, n_missing : patients on the map; patients of the cohort without TME features.
    n_uncoloured : patients on the map without a value. unstable : types that refits do not find again.
    space, layout : see `core.tme.spaces`. in_sample : whether labels of these patients shaped the space.
    """

    frame: pl.DataFrame
    colour: str
    kind: Literal["number", "category"]
    label: str
    unit: str
    levels: tuple[str, ...]
    studies: tuple[str, ...]
    n: int
    n_missing: int
    n_uncoloured: int
    unstable: tuple[str, ...] = ()
    stable_from: float = STABLE
    space: str = SPACE
    layout: str = spaces.UMAP
    in_sample: bool = False


def tme_map(store: Store, query: CohortQuery, *, colour: str = "cluster", space: str = SPACE, layout: str = spaces.UMAP) -> TmeMap:
    """Positions, types and one colouring of a cohort.

    Parameters
    ----------
    colour : 'cluster', a patient column ('response', 'phenotype', ...), 'gene:CD8A', 'score:cyt' or
        'cell:T.cells.CD8'. space, layout : see `core.tme.spaces`.

    Raises
    ------
    NotMeasured
        No patient has TME features, or none has the value asked for; names studies that do.
    UnknownName
        No such column, gene, score, cell type or layout.
    """
    frame = positions(store, query, space=space, layout=layout)
    if frame.is_empty():
        cohort_frame.patients(store, query, columns=("patient_id",))  # an empty cohort says so first
        raise cohort_frame.not_measured("The TME feature space", query, elsewhere=_studies_placed(store, space))
    in_sample = bool((frame["protocol"] == "in_sample").any())
    frame = frame.drop("space", "protocol")
    wanted = ("patient_id", "cohort", *HOVER) if frame.height <= CARDS else ("patient_id", "response")
    facts = cohort_frame.patients(store, query, columns=wanted)
    frame = frame.join(facts, on="patient_id", how="inner", maintain_order="left")
    values, kind, label, unit = _colouring(store, query, colour)
    if values is None:
        untyped = frame["type"].null_count() == frame.height
        frame = frame.with_columns(pl.lit(UNTYPED).alias("value") if untyped else pl.col("type").alias("value"))
    else:
        frame = frame.join(values, on="patient_id", how="left", maintain_order="left")
    if frame["value"].null_count() == frame.height:
        raise cohort_frame.not_measured(label, query, elsewhere=_studies_coloured(store, colour))
    levels = () if kind == "number" else tuple(frame["value"].drop_nulls().unique().sort())
    if colour == "cluster":
        order = frame.select("cluster", "type").drop_nulls().unique().sort("cluster")["type"].unique(maintain_order=True)
        levels = tuple(order) or (UNTYPED,)
    studies = tuple(frame["study"].unique(maintain_order=True))
    if frame.height > WHOLE:
        frame = _coded(frame, ("study", "type") if kind == "number" else ("study", "type", "value"))
    return TmeMap(
        frame=frame,
        colour=colour,
        kind=kind,
        label=label,
        unit=unit,
        levels=levels,
        studies=studies,
        n=frame.height,
        n_missing=cohort_frame.count(store, query) - frame.height,
        n_uncoloured=frame["value"].null_count(),
        unstable=tuple(frame.filter(~pl.col("stable"))["type"].drop_nulls().cast(pl.String).unique(maintain_order=True)),
        space=space,
        layout=layout,
        in_sample=in_sample,
    )


def _coded(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Words as numbered levels: a large map is zoomed without reading a million words each time."""
    return frame.with_columns(frame[c].cast(pl.Enum(frame[c].drop_nulls().unique().sort())) for c in columns)


@lru_cache(maxsize=6)
def positions(store: Store, query: CohortQuery, *, space: str = SPACE, layout: str = spaces.UMAP) -> pl.DataFrame:
    """patient_id, study, space, protocol, x, y, cluster, type, stability, silhouette, stable and p_structure (of one group; null =
    not tested) of the cohort's patients.

    Kept for the next outline or colour. The types are those found in the space itself, or, where none were, those of the TME signatures.
    """
    places = spaces.placed(store, query, space=space, layout=layout)
    if places.is_empty():
        return places
    return places.join(_types(store, query, places), on="patient_id", how="left", maintain_order="left").with_columns(
        pl.col("stable").fill_null(value=True)
    )


def _types(store: Store, query: CohortQuery, places: pl.DataFrame) -> pl.DataFrame:
    """patient_id, cluster, type, stability, silhouette, stable, p_structure; the build's own verdict where it gives one."""
    columns = set(store.sql("SELECT * FROM cluster LIMIT 0").columns)
    verdict = "coalesce(stable, stability >= $least)" if "stable" in columns else "stability >= $least"
    tested = "p_structure" if "p_structure" in columns else "CAST(NULL AS DOUBLE)"
    found = store.sql(
        f"""SELECT patient_id, space, cluster, name AS type, stability, silhouette, {verdict} AS stable, {tested} AS p_structure
            FROM cluster WHERE study = ANY($studies) AND space = ANY($spaces)""",
        {"studies": list(query.studies), "spaces": [SPACE, *places["space"].unique()], "least": STABLE},
    )
    own = found.filter(pl.col("space") != SPACE)
    return (own if own.height and places["space"][0] != SPACE else found.filter(pl.col("space") == SPACE)).drop("space")


def colours(store: Store, query: CohortQuery) -> dict[str, str]:
    """Colourings to offer for a cohort, address -> words: type, patient columns, scores, cell fractions. Genes are typed."""
    condition, params = query.where()
    columns = [
        c
        for c in PATIENT.columns
        if c.kind in {"category", "number", "flag", "time", "event"} and c.name != "response_definition"
    ]
    counted = ", ".join(f'min("{c.name}") < max("{c.name}") AS "{c.name}"' for c in columns)
    known = store.sql(f"SELECT {counted} FROM patient WHERE {condition}", params).row(0, named=True)
    offered = {"cluster": "TME type"}
    first = ("response", "recist", "phenotype", "immune_subtype", "molecular_subtype")
    for c in sorted(columns, key=lambda c: first.index(c.name) if c.name in first else len(first)):
        if known[c.name]:
            offered[c.name] = c.label
    of_cohort = f"patient_id IN (SELECT patient_id FROM patient WHERE {condition})"
    for name in store.sql(f"SELECT DISTINCT signature FROM signature_score WHERE {of_cohort} ORDER BY 1", params)[
        "signature"
    ]:
        offered[f"score:{name}"] = f"{words(name)} (score)"
    for name in store.sql(f"SELECT DISTINCT cell_type FROM cell_fraction WHERE {of_cohort} ORDER BY 1", params)[
        "cell_type"
    ]:
        offered[f"cell:{name}"] = f"{words(name)} (fraction)"
    return offered


def words(name: str) -> str:
    """A stored signature or cell name as a person reads it: its label where one is listed, else without underscores."""
    from core.tme.naming import label

    return label(name)


def _colouring(
    store: Store, query: CohortQuery, colour: str
) -> tuple[pl.DataFrame | None, Literal["number", "category"], str, str]:
    condition, params = query.where()
    of_cohort = f"patient_id IN (SELECT patient_id FROM patient WHERE {condition})"
    source, _, name = colour.partition(":")
    if colour == "cluster":
        return None, "category", "TME type", ""
    if source == "gene" and name:
        found = _gene(store, query, name)
        return (
            found.sort("preferred", descending=True, maintain_order=True).unique("patient_id", keep="first", maintain_order=True)
            .select("patient_id", pl.col("value").cast(pl.Float64)),
            "number",
            f"{name.upper()} expression",
            " / ".join(found["unit"].unique(maintain_order=True)),
        )  # fmt: skip
    if source == "score" and name:
        scores = store.sql(
            f"SELECT patient_id, any_value(z) AS value FROM signature_score WHERE signature = $name AND {of_cohort} GROUP BY 1",
            {**params, "name": name},
        )
        return scores, "number", words(name), "SD within the cohort"
    if source == "cell" and name:
        cells = store.sql(
            f"SELECT patient_id, any_value(fraction) AS value FROM cell_fraction WHERE cell_type = $name AND {of_cohort} GROUP BY 1",
            {**params, "name": name},
        )
        return cells, "number", words(name), "fraction"
    if colour not in PATIENT.dtypes:
        raise UnknownName(
            f"there is no colouring '{colour}'; use cluster, a patient column, gene:SYMBOL, score:NAME or cell:NAME"
        )
    column = PATIENT.column(colour)
    values = store.patients(query.where(), columns=("patient_id", colour)).rename({colour: "value"})
    if column.kind in {"number", "time"}:
        return values.with_columns(pl.col("value").cast(pl.Float64)), "number", column.label, column.unit
    spoken = pl.col("value").cast(pl.String)
    if column.kind in {"flag", "event"}:
        spoken = spoken.replace({"true": "yes", "false": "no"})
    return values.with_columns(spoken), "category", column.label, ""


def _gene(store: Store, query: CohortQuery, name: str) -> pl.DataFrame:
    """A gene's values; where the symbol is an old or common name, the error gives the current one.

    Raises
    ------
    UnknownName
        No assay of these studies has the gene.
    """
    try:
        return store.gene(name, studies=query.studies)
    except UnknownName as error:
        symbol = current(name)
        if symbol == name.upper():
            raise
        try:
            store.gene(symbol, studies=query.studies)
        except UnknownName:
            raise UnknownName(f"{error}; its current symbol is {symbol}, which is not measured here either") from None
        raise UnknownName(f"there is no gene '{name}' here; its current symbol is {symbol}: type {symbol}") from None


def _studies_placed(store: Store, space: str) -> list[str]:
    own = "=" if space == SPACE else "<>"
    found = store.sql(
        f"SELECT study, count(umap_1) AS n FROM embedding WHERE space {own} $s GROUP BY study HAVING n > 0 ORDER BY n DESC, study", {"s": SPACE}
    )
    return list(found["study"])


def _studies_coloured(store: Store, colour: str) -> list[str]:
    source, _, name = colour.partition(":")
    if colour in PATIENT.dtypes:
        return cohort_frame.studies_with(store, colour)
    if source == "score":
        return list(
            store.sql("SELECT DISTINCT study FROM signature_score WHERE signature = $n ORDER BY 1", {"n": name})[
                "study"
            ]
        )
    if source == "cell":
        return list(
            store.sql("SELECT DISTINCT study FROM cell_fraction WHERE cell_type = $n ORDER BY 1", {"n": name})["study"]
        )
    return []

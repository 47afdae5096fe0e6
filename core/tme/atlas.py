"""What kinds of tumour microenvironment a cohort has: the map, the types, and how they go with an outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import names, provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart
from core.figures.composition import composition as composition_figure
from core.figures.embedding import embedding
from core.tme import map as tme
from core.tme.composition import WITHIN, composition
from data.schema import PATIENT
from data.store import Store

STABLE = 0.6
SEPARATE = 0.25
"""Mean silhouette below which groups have no substantial structure (Kaufman and Rousseeuw 1990)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas(Answer):
    """The map's answer. types : study, type, n, share (of the study), stability, silhouette; one row a type."""

    types: pl.DataFrame


def atlas(store: Store, query: CohortQuery, *, colour: str = "cluster") -> Atlas:
    """The TME map of a cohort, coloured by type, column, gene, score or cell type.

    Raises
    ------
    NotMeasured, EmptyCohort, UnknownName
        As `core.tme.map.tme_map`.
    """
    drawn = tme.tme_map(store, query, colour=colour)
    source = provenance(store, query, n=drawn.n, n_missing=drawn.n_missing)
    chart = embedding(drawn, provenance=source, direct=colour == "cluster", names=names(store.studies()))
    types = _types(drawn.frame)
    weak = [str(t) for t in types.filter(pl.col("stability") < STABLE)["type"]]
    remarks = (f"{words.listing(weak)}: stability under {STABLE:g}, do not lean on it.",) if weak else ()
    return Atlas(
        sentence=_sentence(store, query, types), charts=(replace(chart, warnings=(*chart.warnings, *remarks)),), types=types
    )


def mixture(store: Store, query: CohortQuery, *, by: str = "response") -> Chart:
    """Which types the groups of a column are made of, with the test of independence (one study only).

    Raises
    ------
    NotMeasured, TooFewPatients
        No types, no values, or only one of either.
    """
    found = composition(store, query, by=by)
    source = provenance(store, query, n=found.n, n_missing=cohort_frame.count(store, query) - found.n)
    chart = composition_figure(found, provenance=source)
    return replace(chart, caption=f"{chart.caption} No test: {WITHIN}.") if found.test.note == WITHIN else chart


def groupings(store: Store, query: CohortQuery) -> dict[str, str]:
    """Columns that the types can be crossed with here."""
    offered = tme.colours(store, query)
    return {c: text for c, text in offered.items() if c in PATIENT.dtypes and PATIENT.column(c).kind in {"category", "flag"}}


def _types(frame: pl.DataFrame) -> pl.DataFrame:
    return (
        frame.drop_nulls("type")
        .group_by("study", "cluster", "type", maintain_order=True)
        .agg(pl.len().alias("n"), pl.col("stability").first(), pl.col("silhouette").mean())
        .with_columns((pl.col("n") / pl.col("n").sum().over("study")).alias("share"))
        .sort("cluster", maintain_order=True)
        .select("study", "type", "n", "share", "stability", "silhouette")
    )


def _sentence(store: Store, query: CohortQuery, types: pl.DataFrame) -> str:
    if types.is_empty():
        return "These patients are on the map, but no type could be found among them."
    n, kinds = int(types["n"].sum()), types["type"].n_unique()
    if kinds < 2:
        return f"One TME type only among {words.count(n, 'patient')}: they do not fall into groups that refits find again."
    head = f"{words.count(kinds, 'TME type')} among {words.count(n, 'patient')}"
    largest = types.sort("n", descending=True).row(0, named=True)
    if types["study"].n_unique() > 1:
        return (
            f"{head} of {words.count(types['study'].n_unique(), 'study', plural='studies')}; the most common is “{largest['type']}” "
            f"({words.count(largest['n'], 'patient')}); {WITHIN}."
        )
    overlap = _overlap(types)
    try:
        found = composition(store, query, by="response")
    except NotMeasured:
        return f"{head}; the most common is “{largest['type']}” ({words.count(largest['n'], 'patient')}){overlap}."
    rates = found.rates.sort("rate")
    low, high = rates.row(0, named=True), rates.row(-1, named=True)
    spread = (
        f"response rate from {words.rate(low['responders'], low['n'])} in “{low['type']}” to "
        f"{words.rate(high['responders'], high['n'])} in “{high['type']}”"
    )
    verdict = "response differs between them" if found.test.p_value < 0.05 else "no difference in response is shown"
    return f"{head}; {verdict}: {spread}, {words.p(found.test.p_value)}{overlap}."


def _overlap(types: pl.DataFrame) -> str:
    """A clause on weak structure, empty where the types are apart or nothing is known."""
    known = types.drop_nulls("silhouette")
    if known.is_empty():
        return ""
    mean = float(known.select((pl.col("silhouette") * pl.col("n")).sum() / pl.col("n").sum()).item())
    return f"; types overlap: mean silhouette {words.signed(mean) if mean < 0 else f'{mean:.2f}'}" if mean < SEPARATE else ""

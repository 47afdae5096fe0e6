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
from core.figures.composition import composition as composition_figure
from core.figures.embedding import embedding
from core.figures.chart import Chart
from core.tme import map as tme
from core.tme.composition import Composition, composition
from data.schema import PATIENT
from data.store import Store

TYPE = "TME type"
STABLE = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas(Answer):
    """The map's answer. types : type, n, share, stability, silhouette; one row a type."""

    types: pl.DataFrame


def atlas(store: Store, query: CohortQuery, *, colour: str = "cluster") -> Atlas:
    """The TME map of one study (each has a map of its own), coloured by a type, column, gene, score or cell type.

    Raises
    ------
    NotMeasured, EmptyCohort, UnknownName
        As `core.tme.map.tme_map`.
    """
    one, other = _one(store, query)
    drawn = tme.tme_map(store, one, colour=colour)
    known = names(store.studies())
    everyone = cohort_frame.count(store, one)
    source = provenance(store, one, n=drawn.n, n_missing=everyone - drawn.n)
    name, frame = _named(drawn)
    chart = embedding(
        frame, colour=name, provenance=source, facts=("type", *tme.HOVER), label="" if name in PATIENT.dtypes else drawn.label,
        centre=0.0 if colour.startswith("score:") else None, direct=colour == "cluster",
        title=f"TME map of {known[one.studies[0]]}, by {words.column(name) if name in PATIENT.dtypes else drawn.label}",
    )  # fmt: skip
    remarks = []
    if other:
        remarks.append(f"Each study has a map of its own; {words.listing([known[s] for s in other])} cannot be drawn on this one.")
    if drawn.unit and drawn.kind == "number" and colour.partition(":")[0] in {"gene", "score", "cell"}:
        chart = replace(chart, caption=f"{chart.caption} Unit of colour: {drawn.unit}.")
    types = _types(drawn.frame)
    weak = [str(t) for t in types.filter(pl.col("stability") < STABLE)["type"]]
    if weak:
        remarks.append(f"{words.listing(weak)}: stability under {STABLE:g}, do not lean on it.")
    chart = replace(chart, slug=f"tme-map-{colour}".replace(":", "-").replace("_", "-"), warnings=(*chart.warnings, *remarks))
    return Atlas(sentence=_sentence(store, one, types), charts=(chart,), types=types)


def mixture(store: Store, query: CohortQuery, *, by: str = "response") -> Chart:
    """Which types the groups of a column are made of, with the test of independence.

    Raises
    ------
    NotMeasured, TooFewPatients
        No types, no values, or only one of either.
    """
    one, _ = _one(store, query)
    found = composition(store, one, by=by)
    drawn = tme.tme_map(store, one, colour=by)
    name, frame = _named(drawn)
    order = drawn.frame.drop_nulls("type").sort("cluster")["type"].unique(maintain_order=True)
    frame = frame.drop_nulls("type").with_columns(pl.col("type").cast(pl.Enum(order)).alias(TYPE))
    source = provenance(store, one, n=found.n, n_missing=cohort_frame.count(store, one) - found.n)
    return replace(
        composition_figure(frame, part=TYPE, by=name, provenance=source, test=found.test, title=f"TME types by {words.column(name)}"),
        slug=f"tme-types-by-{by}".replace("_", "-"),
    )


def groupings(store: Store, query: CohortQuery) -> dict[str, str]:
    """Columns that the types can be crossed with here."""
    offered = tme.colours(store, query)
    return {c: words_ for c, words_ in offered.items() if c in PATIENT.dtypes and PATIENT.column(c).kind in {"category", "flag"}}


def _one(store: Store, query: CohortQuery) -> tuple[CohortQuery, tuple[str, ...]]:
    """The study with most patients on the map, and the others that have a map."""
    placed = tme.positions(store, query)["study"].value_counts(sort=True)
    if placed.is_empty():
        return query, ()
    first, *rest = placed["study"].to_list()
    return replace(query, studies=(first,)), tuple(rest)


def _named(drawn: tme.TmeMap) -> tuple[str, pl.DataFrame]:
    """The frame with its value under a name that figures can put into words, types and responses in theirs."""
    if drawn.colour == "cluster":
        return TYPE, drawn.frame.rename({"value": TYPE}).with_columns(pl.col(TYPE).cast(pl.Enum(list(drawn.levels)))).drop("type")
    if drawn.colour in PATIENT.dtypes:
        frame = drawn.frame.drop([c for c in (drawn.colour,) if c in drawn.frame.columns]).rename({"value": drawn.colour})
        if drawn.colour == "response":
            frame = frame.with_columns(pl.col("response").replace({"yes": "responder", "no": "non-responder"}))
        return drawn.colour, frame
    return drawn.label, drawn.frame.rename({"value": drawn.label})


def _types(frame: pl.DataFrame) -> pl.DataFrame:
    return (
        frame.drop_nulls("type")
        .group_by("cluster", "type")
        .agg(pl.len().alias("n"), pl.col("stability").first(), pl.col("silhouette").mean())
        .sort("cluster")
        .with_columns((pl.col("n") / pl.col("n").sum()).alias("share"))
        .select("type", "n", "share", "stability", "silhouette")
    )


def _sentence(store: Store, query: CohortQuery, types: pl.DataFrame) -> str:
    if types.is_empty():
        return "These patients are on the map, but no type could be found among them."
    n = int(types["n"].sum())
    head = f"{words.count(types.height, 'TME type')} among {words.count(n, 'patient')}"
    largest = types.sort("n", descending=True).row(0, named=True)
    common = f"{head}; the most common is “{largest['type']}” ({words.percent(largest['share'])})."
    if types.height < 2:
        return f"One TME type only among {words.count(n, 'patient')}: they do not fall into groups that refits find again."
    try:
        found: Composition = composition(store, query, by="response")
    except NotMeasured:
        return common
    rates = found.rates.sort("rate")
    low, high = rates.row(0, named=True), rates.row(-1, named=True)
    spread = (
        f"response rate from {words.rate(low['responders'], low['n'])} in “{low['type']}” to "
        f"{words.rate(high['responders'], high['n'])} in “{high['type']}”"
    )
    verdict = "response differs between them" if found.test.p_value < 0.05 else "no difference in response is shown"
    return f"{head}; {verdict}: {spread}, {words.p(found.test.p_value)}."

"""What kinds of tumour microenvironment a cohort has: the map, the types, and how they go with an outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import names, provenance
from core.cohort.query import CohortQuery
from core.errors import BadLink, NotMeasured, UnknownName
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.composition import composition as composition_figure
from core.figures.density import WHOLE
from core.figures.embedding import View, embedding, outlined
from core.tme import map as tme
from core.tme import selection, spaces
from core.tme import zoom as zooming
from core.tme.composition import WITHIN, composition
from data.schema import PATIENT
from data.store import Store

SEPARATE = 0.25
"""Mean silhouette below which groups have no substantial structure (Kaufman and Rousseeuw 1990)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas(Answer):
    """The map's answer.

    Attributes
    ----------
    types : study, type, n, share (of the study), stability, silhouette; one row a type. notice : why the map is not coloured
        as asked, else ''. binned : whether there are too many patients for points of their own.
    """

    types: pl.DataFrame
    notice: str = ""
    binned: bool = False


def atlas(
    store: Store, query: CohortQuery, *, colour: str = "cluster", gene: str = "", space: str = spaces.SPACE, layout: str = spaces.UMAP, chosen: str = "",
    view: str = "", drag: str = "",
) -> Atlas:
    """The TME map of a cohort, coloured by type, column, gene, score or cell type.

    Parameters
    ----------
    gene : colours by this gene; one that is not measured leaves the map in `colour`, and `notice` says why. chosen : a selection
        to outline, see `core.tme.selection`. view : "study~x0_x1_y0_y1", what is zoomed to. drag : see `View`.

    Raises
    ------
    NotMeasured, EmptyCohort, UnknownName
        As `core.tme.map.tme_map`.
    """
    notice = ""
    asked = f"gene:{gene.upper()}" if gene else colour
    try:
        ready = _ready(store, query, asked, place=(space, layout))
    except (UnknownName, NotMeasured) as error:
        if not gene:
            raise
        asked = colour
        ready = _ready(store, query, asked, place=(space, layout))
        notice = f"{str(error)[:1].upper()}{str(error)[1:]}. Until then the map is coloured by {words.inside(ready.drawn.label)}."
    drawn = ready.drawn
    seen, missed = _view(drawn, chosen, zoom=view, drag=drag)
    plain = replace(seen, outlined="", corners=(), name="")
    chart = outlined(_pictured(store, query, asked, place=(space, layout), view=plain), seen)
    remarks = (f"{words.listing(drawn.unstable)}: unstable, stability under {tme.STABLE:g}; do not lean on it.",) if drawn.unstable else ()
    return Atlas(
        sentence=_said(store, query, place=(space, layout)), charts=(replace(chart, warnings=(*chart.warnings, *remarks)),),
        types=ready.types.drop("p_structure"), notice=" ".join(part for part in (notice, missed) if part), binned=drawn.n > WHOLE,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A map with everything that does not change when a reader zooms or outlines."""

    drawn: tme.TmeMap
    types: pl.DataFrame
    source: Provenance
    names: dict[str, str]


@lru_cache(maxsize=6)
def _ready(store: Store, query: CohortQuery, colour: str, *, place: tuple[str, str]) -> _Ready:
    """A map, kept for the next zoom or outline: place = (space, layout)."""
    drawn = tme.tme_map(store, query, colour=colour, space=place[0], layout=place[1])
    return _Ready(
        drawn=drawn, types=_types(drawn.frame), source=provenance(store, query, n=drawn.n, n_missing=drawn.n_missing), names=names(store.studies())
    )


@lru_cache(maxsize=12)
def _pictured(store: Store, query: CohortQuery, colour: str, *, place: tuple[str, str], view: View) -> Chart:
    """A map without an outline, kept for the next one."""
    ready = _ready(store, query, colour, place=place)
    return embedding(ready.drawn, provenance=ready.source, direct=ready.drawn.colour == "cluster", names=ready.names, view=view)


@lru_cache(maxsize=32)
def _said(store: Store, query: CohortQuery, *, place: tuple[str, str]) -> str:
    """The map's sentence, kept for the next zoom, outline or colour."""
    return _sentence(store, query, _types(tme.positions(store, query, space=place[0], layout=place[1])))


def _view(drawn: tme.TmeMap, chosen: str, *, zoom: str, drag: str) -> tuple[View, str]:
    """What a reader has done to the map, and what of it cannot be read; an outline that was drawn on another picture is not on this one."""
    view, missed = View(drag=drag), ""
    if zoom:
        try:
            study, window = zooming.read(zoom)
            view, missed = replace(view, study=study, window=window), _unseen(drawn, study, window)
        except BadLink as error:
            missed = f"{str(error)[:1].upper()}{str(error)[1:]}."
    if chosen:
        try:
            made = selection.read(chosen)
        except BadLink:
            return view, missed  # the group's own section says so
        if made.corners and (made.space, made.layout) == (drawn.space, drawn.layout):
            view = replace(view, outlined=made.study, corners=made.corners, name=made.name)
    return view, missed


def _unseen(drawn: tme.TmeMap, study: str, window: zooming.Window) -> str:
    """Why a zoom shows nobody; '' where it shows somebody."""
    if study not in drawn.studies:
        return f"The part of the map that is asked for is of {study}, which is not in this picture; show all and zoom again."
    x0, x1, y0, y1 = window
    x, y = (drawn.frame[name].to_numpy() for name in ("x", "y"))
    seen = (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
    return "" if (drawn.frame["study"].filter(pl.Series(seen)) == study).any() else "Nobody is in this part of the map; show all, or zoom out."


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
        frame.select("study", "cluster", "type", "stability", "silhouette", "p_structure")
        .drop_nulls("type")
        .with_columns(pl.col("study", "type").cast(pl.String))
        .group_by("study", "cluster", "type", maintain_order=True)
        .agg(pl.len().alias("n"), pl.col("stability", "p_structure").first(), pl.col("silhouette").mean())
        .with_columns((pl.col("n") / pl.col("n").sum().over("study")).alias("share"))
        .sort("cluster", maintain_order=True)
        .select("study", "type", "n", "share", "stability", "silhouette", "p_structure")
    )


def _sentence(store: Store, query: CohortQuery, types: pl.DataFrame) -> str:
    if types.is_empty():
        return "These patients are on the map, but no type could be found among them."
    n, kinds = int(types["n"].sum()), types["type"].n_unique()
    if kinds < 2:
        tested = types["p_structure"].drop_nulls()
        p = f" (test of one group: {words.p(float(tested[0]))})" if tested.len() else ""
        return f"No structure: these {words.count(n, 'patient')} do not fall into groups that can be told from noise{p}; they are shown as one TME type."
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

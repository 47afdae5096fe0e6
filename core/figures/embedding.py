"""Embedding figure: the TME map, one point a patient, coloured by a group or a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import TooFewPatients
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import (
    DIVERGING,
    IMMUNE_SUBTYPES,
    INK,
    LINE,
    SEQUENTIAL,
    SMALL_SIZE,
    SYMBOLS,
    TEXT_SIZE,
    UNKNOWN,
    colours,
    scale,
)
from core.groups import axis_of, groups, label_of, require

WEBGL_FROM = 2_000
MOST_GROUPS = 24
FACTS = ("cohort", "recist", "os_months", "tmb_per_mb", "phenotype", "cancer_type", "immune_subtype", "age_years")


def embedding(
    frame_: pl.DataFrame,
    *,
    colour: str,
    provenance: Provenance,
    x: str = "umap_1",
    y: str = "umap_2",
    facts: Sequence[str] = FACTS,
    label: str = "",
    centre: float | None = None,
    direct: bool = False,
    title: str = "",
) -> Chart:
    """A map of patients.

    Parameters
    ----------
    frame_ : one row a patient: patient_id, x, y, `colour` and, where there, the columns of `facts`.
    colour : a float column (colour scale with its unit) or any other column (groups, legend with counts).
    facts : columns for the hover card; the first five that the frame has.
    label : the colour in words; from the data dictionary where empty.
    centre : middle of a diverging scale (0 for z-scores); None = sequential. direct : write group names on the map.

    `customdata` of every point starts with patient_id: selections name patients, not positions.

    Raises
    ------
    TooFewPatients
        No patient has coordinates.
    """
    require(frame_, "patient_id", x, y, colour)
    total = frame_.height
    rows = frame_.filter(pl.col(x).is_not_null() & pl.col(y).is_not_null())
    if rows.is_empty():
        raise TooFewPatients("no patient of this cohort is on the map; choose a study with expression data")
    text = label or axis_of(colour)
    numeric = rows[colour].dtype.is_float()
    shown = [c for c in facts if c in rows.columns and c != colour and rows[c].null_count() < rows.height][:5]
    cards = _cards(rows, [colour, *shown])
    size = float(np.clip(260 / np.sqrt(rows.height), 4, 11))
    trace = go.Scattergl if rows.height > WEBGL_FROM else go.Scatter
    hover = "<b>%{customdata[0]}</b>" + "".join(
        f"<br>{label_of(c) if c != colour else (label or label_of(c))}: %{{customdata[{i + 1}]}}"
        for i, c in enumerate([colour, *shown])
    )
    common = {"mode": "markers", "hovertemplate": hover + "<extra></extra>"}
    px, py = rows[x].cast(pl.Float32).to_numpy(), rows[y].cast(pl.Float32).to_numpy()
    figure = frame(height=560, least=440, margin={"l": 24, "r": 330, "t": 16, "b": 34}, hovermode="closest")
    missing = 0

    def add(mask: np.ndarray[tuple[int], np.dtype[np.bool_]], name: str, marker: dict[str, object]) -> None:
        chosen = np.flatnonzero(mask)
        figure.add_trace(
            trace(x=px[chosen], y=py[chosen], customdata=[cards[i] for i in chosen], name=name, marker=marker, **common)
        )

    if numeric:
        values = rows[colour].cast(pl.Float32).fill_null(np.nan).to_numpy()
        known = np.isfinite(values)
        missing = int((~known).sum())
        if missing:
            add(~known, f"unknown (n = {missing:,})", {"color": UNKNOWN, "size": size * 0.8, "opacity": 0.6})
        marker = _number_marker(values[known], size, centre)
        marker["colorbar"] = {
            "title": {"text": "<br>".join(_two_lines(text)), "font": {"size": TEXT_SIZE}}, "len": 0.6, "y": 1,
            "yanchor": "top", "x": 1.02, "xanchor": "left", "outlinewidth": 0, "thickness": 16, "nticks": 6,
            "tickfont": {"size": SMALL_SIZE},
        }  # fmt: skip
        add(known, text, marker)
        figure.update_layout(showlegend=False)
        if missing:
            note(
                figure, f"<span style='color:{UNKNOWN}'>●</span> unknown (n = {missing:,})", xref="paper", x=1.02,
                xanchor="left", yref="paper", y=0.28,
            )  # fmt: skip
    else:
        missing = _add_groups(figure, rows, (colour, size, add))
        if direct:
            _names(figure, rows, (colour, px, py))
    pad = 0.04
    ends = [(float(v.min()), float(v.max())) for v in (px, py)]
    spans = [max(b - a, 1e-6) for a, b in ends]
    plain = {
        "showticklabels": False,
        "ticks": "",
        "showgrid": False,
        "showline": True,
        "mirror": True,
        "linecolor": LINE,
    }
    figure.update_layout(
        xaxis={**plain, "range": [ends[0][0] - pad * spans[0], ends[0][1] + pad * spans[0]], "title": {"text": "UMAP 1", "standoff": 6}},
        yaxis={
            **plain, "range": [ends[1][0] - pad * spans[1], ends[1][1] + pad * spans[1]], "scaleanchor": "x",
            "title": {"text": "UMAP 2", "standoff": 2},
        },
    )  # fmt: skip
    figure.layout.margin.l = 40
    if provenance.synthetic:
        badge(figure)
    caption = (
        f"UMAP of TME features, n = {rows.height:,}, coloured by {words.column(colour) if not label else label}. Distances are "
        "relative: the axes have no unit, so they carry no ticks."
    )
    if missing:
        caption += f" {words.count(missing, 'patient')} with unknown colour in grey."
    if total > rows.height:
        caption += f" {words.count(total - rows.height, 'patient')} without TME features not shown."
    keep = [c for c in dict.fromkeys(["patient_id", x, y, colour, *shown])]
    return Chart(
        slug=f"tme-map-{colour}".replace("_", "-"),
        title=title or f"TME map, coloured by {words.column(colour) if not label else label}",
        figure=figure,
        table=rows.select(keep),
        caption=caption,
        provenance=provenance,
        alt=f"Map of {rows.height} patients by their tumour microenvironment, coloured by {text}.",
    )


def _cards(rows: pl.DataFrame, columns: Sequence[str]) -> list[list[str]]:
    """For each patient: its id, then its facts in words."""
    parts = [rows["patient_id"].to_list()]
    parts += [[words.value(c, v) for v in rows[c].to_list()] for c in columns]
    return [list(card) for card in zip(*parts, strict=True)]


def _number_marker(
    values: np.ndarray[tuple[int], np.dtype[np.float32]], size: float, centre: float | None
) -> dict[str, object]:
    """Marker with a colour scale that outliers (outer 1%) do not stretch."""
    low, high = np.quantile(values, [0.01, 0.99]) if values.size else (0.0, 1.0)
    if centre is not None:
        reach = float(max(abs(low - centre), abs(high - centre), 1e-9))
        low, high = centre - reach, centre + reach
    stops = scale(SEQUENTIAL if centre is None else DIVERGING)
    return {
        "color": values,
        "colorscale": stops,
        "cmin": float(low),
        "cmax": float(high) if high > low else float(low) + 1,
        "size": size,
        "opacity": 0.9,
        "line": {"width": 0.5, "color": LINE},
        "showscale": True,
    }


def _add_groups(figure: go.Figure, rows: pl.DataFrame, drawing: tuple[str, float, object]) -> int:
    """One trace a group, unknown first (underneath), and a legend with counts; returns how many are unknown."""
    column, size, add = drawing
    grouping = groups(rows, column)
    labels = grouping.labels[:MOST_GROUPS]
    paint = colours(labels)
    unknown = (grouping.codes < 0) | (grouping.codes >= MOST_GROUPS)
    names = []
    if unknown.any():
        name = "unknown" if len(grouping.labels) <= MOST_GROUPS else "unknown or other"
        names.append(f"{name} (n = {int(unknown.sum()):,})")
        add(unknown, names[-1], {"color": UNKNOWN, "size": size * 0.8, "opacity": 0.6})  # type: ignore[operator]
    for k, group in enumerate(labels):
        mine = grouping.codes == k
        meaning = f", {IMMUNE_SUBTYPES[group]}" if group in IMMUNE_SUBTYPES else ""
        names.append(f"{shorten(group + meaning, 34)} (n = {int(mine.sum()):,})")
        marker = {
            "color": paint[group],
            "symbol": SYMBOLS[k % len(SYMBOLS)],
            "size": size,
            "opacity": 0.88,
            "line": {"width": 0.5, "color": "#FDFDFD"},
        }
        add(mine, names[-1], marker)  # type: ignore[operator]
    figure.update_layout(
        showlegend=True,
        legend={
            "x": 1.02, "xanchor": "left", "y": 1, "yanchor": "top", "itemsizing": "constant", "traceorder": "normal",
            "font": {"size": TEXT_SIZE}, "title": {"text": f"<b>{label_of(column)}</b>", "font": {"size": TEXT_SIZE}},
        },
    )  # fmt: skip
    figure.layout.margin.r = round(max(widest(names) + 76, widest([label_of(column)]) + 60))
    return int(unknown.sum())


def _names(
    figure: go.Figure,
    rows: pl.DataFrame,
    place: tuple[str, np.ndarray[tuple[int], np.dtype[np.float32]], np.ndarray[tuple[int], np.dtype[np.float32]]],
) -> None:
    """Group names at the middle (median) of their points."""
    column, px, py = place
    grouping = groups(rows, column)
    for k, group in enumerate(grouping.labels[:8]):
        mine = grouping.codes == k
        note(
            figure, f"<b>{shorten(group, 26)}</b>", xref="x", yref="y", x=float(np.median(px[mine])),
            y=float(np.median(py[mine])), font={"size": SMALL_SIZE, "color": INK}, bgcolor="rgba(255, 255, 255, 0.75)",
            borderpad=2,
        )  # fmt: skip


def _two_lines(text: str) -> list[str]:
    """A colour bar's title on at most two lines."""
    words_ = shorten(text, 56).split()
    first = ""
    while words_ and len(first) + len(words_[0]) < 30:
        first = f"{first} {words_.pop(0)}".strip()
    return [first, " ".join(words_)] if words_ else [first]

"""Embedding figure: the TME map, one point a patient, coloured by a group or a number, one panel a study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl

from core.errors import TooFewPatients
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, text, widest, wrap, write
from core.figures.theme import (
    DIVERGING,
    EDGE,
    FAINT,
    IMMUNE_SUBTYPES,
    INK,
    LINE,
    SEQUENTIAL,
    SMALL_SIZE,
    SYMBOLS,
    TEXT_SIZE,
    UNKNOWN,
    VEIL,
    colours,
    scale,
)
from core.groups import groups, label_of

if TYPE_CHECKING:
    from core.tme.map import TmeMap

Points = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

WEBGL_FROM = 2_000
MOST_GROUPS = 20
MOST_PANELS = 9
NOT_FACTS = frozenset(
    {"patient_id", "study", "cohort", "umap_1", "umap_2", "cluster", "type", "value", "stability", "silhouette"}
)


def embedding(
    result: TmeMap,
    *,
    provenance: Provenance,
    direct: bool = False,
    title: str = "",
    names: Mapping[str, str] | None = None,
) -> Chart:
    """A map of patients by their tumour microenvironment.

    Parameters
    ----------
    result : from `core.tme.map.tme_map`. direct : write the groups' names on the map, where there are few.
    names : study -> its name, for the panels' heads; the key where it has none.

    Each study has a panel: positions in two of them cannot be compared. `customdata` of every point starts with
    patient_id, so that a selection names patients, not positions. Axes have equal scale and no ticks: they have no unit.

    Raises
    ------
    TooFewPatients
        Nobody has coordinates.
    """
    rows = result.frame.filter(pl.col("umap_1").is_not_null() & pl.col("umap_2").is_not_null())
    if rows.is_empty():
        raise TooFewPatients("no patient of this cohort is on the map; choose a study with expression data")
    if result.colour == "response":
        spoken = {"yes": "responder", "no": "non-responder"}
        rows = rows.with_columns(pl.col("value").cast(pl.String).replace(spoken))
    studies = list(rows["study"].unique(maintain_order=True))[:MOST_PANELS]
    rows = rows.filter(pl.col("study").is_in(studies))
    axis = f"{result.label}, {result.unit}" if result.unit else result.label
    facts = [
        c for c in rows.columns if c not in NOT_FACTS and c != result.colour and rows[c].null_count() < rows.height
    ][:5]
    rows = rows.with_columns(_cards(rows, result, facts))
    hover = "<b>%{customdata[0]}</b>" + "".join(
        f"<br>{name}: %{{customdata[{i + 1}]}}" for i, name in enumerate([result.label, *(label_of(c) for c in facts)])
    )
    figure = frame(height=560, least=440, margin={"l": 32, "r": 330, "t": 16, "b": 34})
    _panels(figure, rows, {study: (names or {}).get(study, study) for study in studies})
    biggest = max(rows.filter(pl.col("study") == s).height for s in studies)
    size = float(np.clip(270 / math.sqrt(biggest) / math.sqrt(len(studies)) * 1.2, 4, 11))
    style = (size, hover + "<extra></extra>", rows.height > WEBGL_FROM)
    if result.kind == "number":
        _numbers(figure, rows, (studies, style, axis, result.unit.startswith("SD")))
    else:
        _groups(figure, rows, (studies, style, result))
        if direct:
            _names(figure, rows, (studies, result))
    if provenance.synthetic:
        badge(figure)
    caption = (
        f"UMAP of TME features, n = {rows.height:,}, coloured by {words.inside(result.label)}. Distances are relative: the axes have "
        "no unit, so they carry no ticks."
    )
    if len(studies) > 1:
        caption += " Each study has a map of its own; positions in two of them cannot be compared."
    if result.n_uncoloured:
        caption += (
            f" {words.count(result.n_uncoloured, 'patient')} without {words.inside(result.label)} as open circles."
        )
    if result.n_missing:
        caption += f" {words.count(result.n_missing, 'patient')} without TME features not shown."
    return Chart(
        slug="tme-map-" + "".join(c if c.isalnum() else "-" for c in result.colour),
        title=title or f"TME map, coloured by {words.inside(result.label)}",
        figure=figure,
        table=rows.drop("card"),
        caption=caption,
        provenance=provenance,
        alt=f"Map of {rows.height} patients by their tumour microenvironment, coloured by {axis}.",
        warnings=(f"only the first {MOST_PANELS} studies are drawn",) if len(result.studies) > MOST_PANELS else (),
    )


def _cards(rows: pl.DataFrame, result: TmeMap, facts: list[str]) -> pl.Series:
    """For each patient: its id, the colour's value and its facts, in words."""

    def shown(content: object) -> str:
        return words.number(content, unit=result.unit) if isinstance(content, float) else words.value("", content)

    parts = [rows["patient_id"].to_list(), [shown(v) for v in rows["value"].to_list()]]
    parts += [[words.value(c, v) for v in rows[c].to_list()] for c in facts]
    return pl.Series("card", [list(card) for card in zip(*parts, strict=True)], dtype=pl.List(pl.String))


def _panels(figure: go.Figure, rows: pl.DataFrame, studies: Mapping[str, str]) -> None:
    """Axes of equal scale without ticks, one pair a study, in a grid."""
    across = 1 if len(studies) == 1 else 2 if len(studies) <= 4 else 3
    down = math.ceil(len(studies) / across)
    gap_x, gap_y = 0.03, 0.11 if len(studies) > 1 else 0.0
    if len(studies) > 1:
        figure.update_layout(height=max(560, 330 * down))
        figure.layout.meta = {"least": 230 * down}
        figure.layout.margin.t = 32
    pieces, axes = [], {}
    for i, (study, head) in enumerate(studies.items()):
        column, line = i % across, i // across
        wide, high = (1 - gap_x * (across - 1)) / across, (1 - gap_y * (down - 1)) / down
        x0, y1 = column * (wide + gap_x), 1 - line * (high + gap_y)
        mine = rows.filter(pl.col("study") == study)
        n = "" if i == 0 else str(i + 1)
        plain = {
            "showticklabels": False,
            "ticks": "",
            "showgrid": False,
            "showline": True,
            "mirror": True,
            "linecolor": LINE,
        }
        for axis, name, domain in (
            ("x", "umap_1", [x0, min(x0 + wide, 1.0)]),
            ("y", "umap_2", [max(y1 - high, 0.0), y1]),
        ):
            values = mine[name].to_numpy()
            low, high_end = float(values.min()), float(values.max())
            pad = 0.05 * max(high_end - low, 1e-6)
            other = "y" if axis == "x" else "x"
            settings: dict[str, object] = {
                **plain, "range": [low - pad, high_end + pad], "domain": domain, "anchor": f"{other}{n}",
                "title": {"text": name.replace("umap_", "UMAP ") if i == 0 else "", "standoff": 4, "font": {"size": SMALL_SIZE}},
            }  # fmt: skip
            if axis == "y":
                settings["scaleanchor"] = f"x{n}"
            axes[f"{axis}axis{n}"] = settings
        if len(studies) > 1:
            content = f"<b>{shorten(head, 30)}</b> (n = {mine.height:,})"
            pieces.append(
                text(content, xref="paper", x=x0, xanchor="left", yref="paper", y=y1, yanchor="bottom", yshift=3)
            )
    figure.update_layout(axes)
    write(figure, pieces)


def _add(
    figure: go.Figure, rows: pl.DataFrame, look: tuple[list[str], tuple[float, str, bool], str, dict[str, object]]
) -> None:
    """One trace a study of some patients; the first one that has points stands in the legend."""
    studies, (_, hover, webgl), name, marker = look
    kind = go.Scattergl if webgl else go.Scatter
    first = True
    for i, study in enumerate(studies):
        mine = (rows["study"] == study).to_numpy()
        if not mine.any():
            continue
        part = rows.filter(pl.Series(mine))
        own = (
            {**marker, "color": np.asarray(marker["color"])[mine]}
            if isinstance(marker["color"], np.ndarray)
            else marker
        )
        n = "" if i == 0 else str(i + 1)
        figure.add_trace(
            kind(
                x=part["umap_1"].cast(pl.Float32).to_numpy(), y=part["umap_2"].cast(pl.Float32).to_numpy(), mode="markers",
                customdata=part["card"].to_list(), hovertemplate=hover, name=name, legendgroup=name, showlegend=first, legendrank=2000 if name.startswith("unknown") else 1000,
                xaxis=f"x{n}", yaxis=f"y{n}", marker=own,
            )
        )  # fmt: skip
        first = False


def _numbers(
    figure: go.Figure, rows: pl.DataFrame, drawing: tuple[list[str], tuple[float, str, bool], str, bool]
) -> None:
    """A colour scale that outliers (outer 1%) do not stretch; diverging around 0 for standardised values."""
    studies, style, axis, diverging = drawing
    size = style[0]
    values = rows["value"].cast(pl.Float32).fill_null(np.nan).to_numpy()
    known = np.isfinite(values)
    if (~known).any():
        grey: dict[str, object] = {"color": UNKNOWN, "symbol": "circle-open", "size": size * 0.75, "line": {"width": 1}}
        _add(figure, rows.filter(pl.Series(~known)), (studies, style, "unknown", grey))
    low, high = (float(v) for v in np.quantile(values[known], [0.01, 0.99])) if known.any() else (0.0, 1.0)
    if diverging:
        reach = max(abs(low), abs(high), 1e-9)
        low, high = -reach, reach
    marker: dict[str, object] = {
        "color": values[known], "colorscale": scale(DIVERGING if diverging else SEQUENTIAL), "cmin": low,
        "cmax": high if high > low else low + 1, "size": size, "opacity": 0.95, "line": {"width": 0.6, "color": FAINT},
        "colorbar": {
            "title": {"text": "<br>".join(wrap(axis, 270)), "font": {"size": TEXT_SIZE}}, "len": 0.62, "y": 1, "yanchor": "top",
            "x": 1.02, "xanchor": "left", "outlinewidth": 0, "thickness": 16, "nticks": 6, "tickfont": {"size": SMALL_SIZE},
        },
    }  # fmt: skip
    _add(figure, rows.filter(pl.Series(known)), (studies, style, axis, marker))
    for trace in figure.data:
        trace.showlegend = False
    if (~known).any():
        note(
            figure, f"<span style='color:{UNKNOWN}'>○</span> unknown (n = {int((~known).sum()):,})", xref="paper", x=1,
            xanchor="left", xshift=20, yref="paper", y=0.26,
        )  # fmt: skip


def _groups(figure: go.Figure, rows: pl.DataFrame, drawing: tuple[list[str], tuple[float, str, bool], TmeMap]) -> None:
    """A trace a group, unknown first (underneath), and a legend with counts in the groups' order."""
    studies, style, result = drawing
    size = style[0]
    labels = _order(rows, result)
    paint = colours(labels)
    drawn = labels[:MOST_GROUPS]
    names = []
    rest = rows.filter(pl.col("value").is_null() | ~pl.col("value").is_in(drawn))
    if rest.height:
        names.append(f"{'unknown' if len(labels) <= MOST_GROUPS else 'unknown or other'} (n = {rest.height:,})")
        _add(
            figure,
            rest,
            (
                studies,
                style,
                names[-1],
                {"color": UNKNOWN, "symbol": "circle-open", "size": size * 0.75, "line": {"width": 1}},
            ),
        )
    for k, group in enumerate(drawn):
        mine = rows.filter(pl.col("value") == group)
        meaning = f", {IMMUNE_SUBTYPES[group]}" if group in IMMUNE_SUBTYPES else ""
        names.append(f"{shorten(group + meaning, 38)} (n = {mine.height:,})")
        marker: dict[str, object] = {
            "color": paint[group], "symbol": SYMBOLS[k % len(SYMBOLS)], "size": size, "opacity": 0.88,
            "line": {"width": 0.5, "color": EDGE},
        }  # fmt: skip
        _add(figure, mine, (studies, style, names[-1], marker))
    figure.update_layout(
        showlegend=True,
        legend={
            "x": 1.01, "xanchor": "left", "y": 1, "yanchor": "top", "itemsizing": "constant", "traceorder": "normal",
            "font": {"size": TEXT_SIZE}, "title": {"text": f"<b>{result.label}</b>", "font": {"size": TEXT_SIZE}},
        },
    )  # fmt: skip
    figure.layout.margin.r = round(max(widest(names) + 84, widest([result.label]) + 60))


def _order(rows: pl.DataFrame, result: TmeMap) -> tuple[str, ...]:
    """Groups in display order: types as they are numbered, else the field's own order."""
    present = set(rows["value"].drop_nulls().to_list())
    if result.colour == "cluster":
        return tuple(level for level in result.levels if level in present)
    return groups(rows, "value").labels


def _names(figure: go.Figure, rows: pl.DataFrame, drawing: tuple[list[str], TmeMap]) -> None:
    """Group names at the middle (median) of their points."""
    studies, result = drawing
    pieces = []
    for i, study in enumerate(studies):
        n = "" if i == 0 else str(i + 1)
        for group in _order(rows, result)[:8]:
            mine = rows.filter((pl.col("study") == study) & (pl.col("value") == group))
            if mine.height < 3:
                continue
            words_ = "<br>".join(wrap(shorten(group, 48), 190, size=SMALL_SIZE))
            x, y = float(np.median(mine["umap_1"].to_numpy())), float(np.median(mine["umap_2"].to_numpy()))
            pieces.append(
                text(
                    f"<b>{words_}</b>", xref=f"x{n}", yref=f"y{n}", x=x, y=y, font={"size": SMALL_SIZE, "color": INK},
                    bgcolor=VEIL, borderpad=2, align="center",
                )
            )  # fmt: skip
    write(figure, pieces)

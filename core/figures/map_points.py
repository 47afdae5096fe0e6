"""Map points: the points of a map of patients - their hover cards, colours by number or group, and the groups' names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.layout import note, shorten, text, widest, wrap, write
from core.figures.theme import (
    DIVERGING,
    EDGE,
    FAINT,
    IMMUNE_SUBTYPES,
    INK,
    SEQUENTIAL,
    SMALL_SIZE,
    SYMBOLS,
    TEXT_SIZE,
    UNKNOWN,
    VEIL,
    colours,
    scale,
)
from core.groups import groups

if TYPE_CHECKING:
    from core.tme.map import TmeMap

MOST_GROUPS = 20
MOST_MIDDLE = 100_000
"""Points of which the middles of groups are taken, about; of more, every so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How points are drawn.

    Attributes
    ----------
    size : study -> pixels of a point. hover : template of a card. webgl : whether the graphics card draws them. binned : whether
        most patients are in a picture below the points, which a click on the legend could not hide.
    """

    size: Mapping[str, float]
    hover: str
    webgl: bool = False
    binned: bool = False


def cards(rows: pl.DataFrame, result: TmeMap, facts: list[str]) -> pl.DataFrame:
    """For each patient: its id, the colour's value and its facts, in words, as columns card_0, card_1, ..."""

    def shown(content: object) -> str:
        return words.number(content, unit=result.unit) if isinstance(content, float) else words.value("", content)

    made = {"card_0": rows["patient_id"], "card_1": _spoken(rows["value"], shown)}
    for i, name in enumerate(facts):
        made[f"card_{i + 2}"] = _spoken(rows[name], partial(words.value, name))
    return pl.DataFrame(made)


def _spoken(values: pl.Series, say: Callable[[object], str]) -> pl.Series:
    """Each value in words, said once for equal ones; numbers are equal in their first four digits."""
    if values.dtype.is_float():
        values = pl.select(pl.when(values.abs() < 1000).then(values.round_sig_figs(4)).otherwise(values)).to_series()
    levels = values.unique(maintain_order=True)
    said = pl.DataFrame({"level": levels, "said": [say(v) for v in levels.to_list()]})
    found = pl.DataFrame({"level": values}).join(said, on="level", how="left", nulls_equal=True, maintain_order="left")["said"]
    return found.fill_null("unknown")


def ends(rows: pl.DataFrame, result: TmeMap) -> tuple[float, float, bool]:
    """Ends of the colour scale, which outliers (outer 1%) do not stretch; and whether it diverges around 0."""
    values = rows["value"].drop_nulls().drop_nans().to_numpy()
    low, high = (float(v) for v in np.quantile(values, [0.01, 0.99])) if values.size else (0.0, 1.0)
    diverging = result.unit.startswith("SD")
    if diverging:
        reach = max(abs(low), abs(high), 1e-9)
        low, high = -reach, reach
    return low, high if high > low else low + 1, diverging


def weak(result: TmeMap) -> tuple[str, ...]:
    """Groups that are drawn in grey."""
    return result.unstable if result.colour == "cluster" else ()


def order(rows: pl.DataFrame, result: TmeMap) -> tuple[str, ...]:
    """Groups in display order: types as they are numbered, else the field's own order."""
    levels = rows["value"].drop_nulls().unique()
    present = set(levels.to_list())
    if result.colour == "cluster":
        return tuple(level for level in result.levels if level in present)
    return groups(pl.DataFrame({"value": levels}), "value").labels


def numbers(
    figure: go.Figure, rows: pl.DataFrame, drawing: tuple[Sequence[str], Style, str, tuple[float, float, bool]]
) -> None:
    """A colour scale; diverging around 0 for standardised values."""
    studies, style, axis, (low, high, diverging) = drawing
    values = rows["value"].cast(pl.Float32).fill_null(np.nan).to_numpy()
    known = np.isfinite(values)
    if (~known).any():
        grey: dict[str, object] = {"color": UNKNOWN, "symbol": "circle-open", "size": 0.75, "line": {"width": 1}}
        _add(figure, rows.filter(pl.Series(~known)), (studies, style, "unknown", grey))
    marker: dict[str, object] = {
        "color": values[known], "colorscale": scale(DIVERGING if diverging else SEQUENTIAL), "cmin": low,
        "cmax": high, "size": 1.0, "opacity": 0.95, "line": {"width": 0.6, "color": FAINT},
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


def grouped(figure: go.Figure, rows: pl.DataFrame, drawing: tuple[Sequence[str], Style, TmeMap, pl.DataFrame]) -> None:
    """A trace a group, unknown first (underneath), and a legend with counts in the groups' order."""
    studies, style, result, everyone = drawing
    labels = order(everyone, result)
    grey = weak(result)
    paint = {**colours(labels), **dict.fromkeys(grey, UNKNOWN)}
    counted = dict(everyone.group_by("value").len().iter_rows())
    drawn = labels[:MOST_GROUPS]
    names = []
    left = everyone.height - sum(counted[g] for g in drawn)
    if left:
        rest = rows.filter(pl.col("value").is_null() | ~pl.col("value").is_in(drawn))
        names.append(f"{'unknown' if len(labels) <= MOST_GROUPS else 'unknown or other'} (n = {left:,})")
        _add(figure, rest, (studies, style, names[-1], {"color": UNKNOWN, "symbol": "circle-open", "size": 0.75, "line": {"width": 1}}))
    for k, group in enumerate(drawn):
        mine = rows.filter(pl.col("value") == group)
        meaning = f", {IMMUNE_SUBTYPES[group]}" if group in IMMUNE_SUBTYPES else ""
        names.append(f"{shorten(group + meaning, 38)} (n = {counted[group]:,}{', unstable' if group in grey else ''})")
        marker: dict[str, object] = {
            "color": paint[group], "symbol": SYMBOLS[k % len(SYMBOLS)], "size": 1.0, "opacity": 0.88,
            "line": {"width": 0.5, "color": EDGE},
        }  # fmt: skip
        _add(figure, mine, (studies, style, names[-1], marker))
    figure.update_layout(
        showlegend=True,
        legend={
            "x": 1.01, "xanchor": "left", "y": 1, "yanchor": "top", "itemsizing": "constant", "traceorder": "normal",
            "font": {"size": TEXT_SIZE}, "title": {"text": f"<b>{result.label}</b>", "font": {"size": TEXT_SIZE}},
            **({"itemclick": False, "itemdoubleclick": False} if style.binned else {}),
        },
    )  # fmt: skip
    figure.layout.margin.r = round(max(widest(names) + 84, widest([result.label]) + 60))


def names_of(figure: go.Figure, rows: pl.DataFrame, drawing: tuple[Sequence[str], TmeMap]) -> None:
    """Group names at the middle (median) of their points, of some of them where they are many."""
    studies, result = drawing
    rows = rows.select("study", "value", "x", "y").gather_every(max(1, rows.height // MOST_MIDDLE))
    labels = order(rows, result)
    pieces = []
    for i, study in enumerate(studies):
        n = "" if i == 0 else str(i + 1)
        for group in labels[:8]:
            mine = rows.filter((pl.col("study") == study) & (pl.col("value") == group))
            if mine.height < 3:
                continue
            words_ = "<br>".join(wrap(shorten(group, 48), 190, size=SMALL_SIZE))
            x, y = float(np.median(mine["x"].to_numpy())), float(np.median(mine["y"].to_numpy()))
            pieces.append(
                text(
                    f"<b>{words_}</b>", xref=f"x{n}", yref=f"y{n}", x=x, y=y, font={"size": SMALL_SIZE, "color": INK},
                    bgcolor=VEIL, borderpad=2, align="center",
                )
            )  # fmt: skip
    write(figure, pieces)


def _add(figure: go.Figure, rows: pl.DataFrame, look: tuple[Sequence[str], Style, str, dict[str, object]]) -> None:
    """One trace a study of some patients; the first one that has points stands in the legend, or, where none has, a point nowhere.

    Parameters
    ----------
    look : studies, style, name and marker, whose size is in points of the study's size.
    """
    studies, style, name, marker = look
    kind = go.Scattergl if style.webgl else go.Scatter
    cards_ = [name for name in rows.columns if name.startswith("card_")]
    legend: dict[str, object] = {"mode": "markers", "name": name, "legendgroup": name, "legendrank": 2000 if name.startswith("unknown") else 1000}
    shown = False
    for i, study in enumerate(studies):
        mine = (rows["study"] == study).to_numpy()
        if not mine.any():
            continue
        part = rows.filter(pl.Series(mine))
        own = {**marker, "size": cast("float", marker["size"]) * style.size[study]}
        if isinstance(marker["color"], np.ndarray):
            own["color"] = marker["color"][mine]
        n = "" if i == 0 else str(i + 1)
        figure.add_trace(
            kind(
                x=part["x"].cast(pl.Float32).to_numpy(), y=part["y"].cast(pl.Float32).to_numpy(), customdata=part.select(cards_).to_numpy(),
                hovertemplate=style.hover, showlegend=not shown, xaxis=f"x{n}", yaxis=f"y{n}", marker=own, **legend,
            )
        )  # fmt: skip
        shown = True
    if not shown:
        figure.add_trace(go.Scatter(x=[None], y=[None], hoverinfo="skip", showlegend=True, marker={**marker, "size": 8}, **legend))

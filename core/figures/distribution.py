"""Distribution figure: who the patients are, as small pictures - one a column, with n known and missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, write
from core.figures.theme import BLUE, FAINT, FIXED, INK, LINE, MUTED, SMALL_SIZE, TEXT_SIZE, colours, fade
from core.groups import axis_of, groups, label_of
from core.survival.kaplan_meier import kaplan_meier
from data.schema import PATIENT

ACROSS = 4
HIGH = 205
BARS = 6


@dataclass(slots=True, kw_only=True)
class _Sheet:
    """What is gathered before it is put on the figure at once."""

    layout: dict[str, dict[str, object]] = field(default_factory=dict)
    traces: list[object] = field(default_factory=list)
    pieces: list[dict[str, object]] = field(default_factory=list)
    shapes: list[dict[str, object]] = field(default_factory=list)


def distribution(frame_: pl.DataFrame, columns: Sequence[str], *, provenance: Provenance, title: str = "") -> Chart:
    """Small pictures: a histogram of a number, bars of a category, a survival curve of a time.

    Parameters
    ----------
    frame_ : one row a patient. columns : to show, in order; those without any value are left out.

    Raises
    ------
    NotMeasured
        No column has a value.
    """
    shown = [c for c in columns if c in frame_.columns and frame_[c].null_count() < frame_.height]
    if not shown:
        raise NotMeasured("none of these columns is known for any patient; choose another study")
    across = min(ACROSS, len(shown))
    down = math.ceil(len(shown) / across)
    sheet = _Sheet()
    tables = []
    for i, column in enumerate(shown):
        span = ((i % across + 0.03) / across, (i % across + 0.97) / across)
        n = "" if i == 0 else str(i + 1)
        _place(sheet, frame_[column], (n, span, 1 - (i // across) / down, 1 / down))
        kind = PATIENT.column(column).kind if column in PATIENT.dtypes else ""
        event = column.replace("_months", "_event")
        if kind == "time" and event in frame_.columns and frame_[event].null_count() < frame_.height:
            table = _curve(sheet, frame_, (column.removesuffix("_months"), n))
        elif frame_[column].dtype.is_numeric():
            table = _histogram(sheet, frame_, (column, n))
        else:
            table = _bars(sheet, frame_, (column, n))
        tables.append(table.select(pl.lit(column).alias("column"), pl.all()))
    figure = frame(
        height=HIGH * down + 24, least=172 * down + 24, margin={"l": 20, "r": 20, "t": 8, "b": 16}, showlegend=False,
        bargap=0.06, shapes=sheet.shapes, **sheet.layout,
    )  # fmt: skip
    figure.add_traces(sheet.traces)
    write(figure, sheet.pieces)
    if provenance.synthetic:
        badge(figure)
    return Chart(
        slug="patients",
        title=title or "Who the patients are",
        figure=figure,
        table=pl.concat(tables),
        caption=f"Distribution of {words.count(len(shown), 'column')}; n = {frame_.height:,}. Missing values are left out of each picture.",
        provenance=provenance,
        alt=f"Small pictures of {words.listing([label_of(c) for c in shown])}.",
    )


def _place(sheet: _Sheet, values: pl.Series, box: tuple[str, tuple[float, float], float, float]) -> None:
    """Axes of one picture, and its heading: what, unit, n known and missing."""
    n, span, top, high = box
    plain = {"showgrid": False, "zeroline": False, "ticks": "", "showline": False, "fixedrange": True}
    small = {"size": SMALL_SIZE, "color": MUTED}
    sheet.layout[f"xaxis{n}"] = {**plain, "domain": list(span), "anchor": f"y{n}", "nticks": 4, "tickfont": small}
    sheet.layout[f"yaxis{n}"] = {
        **plain, "domain": [max(top - high * 0.74, 0.0), top - high * 0.27], "anchor": f"x{n}", "showticklabels": False,
    }  # fmt: skip
    known, missing = len(values) - values.null_count(), values.null_count()
    axis = axis_of(values.name)
    heading = f"<b>{shorten(axis if len(axis) <= 32 else label_of(values.name), 34)}</b>"
    for content, y, font in (
        (heading, top - high * 0.02, {"size": TEXT_SIZE, "color": INK}),
        (f"{known:,} known" + (f", {missing:,} missing" if missing else ""), top - high * 0.13, small),
    ):
        sheet.pieces.append(
            text(
                content, xref="paper", x=span[0], xanchor="left", yref="paper", y=y, yanchor="top", xshift=-2, font=font, borderpad=0
            )
        )  # fmt: skip


def _row(label: Sequence[str], n: Sequence[int]) -> pl.DataFrame:
    return pl.DataFrame({"label": list(label), "n": list(n)}, schema={"label": pl.String, "n": pl.Int64})


def _under(content: str) -> dict[str, object]:
    """A line under a picture."""
    return {"text": content, "font": {"size": SMALL_SIZE, "color": INK}, "standoff": 3}


def _histogram(sheet: _Sheet, rows: pl.DataFrame, place: tuple[str, str]) -> pl.DataFrame:
    """Counts of a number; values over the 99th percentile stand in the last bar."""
    column, n = place
    values = rows[column].drop_nulls().cast(pl.Float64).to_numpy()
    values = values[np.isfinite(values)]
    top = float(np.quantile(values, 0.99)) if values.size > 50 else float(values.max())
    clipped = np.minimum(values, top) if top > values.min() else values
    counts, edges = np.histogram(clipped, bins=max(1, min(24, np.unique(clipped).size)))
    labels = [f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges)]
    if clipped.max() < values.max():
        labels[-1] = f"{edges[-2]:.4g} to {values.max():.4g}"
    sheet.traces.append(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2, y=counts, width=np.diff(edges) * 0.94, marker={"color": BLUE}, customdata=labels,
            hovertemplate="%{customdata}: %{y} patients<extra></extra>", xaxis=f"x{n}", yaxis=f"y{n}",
        )
    )  # fmt: skip
    middle = float(np.median(values))
    sheet.shapes.append(
        {
            "type": "line", "xref": f"x{n}", "yref": f"y{n} domain", "x0": middle, "x1": middle, "y0": 0, "y1": 1,
            "line": {"color": INK, "width": 1.2, "dash": "dot"},
        }
    )  # fmt: skip
    unit = PATIENT.column(column).unit if column in PATIENT.dtypes else ""
    sheet.layout[f"xaxis{n}"]["title"] = _under(f"median {words.number(middle, unit=unit)}")
    return _row(labels, counts.tolist())


def _bars(sheet: _Sheet, rows: pl.DataFrame, place: tuple[str, str]) -> pl.DataFrame:
    """Counts of a category: all groups in their order, or the most frequent ones and the others together."""
    column, n = place
    grouping = groups(rows, column)
    counts = [int((grouping.codes == k).sum()) for k in range(len(grouping.labels))]
    pairs = list(zip(grouping.labels, counts, strict=True))
    full = _row(grouping.labels, counts)
    # groups that have a colour of their own on other pages keep it here; the rest are one colour
    own = all(label.lower() in FIXED for label in grouping.labels) and not {"yes", "no"} & set(grouping.labels)
    paint = colours(grouping.labels) if own and len(pairs) <= BARS else {}
    if len(pairs) > BARS:
        pairs.sort(key=lambda p: -p[1])
        rest = pairs[BARS - 1 :]
        pairs = [*pairs[: BARS - 1], (f"{len(rest)} others", sum(p[1] for p in rest))]
    total = max(sum(p[1] for p in pairs), 1)
    most = max(p[1] for p in pairs)
    fills = [fade(paint.get(p[0], FAINT if p[0].endswith(" others") else BLUE), 0.42) for p in pairs]
    sheet.traces.append(
        go.Bar(
            x=[p[1] for p in pairs], y=list(range(len(pairs))), orientation="h", width=0.86, marker={"color": fills},
            customdata=[[p[0], p[1] / total] for p in pairs], xaxis=f"x{n}", yaxis=f"y{n}",
            hovertemplate="%{customdata[0]}: %{x} patients (%{customdata[1]:.0%})<extra></extra>",
        )
    )  # fmt: skip
    font = {"size": SMALL_SIZE, "color": INK}
    for y, (name, count) in enumerate(pairs):
        content = f"{shorten(name, 24)}  {words.percent(count / total)}"
        sheet.pieces.append(
            text(content, xref=f"x{n}", x=0, xanchor="left", yref=f"y{n}", y=y, font=font, borderpad=0, xshift=4)
        )
    domain = sheet.layout[f"yaxis{n}"]["domain"]
    lower, upper = domain if isinstance(domain, list) else (0.0, 1.0)
    sheet.layout[f"yaxis{n}"] |= {
        "range": [max(len(pairs), 3) - 0.5, -0.5], "domain": [max(lower - (upper - lower) * 0.3, 0.0), upper],
    }  # fmt: skip
    sheet.layout[f"xaxis{n}"] |= {"showticklabels": False, "range": [0, most * 1.02]}
    return full


def _curve(sheet: _Sheet, rows: pl.DataFrame, place: tuple[str, str]) -> pl.DataFrame:
    """Survival of everybody, with the median, while at least 10% are at risk."""
    outcome, n = place
    curve = kaplan_meier(rows, outcome=outcome).curves[0]
    steps = curve.steps.filter(pl.col("n_risk") >= max(1.0, 0.1 * curve.n))
    sheet.traces.append(
        go.Scatter(
            x=[0.0, *steps["time"].to_list()], y=[1.0, *steps["survival"].to_list()], mode="lines", fill="tozeroy",
            fillcolor=fade(BLUE, 0.14), line={"color": BLUE, "width": 2, "shape": "hv"}, xaxis=f"x{n}", yaxis=f"y{n}",
            hovertemplate="%{x:.1f} months: %{y:.0%}<extra></extra>",
        )
    )  # fmt: skip
    sheet.layout[f"xaxis{n}"] |= {
        "title": _under(f"median {words.months(curve.median)}"),
        "showline": True,
        "linecolor": LINE,
    }
    sheet.layout[f"yaxis{n}"]["range"] = [0, 1.03]
    return _row(["events", "censored"], [curve.events, curve.n - curve.events])

"""Distribution figure: who the patients are, as small pictures - one a column, with n known and missing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten
from core.figures.theme import BLUE, FAINT, INK, LINE, MUTED, SMALL_SIZE, TEXT_SIZE, colours, fade
from core.groups import axis_of, groups, label_of
from data.schema import PATIENT

ACROSS = 4
HIGH = 205
BARS = 6


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
    figure = frame(
        height=HIGH * down + 24, least=172 * down + 24, margin={"l": 20, "r": 20, "t": 8, "b": 16}, showlegend=False,
        bargap=0.06,
    )  # fmt: skip
    high = 1 / down
    tables = []
    for i, column in enumerate(shown):
        x0, x1 = (i % across + 0.045) / across, (i % across + 0.955) / across
        top = 1 - (i // across) * high
        domain = [max(top - high * 0.74, 0.0), top - high * 0.27]
        n = "" if i == 0 else str(i + 1)
        axes = {"xaxis": f"x{n}", "yaxis": f"y{n}"}
        plain = {"showgrid": False, "zeroline": False, "ticks": "", "showline": False, "fixedrange": True}
        figure.update_layout({
            f"xaxis{n}": {**plain, "domain": [x0, x1], "anchor": f"y{n}", "nticks": 4, "tickfont": {"size": SMALL_SIZE, "color": MUTED}},
            f"yaxis{n}": {**plain, "domain": domain, "anchor": f"x{n}", "showticklabels": False},
        })  # fmt: skip
        known = frame_.height - frame_[column].null_count()
        for text, y, colour in (
            (
                f"<b>{shorten(axis_of(column) if len(axis_of(column)) <= 32 else label_of(column), 34)}</b>",
                top - high * 0.02,
                INK,
            ),
            (
                f"{known:,} known" + (f", {frame_.height - known:,} missing" if known < frame_.height else ""),
                top - high * 0.13,
                MUTED,
            ),
        ):
            note(
                figure, text, xref="paper", x=x0, xanchor="left", yref="paper", y=y, yanchor="top", xshift=-2,
                font={"size": TEXT_SIZE if colour == INK else SMALL_SIZE, "color": colour}, borderpad=0,
            )  # fmt: skip
        kind = PATIENT.column(column).kind if column in PATIENT.dtypes else ""
        numeric = frame_[column].dtype.is_numeric()
        event = column.replace("_months", "_event")
        if kind == "time" and event in frame_.columns and frame_[event].null_count() < frame_.height:
            table = _curve(figure, frame_, (column[: -len("_months")], axes, n))
        elif numeric:
            table = _histogram(figure, frame_, (column, axes, n))
        else:
            table = _bars(figure, frame_, (column, axes, n))
        tables.append(table.select(pl.lit(column).alias("column"), pl.all()))
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


def _row(label: Sequence[str], n: Sequence[int]) -> pl.DataFrame:
    return pl.DataFrame({"label": list(label), "n": list(n)}, schema={"label": pl.String, "n": pl.Int64})


def _histogram(figure: go.Figure, rows: pl.DataFrame, place: tuple[str, dict[str, str], str]) -> pl.DataFrame:
    column, axes, n = place
    values = rows[column].drop_nulls().cast(pl.Float64).to_numpy()
    values = values[np.isfinite(values)]
    top = float(np.quantile(values, 0.99)) if values.size > 50 else float(values.max())
    clipped = np.minimum(values, top) if top > values.min() else values
    counts, edges = np.histogram(clipped, bins=max(1, min(24, np.unique(clipped).size)))
    labels = [f"{a:.4g} to {b:.4g}" for a, b in itertools.pairwise(edges)]
    if clipped.max() < values.max():
        labels[-1] = f"{edges[-2]:.4g} to {values.max():.4g}"
    figure.add_trace(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2, y=counts, width=np.diff(edges) * 0.94, marker={"color": BLUE}, customdata=labels,
            hovertemplate="%{customdata}: %{y} patients<extra></extra>", **axes,
        )
    )  # fmt: skip
    middle = float(np.median(values))
    figure.add_shape(
        type="line", xref=f"x{n}", yref=f"y{n} domain", x0=middle, x1=middle, y0=0, y1=1,
        line={"color": INK, "width": 1.2, "dash": "dot"},
    )  # fmt: skip
    unit = PATIENT.column(column).unit if column in PATIENT.dtypes else ""
    title = {
        "text": f"median {words.number(middle, unit=unit)}",
        "font": {"size": SMALL_SIZE, "color": INK},
        "standoff": 3,
    }
    figure.update_layout({f"xaxis{n}": {"title": title}})
    return _row(labels, counts.tolist())


def _bars(figure: go.Figure, rows: pl.DataFrame, place: tuple[str, dict[str, str], str]) -> pl.DataFrame:
    column, axes, n = place
    grouping = groups(rows, column)
    counts = [int((grouping.codes == k).sum()) for k in range(len(grouping.labels))]
    pairs = list(zip(grouping.labels, counts, strict=True))
    full = _row([p[0] for p in pairs], [p[1] for p in pairs])
    paint = colours(grouping.labels) if len(pairs) <= BARS else {}
    if len(pairs) > BARS:
        pairs.sort(key=lambda p: -p[1])
        rest = pairs[BARS - 1 :]
        pairs = [*pairs[: BARS - 1], (f"{len(rest)} others", sum(p[1] for p in rest))]
    total = max(sum(p[1] for p in pairs), 1)
    most = max(p[1] for p in pairs)
    place_y = list(range(len(pairs)))
    figure.add_trace(
        go.Bar(
            x=[p[1] for p in pairs], y=place_y, orientation="h", width=0.86, customdata=[[p[0], p[1] / total] for p in pairs],
            marker={"color": [fade(paint.get(p[0], FAINT if p[0].endswith(" others") else BLUE), 0.42) for p in pairs]},
            hovertemplate="%{customdata[0]}: %{x} patients (%{customdata[1]:.0%})<extra></extra>", **axes,
        )
    )  # fmt: skip
    for y, (name, count) in zip(place_y, pairs, strict=True):
        note(
            figure, f"{shorten(name, 24)}  {words.percent(count / total)}", xref=f"x{n}", x=0, xanchor="left", yref=f"y{n}", y=y,
            font={"size": SMALL_SIZE, "color": INK}, borderpad=0, xshift=4,
        )  # fmt: skip
    figure.update_layout({
        f"xaxis{n}": {"showticklabels": False, "range": [0, most * 1.02]},
        f"yaxis{n}": {"range": [max(len(pairs), 3) - 0.5, -0.5]},
    })  # fmt: skip
    lower, upper = figure.layout[f"yaxis{n}"].domain
    figure.layout[f"yaxis{n}"].domain = [max(lower - (upper - lower) * 0.3, 0.0), upper]
    return full


def _curve(figure: go.Figure, rows: pl.DataFrame, place: tuple[str, dict[str, str], str]) -> pl.DataFrame:
    """Survival of everybody, with the median."""
    from core.survival.kaplan_meier import kaplan_meier

    outcome, axes, n = place
    curve = kaplan_meier(rows, outcome=outcome).curves[0]
    steps = curve.steps.filter(pl.col("n_risk") >= max(1.0, 0.1 * curve.n))
    figure.add_trace(
        go.Scatter(
            x=[0.0, *steps["time"].to_list()], y=[1.0, *steps["survival"].to_list()], mode="lines", fill="tozeroy",
            fillcolor=fade(BLUE, 0.14), line={"color": BLUE, "width": 2, "shape": "hv"},
            hovertemplate="%{x:.1f} months: %{y:.0%}<extra></extra>", **axes,
        )
    )  # fmt: skip
    title = {"text": f"median {words.months(curve.median)}", "font": {"size": SMALL_SIZE, "color": INK}, "standoff": 3}
    figure.update_layout({f"xaxis{n}": {"title": title}})
    figure.update_layout({f"yaxis{n}": {"range": [0, 1.03]}, f"xaxis{n}": {"showline": True, "linecolor": LINE}})
    return _row(["events", "censored"], [curve.events, curve.n - curve.events])

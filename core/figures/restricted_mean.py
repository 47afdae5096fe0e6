"""Restricted-mean figure: mean survival time of each group up to a horizon, its differences and its ratios, each on its own axis."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.theme import BLACK, GRID, INK, MUTED, SMALL_SIZE, TEXT_SIZE, colours

ROW = 34
AXIS = 62
HEAD = 34
PARTS = (
    ("group", "Mean, months (95% CI)", "Months, of {horizon:g}"),
    ("difference", "Difference, months (95% CI)", "Difference, months"),
    ("ratio", "Ratio (95% CI)", "Ratio (log scale)"),
)
"""Kind of row, heading of its numbers, title of its axis."""
RATIOS = (0.25, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 4.0)


def restricted_mean(table: pl.DataFrame, *, provenance: Provenance, horizon: float, title: str = "", caption: str = "") -> Chart:
    """Restricted mean survival times as a forest.

    Parameters
    ----------
    table : what ('group', 'difference', 'ratio'), label, n, estimate, ci_low, ci_high, p_value (null for a group); rows are
        drawn in order, a panel a kind. horizon : months.

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured("there is no mean to draw; choose groups that have the endpoint")
    parts = [(kind, head, axis, table.filter(pl.col("what") == kind)) for kind, head, axis in PARTS]
    parts = [part for part in parts if part[3].height]
    names = [shorten(label, 46) for label in table["label"]]
    numbers = {kind: [_numbers(row, kind) for row in rows.iter_rows(named=True)] for kind, _, _, rows in parts}
    wide = max(max(widest(column) for column in numbers.values()), widest([f"<b>{head}</b>" for _, head, _, _ in parts])) + 24
    left, counts = max(widest(names) + 30, 130), 64
    heights = [ROW * rows.height for *_, rows in parts]
    area = sum(heights) + (AXIS + HEAD) * (len(parts) - 1)
    figure = frame(
        height=area + HEAD + AXIS, least=0.85 * area + 90, margin={"l": left, "r": wide + counts, "t": HEAD, "b": AXIS}, showlegend=False
    )
    paint = colours(parts[0][3]["label"].to_list())
    pieces = []
    top = 1.0
    for i, (kind, head, axis, rows) in enumerate(parts):
        suffix = "" if i == 0 else str(i + 1)
        bottom = top - heights[i] / area
        _panel(figure, rows, (kind, paint, (f"x{suffix}", f"y{suffix}", horizon)))
        scale = _scale(rows, kind, horizon)
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    **scale, "anchor": f"y{suffix}", "title": {"text": axis.format(horizon=horizon)}, "showgrid": True, "gridcolor": GRID,
                },
                f"yaxis{suffix}": {
                    "anchor": f"x{suffix}", "domain": [max(bottom, 0.0), top], "range": [rows.height - 0.4, -0.6],
                    "tickvals": list(range(rows.height)), "ticktext": [shorten(label, 46) for label in rows["label"]], "ticks": "",
                    "showline": False, "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 10,
                },
            }
        )  # fmt: skip
        for content, shift in ((head, 18), ("n", 18 + wide)):
            pieces.append(
                text(
                    f"<b>{content}</b>", xref="paper", x=1, xanchor="left", xshift=shift, yref="paper", y=top, yanchor="bottom", yshift=4,
                    font={"size": SMALL_SIZE, "color": MUTED},
                )
            )  # fmt: skip
        for at, (content, n) in enumerate(zip(numbers[kind], rows["n"], strict=True)):
            for said, shift, colour in ((content, 18, MUTED if content == words.UNDEFINED else INK), (f"{n:,}", 18 + wide, MUTED)):
                pieces.append(
                    text(said, xref="paper", x=1, xanchor="left", xshift=shift, yref=f"y{suffix}", y=at, font={"size": TEXT_SIZE, "color": colour})
                )
        top = bottom - (AXIS + HEAD) / area
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    described = "; ".join(f"{label}: {n}" for label, n in zip(names[:10], [n for c in numbers.values() for n in c], strict=False))
    return Chart(
        slug="restricted-mean", title=title or f"Mean survival time within {horizon:g} months", figure=figure, table=table,
        caption=caption or f"Restricted mean survival time up to {horizon:g} months with 95% CI.", provenance=provenance,
        alt=f"Restricted mean survival times. {described}.",
    )  # fmt: skip


def _numbers(row: dict[str, object], kind: str) -> str:
    value, low, high, p = (row[k] for k in ("estimate", "ci_low", "ci_high", "p_value"))
    if not isinstance(value, float) or not isinstance(low, float) or not isinstance(high, float):
        return words.UNDEFINED if not isinstance(value, float) else (words.ratio(value) if kind == "ratio" else _months(value, kind))
    said = f"{words.ratio(value)} ({words.interval((low, high))})" if kind == "ratio" else f"{_months(value, kind)} ({_months(low, kind)} to {_months(high, kind)})"
    return f"{said}, {words.p(p)}" if isinstance(p, float) else said


def _months(value: float, kind: str) -> str:
    return (f"{value:+.1f}" if kind == "difference" else f"{value:.1f}").replace("-", "−")


def _scale(rows: pl.DataFrame, kind: str, horizon: float) -> dict[str, object]:
    """Axis of a panel: 0 to the horizon, around no difference, or around a ratio of 1 on a log scale."""
    values = [v for name in ("estimate", "ci_low", "ci_high") for v in rows[name].drop_nulls() if math.isfinite(v)]
    if kind == "group":
        return {"range": [0, horizon * 1.01], "nticks": 7}
    if kind == "difference":
        reach = max([abs(v) for v in values] or [1.0]) * 1.12
        return {"range": [-reach, reach], "nticks": 7}
    low, high = min([v for v in values if v > 0] or [0.8]), max(values or [1.25])
    reach = max(math.log10(high), -math.log10(low), math.log10(1.3)) * 1.12
    shown = [t for t in RATIOS if abs(math.log10(t)) <= reach]
    return {"type": "log", "range": [-reach, reach], "tickvals": shown, "ticktext": [f"{t:g}" for t in shown]}


def _panel(figure: go.Figure, rows: pl.DataFrame, look: tuple[str, dict[str, str], tuple[str, str, float]]) -> None:
    """Marks with intervals, and the line of no difference."""
    kind, paint, (x, y, _) = look
    axes = {"xaxis": x, "yaxis": y}
    if kind != "group":
        null = 1.0 if kind == "ratio" else 0.0
        figure.add_shape(
            type="line", xref=x, yref=f"{y} domain", x0=null, x1=null, y0=0, y1=1, line={"color": INK, "width": 1.2, "dash": "dash"}
        )
    for at, row in enumerate(rows.iter_rows(named=True)):
        value, low, high = row["estimate"], row["ci_low"], row["ci_high"]
        if value is None:
            continue
        colour = paint.get(row["label"], BLACK) if kind == "group" else BLACK
        if low is not None and high is not None:
            figure.add_trace(
                go.Scatter(
                    x=[low, high], y=[at, at], mode="lines+markers", hoverinfo="skip", name=f"{row['label']}, interval", **axes,
                    line={"color": colour, "width": 2}, marker={"symbol": "line-ns-open", "size": 9, "color": colour, "line": {"width": 2, "color": colour}},
                )
            )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=[value], y=[at], mode="markers", name=row["label"], **axes, hovertemplate=f"<b>{row['label']}</b><br>{_numbers(row, kind)}<extra></extra>",
                marker={"symbol": "square", "size": 13, "color": colour, "line": {"width": 1, "color": INK}},
            )
        )  # fmt: skip

"""Rows: estimates one below another, each with its interval, the null line and columns of text at the right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.figures import words
from core.figures.layout import badge, frame, shorten, text, widest, wrap, write
from core.figures.theme import BLUE, GRID, INK, MUTED, PANEL, SMALL_SIZE, TEXT_SIZE

HEIGHT, TALL = 28, 42
"""Of a row; of one whose label takes two lines."""
LONGEST, WIDEST = 52, 250
"""Characters of a row's label; pixels of one line of it."""
TOP, BOTTOM = 34, 64
DIAMOND = 0.32
"""Half the height of a pooled diamond, in rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the figure.

    Attributes
    ----------
    label : at the left; alone (no estimate, no columns) it heads a block. estimate, low, high : None = not estimable.
    weight : 0 to 1, share of the largest square. columns : texts at the right. pooled : drawn as a diamond over its
        interval. outer : a second, wider interval (prediction interval), or None.
    """

    label: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    weight: float = 1.0
    columns: tuple[str, ...] = ()
    colour: str = BLUE
    pooled: bool = False
    outer: tuple[float, float] | None = None

    @property
    def head(self) -> bool:
        """Whether the row is the heading of a block."""
        return self.estimate is None and not self.columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The horizontal axis.

    Attributes
    ----------
    title : with its unit. null : value of no effect, drawn as a dashed line. low, high : it spans at least these.
    least, most : it never goes beyond these; an interval that does ends in an arrowhead. write : a tick in words.
    """

    title: str
    null: float
    low: float
    high: float
    least: float = -math.inf
    most: float = math.inf
    write: Callable[[float], str] = "{:g}".format


def rows(
    lines: Sequence[Row], *, axis: Axis, headers: Sequence[str], synthetic: bool = False, measure: str = ""
) -> go.Figure:
    """Draw the rows in order.

    Parameters
    ----------
    headers : of the columns at the right, as many as a row has texts. measure : name of the estimate on hover.
    """
    names = ["" if r.head else "<br>".join(wrap(shorten(r.label, LONGEST), WIDEST)) for r in lines]
    left = max(widest(names) + 30, 120)
    row = TALL if any("<br>" in name for name in names) else HEIGHT
    wide = []
    for c, header in enumerate(headers):
        cells = [r.columns[c] for r in lines if len(r.columns) > c]
        wide.append(max(widest(cells), widest([header], size=SMALL_SIZE)) + 22)
    low, high, ticks = _scale(lines, axis)
    figure = frame(
        height=row * len(lines) + TOP + BOTTOM + 12, least=round(0.82 * row) * len(lines) + TOP + BOTTOM, showlegend=False,
        margin={"l": left, "r": sum(wide) + 16, "t": TOP, "b": BOTTOM},
    )  # fmt: skip
    shapes: list[dict[str, object]] = [
        {
            "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": i - 0.45, "y1": i + 0.45,
            "fillcolor": PANEL, "line": {"width": 0}, "layer": "below",
        }
        for i, line in enumerate(lines) if line.head
    ]  # fmt: skip
    shapes.append(
        {
            "type": "line", "xref": "x", "yref": "paper", "x0": axis.null, "x1": axis.null, "y0": 0, "y1": 1,
            "line": {"color": INK, "width": 1.2, "dash": "dash"},
        }
    )  # fmt: skip
    figure.layout.shapes = shapes
    _intervals(figure, lines, (low, high))
    _points(figure, lines, measure)
    write(figure, [*_heads(lines, left), *_columns(lines, headers, wide)])
    body = [(i, r) for i, r in enumerate(lines) if not r.head]
    figure.update_layout(
        xaxis={
            "range": [low, high], "tickvals": ticks, "ticktext": [axis.write(t).replace("-", "−") for t in ticks],
            "title": {"text": axis.title}, "showgrid": True, "gridcolor": GRID,
        },
        yaxis={
            "range": [len(lines) - 0.4, -0.6], "tickvals": [i for i, _ in body],
            "ticktext": [f"<b>{names[i]}</b>" if r.pooled else names[i] for i, r in body],
            "ticks": "", "showline": False, "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 10,
        },
    )  # fmt: skip
    if synthetic:
        badge(figure)
    return figure


def _heads(lines: Sequence[Row], left: float) -> list[dict[str, object]]:
    return [
        text(f"<b>{shorten(row.label, 90)}</b>", xref="paper", x=0, xanchor="left", xshift=-left + 12, yref="y", y=i)
        for i, row in enumerate(lines)
        if row.head
    ]


def _columns(lines: Sequence[Row], headers: Sequence[str], wide: Sequence[float]) -> list[dict[str, object]]:
    pieces = []
    for c, header in enumerate(headers):
        shift = 22 + sum(wide[:c])
        place = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": shift}
        pieces.append(
            text(
                f"<b>{header}</b>", **place, yref="paper", y=1, yanchor="bottom", yshift=4,
                font={"size": SMALL_SIZE, "color": MUTED},
            )
        )  # fmt: skip
        for i, row in enumerate(lines):
            if len(row.columns) > c and row.columns[c]:
                strong = c == 0 and row.estimate is not None
                content = f"<b>{row.columns[c]}</b>" if row.pooled and c == 0 else row.columns[c]
                font = {"size": TEXT_SIZE, "color": INK if strong else MUTED}
                pieces.append(text(content, **place, yref="y", y=i, font=font))
    return pieces


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _intervals(figure: go.Figure, lines: Sequence[Row], ends: tuple[float, float]) -> None:
    """Every interval as one trace a colour; an arrowhead where it leaves the axis."""
    low, high = ends
    drawn: dict[tuple[str, float], list[tuple[float | None, float | None, str]]] = {}
    for i, row in enumerate(lines):
        spans = [(row.low, row.high, 2.0, row.colour)] if not row.pooled else []
        if row.outer is not None:
            spans.append((*row.outer, 1.4, INK))
        for start, end, width, colour in spans:
            if start is None or end is None or not (math.isfinite(start) and math.isfinite(end)):
                continue
            if end < low or start > high:
                continue
            drawn.setdefault((colour, width), []).extend(
                [
                    (max(start, low), i, "triangle-left" if start < low else "line-ns-open"),
                    (min(end, high), i, "triangle-right" if end > high else "line-ns-open"),
                    (None, None, "line-ns-open"),
                ]
            )
    for (colour, width), points in drawn.items():
        figure.add_trace(
            go.Scatter(
                x=[p[0] for p in points], y=[p[1] for p in points], mode="lines+markers", hoverinfo="skip",
                line={"color": colour, "width": width}, cliponaxis=False,
                marker={
                    "symbol": [p[2] for p in points], "color": colour, "line": {"width": width, "color": colour},
                    "size": [10 if p[2].startswith("tri") else 8 for p in points],
                },
            )
        )  # fmt: skip


def _points(figure: go.Figure, lines: Sequence[Row], measure: str) -> None:
    """Squares by weight, and a diamond as wide as its interval for a pooled row."""
    squares = [(i, r) for i, r in enumerate(lines) if not r.pooled and _known(r.estimate)]
    figure.add_trace(
        go.Scatter(
            x=[r.estimate for _, r in squares], y=[i for i, _ in squares], mode="markers",
            customdata=[_hover(r, measure) for _, r in squares], hovertemplate="%{customdata}<extra></extra>",
            marker={
                "symbol": "square", "size": [8 + 12 * math.sqrt(min(max(r.weight, 0.0), 1.0)) for _, r in squares],
                "color": [r.colour for _, r in squares], "line": {"width": 1, "color": INK},
            },
        )
    )  # fmt: skip
    for i, row in enumerate(lines):
        value, low, high = row.estimate, row.low, row.high
        if not row.pooled or value is None or low is None or high is None:
            continue
        figure.add_trace(
            go.Scatter(
                x=[low, value, high, value, low], y=[i, i - DIAMOND, i, i + DIAMOND, i], mode="lines", fill="toself",
                fillcolor=row.colour, line={"color": INK, "width": 1}, hoveron="fills", hoverinfo="text",
                text=_hover(row, measure), cliponaxis=False,
            )
        )  # fmt: skip


def _hover(row: Row, measure: str) -> str:
    return f"<b>{row.label}</b><br>{measure} {'<br>'.join(c for c in row.columns if c)}"


def _scale(lines: Sequence[Row], axis: Axis) -> tuple[float, float, list[float]]:
    """Ends of the axis and at most six ticks, at round numbers."""
    values = [
        float(v)
        for r in lines
        for v in (r.estimate, r.low, r.high, *(r.outer or ()))
        if v is not None and math.isfinite(v)
    ]
    low = max(min([*values, axis.low]), axis.least)
    high = min(max([*values, axis.high]), axis.most)
    step = next(s for s in _STEPS if (high - low) / s <= 5.2 or s == _STEPS[-1])
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    low, high = max(low, axis.least), min(high, axis.most)
    first = math.ceil(low / step - 1e-9)
    ticks = [round(step * k, 6) for k in range(first, int(high / step + 1e-9) + 1)]
    return low, high, ticks[:: 2 if len(ticks) > 6 else 1]


_STEPS = tuple(base * 10.0**power for power in range(-3, 5) for base in (1.0, 2.0, 5.0))


def numbers(
    estimate: float | None, low: float | None, high: float | None, *, write: Callable[[float], str] = words.ratio
) -> str:
    """An estimate with its interval: "0.73 (0.66 to 0.80)"; "not estimable"."""
    if estimate is None or not math.isfinite(estimate):
        return words.UNDEFINED
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return write(estimate)
    return f"{write(estimate)} ({write(low)} to {write(high)})"

"""Cox forest: every term's hazard ratio alone and in the model with the others, beside each other on one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.theme import BLACK, FAINT, GRID, INK, MUTED, PANEL, SMALL_SIZE, TEXT_SIZE

ROW = 40
HEAD = 30
TICKS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0)
SIDES = (("alone", "Univariable", FAINT, "circle", -0.17), ("adjusted", "Multivariable", BLACK, "square", 0.17))
"""Prefix of the columns, name, colour, symbol and shift from the row's middle."""


def cox_forest(table: pl.DataFrame, *, provenance: Provenance, title: str = "", caption: str = "") -> Chart:
    """Hazard ratios of a univariable and a multivariable Cox model.

    Parameters
    ----------
    table : one row a term, in order: group (the covariate; heads a block; "" = no head), label (the level, or the unit
        of a number), n, and for 'alone' and 'adjusted' each: `<side>`, `<side>_low`, `<side>_high`, `<side>_p`; null = not
        estimable or not in the model.

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured("there is no term to draw; choose at least one covariate")
    rows = table.rows(named=True)
    heads, places, end = _places(rows)
    names = [shorten(str(row["label"]), 44) for row in rows]
    cells = [[_cell(row, side) for row in rows] for side, *_ in SIDES]
    wide = [max(widest(column), 150) + 26 for column in cells]
    left = max(widest(names) + 30, max((widest([h]) for _, h in heads), default=0) * 1.05 + 20, 150)
    height = ROW * end
    figure = frame(
        height=height + 44 + 66, least=30 * end + 110, margin={"l": left, "r": sum(wide) + 8, "t": 44, "b": 66}, showlegend=False
    )
    low, high, ticks = _scale(rows)
    figure.layout.shapes = [
        *(
            {
                "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": at - HEAD / ROW / 2, "y1": at + HEAD / ROW / 2,
                "fillcolor": PANEL, "line": {"width": 0}, "layer": "below",
            }
            for at, _ in heads
        ),
        {
            "type": "line", "xref": "x", "yref": "paper", "x0": 1, "x1": 1, "y0": 0, "y1": 1,
            "line": {"color": INK, "width": 1.2, "dash": "dash"},
        },
    ]  # fmt: skip
    for side in SIDES:
        _draw(figure, rows, (places, side, (low, high)))
    pieces = [
        text(f"<b>{shorten(head, 48)}</b>", xref="paper", x=0, xanchor="left", xshift=-left + 12, yref="y", y=at) for at, head in heads
    ]
    for number, (_, name, colour, symbol, _) in enumerate(SIDES):
        shift = 18 + sum(wide[:number])
        mark = "■" if symbol == "square" else "●"
        pieces.append(
            text(
                f"<span style='color:{colour}'>{mark}</span> <b>{name} HR</b> (95% CI)", xref="paper", x=1, xanchor="left", xshift=shift,
                yref="paper", y=1, yanchor="bottom", yshift=6, font={"size": SMALL_SIZE, "color": MUTED},
            )
        )  # fmt: skip
        for content, at in zip(cells[number], places, strict=True):
            faint = content == words.UNDEFINED or content.startswith("reference")
            font = {"size": TEXT_SIZE, "color": MUTED if faint else INK}
            pieces.append(text(content, xref="paper", x=1, xanchor="left", xshift=shift, yref="y", y=at, font=font))
    write(figure, pieces)
    figure.update_layout(
        xaxis={
            "type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks],
            "title": {"text": "Hazard ratio (log scale)"}, "showgrid": True, "gridcolor": GRID,
        },
        yaxis={
            "range": [end - 0.5, -0.55], "tickvals": places, "ticktext": names, "ticks": "", "showline": False,
            "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 10,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    described = "; ".join(f"{r['group']} {r['label']}: alone {a}, adjusted {b}".strip() for r, a, b in zip(rows[:8], *cells, strict=False))
    return Chart(
        slug="hazard-ratios", title=title or "Hazard ratios, alone and adjusted for each other", figure=figure, table=table,
        caption=caption or "Hazard ratio, Cox (Efron), with 95% CI; dashed line: no effect (1).", provenance=provenance,
        alt=f"Forest plot of hazard ratios. {described}.",
    )  # fmt: skip


def _places(rows: Sequence[dict[str, object]]) -> tuple[list[tuple[float, str]], list[float], float]:
    """Where the heads and the rows stand, from the top, and where the last one ends."""
    heads: list[tuple[float, str]] = []
    places: list[float] = []
    y, seen = 0.0, None
    for row in rows:
        if row["group"] != seen:
            seen = row["group"]
            if seen:
                y += 0.12 if places else 0.0
                heads.append((y, str(seen)))
                y += 0.9
        places.append(y)
        y += 1.0
    return heads, places, y


def _number(value: object) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None


def _cell(row: dict[str, object], side: str) -> str:
    """An estimate with its interval and p; a dash where the term is not in the model."""
    value, low, high, p = (_number(row[f"{side}{part}"]) for part in ("", "_low", "_high", "_p"))
    if value is None:
        return words.UNDEFINED
    interval = f" ({words.interval((low, high))})" if low is not None and high is not None else ""
    return f"{words.ratio(value)}{interval}, {words.p(p)}" if p is not None else f"{words.ratio(value)}{interval}"


def _scale(rows: Sequence[dict[str, object]]) -> tuple[float, float, list[float]]:
    """Ends of the axis, within 0.05 and 20, and at most six ticks with 1 among them."""
    values = [v for row in rows for side, *_ in SIDES for part in ("", "_low", "_high") if (v := _number(row[f"{side}{part}"])) and v > 0]
    low = max(min([*values, 0.6]) / 1.12, 0.05)
    high = min(max([*values, 1.7]) * 1.12, 20.0)
    ticks = [t for t in TICKS if low <= t <= high]
    return low, high, ticks if len(ticks) <= 6 else ticks[ticks.index(1.0) % 2 :: 2]


def _draw(
    figure: go.Figure, rows: Sequence[dict[str, object]],
    look: tuple[list[float], tuple[str, str, str, str, float], tuple[float, float]],
) -> None:
    """Intervals (with an arrowhead where they leave the axis) and marks of one side."""
    places, (side, name, colour, symbol, shift), (low, high) = look
    lines: list[tuple[float | None, float | None, str, int]] = []
    marks: list[tuple[float, float, str]] = []
    for row, at in zip(rows, places, strict=True):
        value, lower, upper = (_number(row[f"{side}{part}"]) for part in ("", "_low", "_high"))
        if value is None:
            continue
        if lower is not None and upper is not None and lower < high and upper > low:
            off = (lower < low, upper > high)
            lines += [
                (max(lower, low), at + shift, "triangle-left" if off[0] else "line-ns-open", 10 if off[0] else 8),
                (min(upper, high), at + shift, "triangle-right" if off[1] else "line-ns-open", 10 if off[1] else 8),
                (None, None, "line-ns-open", 8),
            ]
        if low <= value <= high:
            marks.append((value, at + shift, f"<b>{row['label']}</b><br>{name}: {_cell(row, side)}"))
    figure.add_trace(
        go.Scatter(
            x=[p[0] for p in lines], y=[p[1] for p in lines], mode="lines+markers", hoverinfo="skip", name=f"{name}, interval",
            line={"color": colour, "width": 2}, cliponaxis=False,
            marker={"symbol": [p[2] for p in lines], "size": [p[3] for p in lines], "color": colour, "line": {"width": 2, "color": colour}},
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[p[0] for p in marks], y=[p[1] for p in marks], mode="markers", name=name, customdata=[p[2] for p in marks],
            hovertemplate="%{customdata}<extra></extra>", marker={"symbol": symbol, "size": 11, "color": colour, "line": {"width": 1, "color": INK}},
        )
    )  # fmt: skip

"""Two-by-two figure: calls of a marker against what was observed, or against another assay, with counts and margins."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.theme import BLUE, INK, LINE, MUTED, SMALL_SIZE, TEXT_SIZE, VERMILLION, fade

CELL_HEIGHT = 74
LARGE = 24


def two_by_two(
    cells: tuple[int, int, int, int],
    *,
    provenance: Provenance,
    rows: tuple[str, str],
    columns: tuple[str, str],
    beside: Sequence[str] = (),
    title: str = "",
    caption: str = "",
    slug: str = "two-by-two",
) -> Chart:
    """A table of four counts with its margins; cells where both say the same are blue, the others vermillion.

    Parameters
    ----------
    cells : (first row and first column, first row and second column, second and first, second and second).
    rows, columns : what the marker says and what it is held against, positive first.
    beside : lines of numbers written at the right.
    """
    a, b, c, d = cells
    n = sum(cells)
    heads = [shorten(column, 26) for column in columns]
    names = [shorten(row, 34) for row in rows]
    figure = frame(
        height=2 * CELL_HEIGHT + 104, least=2 * 60 + 96, showlegend=False,
        margin={"l": widest(names) + 28, "r": (widest(beside) + 44) if beside else 24, "t": 42, "b": 44},
    )  # fmt: skip
    grid = ((0, 0, a, True), (1, 0, b, False), (0, 1, c, False), (1, 1, d, True))
    figure.layout.shapes = [
        {
            "type": "rect", "x0": x - 0.48, "x1": x + 0.48, "y0": y - 0.46, "y1": y + 0.46, "line": {"color": LINE, "width": 1},
            "fillcolor": fade(BLUE if alike else VERMILLION, 0.08 + 0.42 * (k / n if n else 0)), "layer": "below",
        }
        for x, y, k, alike in grid
    ]  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[g[0] for g in grid], y=[g[1] for g in grid], mode="text", text=[f"<b>{g[2]:,}</b>" for g in grid],
            textfont={"size": LARGE, "color": INK}, hoverinfo="skip", cliponaxis=False,
        )
    )  # fmt: skip
    sums = [f"n = {v:,}" for v in (a + b, c + d)]
    figure.update_layout(
        xaxis={
            "range": [-0.52, 1.9], "tickvals": [0, 1], "ticktext": [f"<b>{h}</b>" for h in heads], "side": "top",
            "ticks": "", "showline": False, "tickfont": {"size": TEXT_SIZE, "color": INK}, "fixedrange": True,
        },
        yaxis={
            "range": [1.52, -0.52], "tickvals": [0, 1], "ticktext": [f"<b>{name}</b>" for name in names], "ticks": "",
            "showline": False, "tickfont": {"size": TEXT_SIZE, "color": INK}, "ticklabelstandoff": 8, "fixedrange": True,
        },
    )  # fmt: skip
    grey = {"size": SMALL_SIZE, "color": MUTED}
    pieces = [text(s, xref="x", x=1.56, xanchor="left", yref="y", y=y, font=grey) for y, s in enumerate(sums)]
    pieces += [
        text(f"n = {v:,}", xref="x", x=x, yref="paper", y=0, yanchor="top", yshift=-6, font=grey)
        for x, v in enumerate((a + c, b + d))
    ]
    pieces.append(text(f"n = {n:,}", xref="x", x=1.56, xanchor="left", yref="paper", y=0, yanchor="top", yshift=-6, font=grey))
    if beside:
        pieces.append(text("<br>".join(beside), xref="paper", x=1, xanchor="left", xshift=24, yref="paper", y=0.5, yanchor="middle"))
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    table = pl.DataFrame({"called": list(rows), columns[0]: [a, c], columns[1]: [b, d], "n": [a + b, c + d]})
    counts = f"{rows[0]}: {a} {columns[0]}, {b} {columns[1]}; {rows[1]}: {c} {columns[0]}, {d} {columns[1]}."
    return Chart(
        slug=slug,
        title=title or "Two-by-two table",
        figure=figure,
        table=table,
        caption=caption or f"Counts of patients; n = {words.count(n, 'patient')}.",
        provenance=provenance,
        alt=counts,
    )

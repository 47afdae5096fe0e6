"""Cell groups figure: the mean of each cell type in each group with its interval and test; many groups as a grid of colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, wrap, write
from core.figures.theme import DIVERGING, GRID, INK, MUTED, SMALL_SIZE, SYMBOLS, TEXT_SIZE, colours, scale

if TYPE_CHECKING:
    from core.tme.cell_groups import CellGroups
    from core.tme.cells import Method

MOST_DOTS = 4
"""Groups that a row can hold as points; more are drawn as a grid."""
ROW = 15
"""Pixels that a point needs in height."""


def cell_groups(method: Method, compared: CellGroups, *, provenance: Provenance, caption: str = "", warnings: tuple[str, ...] = ()) -> Chart:
    """Means with 95% intervals, a row a cell type; at the right the test's q value and epsilon squared.

    Parameters
    ----------
    method : whose parts are drawn. compared : from `core.tme.cell_groups.cell_groups`.

    Raises
    ------
    NotMeasured
        No part has a value.
    """
    tests = {row["cell_type"]: row for row in compared.tests.iter_rows(named=True)}
    shown = [part.name for part in method.parts if part.family != "rest"]
    if not shown:
        raise NotMeasured("no cell type has a value here; choose another way of counting")
    tested = any(tests[name]["p_value"] is not None for name in shown)
    many = len(compared.groups.labels) > MOST_DOTS
    figure = _grid(shown, compared) if many else _dots(shown, compared, kind=method.kind)
    if tested:
        _columns(figure, [(words.q(tests[c]["q_value"]).removeprefix("q ").removeprefix("= "), words.ratio(tests[c]["effect"])) for c in shown])
    sums = [part.name for part in method.totals() if part.name in shown]
    if sums and len(sums) < len(shown):
        y = len(shown) - len(sums) - 0.5
        figure.add_shape(type="line", xref="paper", x0=0, x1=1, yref="y", y0=y, y1=y, line={"color": MUTED, "width": 1, "dash": "dot"})
    if provenance.synthetic:
        badge(figure)
    joined = compared.table.filter(pl.col("cell_type").is_in(shown)).join(
        compared.tests.rename({"n": "n_tested"}), on="cell_type", how="left", maintain_order="left"
    )
    by = f" by {words.inside(compared.label)}" if compared.by else ""
    return Chart(
        slug="cells-by-group", title=f"Each cell type{by}" if compared.by else "Each cell type", figure=figure, table=joined, caption=caption, provenance=provenance,
        warnings=warnings, alt=f"Mean of {words.count(len(shown), 'cell type')} in {words.count(len(compared.groups.labels), 'group')}.",
    )  # fmt: skip


def _names(shown: list[str]) -> list[str]:
    return ["<br>".join(wrap(shorten(name, 44), 210)) for name in shown]


def _margin(shown: list[str], *, top: float, bottom: float) -> dict[str, float]:
    return {"l": widest(_names(shown)) + 28, "r": 168, "t": top, "b": bottom}


def _dots(shown: list[str], compared: CellGroups, *, kind: str) -> go.Figure:
    labels = compared.groups.labels
    paint = colours(labels)
    row = max(34.0, ROW * len(labels))
    sizes = dict(compared.table.group_by("group", maintain_order=True).agg(pl.col("n").max()).iter_rows())
    figure = frame(
        height=row * len(shown) + 118, least=round(0.85 * row) * len(shown) + 112, margin=_margin(shown, top=52, bottom=64), showlegend=len(labels) > 1,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left", "itemclick": False, "itemdoubleclick": False},
    )  # fmt: skip
    place = {name: number for number, name in enumerate(shown)}
    factor = 100.0 if kind == "fraction" else 1.0
    for number, label in enumerate(labels):
        own = compared.table.filter((pl.col("group") == label) & pl.col("cell_type").is_in(shown) & pl.col("mean").is_not_null())
        offset = (number - (len(labels) - 1) / 2) * min(0.8 / max(len(labels), 1), 0.26)
        mean = [factor * v for v in own["mean"]]
        # a share or a density is never under 0: a symmetric interval may be
        floor = -float("inf") if kind == "score" else 0.0
        low = [max(factor * (v if v is not None else m), floor) for v, m in zip(own["low"], own["mean"], strict=True)]
        high = [factor * (v if v is not None else m) for v, m in zip(own["high"], own["mean"], strict=True)]
        figure.add_trace(
            go.Scatter(
                x=mean, y=[place[c] + offset for c in own["cell_type"]], mode="markers", name=f"{shorten(label, 34)} (n = {sizes[label]:,})",
                marker={"color": paint[label], "symbol": SYMBOLS[number % len(SYMBOLS)], "size": 10, "line": {"width": 1, "color": INK}},
                error_x={
                    "type": "data", "symmetric": False, "array": [h - m for h, m in zip(high, mean, strict=True)],
                    "arrayminus": [m - low_ for low_, m in zip(low, mean, strict=True)], "color": paint[label], "thickness": 2, "width": 4,
                },
                customdata=list(zip(own["cell_type"], [label] * own.height, own["n"], low, high, strict=True)),
                hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}: mean %{x:.3g} (%{customdata[3]:.3g} to %{customdata[4]:.3g})<br>"
                "n = %{customdata[2]}<extra></extra>",
            )
        )  # fmt: skip
    title = {"fraction": "Mean share with 95% CI, %", "density": "Mean with 95% CI, cells per mm² of tumour"}.get(kind, "Mean with 95% CI, SD within the cohort")
    figure.update_layout(
        xaxis={"title": {"text": title}, "showgrid": True, "gridcolor": GRID, "zeroline": kind == "score", "zerolinecolor": MUTED, **({} if kind == "score" else {"rangemode": "tozero"})},
        yaxis=_rows(shown),
    )
    figure.layout.shapes = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": i + 0.5, "y1": i + 0.5, "line": {"color": GRID, "width": 1}} for i in range(len(shown) - 1)
    ]
    return figure


def _grid(shown: list[str], compared: CellGroups) -> go.Figure:
    shifts = {(c, g): s for c, g, s in compared.table.select("cell_type", "group", "shift").iter_rows()}
    labels = list(compared.groups.labels)
    names = [shorten(label, 26) for label in labels]
    deep = min(widest(names), 190) if max(map(len, names)) > 5 or len(names) > 14 else 22
    figure = frame(
        height=30 * len(shown) + 104 + deep, least=26 * len(shown) + 100 + deep, margin=_margin(shown, top=38, bottom=deep + 56), showlegend=False
    )
    figure.add_trace(
        go.Heatmap(
            z=[[shifts.get((c, g)) for g in labels] for c in shown], x=list(range(len(labels))), y=list(range(len(shown))), zmid=0, zmin=-1.5, zmax=1.5,
            colorscale=scale(DIVERGING), xgap=1, ygap=1,
            customdata=[[[c, g] for g in labels] for c in shown], hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}: %{z:+.2f} SD<extra></extra>",
            colorbar={
                "orientation": "h", "thickness": 12, "len": 0.6, "x": 0, "xanchor": "left", "y": 0, "yanchor": "top", "ypad": deep + 14, "tickvals": [-1.5, -0.75, 0, 0.75, 1.5],
                "ticktext": ["−1.5 SD", "−0.75", "cohort's mean", "+0.75", "+1.5 SD"], "tickfont": {"size": SMALL_SIZE},
            },
        )
    )  # fmt: skip
    figure.update_layout(
        xaxis={
            "tickvals": list(range(len(labels))), "ticktext": names, "tickangle": -90 if deep > 22 else 0, "ticks": "", "showline": False, "tickfont": {"size": SMALL_SIZE},
        },
        yaxis=_rows(shown),
    )  # fmt: skip
    return figure


def _rows(shown: list[str]) -> dict[str, object]:
    return {
        "range": [len(shown) - 0.5, -0.5], "tickvals": list(range(len(shown))), "ticktext": _names(shown), "ticks": "", "showline": False,
        "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
    }  # fmt: skip


def _columns(figure: go.Figure, cells: list[tuple[str, str]]) -> None:
    """q value and epsilon squared at the right of each row."""
    pieces = []
    for shift, header, column in ((16, "q", 0), (104, "ε²", 1)):
        place = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": shift}
        pieces.append(text(f"<b>{header}</b>", **place, yref="paper", y=1, yanchor="bottom", yshift=4, font={"size": SMALL_SIZE, "color": MUTED}))
        for number, row in enumerate(cells):
            pieces.append(text(row[column], **place, yref="y", y=number, font={"size": TEXT_SIZE, "color": INK if column == 0 else MUTED}))
    write(figure, pieces)

"""Mixing figure: cohort mixing and outcome signal of every batch correction, side by side, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, widest, wrap, write
from core.figures.theme import BLUE, FAINT, GRID, INK, MUTED, SMALL_SIZE, TEXT_SIZE, VERMILLION

ROW, TOP, BOTTOM = 48, 58, 72
LABEL = 150
"""Pixels of one line of a correction's name."""
PANELS = (
    ("kbet", "Mixed by test<br>(kBET)", (0.0, 1.0)),
    ("mixing", "Mixing<br>(iLISI, scaled)", (0.0, 1.0)),
    ("auc", "Outcome signal<br>(AUC, response)", (0.4, 0.8)),
)


def mixing(table: pl.DataFrame, *, provenance: Provenance, labels: Mapping[str, str], title: str = "", caption: str = "") -> Chart:
    """One row a correction; columns: kBET acceptance, iLISI mixing, and AUC for response in a left-out cohort.

    Parameters
    ----------
    table : correction, measure, value, ci_low, ci_high, null_value, n, chosen; over the whole pool, in drawing order; `reference`
        rows give the AUC within cohorts. labels : correction -> words.

    Raises
    ------
    NotMeasured
        The table has no correction.
    """
    order = [c for c in table["correction"].unique(maintain_order=True) if c in labels]
    if not order:
        raise NotMeasured("no batch correction has been measured here; run: python -m core build")
    picked = set(table.filter("chosen")["correction"])
    spoken = {c: "<br>".join(wrap(labels[c], LABEL)) for c in order}
    names = [f"<b>{spoken[c]}</b> (default)" if c in picked else spoken[c] for c in order]
    figure = frame(
        height=ROW * len(order) + TOP + BOTTOM, least=36 * len(order) + TOP + BOTTOM, showlegend=False,
        margin={"l": widest(names) + 34, "r": 24, "t": TOP, "b": BOTTOM},
    )  # fmt: skip
    gap, wide = 0.05, 0.3
    pieces = []
    for p, (measure, head, (low, high)) in enumerate(PANELS):
        start = p * (wide + gap)
        axis = "x" if p == 0 else f"x{p + 1}"
        mine = {r["correction"]: r for r in table.filter(pl.col("measure") == measure).iter_rows(named=True)}
        rows = [(i, mine[c]) for i, c in enumerate(order) if c in mine and mine[c]["value"] is not None]
        figure.add_trace(_points(rows, order, labels=labels, axis=axis, picked=picked))
        reference = mine.get("reference")
        null = 0.5 if measure == "auc" else rows[0][1]["null_value"] if rows else None
        _line(figure, axis, null, colour=INK, dash="dash")
        if reference and reference["value"] is not None:
            _line(figure, axis, reference["value"], colour=VERMILLION, dash="dot")
        pieces.append(text(f"<b>{head}</b>", xref="paper", x=start, xanchor="left", yref="paper", y=1, yanchor="bottom", yshift=6, align="left"))
        ticks = [low, (low + high) / 2, high]
        figure.update_layout(
            {
                f"xaxis{'' if p == 0 else p + 1}": {
                    "domain": [start, start + wide], "range": [low - 0.02, high + 0.02], "tickvals": ticks, "ticktext": [f"{t:.2g}" for t in ticks],
                    "showgrid": True, "gridcolor": GRID, "anchor": "y",
                }
            }
        )  # fmt: skip
        where = "dashed: none (0.50)" if measure == "auc" else "dashed: at random"
        if reference and reference["value"] is not None:
            where += f"<br>dotted: within ({words.ratio(reference['value'])})"
        pieces.append(
            text(
                where, xref="paper", x=start, xanchor="left", yref="paper", y=0, yanchor="top", yshift=-26, align="left",
                font={"size": SMALL_SIZE, "color": MUTED},
            )
        )  # fmt: skip
    write(figure, pieces)
    figure.update_layout(
        yaxis={
            "range": [len(order) - 0.5, -0.5], "tickvals": list(range(len(order))), "ticktext": names, "ticks": "", "showline": False,
            "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
        }
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    said = "; ".join(_spoken(table, c, labels[c]) for c in order)
    return Chart(
        slug="cohort-mixing", title=title or "Cohort mixing and outcome signal, before and after correction", figure=figure, table=table,
        caption=caption, provenance=provenance, alt=f"Points with intervals for {len(order)} batch corrections. {said}.",
    )  # fmt: skip


def _points(
    rows: list[tuple[int, dict[str, object]]], order: list[str], *, labels: Mapping[str, str], axis: str, picked: set[object]
) -> go.Scatter:
    values = [float(str(r["value"])) for _, r in rows]
    ends = [[_end(r["ci_low"], v), _end(r["ci_high"], v)] for (_, r), v in zip(rows, values, strict=True)]
    return go.Scatter(
        x=values, y=[i for i, _ in rows], xaxis=axis, yaxis="y", mode="markers+text", cliponaxis=False,
        text=[words.ratio(v) for v in values], textposition="top center", textfont={"size": SMALL_SIZE, "color": INK},
        error_x={
            "type": "data", "symmetric": False, "array": [e[1] - v for e, v in zip(ends, values, strict=True)],
            "arrayminus": [v - e[0] for e, v in zip(ends, values, strict=True)], "color": MUTED, "thickness": 1.6, "width": 5,
        },
        marker={
            "size": 13, "color": [BLUE if order[i] in picked else FAINT for i, _ in rows], "line": {"width": 1, "color": INK},
            "symbol": ["diamond" if order[i] in picked else "circle" for i, _ in rows],
        },
        customdata=[[labels[order[i]], f"{words.ratio(v)} ({words.interval((e[0], e[1]))})", r["n"]] for (i, r), v, e in zip(rows, values, ends, strict=True)],
        hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>n = %{customdata[2]}<extra></extra>",
    )  # fmt: skip


def _end(value: object, point: float) -> float:
    """An interval's end inside 0 to 1; the point itself where there is none."""
    return min(max(float(value), 0.0), 1.0) if isinstance(value, float) and math.isfinite(value) else point


def _line(figure: go.Figure, axis: str, value: object, *, colour: str, dash: str) -> None:
    if isinstance(value, float) and math.isfinite(value):
        figure.add_shape(
            type="line", xref=axis, yref="paper", x0=value, x1=value, y0=0, y1=1, line={"color": colour, "width": 1.2, "dash": dash}, layer="below"
        )


def _spoken(table: pl.DataFrame, correction: str, label: str) -> str:
    mine = {r["measure"]: r["value"] for r in table.filter(pl.col("correction") == correction).iter_rows(named=True)}
    return f"{label}: mixing {words.ratio(mine.get('mixing'))}, AUC {words.ratio(mine.get('auc'))}"



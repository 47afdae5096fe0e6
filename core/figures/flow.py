"""Flow figure: from all patients to those evaluable, with who was left out and why."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import BLUE, INK, MUTED, SMALL_SIZE, TEXT_SIZE

ROW = 58


def flow(steps: pl.DataFrame, *, provenance: Provenance, title: str = "") -> Chart:
    """One bar a step, the patients that are left; under it, how many were left out and why.

    Parameters
    ----------
    steps : step, n, left_out, reason; in order, the first row everybody (from `core.cohort.overview`).
    """
    rows = steps.rows(named=True)
    first = max(rows[0]["n"], 1) if rows else 1
    names = [shorten(str(r["step"]), 44) for r in rows]
    counts = [f"<b>{r['n']:,}</b> ({words.percent(r['n'] / first)})" for r in rows]
    figure = frame(
        height=ROW * len(rows) + 24, least=46 * len(rows) + 24, showlegend=False,
        margin={"l": widest(names) + 34, "r": widest(counts) + 34, "t": 8, "b": 16},
    )  # fmt: skip
    place = list(range(len(rows)))
    figure.add_trace(
        go.Bar(
            x=[r["n"] for r in rows], y=place, orientation="h", width=0.5, marker={"color": BLUE},
            customdata=[[r["step"], r["left_out"], r["reason"] or ""] for r in rows],
            hovertemplate="%{customdata[0]}: %{x:,} patients<extra></extra>",
        )
    )  # fmt: skip
    for i, row in enumerate(rows):
        note(figure, counts[i], xref="paper", x=1, xanchor="left", xshift=12, yref="y", y=i)
        if row["left_out"]:
            why = f": {row['reason']}" if row["reason"] else ""
            note(
                figure, f"− {row['left_out']:,} left out{shorten(why, 90)}", xref="x", x=0, xanchor="left", yref="y", y=i - 0.5,
                font={"size": SMALL_SIZE, "color": MUTED}, borderpad=0, xshift=2,
            )  # fmt: skip
    figure.update_layout(
        xaxis={"visible": False, "range": [0, first]},
        yaxis={
            "range": [len(rows) - 0.5, -0.5], "tickvals": place, "ticktext": names, "ticks": "", "showline": False,
            "tickfont": {"size": TEXT_SIZE, "color": INK}, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    return Chart(
        slug="patient-flow",
        title=title or "From all patients to those evaluable",
        figure=figure,
        table=steps,
        caption=f"Patients left after each step; {words.count(rows[0]['n'] if rows else 0, 'patient')} at the start, {rows[-1]['n'] if rows else 0:,} at the end.",
        provenance=provenance,
        alt="; ".join(f"{r['step']}: {r['n']}" for r in rows),
    )

"""Missingness figure: how much of each column is known in each study."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.theme import PAPER, SEQUENTIAL, SMALL_SIZE, TEXT_SIZE, on_scale, scale

ROW = 26
WRITTEN = 260


def missingness(table: pl.DataFrame, *, provenance: Provenance, title: str = "") -> Chart:
    """A grid: rows = columns of the patient table, columns = studies, colour and number = share known.

    Parameters
    ----------
    table : study, label, missing (share, 0 to 1), from `core.cohort.overview`; null = not asked for.
    """
    studies = table["study"].unique(maintain_order=True).to_list()
    labels = table["label"].unique(maintain_order=True).to_list()
    share = {(label, study): miss for study, label, miss in table.select("study", "label", "missing").iter_rows()}
    known = [
        [None if (m := share.get((label, study))) is None else 1 - float(m) for study in studies] for label in labels
    ]
    names = [shorten(label, 44) for label in labels]
    heads = [shorten(study, 24) for study in studies]
    tilt = len(studies) > 5
    top = widest(heads) * (0.75 if tilt else 0) + 34
    figure = frame(
        height=ROW * len(labels) + top + 16, least=21 * len(labels) + top + 16,
        margin={"l": widest(names) + 24, "r": 130 if not tilt else 150, "t": top, "b": 16},
    )  # fmt: skip
    figure.add_trace(
        go.Heatmap(
            z=known, x=list(range(len(studies))), y=list(range(len(labels))), zmin=0, zmax=1, colorscale=scale(SEQUENTIAL),
            xgap=2, ygap=2, customdata=[[[label, study] for study in studies] for label in labels],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}: %{z:.0%} known<extra></extra>",
            colorbar={
                "title": {"text": "known", "font": {"size": TEXT_SIZE}}, "tickvals": [0, 0.5, 1], "ticktext": ["0%", "50%", "100%"],
                "len": min(1.0, 220 / (ROW * len(labels))), "y": 1, "yanchor": "top", "outlinewidth": 0, "thickness": 14,
                "tickfont": {"size": SMALL_SIZE}, "x": 1.02,
            },
        )
    )  # fmt: skip
    if len(labels) * len(studies) <= WRITTEN:
        write(figure, [
            text(_share(value), xref="x", yref="y", x=x, y=y, borderpad=0, font={"size": SMALL_SIZE, "color": on_scale(value)})
            for y, row in enumerate(known) for x, value in enumerate(row) if value is not None
        ])  # fmt: skip
    figure.update_layout(
        plot_bgcolor=PAPER,
        xaxis={
            "side": "top", "tickvals": list(range(len(studies))), "ticktext": heads, "ticks": "", "showline": False,
            "tickangle": -45 if tilt else 0, "tickfont": {"size": TEXT_SIZE}, "range": [-0.5, len(studies) - 0.5],
        },
        yaxis={
            "range": [len(labels) - 0.5, -0.5], "tickvals": list(range(len(labels))), "ticktext": names, "ticks": "",
            "showline": False, "tickfont": {"size": SMALL_SIZE}, "ticklabelstandoff": 6,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
        figure.layout.annotations[-1].yshift = top - 30
    return Chart(
        slug="missingness",
        title=title or "What is known about these patients",
        figure=figure,
        table=table,
        caption=f"Share of patients with a value, {words.count(len(labels), 'column')}, n = {provenance.n:,}. Columns that nobody has are not shown.",
        provenance=provenance,
        alt=f"Share known of {len(labels)} columns in {words.count(len(studies), 'study', plural='studies')}.",
    )


def _share(value: float) -> str:
    """Per cent, never rounded to 0 or 100 unless exact."""
    if value in {0.0, 1.0}:
        return f"{value:.0%}"
    return f"{min(max(round(100 * value), 1), 99)}%"

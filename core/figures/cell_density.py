"""Cell density figure: cells a mm² of every patient, one row a cell type, one patient marked."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, widest
from core.figures.theme import GRID, INK, MUTED, SMALL_SIZE, VERMILLION, colours, fade

ROW = 56
SPREAD = 0.26
FLOOR = 0.5
"""Where a patient without such cells is drawn, cells a mm²: a log axis has no 0."""


def cell_density(table: pl.DataFrame, *, provenance: Provenance, marked: str = "", name: str = "") -> Chart:
    """A strip of patients a cell type, on a log axis.

    Parameters
    ----------
    table : patient_id, cell_type, density (cells/mm²); types in the order of rows. marked : patient drawn apart. name : of that patient.
    """
    types = table["cell_type"].unique(maintain_order=True).to_list()
    paint = colours(types)
    rows = [table.filter(pl.col("cell_type") == kind) for kind in types]
    middle = [float(np.median(part["density"].to_numpy())) for part in rows]
    own = [part.filter(pl.col("patient_id") == marked)["density"].to_list() for part in rows]
    texts = [f"{words.number(m)}" for m in middle]
    beside = [words.number(o[0]) if o else "" for o in own]
    wide = max(widest([*texts, "median"]), 30) + 34
    figure = frame(
        height=ROW * len(types) + 100, margin={"l": widest(types) + 30, "r": wide + widest([*beside, "patient"]) + 34, "t": 34, "b": 64}, showlegend=False
    )
    for place, (kind, part) in enumerate(zip(types, rows, strict=True)):
        value = np.maximum(part["density"].to_numpy(), FLOOR)
        jitter = place + SPREAD * np.sin(np.arange(value.size) * 2.399963)
        figure.add_trace(
            go.Scatter(
                x=value, y=jitter, mode="markers", marker={"size": 8, "color": fade(paint[kind], 0.55), "line": {"width": 0}},
                customdata=np.column_stack([part["patient_id"].to_numpy(), part["density"].round(1).cast(pl.String).to_numpy()]),
                hovertemplate="%{customdata[0]}<br>%{customdata[1]} cells/mm²<extra></extra>",
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(x=[max(middle[place], FLOOR)] * 2, y=[place - 0.38, place + 0.38], mode="lines", line={"color": INK, "width": 2.5}, hoverinfo="skip")
        )
        if own[place]:
            figure.add_trace(
                go.Scatter(
                    x=[max(own[place][0], FLOOR)], y=[place], mode="markers", hoverinfo="skip",
                    marker={"size": 15, "symbol": "diamond", "color": VERMILLION, "line": {"width": 2, "color": INK}},
                )
            )  # fmt: skip
        for content, shift in ((texts[place], 14), (beside[place], wide)):
            if content:
                note(figure, content, xref="paper", x=1, xanchor="left", xshift=shift, yref="y", y=place)
    for content, shift in (("median", 14), ("patient" if any(beside) else "", wide)):
        if content:
            note(
                figure, f"<b>{content}</b>", xref="paper", x=1, xanchor="left", xshift=shift, yref="paper", y=1, yanchor="bottom", yshift=4,
                font={"size": SMALL_SIZE, "color": MUTED},
            )  # fmt: skip
    top = float(np.log10(max(table["density"].max() or 1, 10))) + 0.1  # type: ignore[arg-type]
    ticks = [1, 10, 100, 1000, 10000]
    figure.update_layout(
        xaxis={
            "type": "log", "range": [np.log10(FLOOR) - 0.1, top], "tickvals": ticks, "ticktext": [f"{t:,}" for t in ticks], "showgrid": True,
            "gridcolor": GRID, "title": {"text": "Cells a mm² (log scale)"},
        },
        yaxis={"range": [len(types) - 0.4, -0.6], "tickvals": list(range(len(types))), "ticktext": types, "ticks": "", "showline": False, "ticklabelstandoff": 8},
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    none = table.filter(pl.col("density") == 0)["patient_id"].n_unique()
    said = f" Vermillion diamond: {name}." if any(beside) and name else ""
    return Chart(
        slug="cell-density",
        title="How densely each cell type lies",
        figure=figure,
        table=table,
        caption=(
            f"Cells of a type over the area of all fields of a patient; one point a patient, n = {table['patient_id'].n_unique():,}, line: median.{said}"
            + (f" {words.count(none, 'patient')} without a cell of some type at the left edge." if none else "")
        ),
        provenance=provenance,
        alt="Median cells a mm². " + "; ".join(f"{kind}: {text}" for kind, text in zip(types, texts, strict=True)) + ".",
    )

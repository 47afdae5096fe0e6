"""Modality-share figure: the part of each kind of measurement in what moves a predictor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, widest, write
from core.figures.theme import BLUE, GREEN, GRID, INK, MUTED, ORANGE, PURPLE, SMALL_SIZE, TEXT_SIZE
from data.schema import PROTOCOLS

if TYPE_CHECKING:
    from core.markers.modality_share import Shares

ROW = 46
COLOURS: Mapping[str, str] = {"clinical": ORANGE, "genome": BLUE, "expression": GREEN, "pathology": PURPLE}
"""Modalities have the same colour on every page."""


def modality_share(shares: Shares, *, provenance: Provenance, title: str = "") -> Chart:
    """Bars of each modality's share of the summed |SHAP|, with its interval and how many patients have it.

    Parameters
    ----------
    shares : from `core.markers.modality_share.modality_share`.
    """
    rows = shares.table.rows(named=True)
    place = list(range(len(rows)))
    names = [r["label"] for r in rows]
    texts = [f"<b>{words.percent(r['share'])}</b> ({words.percent(r['ci_low'])} to {words.percent(r['ci_high'])})" for r in rows]
    counts = [f"{r['known']:,} of {shares.n:,}" for r in rows]
    wide = widest([*texts, "share (95% CI)"]) + 40
    figure = frame(
        height=ROW * len(rows) + 100, least=36 * len(rows) + 96, showlegend=False,
        margin={"l": widest(names) + 30, "r": wide + widest([*counts, "measured in"]) + 20, "t": 32, "b": 66},
    )  # fmt: skip
    figure.add_trace(
        go.Bar(
            x=[r["share"] for r in rows], y=place, orientation="h", width=0.58, marker={"color": [COLOURS[r["modality"]] for r in rows]},
            error_x={
                "type": "data", "symmetric": False, "array": [max(r["ci_high"] - r["share"], 0) for r in rows],
                "arrayminus": [max(r["share"] - r["ci_low"], 0) for r in rows], "color": INK, "thickness": 1.6, "width": 6,
            },
            customdata=[[r["label"], t, words.count(r["features"], "feature")] for r, t in zip(rows, texts, strict=True)],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        )
    )  # fmt: skip
    pieces = []
    for shift, written, heading in ((16, texts, "share (95% CI)"), (wide, counts, "measured in")):
        beside = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": shift}
        pieces += [
            text(content, **beside, yref="y", y=i, font={"size": TEXT_SIZE, "color": INK if shift == 16 else MUTED})
            for i, content in enumerate(written)
        ]
        pieces.append(
            text(f"<b>{heading}</b>", **beside, yref="paper", y=1, yanchor="bottom", yshift=4, font={"size": SMALL_SIZE, "color": MUTED})
        )
    write(figure, pieces)
    most = max((r["ci_high"] for r in rows), default=1.0)
    end = 1.0 if most > 0.8 else 0.8 if most > 0.6 else 0.6
    ticks = [round(0.2 * i, 1) for i in range(round(end / 0.2) + 1)]
    figure.update_layout(
        xaxis={
            "range": [0, end * 1.01], "tickvals": ticks, "ticktext": [f"{t:.0%}" for t in ticks], "showgrid": True, "gridcolor": GRID,
            "title": {"text": "Share of the summed |SHAP|"},
        },
        yaxis={
            "range": [len(rows) - 0.4, -0.6], "tickvals": place, "ticktext": names, "ticks": "", "tickfont": {"size": TEXT_SIZE},
            "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    how = "; ".join(PROTOCOLS.get(p, p).partition(":")[0] for p in shares.protocols)
    absent = f" No feature of it is of {words.listing([a.lower() for a in shares.absent])}." if shares.absent else ""
    return Chart(
        slug=f"modality-share-{shares.predictor}".replace("_", "-"),
        title=title or f"What kind of measurement moves {shares.predictor_label}",
        figure=figure,
        table=shares.table,
        caption=f"Share of the summed |SHAP| of {shares.predictor_label} ({how}) by kind of measurement, 95% bootstrap interval over patients; "
        f"n = {shares.n:,}. Correlated features share their credit, across kinds too.{absent} Associations in the model, not causes.",
        provenance=provenance,
        alt="; ".join(f"{r['label']} {words.percent(r['share'])}" for r in rows),
    )

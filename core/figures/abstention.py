"""Abstention figures: AUC against the share of patients kept, and how far patients lie from those of the training."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, write
from core.figures.theme import BLUE, FAINT, GRID, INK, MUTED, VERMILLION, fade

BINS = 32


def risk_coverage(
    table: pl.DataFrame,
    *,
    provenance: Provenance,
    within: float | None = None,
    title: str = "",
    caption: str = "",
    warnings: tuple[str, ...] = (),
) -> Chart:
    """AUC of the patients kept against their share, the strangest left out first.

    Parameters
    ----------
    table : from `core.response.abstention.risk_coverage`. within : share of patients within the threshold, marked; None = no mark.

    Raises
    ------
    NotMeasured
        No AUC exists.
    """
    shown = table.filter(pl.col("auc").is_not_null()).sort("kept")
    if shown.is_empty():
        raise NotMeasured("too few responders or non-responders for any AUC; pick a larger cohort")
    figure = frame(height=400, least=360, margin={"l": 78, "r": 40, "t": 36, "b": 66}, showlegend=False)
    x = shown["kept"].to_list()
    figure.add_trace(
        go.Scatter(
            x=[*x, *x[::-1]], y=[*shown["ci_high"].to_list(), *shown["ci_low"].to_list()[::-1]], fill="toself", fillcolor=fade(BLUE, 0.15),
            line={"width": 0}, mode="lines", hoverinfo="skip", name="95% CI",
        )
    )  # fmt: skip
    everyone = float(shown["auc"][-1])
    figure.add_trace(
        go.Scatter(x=[0, 1], y=[everyone, everyone], mode="lines", line={"color": MUTED, "width": 1.2, "dash": "dot"}, hoverinfo="skip", name="everybody")
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=x, y=shown["auc"].to_list(), mode="lines+markers", line={"color": BLUE, "width": 2.4}, marker={"size": 6, "color": BLUE},
            customdata=shown.select("n", "responders").to_numpy(), name="AUC",
            hovertemplate="%{x:.0%} kept, n = %{customdata[0]} (%{customdata[1]} responders)<br>AUC %{y:.2f}<extra></extra>",
        )
    )  # fmt: skip
    values = [*shown["ci_low"].to_list(), *shown["ci_high"].to_list()]
    low, high = max(0.0, np.floor(min([*values, 0.45]) * 10) / 10), min(1.0, np.ceil(max([*values, 0.75]) * 10) / 10)
    figure.update_layout(
        xaxis={"range": [0, 1.02], "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1], "ticktext": ["0%", "20%", "40%", "60%", "80%", "100%"],
               "title": {"text": "Share of patients kept, most typical first"}},
        yaxis={"range": [low, high], "title": {"text": "AUC for response among them"}, "showgrid": True, "gridcolor": GRID},
    )  # fmt: skip
    pieces = [text("dotted: everybody kept", xref="x", x=0.01, xanchor="left", yref="y", y=everyone, yanchor="bottom", font={"size": 14, "color": MUTED})]
    shapes: list[dict[str, object]] = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0.5, "y1": 0.5, "line": {"color": FAINT, "width": 1.2, "dash": "dash"}}
    ]
    if within is not None:
        shapes.append({"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": within, "x1": within, "line": {"color": VERMILLION, "width": 1.6}})
        pieces.append(
            text(
                f"threshold: {words.percent(within)} kept", x=within, xref="x", xanchor="right" if within > 0.5 else "left", xshift=-4 if within > 0.5 else 4,
                yref="paper", y=1, yanchor="bottom", yshift=4, font={"size": 15, "color": INK},
            )
        )  # fmt: skip
    figure.layout.shapes = shapes
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    ends = shown.row(0, named=True), shown.row(-1, named=True)
    said = "; ".join(f"{words.percent(e['kept'])} kept: AUC {words.ratio(e['auc'])} ({words.ratio(e['ci_low'])} to {words.ratio(e['ci_high'])})" for e in reversed(ends))
    return Chart(
        slug="risk-coverage", title=title or "AUC when the strangest patients are left unpredicted", figure=figure, table=table,
        caption=caption or "AUC with DeLong 95% CI among the patients kept, the strangest left out first.", provenance=provenance,
        alt=f"Line. {said}.", warnings=warnings,
    )  # fmt: skip


def strangeness(
    training: np.ndarray[tuple[int], np.dtype[np.float64]] | None,
    here: np.ndarray[tuple[int], np.dtype[np.float64]],
    *,
    provenance: Provenance,
    title: str = "",
    caption: str = "",
    warnings: tuple[str, ...] = (),
) -> Chart:
    """Distances of training patients and of these patients, as shares in bins; the threshold is at 1.

    Parameters
    ----------
    training, here : (n,), (m,) distances divided by the threshold; no training where the patients are compared with each other.

    Raises
    ------
    NotMeasured
        There is no patient.
    """
    if not here.size or (training is not None and not training.size):
        raise NotMeasured("no patient has the features that the distance is measured in; pick another cohort")
    top = max(2.0, min(4.0, float(np.quantile(np.concatenate([v for v in (training, here) if v is not None]), 0.995)) * 1.05))
    edges = np.linspace(0, top, BINS + 1)
    figure = frame(height=340, least=300, margin={"l": 78, "r": 40, "t": 36, "b": 66}, showlegend=False)
    rows = []
    for values, name, colour, dash in ((training, "training patients", MUTED, "3px,2px"), (here, "these patients", BLUE, "solid")):
        if values is None:
            continue
        counts, _ = np.histogram(np.minimum(values, top - 1e-9), edges)
        share = counts / values.size
        figure.add_trace(
            go.Scatter(
                x=np.repeat(edges, 2)[1:-1], y=np.repeat(share, 2), mode="lines", line={"color": colour, "width": 2.2, "dash": dash}, name=name,
                fill="tozeroy", fillcolor=fade(colour, 0.12), hovertemplate=f"{name}<br>distance %{{x:.2f}}: %{{y:.1%}}<extra></extra>",
            )
        )  # fmt: skip
        rows += [(name, float(a), float(b), int(c), float(s)) for a, b, c, s in zip(edges[:-1], edges[1:], counts, share, strict=True)]
    figure.update_layout(
        xaxis={"range": [0, top], "title": {"text": f"Distance from {'the others' if training is None else 'the training patients'} (1 = threshold)"}, "nticks": 6},
        yaxis={"rangemode": "tozero", "tickformat": ".0%", "title": {"text": "Share of patients"}, "showgrid": True, "gridcolor": GRID},
    )  # fmt: skip
    figure.layout.shapes = [{"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": 1, "x1": 1, "line": {"color": VERMILLION, "width": 1.6}}]
    beyond = float((here > 1).mean())
    lines = [f"<span style='color:{BLUE}'>■</span> these patients, n = {here.size:,}"]
    told = f"{words.percent(beyond)} of {here.size:,} patients lie beyond the threshold"
    if training is not None:
        lines.insert(0, f"<span style='color:{MUTED}'>■</span> training patients (dashed), n = {training.size:,}")
        told += f", {words.percent(float((training > 1).mean()))} of the training patients"
    key = "<br>".join(lines)
    write(
        figure,
        [
            text(key, xref="paper", x=1, xanchor="right", yref="paper", y=1, yanchor="top"),
            text(f"beyond: {words.percent(beyond)} of these", x=1, xref="x", xanchor="left", xshift=4, yref="paper", y=1, yanchor="bottom", yshift=4),
        ],
    )
    if provenance.synthetic:
        badge(figure)
    table = pl.DataFrame(rows, schema=["patients", "from", "to", "n", "share"], orient="row")
    return Chart(
        slug="strangeness", title=title or "How far these patients lie from those of the training", figure=figure, table=table,
        caption=caption or "Distances from the training patients, divided by the threshold; the last bin holds all beyond it.", provenance=provenance,
        alt=f"Outlines of distances. {told}.",
        warnings=warnings,
    )  # fmt: skip

"""Deletion figure: how the output moves when the named features are taken away, or put back alone, against a random order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, write
from core.figures.theme import BLUE, GRID, INK, MUTED, SMALL_SIZE, TEXT_SIZE, fade
from data.schema import PROTOCOLS

if TYPE_CHECKING:
    from core.markers.faithfulness import Faithfulness, Measure

PANELS = (
    ("deletion", "Taken away", "Features taken away", (0.0, 0.45)),
    ("insertion", "Put in alone", "Features put in", (0.55, 1.0)),
)


def deletion(found: Faithfulness, *, provenance: Provenance, title: str = "") -> Chart:
    """Two panels: distance from the full output without the strongest features, and with them alone.

    Parameters
    ----------
    found : from `core.markers.faithfulness.faithfulness`.
    """
    figure = frame(height=420, least=360, margin={"l": 78, "r": 24, "t": 66, "b": 66}, showlegend=False)
    pieces = []
    top = float(found.curves["ci_high"].to_numpy().max()) * 1.06
    for number, (kind, heading, axis, domain) in enumerate(PANELS):
        suffix = "" if number == 0 else "2"
        for curve, colour, dash, name in ((f"random_{kind}", MUTED, "7px,4px", "random order"), (kind, BLUE, "solid", "SHAP order")):
            rows = found.curves.filter(pl.col("curve") == curve).sort("features")
            x = rows["features"].to_list()
            figure.add_trace(
                go.Scatter(
                    x=[*x, *reversed(x)], y=[*rows["ci_high"], *reversed(rows["ci_low"].to_list())], fill="toself", mode="lines",
                    line={"width": 0}, fillcolor=fade(colour, 0.18), hoverinfo="skip", xaxis=f"x{suffix}", yaxis=f"y{suffix}",
                )
            )  # fmt: skip
            figure.add_trace(
                go.Scatter(
                    x=x, y=rows["change"], mode="lines+markers" if len(x) <= 25 else "lines", xaxis=f"x{suffix}", yaxis=f"y{suffix}",
                    line={"color": colour, "width": 2.4, "dash": dash}, marker={"size": 5, "color": colour}, name=name,
                    hovertemplate=f"{name}, %{{x}} features: %{{y:.2f}}<extra></extra>",
                )
            )  # fmt: skip
        measure = found.deletion if kind == "deletion" else found.insertion
        beside = {"xref": "paper", "x": domain[0], "xanchor": "left", "yref": "paper", "y": 1, "yanchor": "bottom"}
        pieces.append(text(f"<b>{heading}</b>", **beside, yshift=30, font={"size": TEXT_SIZE, "color": INK}))
        pieces.append(
            text(
                f"<span style='color:{BLUE}'>— SHAP order</span>   <span style='color:{MUTED}'>- - random</span>   ratio {_ratio(measure)}",
                **beside, yshift=8, font={"size": SMALL_SIZE, "color": INK},
            )
        )  # fmt: skip
        figure.update_layout({
            f"xaxis{suffix}": {"domain": list(domain), "anchor": f"y{suffix}", "title": {"text": axis}, "range": [0, found.used + 0.5], "tickformat": "d"},
            f"yaxis{suffix}": {
                "anchor": f"x{suffix}", "range": [0, top], "showgrid": True, "gridcolor": GRID,
                "title": {"text": "Distance from full output, log-odds" if number == 0 else ""},
            },
        })  # fmt: skip
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
        figure.layout.margin.t = 96
        figure.layout.annotations[-1].yshift = 58
    how = PROTOCOLS.get(found.protocol, found.protocol).partition(":")[0]
    meaning = (
        " The model adds one term a feature, so its SHAP values are right by construction: the curves show how concentrated its predictions are."
        if found.additive
        else " Above 1: the features that SHAP names are those that move the output."
    )
    return Chart(
        slug=f"deletion-{found.predictor}".replace("_", "-"),
        title=title or f"Does the output of {found.predictor_label} move with the features that SHAP names?",
        figure=figure,
        table=found.curves,
        caption=f"Deletion and insertion curves of {found.predictor_label} ({how}) on {found.cohort}: features at the background's value, strongest |SHAP| of "
        f"each patient first; mean over n = {found.n:,}, band 95% bootstrap interval; random order: mean and 95% range over orders. "
        f"Ratio: area against the random order (95% CI).{meaning}",
        provenance=provenance,
        alt=f"Deletion {_ratio(found.deletion)} and insertion {_ratio(found.insertion)} times better than a random order.",
    )


def _ratio(measure: Measure) -> str:
    return f"{words.ratio(measure.value)} ({words.interval((measure.low, measure.high))})"

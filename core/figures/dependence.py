"""Dependence figure: one feature's SHAP value against its value, coloured by the feature that goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, wrap
from core.figures.theme import BLUE, FAINT, GRID, LINE, SEQUENTIAL, SMALL_SIZE, TEXT_SIZE, UNKNOWN, scale

if TYPE_CHECKING:
    from core.markers.explained import Dependence

WEBGL_FROM = 2_000


def dependence(result: Dependence, *, provenance: Provenance, title: str = "") -> Chart:
    """How a feature's contribution changes with its value.

    Parameters
    ----------
    result : from `core.markers.attribution.dependence`. `customdata` of each point starts with patient_id.
    """
    points = result.points
    axis = f"{result.label}, {result.unit}" if result.unit else result.label
    figure = frame(
        height=480, least=400, margin={"l": 84, "r": 250 if result.partner else 40, "t": 16, "b": 66}, showlegend=False
    )
    trace = go.Scattergl if points.height > WEBGL_FROM else go.Scatter
    figure.add_shape(
        type="line", xref="paper", yref="y", x0=0, x1=1, y0=0, y1=0, line={"color": LINE, "width": 1.2, "dash": "dot"}
    )
    size = float(np.clip(190 / np.sqrt(max(points.height, 1)), 4, 9))
    partner = points["partner_value"].cast(pl.Float32).fill_null(np.nan).to_numpy()
    known = np.isfinite(partner)
    name = f"<br>{result.partner_label}: %{{customdata[1]}}" if result.partner else ""
    hover = f"<b>%{{customdata[0]}}</b><br>{result.label}: %{{x:.3g}}{name}<br>SHAP %{{y:+.2f}}<extra></extra>"
    low, high = (float(v) for v in np.quantile(partner[known], [0.02, 0.98])) if known.any() else (0.0, 1.0)
    coloured = {
        "color": partner[known], "colorscale": scale(SEQUENTIAL), "cmin": low, "cmax": high if high > low else low + 1, "size": size,
        "opacity": 0.9, "line": {"width": 0.5, "color": FAINT},
        "colorbar": {
            "title": {"text": "<br>".join(wrap(result.partner_label, 200)), "font": {"size": TEXT_SIZE}}, "len": 0.7, "y": 1,
            "yanchor": "top", "x": 1.02, "outlinewidth": 0, "thickness": 14, "nticks": 5, "tickfont": {"size": SMALL_SIZE},
        },
    }  # fmt: skip
    plain = (
        {"color": UNKNOWN, "symbol": "circle-open", "size": size}
        if result.partner
        else {"color": BLUE, "size": size, "opacity": 0.8}
    )
    for mask, marker in ((~known, plain), (known, coloured)):
        if not mask.any():
            continue
        mine = points.filter(pl.Series(mask))
        figure.add_trace(
            trace(
                x=mine["value"].cast(pl.Float32).to_numpy(), y=mine["shap"].cast(pl.Float32).to_numpy(), mode="markers",
                marker=marker, hovertemplate=hover,
                customdata=[[p, words.number(v)] for p, v in mine.select("patient_id", "partner_value").iter_rows()],
            )
        )  # fmt: skip
    figure.update_layout(
        xaxis={"title": {"text": axis}},
        yaxis={"title": {"text": "SHAP value, log-odds"}, "showgrid": True, "gridcolor": GRID},
    )
    if provenance.synthetic:
        badge(figure)
    caption = f"SHAP value of {words.inside(result.label)} against its value; n = {result.n:,}."
    if result.partner:
        caption += f" Colour: {result.partner_label}" + (", open circles = not known." if (~known).any() else ".")
        caption += _meaning(result)
    if result.n_missing:
        caption += f" {words.count(result.n_missing, 'patient')} whose value is not known left out."
    return Chart(
        slug=f"shap-dependence-{result.feature}".lower().replace("_", "-"),
        title=title or f"How {words.inside(result.label)} moves the prediction",
        figure=figure,
        table=points,
        caption=caption + " Above the line: towards response.",
        provenance=provenance,
        alt=f"Scatter of the SHAP value of {result.label} against its value, {result.n} patients.",
    )


def _meaning(result: Dependence) -> str:
    """Why this feature gives the colour, and what the colour cannot show."""
    goes = {
        "residual": "the feature whose value correlates most (by rank) with the spread around a straight line",
        "value": f"the feature whose value correlates most (by rank) with {words.inside(result.label)}",
    }.get(result.basis, "a feature chosen by hand")
    if result.additive:
        return f" The model is additive: the colour shows {goes}, not an interaction."
    return f" The colour shows {goes}."

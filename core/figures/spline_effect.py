"""Spline figure: a marker's continuous effect with its band, the straight line beside it, the cut drawn through both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.cutoff_curve import SKEWED, marker_axis
from core.figures.layout import badge, frame, text, write
from core.figures.theme import BLUE, EDGE, GRID, INK, MUTED, SMALL_SIZE, VERMILLION, fade
from core.survival.endpoint import Floats

if TYPE_CHECKING:
    from core.markers.cutoff.spline import SplineEffect

TICKS = (0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)


def spline_effect(
    effect: SplineEffect,
    *,
    provenance: Provenance,
    label: str,
    unit: str = "",
    cut: float | None = None,
    values: Floats | None = None,
    title: str = "",
) -> Chart:
    """A marker's continuous effect.

    Parameters
    ----------
    effect : from `core.markers.cutoff.spline`. label, unit : the marker in words. cut : the chosen cut, drawn as a line.
    values : (n,) the patients' values, for the ticks along the axis.

    Raises
    ------
    NotMeasured
        The spline could not be fitted; the message says why.
    """
    table = effect.table
    if table.is_empty():
        raise NotMeasured(f"no continuous effect of {words.inside(label)} can be drawn: {effect.note}")
    x, y = table["value"].to_numpy(), table["ratio"].to_numpy()
    low, high = (table[k].to_numpy().astype(np.float64) for k in ("ci_low", "ci_high"))
    floor, roof = max(float(min(low.min(), 0.6)) / 1.1, 0.02), min(float(max(high.max(), 1.7)) * 1.1, 50.0)
    logarithmic = bool(x.min() > 0 and x.max() / x.min() > SKEWED)
    figure = frame(height=440, least=400, margin={"l": 92, "r": 250, "t": 20, "b": 70}, showlegend=False)
    a, b = np.clip(low, floor, roof), np.clip(high, floor, roof)
    figure.add_trace(
        go.Scatter(
            x=np.concatenate((x, x[::-1])), y=np.concatenate((b, a[::-1])), fill="toself", mode="lines", line={"width": 0},
            fillcolor=fade(BLUE, 0.16), hoverinfo="skip",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=x, y=np.clip(table["linear"].to_numpy(), floor, roof), mode="lines", name="straight line", hoverinfo="skip",
            line={"color": VERMILLION, "width": 1.8, "dash": "9px,3px"},
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=x, y=np.clip(y, floor, roof), mode="lines", name="spline", line={"color": BLUE, "width": 2.6},
            customdata=np.column_stack((y, low, high)),
            hovertemplate=f"{label} %{{x:.3g}}<br>{effect.kind} %{{customdata[0]:.2f}} (%{{customdata[1]:.2f}} to %{{customdata[2]:.2f}})<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[effect.reference], y=[1.0], mode="markers", hoverinfo="skip",
            marker={"color": BLUE, "size": 10, "line": {"color": EDGE, "width": 1.5}},
        )
    )  # fmt: skip
    if values is not None:
        seen = np.unique(values[(values >= x.min()) & (values <= x.max())])
        if seen.size > 400:
            seen = np.quantile(values, np.linspace(0.01, 0.99, 400))
        figure.add_trace(
            go.Scatter(
                x=seen, y=np.full(seen.size, floor * (roof / floor) ** 0.012), mode="markers", hoverinfo="skip",
                marker={"symbol": "line-ns-open", "size": 8, "color": fade(MUTED, 0.5), "line": {"width": 1}},
            )
        )  # fmt: skip
    shapes = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": "y",
            "y0": 1,
            "y1": 1,
            "line": {"color": MUTED, "width": 1.2, "dash": "dash"},
        }
    ]
    if cut is not None and x.min() <= cut <= x.max():
        shapes.append(
            {
                "type": "line",
                "xref": "x",
                "x0": cut,
                "x1": cut,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": INK, "width": 1.6},
            }
        )
    figure.layout.shapes = shapes
    unit_ = f", {unit}" if unit else ""
    ticks = [t for t in TICKS if floor <= t <= roof]
    ticks = ticks if len(ticks) <= 6 else [t for t in ticks if t in {0.02, 0.1, 0.33, 1.0, 3.0, 10.0, 50.0}]
    figure.update_layout(
        xaxis={**marker_axis(float(x.min()), float(x.max()), logarithmic=logarithmic), "title": {"text": f"{label}{unit_}" + (" (log scale)" if logarithmic else "")}},
        yaxis={
            "type": "log", "range": [np.log10(floor), np.log10(roof)], "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks],
            "title": {"text": f"{effect.kind.capitalize()} against the median"}, "showgrid": True, "gridcolor": GRID,
        },
    )  # fmt: skip
    lines = [
        f"<span style='color:{BLUE}'>——</span> spline, {len(effect.knots)} knots, 95% CI",
        f"<span style='color:{VERMILLION}'>– –</span> straight line",
        f"per SD: {words.ratio(effect.per_sd[0])} ({words.interval((effect.per_sd[1], effect.per_sd[2]))})",
        f"any effect: {words.p(effect.p_overall)}",
        f"bend (not straight): {words.p(effect.p_nonlinear)}",
        f"<span style='color:{BLUE}'>●</span> median, {words.number(effect.reference)}",
        *([f"│ cut, {words.number(cut)}"] if cut is not None else []),
    ]
    write(
        figure,
        [
            text(
                line,
                xref="paper",
                x=1,
                xanchor="left",
                xshift=12,
                yref="paper",
                y=1,
                yanchor="top",
                yshift=-26 * i,
                font={"size": SMALL_SIZE, "color": INK},
            )
            for i, line in enumerate(lines)
        ],
    )
    if provenance.synthetic:
        badge(figure)
    model = "Cox model (Efron)" if effect.kind == "hazard ratio" else "logistic regression"
    noun = "event" if effect.kind == "hazard ratio" else "responder"
    return Chart(
        slug="spline-effect",
        title=title or f"The effect of {words.inside(label)} without a cut",
        figure=figure,
        table=table,
        caption=f"{effect.kind.capitalize()} against the median by {model} with a restricted cubic spline (knots at "
        f"{words.listing([words.number(k) for k in effect.knots])}), pointwise 95% CI, from the 1st to the 99th percentile; "
        f"likelihood-ratio tests of any effect and of a bend; n = {effect.n:,}, {words.count(effect.events, noun)}. "
        "A threshold would show as a jump; a line that only rises or falls has none, and any cut of it is a convention.",
        provenance=provenance,
        alt=f"Spline of the {effect.kind} over {label}; any effect {words.p(effect.p_overall)}, bend {words.p(effect.p_nonlinear)}.",
    )  # fmt: skip

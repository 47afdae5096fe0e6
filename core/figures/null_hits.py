"""Null-hits figure: how many markers shuffled outcomes would find, beside how many were found."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note
from core.figures.theme import FAINT, GRID, INK, SMALL_SIZE, VERMILLION
from core.survival.endpoint import Ints

BARS = 60


def null_hits(null: Ints, observed: int, *, provenance: Provenance, what: str, title: str = "", caption: str = "") -> Chart:
    """A histogram of the hits of every shuffle, and a line at the hits observed.

    Parameters
    ----------
    null : (shuffles,) hits of each. observed : hits of the outcomes as they are. what : a hit in words ("markers with
        p < .001").
    """
    most = int(max(null.max(initial=0), observed, 1))
    width = max(1, -(-(most + 1) // BARS))
    edges = np.arange(0, most + width + 1, width)
    counts, _ = np.histogram(null, bins=edges)
    labels = [f"{a}" if width == 1 else f"{a} to {a + width - 1}" for a in edges[:-1]]
    figure = frame(height=300, least=260, margin={"l": 70, "r": 24, "t": 40, "b": 66}, showlegend=False, bargap=0.06)
    centre = edges[:-1] + (width - 1) / 2
    figure.add_trace(
        go.Bar(
            x=centre, y=counts, width=width * 0.94, marker={"color": FAINT}, customdata=labels,
            hovertemplate="%{customdata} " + what + ": %{y} shuffles<extra></extra>",
        )
    )  # fmt: skip
    figure.add_shape(
        type="line", xref="x", yref="paper", x0=observed, x1=observed, y0=0, y1=1, line={"color": VERMILLION, "width": 2.5}
    )
    at_right = observed > 0.6 * most
    note(
        figure, f"<b>observed: {observed:,}</b>", xref="x", x=observed, xanchor="right" if at_right else "left", xshift=-6 if at_right else 6,
        yref="paper", y=1, yanchor="bottom", yshift=4, font={"size": SMALL_SIZE, "color": INK},
    )  # fmt: skip
    figure.update_layout(
        xaxis={"title": {"text": what[:1].upper() + what[1:]}, "range": [-0.7 * width, (most + width) * 1.02], "nticks": 7},
        yaxis={"title": {"text": "Shuffles"}, "showgrid": True, "gridcolor": GRID, "nticks": 5},
    )
    if provenance.synthetic:
        badge(figure)
    low, middle, high = (int(v) for v in np.quantile(null, (0.025, 0.5, 0.975)))
    return Chart(
        slug="null-hits", title=title or "What shuffled outcomes would find", figure=figure,
        table=pl.DataFrame({"hits": labels, "shuffles": counts}), caption=caption or f"Hits of {words.count(null.size, 'shuffle')}; line: hits of the outcomes as they are.", provenance=provenance,
        alt=f"Histogram of {what} in {words.count(null.size, 'shuffle')}: median {middle}, 95% between {low} and {high}; observed {observed}.",
    )  # fmt: skip

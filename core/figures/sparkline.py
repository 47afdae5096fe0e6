"""Sparkline figure: a small histogram over a filter's slider, the chosen range in colour."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.figures.chart import Chart, Provenance
from core.figures.layout import frame
from core.figures.theme import BLUE, UNKNOWN


def sparkline(counted: pl.DataFrame, *, label: str, chosen: tuple[float, float]) -> Chart:
    """Bars without axes.

    Parameters
    ----------
    counted : low, high, n; bins of `core.cohort.overview.distribution`. chosen : bins inside this range are coloured.
    """
    figure = frame(height=64, margin={"l": 6, "r": 6, "t": 2, "b": 2}, showlegend=False, bargap=0.06)
    middle = ((counted["low"] + counted["high"]) / 2).to_list()
    figure.add_trace(
        go.Bar(
            x=middle, y=counted["n"].to_list(), hoverinfo="skip",
            marker={"color": [BLUE if chosen[0] <= m <= chosen[1] else UNKNOWN for m in middle]},
        )
    )  # fmt: skip
    figure.update_layout(xaxis={"visible": False, "fixedrange": True}, yaxis={"visible": False, "fixedrange": True})
    return Chart(
        slug="sparkline", title=f"Distribution of {label}", figure=figure, table=counted, caption="",
        provenance=Provenance(cohort="", n=int(counted["n"].sum())), alt=f"Histogram of {label}",
    )  # fmt: skip

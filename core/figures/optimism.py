"""Optimism figure: where the search puts the cut in bootstrap samples, and what the cut claims before and after correction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, write
from core.figures.theme import BLUE, GRID, INK, PANEL, SMALL_SIZE, fade

if TYPE_CHECKING:
    from core.markers.cutoff.optimism import Corrected, Optimism

BARS = 40


def optimism(found: Optimism, *, provenance: Provenance, label: str, unit: str = "", title: str = "") -> Chart:
    """How far a searched cut moves over bootstrap samples.

    Parameters
    ----------
    found : from `core.markers.cutoff.optimism`. label, unit : the marker in words.

    Raises
    ------
    NotMeasured
        Nothing was resampled; the message says why.
    """
    if found.cuts.size == 0:
        raise NotMeasured(
            f"the cut of {words.inside(label)} was not resampled: {found.note or 'no resamples were asked for'}"
        )
    table = _bars(found)
    lines = [
        f"<b>Cut {words.number(found.cut)}</b>",
        *(
            [f"95% {words.number(found.cut_ci[0])} to {words.number(found.cut_ci[1])}"]
            if np.isfinite(found.cut_ci[0])
            else []
        ),
        *_claims("Hazard ratio", found.log_hr, ratio=True),
        *_claims("Youden index", found.youden, ratio=False),
    ]
    figure = frame(height=360, least=330, margin={"l": 92, "r": 280, "t": 20, "b": 70}, showlegend=False)
    figure.add_trace(
        go.Bar(
            x=table["cut"], y=table["resamples"], width=table["width"].to_numpy() * 0.92,
            marker={"color": fade(BLUE, 0.75), "line": {"width": 0}},
            hovertemplate="cut about %{x:.3g}<br>%{y} resamples<extra></extra>",
        )
    )  # fmt: skip
    shapes: list[dict[str, object]] = []
    if np.isfinite(found.cut_ci[0]):
        shapes.append(
            {
                "type": "rect",
                "xref": "x",
                "yref": "paper",
                "x0": found.cut_ci[0],
                "x1": found.cut_ci[1],
                "y0": 0,
                "y1": 1,
                "fillcolor": PANEL,
                "line": {"width": 0},
                "layer": "below",
            }
        )
    shapes.append(
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": found.cut,
            "x1": found.cut,
            "y0": 0,
            "y1": 1,
            "line": {"color": INK, "width": 1.6},
        }
    )
    figure.layout.shapes = shapes
    unit_ = f", {unit}" if unit else ""
    figure.update_layout(
        xaxis={"title": {"text": f"Cut of {words.inside(label)} in a resample{unit_}"}, "nticks": 6},
        yaxis={"title": {"text": "Resamples"}, "showgrid": True, "gridcolor": GRID, "rangemode": "tozero"},
        bargap=0,
    )
    write(
        figure,
        [
            text(
                line,
                xref="paper",
                x=1,
                xanchor="left",
                xshift=14,
                yref="paper",
                y=1,
                yanchor="top",
                yshift=-25 * i,
                font={"size": SMALL_SIZE, "color": INK},
            )
            for i, line in enumerate(lines)
        ],
    )
    if provenance.synthetic:
        badge(figure)
    lost = f" {words.count(found.failed, 'resample')} gave no cut." if found.failed else ""
    return Chart(
        slug="cutoff-optimism",
        title=title or f"How far the cut of {words.inside(label)} moves, and how much it flatters itself",
        figure=figure,
        table=table.select("cut", "resamples"),
        caption=f"The search repeated in {found.resamples:,} bootstrap samples of the n = {found.n:,} patients; line: the cut found on the "
        "patients themselves; grey: 2.5 to 97.5 percentiles, a description of how far the cut moves rather than an interval with exact coverage. "
        f"Corrected = apparent less Harrell's optimism (mean over resamples of the claim in the resample less that of the same cut here). "
        f"For a searched cut it takes away only 60 to 75% of the optimism in simulated noise: expect less still elsewhere.{lost}",
        provenance=provenance,
        alt=f"Histogram of the cut of {label} over {found.resamples} bootstrap samples. " + " ".join(lines[1:]).replace("<b>", "").replace("</b>", "") + ".",
    )  # fmt: skip


def _claims(name: str, measure: Corrected, *, ratio: bool) -> list[str]:
    """A measure before and after, in words; nothing where it does not exist."""
    if not np.isfinite(measure.apparent):
        return []

    def write_(value: float) -> str:
        return words.ratio(float(np.exp(value)) if ratio and np.isfinite(value) else value)

    low, high = measure.optimism_ci
    said = f"optimism {words.signed(measure.optimism)} ({words.signed(low)} to {words.signed(high)})"
    return [
        "",
        f"<b>{name}</b>",
        f"here {write_(measure.apparent)}, corrected {write_(measure.corrected)}",
        *([said] if np.isfinite(low) and np.isfinite(high) else []),
        *(["(optimism on the log scale)"] if ratio and np.isfinite(low) and np.isfinite(high) else []),
    ]


def _bars(found: Optimism) -> pl.DataFrame:
    """Resamples by cut: one bar a value where there are few, else bars of equal width."""
    values, counts = np.unique(found.cuts, return_counts=True)
    if values.size <= BARS:
        width = float(np.diff(values).min()) if values.size > 1 else max(abs(float(values[0])) * 0.05, 1e-3)
        width = max(width, float(np.ptp(values)) / 120)
        return pl.DataFrame({"cut": values, "resamples": counts, "width": np.full(values.size, width)})
    counts, edges = np.histogram(found.cuts, bins=BARS)
    return pl.DataFrame({"cut": (edges[1:] + edges[:-1]) / 2, "resamples": counts, "width": np.diff(edges)})

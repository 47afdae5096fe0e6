"""Precision-recall figure: square, the prevalence line, average precision with its interval beside each curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, wrap
from core.figures.theme import DASHES, FAINT, MUTED, colours

if TYPE_CHECKING:
    from core.response.precision_recall import PrecisionRecall

SIDE = 460
MOST_POINTS = 400
SHARES = {"range": [0, 1], "tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0%", "25%", "50%", "75%", "100%"]}


def precision_recall(
    curves: Sequence[tuple[str, PrecisionRecall]], *, provenance: Provenance, title: str = ""
) -> Chart:
    """Precision-recall curves of one or more predictors on the same patients.

    Parameters
    ----------
    curves : (predictor in words, its curve from `core.response.precision_recall`). A curve without responders is named,
        not drawn.
    """
    colour = colours([label for label, _ in curves])
    figure = frame(height=SIDE + 16 + 66, least=420, margin={"l": 86, "r": 400, "t": 16, "b": 66}, showlegend=False)
    prevalence = curves[0][1].prevalence
    if prevalence == prevalence:
        figure.add_trace(
            go.Scatter(
                x=[0, 1], y=[prevalence, prevalence], mode="lines", hoverinfo="skip", name="prevalence",
                line={"color": FAINT, "width": 1.4, "dash": "dot"},
            )
        )  # fmt: skip
    for i, (label, curve) in enumerate(curves):
        points = curve.points
        if points.is_empty():
            continue
        rows = np.unique(np.linspace(0, points.height - 1, MOST_POINTS).round().astype(np.int64))
        drawn = points[rows] if points.height > MOST_POINTS else points
        figure.add_trace(
            go.Scatter(
                x=[0.0, *drawn["recall"]], y=[drawn["precision"][0], *drawn["precision"]], mode="lines", name=label,
                line={"color": colour[label], "width": 2.6, "dash": DASHES[i % len(DASHES)], "shape": "vh"},
                customdata=[drawn["threshold"][0], *drawn["threshold"]],
                hovertemplate=f"<b>{label}</b><br>%{{x:.0%}} of responders found; of those called, %{{y:.0%}} respond<br>"
                "score ≥ %{customdata:.3g}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_layout(
        xaxis={**SHARES, "title": {"text": "Recall: responders found (sensitivity)"}, "constrain": "domain"},
        yaxis={**SHARES, "title": {"text": "Precision: of those called, who responds"}, "scaleanchor": "x", "constrain": "domain"},
    )  # fmt: skip
    figure.update_xaxes(constraintoward="right")
    ranked = sorted(curves, key=lambda c: -(c[1].average_precision.effect or -1.0))
    lines = [
        f"<span style='color:{colour[label]}'>■</span> <b>{'<br>'.join(wrap(label, 330))}</b><br>"
        f"average precision {words.estimate(c.average_precision)}"
        for label, c in ranked
    ]
    lines.append(f"<span style='color:{MUTED}'>Dotted line: the response rate,<br>{words.percent(prevalence)}: no information</span>")
    note(figure, "<br><br>".join(lines), xref="x", x=1, xanchor="left", xshift=24, yref="paper", y=0.98, yanchor="top")
    if provenance.synthetic:
        badge(figure)
    said = "; ".join(f"{label}: average precision {words.estimate(c.average_precision)}" for label, c in curves)
    return Chart(
        slug="precision-recall",
        title=title or "Precision and recall for responders",
        figure=figure,
        table=pl.concat([c.points.select(pl.lit(label).alias("predictor"), pl.all()) for label, c in curves], how="diagonal_relaxed"),
        caption=f"Precision-recall curves for response (CR or PR); average precision with 95% CI; n = {provenance.n:,}. It depends on "
        "the response rate, so it is not comparable between cohorts.",
        provenance=provenance,
        alt=f"Precision-recall curves. {said}.",
        warnings=tuple(f"{label}: {c.average_precision.note}" for label, c in curves if c.points.is_empty()),
    )  # fmt: skip

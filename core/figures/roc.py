"""ROC figure: square, chance line, AUC with its interval beside each curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, wrap
from core.figures.theme import DASHES, FAINT, MUTED, colours
from core.response.roc import Roc

SIDE = 460
MOST_POINTS = 400


def roc(rocs: Roc | Sequence[Roc], *, provenance: Provenance, title: str = "") -> Chart:
    """ROC curves of one or more predictors on the same patients.

    Parameters
    ----------
    rocs : from `core.response.roc.roc`, with `label` set. A curve without both classes is named, not drawn.
    """
    many = (rocs,) if isinstance(rocs, Roc) else tuple(rocs)
    colour = colours([r.label for r in many])
    figure = frame(height=SIDE + 16 + 66, least=420, margin={"l": 86, "r": 400, "t": 16, "b": 66}, showlegend=False)
    figure.add_trace(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", line={"color": FAINT, "width": 1.4, "dash": "dot"}, hoverinfo="skip",
            name="chance",
        )
    )  # fmt: skip
    for i, r in enumerate(many):
        if r.points.is_empty():
            continue
        points = _thin(r.points)
        figure.add_trace(
            go.Scatter(
                x=1 - points["specificity"].to_numpy(), y=points["sensitivity"].to_numpy(), mode="lines",
                line={"color": colour[r.label], "width": 2.6, "dash": DASHES[i % len(DASHES)]}, name=r.label,
                customdata=points["threshold"].to_numpy(),
                hovertemplate=f"<b>{r.label}</b><br>sensitivity %{{y:.0%}}, false positives %{{x:.0%}}<br>"
                "score ≥ %{customdata:.3g}<extra></extra>",
            )
        )  # fmt: skip
    axis = {"range": [0, 1], "tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0%", "25%", "50%", "75%", "100%"]}
    figure.update_layout(
        xaxis={**axis, "title": {"text": "False positive rate (1 − specificity)"}, "constrain": "domain"},
        yaxis={
            **axis,
            "title": {"text": "True positive rate (sensitivity)"},
            "scaleanchor": "x",
            "constrain": "domain",
        },
    )
    figure.update_xaxes(constraintoward="right")
    lines = []
    for r in sorted(many, key=lambda r: -(r.auc.effect if r.auc.effect == r.auc.effect and r.auc.effect else -1)):
        name = "<br>".join(wrap(r.label, 330))
        lines.append(
            f"<span style='color:{colour[r.label]}'>■</span> <b>{name}</b><br>{words.area(r.auc)}<br>n = {r.n:,}, {words.count(r.responders, 'responder')}"
        )
    lines.append(f"<span style='color:{MUTED}'>Dotted line: chance, AUC 0.50</span>")
    note(
        figure, "<br><br>".join(lines), xref="x", x=1, xanchor="left", xshift=24, yref="paper", y=0.98,
        yanchor="top",
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    table = pl.concat([r.points.select(pl.lit(r.label).alias("predictor"), pl.all()) for r in many])
    counts = sorted({r.n for r in many})
    size = f"n = {counts[0]:,}" if len(counts) == 1 else f"n = {counts[0]:,} to {counts[-1]:,}"
    caption = f"Receiver operating characteristic for response (CR or PR); AUC with 95% interval (DeLong); {size}."
    lost = max(r.auc.n_missing for r in many)
    if lost:
        caption += f" Up to {words.count(lost, 'patient')} without response or score left out."
    best = "; ".join(f"{r.label}: {words.area(r.auc)}" for r in many)
    return Chart(
        slug="roc",
        title=title or "Discrimination of responders from non-responders",
        figure=figure,
        table=table,
        caption=caption,
        provenance=provenance,
        alt=f"ROC curves. {best}.",
        warnings=tuple(f"{r.label}: {r.auc.note}" for r in many if r.points.is_empty()),
    )


def _thin(points: pl.DataFrame) -> pl.DataFrame:
    """Corners of the curve, at most MOST_POINTS of them: points on a straight stretch are not drawn."""
    x, y = points["specificity"].to_numpy(), points["sensitivity"].to_numpy()
    dx, dy = np.diff(x), np.diff(y)
    corner = np.ones(x.size, dtype=bool)
    corner[1:-1] = np.abs(dx[:-1] * dy[1:] - dx[1:] * dy[:-1]) > 1e-15
    rows = np.flatnonzero(corner)
    if rows.size > MOST_POINTS:
        rows = rows[np.unique(np.linspace(0, rows.size - 1, MOST_POINTS).round().astype(np.int64))]
    return points[rows]

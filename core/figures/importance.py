"""Importance figure: mean absolute SHAP value of each feature, with its bootstrap interval and the null."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from core.figures import words
from core.figures.beeswarm import caption
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.theme import BLUE, FAINT, GRID, INK, MUTED, SMALL_SIZE, TEXT_SIZE, UNKNOWN

if TYPE_CHECKING:
    from core.markers.explained import Summary

ROW = 32


def importance(summary: Summary, *, provenance: Provenance, top: int = 15, title: str = "") -> Chart:
    """Bars of mean |SHAP|, strongest first; a tick marks the 95th percentile under permuted labels.

    Parameters
    ----------
    summary : from `core.markers.attribution.summary`. top : so many features.
    """
    rows = summary.features.head(top).rows(named=True)
    grey = [row["beats_null"] is False for row in rows]
    names = [
        f"<span style='color:{FAINT}'>{shorten(r['label'], 44)}</span>" if g else shorten(r["label"], 44)
        for r, g in zip(rows, grey, strict=True)
    ]
    texts = [_number(row) for row in rows]
    place = list(range(len(rows)))
    figure = frame(
        height=ROW * len(rows) + 32 + 66, least=24 * len(rows) + 98, showlegend=False,
        margin={"l": widest(names) + 30, "r": widest([*texts, "mean |SHAP| (95% CI)"]) + 34, "t": 32, "b": 66},
    )  # fmt: skip
    bar = go.Bar(
        x=[r["mean_abs_shap"] for r in rows], y=place, orientation="h", width=0.62,
        marker={"color": [UNKNOWN if g else BLUE for g in grey]}, customdata=[[r["label"], t] for r, t in zip(rows, texts, strict=True)],
        hovertemplate="<b>%{customdata[0]}</b><br>mean |SHAP| %{customdata[1]}<extra></extra>",
    )  # fmt: skip
    if any(r["ci_low"] is not None for r in rows):
        bar.error_x = {
            "type": "data", "symmetric": False, "color": INK, "thickness": 1.5, "width": 5,
            "array": [0 if r["ci_high"] is None else max(r["ci_high"] - r["mean_abs_shap"], 0) for r in rows],
            "arrayminus": [0 if r["ci_low"] is None else max(r["mean_abs_shap"] - r["ci_low"], 0) for r in rows],
        }  # fmt: skip
    figure.add_trace(bar)
    nulls = [(r["null_95"], i) for i, r in enumerate(rows) if r["null_95"] is not None]
    if nulls:
        figure.add_trace(
            go.Scatter(
                x=[n for n, _ in nulls], y=[i for _, i in nulls], mode="markers", hoverinfo="skip",
                marker={"symbol": "line-ns-open", "size": 18, "color": INK, "line": {"width": 2, "color": INK}},
            )
        )  # fmt: skip
    beside = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": 16}
    pieces = [
        text(content, **beside, yref="y", y=i, font={"size": TEXT_SIZE, "color": MUTED if grey[i] else INK})
        for i, content in enumerate(texts)
    ]
    heading = {"size": SMALL_SIZE, "color": MUTED}
    pieces.append(
        text("<b>mean |SHAP| (95% CI)</b>", **beside, yref="paper", y=1, yanchor="bottom", yshift=4, font=heading)
    )
    write(figure, pieces)
    figure.update_layout(
        xaxis={"rangemode": "tozero", "showgrid": True, "gridcolor": GRID, "title": {"text": "Mean absolute SHAP value, log-odds"}},
        yaxis={
            "range": [len(rows) - 0.4, -0.6], "tickvals": place, "ticktext": names, "ticks": "",
            "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    words_ = caption(summary, rows)
    if any(r["ci_low"] is not None for r in rows):
        words_ += " Whiskers: 95% bootstrap interval over patients."
    if nulls:
        words_ += " Ticks in the bars: 95th percentile with permuted labels."
    return Chart(
        slug=f"shap-importance-{summary.predictor}".replace("_", "-"),
        title=title or f"Which features {summary.predictor_label} uses most",
        figure=figure,
        table=summary.features,
        caption=words_,
        provenance=provenance,
        alt=f"Mean absolute SHAP values; strongest: {words.listing([r['label'] for r in rows[:3]])}.",
    )


def _number(row: dict[str, object]) -> str:
    low, high = row["ci_low"], row["ci_high"]
    mean = f"{row['mean_abs_shap']:.2f}"
    return mean if low is None or high is None else f"{mean} ({low:.2f} to {high:.2f})"

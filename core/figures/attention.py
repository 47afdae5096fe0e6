"""Attention figure: where a network looks, beside what moves its output - two different things."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.theme import BLUE, GRID, INK, MUTED, ORANGE, SMALL_SIZE, TEXT_SIZE

ROW = 30


def attention(weights: pl.DataFrame, *, provenance: Provenance, model: str, top: int = 15, title: str = "") -> Chart:
    """Attention of each token, and its share of the summed |SHAP|, in the order of the latter.

    Parameters
    ----------
    weights : label, attention (share of the patient token's attention, 0 to 1, mean over patients, heads and members),
        shap_share (0 to 1); one row a token. model : the model in words. top : so many tokens.
    """
    shown = weights.sort("shap_share", "attention", "label", descending=[True, True, False]).head(top)
    rows = shown.rows(named=True)
    names = [shorten(r["label"], 44) for r in rows]
    place = list(range(len(rows)))
    figure = frame(
        height=ROW * len(rows) + 120, least=24 * len(rows) + 112, margin={"l": widest(names) + 30, "r": 40, "t": 44, "b": 66}, showlegend=False
    )
    figure.add_trace(
        go.Bar(
            x=[r["shap_share"] for r in rows], y=place, orientation="h", width=0.6, marker={"color": BLUE}, customdata=names,
            hovertemplate="<b>%{customdata}</b><br>share of |SHAP| %{x:.1%}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[r["attention"] for r in rows], y=place, mode="markers", customdata=names,
            marker={"symbol": "diamond-open", "size": 11, "color": ORANGE, "line": {"width": 2.2, "color": ORANGE}},
            hovertemplate="<b>%{customdata}</b><br>attention %{x:.1%}<extra></extra>",
        )
    )  # fmt: skip
    write(figure, [
        text(
            f"<span style='color:{BLUE}'>■</span> share of |SHAP|   <span style='color:{ORANGE}'>◇</span> attention (not importance)",
            xref="paper", x=0, xanchor="left", yref="paper", y=1, yanchor="bottom", yshift=8, font={"size": SMALL_SIZE, "color": INK},
        )
    ])  # fmt: skip
    figure.update_layout(
        xaxis={"rangemode": "tozero", "showgrid": True, "gridcolor": GRID, "tickformat": ".0%", "title": {"text": "Share", "font": {"color": MUTED}}},
        yaxis={
            "range": [len(rows) - 0.4, -0.6], "tickvals": place, "ticktext": names, "ticks": "", "tickfont": {"size": TEXT_SIZE},
            "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    agreement = weights.select(pl.corr("attention", "shap_share", method="spearman")).item() if weights.height > 2 else None
    said = f" Rank correlation of the two over {weights.height} tokens: {words.ratio(agreement)}." if agreement is not None else ""
    return Chart(
        slug="attention",
        title=title or f"Where {model} looks, beside what moves it",
        figure=figure,
        table=shown,
        caption=f"Attention of the last layer's patient token to each token of {model}, mean over n = {provenance.n:,}, heads and members, beside the share of "
        f"the summed |SHAP|. Attention is not importance: a token that is looked at need not move the output (Jain & Wallace 2019).{said}",
        provenance=provenance,
        alt=f"Attention beside SHAP; strongest by SHAP: {words.listing(names[:3])}.",
    )

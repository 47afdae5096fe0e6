"""Waterfall figure: one patient's prediction, from the average patient's to their own, feature by feature."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import BLUE, FAINT, GRID, INK, LINE, MUTED, SMALL_SIZE, TEXT_SIZE, VEIL, VERMILLION
from data.schema import PROTOCOLS

if TYPE_CHECKING:
    from core.markers.explained import Waterfall

ROW = 36


def _chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(min(log_odds, 500.0), -500.0)))


def waterfall(result: Waterfall, *, provenance: Provenance, title: str = "") -> Chart:
    """Bars from the base value to the patient's output.

    Parameters
    ----------
    result : from `core.markers.attribution.waterfall`. Blue to the right raises the predicted log-odds of response,
        vermillion to the left lowers them; sign and number stand beside each bar.
    """
    rows = result.steps.rows(named=True)
    names = [shorten(r["label"], 40) + (f" = {shorten(r['shown'], 22)}" if r["shown"] else "") for r in rows]
    figure = frame(
        height=ROW * len(rows) + 46 + 66, least=25 * len(rows) + 112, showlegend=False,
        margin={"l": widest(names) + 30, "r": 40, "t": 46, "b": 66},
    )  # fmt: skip
    ends = [result.base, *(r["end"] for r in rows)]
    low, high = min(ends), max(ends)
    pad = max((high - low) * 0.16, 0.1)
    for i, row in enumerate(rows):
        up = row["shap"] >= 0
        figure.add_trace(
            go.Bar(
                x=[row["end"] - row["start"]], base=[row["start"]], y=[i], orientation="h", width=0.62,
                marker={"color": BLUE if up else VERMILLION}, customdata=[[names[i], row["shap"]]],
                hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]:+.3f} log-odds<extra></extra>",
            )
        )  # fmt: skip
        note(
            figure, words.signed(row["shap"]), xref="x", yref="y", x=row["end"], y=i, xshift=6 if up else -6,
            xanchor="left" if up else "right", font={"size": SMALL_SIZE, "color": INK}, borderpad=1,
            bgcolor=VEIL,
        )  # fmt: skip
        if i + 1 < len(rows):
            figure.add_shape(
                type="line", xref="x", yref="y", x0=row["end"], x1=row["end"], y0=i - 0.31, y1=i + 1.31,
                line={"color": LINE, "width": 1},
            )  # fmt: skip
    near = abs(result.output - result.base) < 0.34 * (high - low + 2 * pad)
    left_first = result.base <= result.output
    for value, text, colour, at_base in (
        (result.base, f"base value: {words.percent(_chance(result.base))}", MUTED, True),
        (result.output, f"<b>this patient: {words.percent(_chance(result.output))}</b>", INK, False),
    ):
        figure.add_shape(
            type="line", xref="x", yref="paper", x0=value, x1=value, y0=0, y1=1,
            line={"color": FAINT if at_base else INK, "width": 1.4, "dash": "dot" if at_base else "dash"},
        )  # fmt: skip
        side = ("right" if at_base == left_first else "left") if near else "center"
        note(
            figure, text, xref="x", x=value, xanchor=side, yref="paper", y=1, yanchor="bottom", yshift=4,
            font={"size": TEXT_SIZE, "color": colour},
        )  # fmt: skip
    figure.update_layout(
        xaxis={"range": [low - pad, high + pad], "title": {"text": "Predicted log-odds of response"}, "showgrid": True, "gridcolor": GRID},
        yaxis={
            "range": [len(rows) - 0.4, -0.6], "tickvals": list(range(len(rows))), "ticktext": names, "ticks": "", "showline": False,
            "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
        figure.layout.margin.t = 70
        figure.layout.annotations[-1].yshift = 32
    how = PROTOCOLS.get(result.protocol, result.protocol).partition(":")[0]
    top = "; ".join(f"{name} {row['shap']:+.2f}" for name, row in zip(names[:3], rows, strict=False))
    return Chart(
        slug=f"shap-waterfall-{result.predictor}".replace("_", "-"),
        title=title
        or f"Why {result.predictor_label} predicts {words.percent(result.probability)} for {result.patient_id}",
        figure=figure,
        table=result.steps,
        caption=f"SHAP values of {result.predictor_label} ({how}) for one patient, log-odds; base + sum of SHAP = output within {abs(result.residual):.0e}. Associations in the model, not causes.",
        provenance=provenance,
        alt=f"{result.patient_id}: predicted {words.percent(result.probability)}. {top}.",
    )

"""Counterfactual figure: what would have to be measured differently for the prediction to cross the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.theme import BLUE, GRID, INK, LINE, SMALL_SIZE, TEXT_SIZE, VERMILLION

if TYPE_CHECKING:
    from core.markers.counterfactual import Counterfactual

ROW = 50


def counterfactual(found: Counterfactual, *, provenance: Provenance, title: str = "") -> Chart:
    """One bar a changed feature, in standard deviations of the cohort, with its value before and after.

    Parameters
    ----------
    found : from `core.markers.counterfactual.counterfactual`, with at least one step.
    """
    rows = found.steps.rows(named=True)
    names = [shorten(r["label"], 40) for r in rows]
    moves = [str(r["moved"]) for r in rows]
    figure = frame(
        height=ROW * len(rows) + 104, least=40 * len(rows) + 100, showlegend=False,
        margin={"l": widest(names) + 30, "r": widest([*moves, "now, and after"]) + 34, "t": 34, "b": 66},
    )  # fmt: skip
    figure.add_trace(
        go.Bar(
            x=[r["change_sd"] for r in rows], y=list(range(len(rows))), orientation="h", width=0.56,
            marker={"color": [BLUE if r["change_sd"] > 0 else VERMILLION for r in rows]}, customdata=list(zip(names, moves, strict=True)),
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{x:+.2f} SD<extra></extra>",
        )
    )  # fmt: skip
    figure.add_shape(type="line", xref="x", yref="paper", x0=0, x1=0, y0=0, y1=1, line={"color": LINE, "width": 1.4})
    reach = max(max(abs(r["change_sd"]) for r in rows), 0.5) * 1.7
    beside = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": 16}
    pieces = [text(content, **beside, yref="y", y=i, font={"size": TEXT_SIZE, "color": INK}) for i, content in enumerate(moves)]
    pieces.append(text("<b>now, and after</b>", **beside, yref="paper", y=1, yanchor="bottom", yshift=4, font={"size": SMALL_SIZE, "color": INK}))
    for i, row in enumerate(rows):
        up = row["change_sd"] > 0
        pieces.append(
            text(
                f"{words.signed(row['change_sd'])} SD", xref="x", x=row["change_sd"], yref="y", y=i, xanchor="left" if up else "right",
                xshift=6 if up else -6, font={"size": SMALL_SIZE, "color": INK},
            )
        )  # fmt: skip
    write(figure, pieces)
    figure.update_layout(
        xaxis={"range": [-reach, reach], "showgrid": True, "gridcolor": GRID, "title": {"text": "Change, standard deviations of the cohort"}},
        yaxis={
            "range": [len(rows) - 0.4, -0.6], "tickvals": list(range(len(rows))), "ticktext": names, "ticks": "", "showline": False,
            "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    now, after, at = (words.percent(c) for c in found.chances)
    least = "no smaller change within the cohort's 1% to 99% range does it" if found.exact else "the smallest that a search found within the cohort's 1% to 99% range"
    return Chart(
        slug=f"counterfactual-{found.predictor}".replace("_", "-"),
        title=title or f"What would flip the prediction of {found.predictor_label} for {found.patient_id}",
        figure=figure,
        table=found.steps,
        caption=f"Counterfactual: predicted {now} now, {after} after; threshold: the cohort's median "
        f"prediction, {at}. {least[:1].upper()}{least[1:]} (sum of changes in SD, at most 3 measured features; age, sex, cancer and history stay). "
        "It describes the model, not what a treatment would do, and is no advice on treatment.",
        provenance=provenance,
        alt="; ".join(f"{n}: {m}" for n, m in zip(names, moves, strict=True)),
    )

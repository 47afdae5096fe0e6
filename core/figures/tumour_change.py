"""Tumour-change figure: best change of each patient's target lesions, from growth to shrinkage, coloured by RECIST."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, text, write
from core.figures.theme import INK, MUTED, SMALL_SIZE, UNKNOWN, colours

HEIGHT = 440
MOST = 100.0
"""Growth beyond it is drawn at it, with an arrowhead."""
GROWTH, SHRINKAGE = 20.0, -30.0
ORDER = ("PD", "SD", "PR", "CR")
NAMES = {"CR": "Complete response", "PR": "Partial response", "SD": "Stable disease", "PD": "Progressive disease"}


def tumour_change(frame_: pl.DataFrame, *, provenance: Provenance, title: str = "", caption: str = "") -> Chart:
    """Waterfall of tumour change.

    Parameters
    ----------
    frame_ : one row a patient: patient_id, change (per cent of baseline, negative = shrinkage), recist ('CR', 'PR',
        'SD', 'PD' or null).

    Raises
    ------
    NotMeasured
        No patient has a change.
    """
    data = frame_.drop_nulls("change").sort("change", "patient_id", descending=[True, False])
    if data.is_empty():
        raise NotMeasured("nobody here has a measured change of target lesions; choose a study that reports it")
    figure = frame(height=HEIGHT, least=400, margin={"l": 86, "r": 210, "t": 20, "b": 54}, showlegend=False, bargap=0.12)
    data = data.with_row_index("place")
    colour = colours(list(ORDER))
    counts = {}
    for level in (*ORDER, None):
        mine = data.filter(pl.col("recist").is_null() if level is None else pl.col("recist") == level)
        if mine.is_empty():
            continue
        counts[level] = mine.height
        figure.add_trace(
            go.Bar(
                x=mine["place"].to_numpy(), y=mine["change"].clip(-MOST, MOST).to_numpy(), name=level or "not evaluable",
                marker={"color": colour[level] if level else UNKNOWN, "line": {"width": 0}},
                customdata=mine.select("patient_id", "change").rows(),
                hovertemplate="%{customdata[0]}<br>%{customdata[1]:+.0f}% of baseline<br>"
                + (NAMES[level] if level else "RECIST not evaluable") + "<extra></extra>",
            )
        )  # fmt: skip
    beyond = data.filter(pl.col("change") > MOST)
    if beyond.height:
        figure.add_trace(
            go.Scatter(
                x=beyond["place"].to_numpy(), y=[MOST * 1.035] * beyond.height, mode="markers", hoverinfo="skip",
                marker={"symbol": "triangle-up", "size": 8, "color": INK}, name="beyond the axis",
            )
        )  # fmt: skip
    figure.layout.shapes = [
        {
            "type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": y, "y1": y,
            "line": {"color": INK, "width": 1.2, "dash": dash},
        }
        for y, dash in ((0.0, "solid"), (GROWTH, "dash"), (SHRINKAGE, "dash"))
    ]  # fmt: skip
    low = min(float(str(data["change"].min())), -50.0)
    high = max(min(float(str(data["change"].max())), MOST), 50.0)
    write(
        figure,
        [
            text(words_, xref="paper", x=1, xanchor="left", xshift=8, yref="y", y=y, font={"size": SMALL_SIZE, "color": MUTED})
            for y, words_ in ((GROWTH, "+20%: progression"), (SHRINKAGE, "−30%: partial response"))
        ],
    )  # fmt: skip
    legend = [
        f"<span style='color:{colour[level] if level else UNKNOWN}'>■</span> {level or 'not evaluable'}, n = {n:,}"
        for level, n in counts.items()
    ]
    note(figure, "<br>".join(legend), xref="paper", x=1, xanchor="left", xshift=8, yref="paper", y=1, yanchor="top")
    figure.update_layout(
        xaxis={"range": [-0.8, data.height - 0.2], "showticklabels": False, "ticks": "", "title": {"text": f"{data.height:,} patients, largest growth first"}},
        yaxis={
            "range": [max(low * 1.06, -106.0), high * 1.1], "tickvals": [-100, -50, 0, 50, 100],
            "ticktext": ["−100%", "−50%", "0%", "+50%", "+100%"], "title": {"text": "Best change of target lesions"},
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    shrunk = data.filter(pl.col("change") <= SHRINKAGE).height
    return Chart(
        slug="tumour-change",
        title=title or "Best change of target lesions, patient by patient",
        figure=figure,
        table=data.select("patient_id", "change", "recist"),
        caption=caption
        or f"Smallest sum of diameters of the target lesions after the start against baseline; n = {data.height:,}. Dashed lines: RECIST 1.1, "
        "−30% and +20%.",
        provenance=provenance,
        alt=f"Waterfall of {data.height} patients; {shrunk} shrank by 30% or more.",
    )

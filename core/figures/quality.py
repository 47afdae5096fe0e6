"""Quality figure: every data check on every study, as a grid of marks."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import INK, SMALL_SIZE, STATUS, TEXT_SIZE, UNKNOWN, fade

ROW = 27


def quality(checks: pl.DataFrame, *, provenance: Provenance, title: str = "") -> Chart:
    """A grid of check (rows) by study (columns); colour and mark say how it came out.

    Parameters
    ----------
    checks : study, check, title, status ('pass', 'fail', 'not applicable'), n, detail. `customdata` of each
        cell: study, check.
    """
    studies = checks["study"].unique(maintain_order=True).to_list()
    order = checks.select("check", "title").unique("check", maintain_order=True)
    kinds = order["check"].to_list()
    titles = [shorten(t or c, 62) for c, t in order.iter_rows()]
    heads = [shorten(s, 24) for s in studies]
    tilt = len(studies) > 5
    top = widest(heads) * (0.75 if tilt else 0) + 58
    figure = frame(
        height=ROW * len(kinds) + top + 16, least=21 * len(kinds) + top + 16, showlegend=False,
        margin={"l": widest(titles, size=SMALL_SIZE) + 24, "r": 90 if tilt else 40, "t": top, "b": 16},
    )  # fmt: skip
    column = {s: i for i, s in enumerate(studies)}
    row = {c: i for i, c in enumerate(kinds)}
    for status, (colour, mark) in STATUS.items():
        mine = checks.filter(pl.col("status") == status)
        if mine.is_empty():
            continue
        quiet = status == "not applicable"
        figure.add_trace(
            go.Scatter(
                x=[column[s] for s in mine["study"].to_list()], y=[row[c] for c in mine["check"].to_list()], mode="markers+text",
                marker={"symbol": "square", "size": 21, "color": fade(colour, 0.35 if quiet else 0.30), "line": {"width": 0 if quiet else 1, "color": colour}},
                text=[mark] * mine.height, textfont={"size": SMALL_SIZE, "color": INK}, name=status,
                customdata=[list(r) for r in mine.select("study", "check", "title", "n", "detail").fill_null("").with_columns(pl.col("n").fill_null(0)).iter_rows()],
                hovertemplate=f"<b>%{{customdata[2]}}</b><br>%{{customdata[0]}}: {status} (%{{customdata[3]}} rows)<br>%{{customdata[4]}}<extra></extra>",
            )
        )  # fmt: skip
    counted = {s: checks.filter(pl.col("status") == s).height for s in STATUS}
    legend = "    ".join(
        f"<span style='color:{STATUS[s][0] if s != 'not applicable' else UNKNOWN}'>■</span> {STATUS[s][1]} {s} ({counted[s]:,})"
        for s in STATUS if counted[s]
    )  # fmt: skip
    note(
        figure,
        legend,
        xref="paper",
        x=0,
        xanchor="left",
        yref="paper",
        y=1,
        yanchor="bottom",
        yshift=top - 30,
        xshift=-8,
    )
    figure.update_layout(
        xaxis={
            "side": "top", "tickvals": list(range(len(studies))), "ticktext": heads, "ticks": "", "showline": False,
            "tickangle": -45 if tilt else 0, "tickfont": {"size": TEXT_SIZE}, "range": [-0.6, len(studies) - 0.4],
        },
        yaxis={
            "range": [len(kinds) - 0.4, -0.6], "tickvals": list(range(len(kinds))), "ticktext": titles, "ticks": "",
            "showline": False, "tickfont": {"size": SMALL_SIZE}, "ticklabelstandoff": 6,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
        figure.layout.annotations[-1].yshift = top - 30
    failed = checks.filter(pl.col("status") == "fail").height
    return Chart(
        slug="data-quality",
        title=title or "Data checks, by study",
        figure=figure,
        table=checks.drop("rows") if "rows" in checks.columns else checks,
        caption=f"{words.count(len(kinds), 'check')} on {words.count(len(studies), 'study', plural='studies')}; {words.count(failed, 'outcome')} to look at (fail).",
        provenance=provenance,
        alt=f"Grid of {len(kinds)} data checks on {words.count(len(studies), 'study', plural='studies')}: "
        + ", ".join(f"{counted[s]} {s}" for s in STATUS),
    )

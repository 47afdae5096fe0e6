"""Composition figure: shares of TME types in each group, stacked to 100%, with n."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import PAPER, TEXT_SIZE, colours, on
from core.groups import ordered

if TYPE_CHECKING:
    from core.tme.composition import Composition

ROW = 56


def composition(result: Composition, *, provenance: Provenance, title: str = "") -> Chart:
    """Stacked bars: of the patients in each group, the share that is of each TME type.

    Parameters
    ----------
    result : from `core.tme.composition.composition`.
    """
    counted = {(g, t): n for t, g, n in result.table.select("type", "group", "n").iter_rows()}
    order = ordered(result.groups)
    counts = [[int(counted.get((g, t), 0)) for t in result.types] for g in order]
    kept = [i for i, row in enumerate(counts) if sum(row)]
    sizes = [sum(counts[i]) for i in kept]
    spoken = {"yes": "responder", "no": "non-responder"} if result.by == "response" else {}
    groups = [spoken.get(g, g) for g in order]
    names = [f"{shorten(groups[i], 32)}<br>n = {n:,}" for i, n in zip(kept, sizes, strict=True)]
    paint = colours(result.types)
    legend = [
        f"<span style='color:{paint[name]}'>■</span> {shorten(name, 40)} (n = {sum(row[p] for row in counts):,})"
        for p, name in enumerate(result.types)
    ]
    figure = frame(
        height=max(ROW * len(kept), 26 * len(legend) + 30) + 90, least=max(46 * len(kept), 24 * len(legend) + 30) + 90,
        margin={"l": widest(names) + 30, "r": widest(legend) + 46, "t": 16, "b": 64}, barmode="stack", showlegend=False,
    )  # fmt: skip
    for p, name in enumerate(result.types):
        shares = [counts[g][p] / n for g, n in zip(kept, sizes, strict=True)]
        figure.add_trace(
            go.Bar(
                x=shares, y=list(range(len(kept))), orientation="h", name=name, width=0.68,
                marker={"color": paint[name], "line": {"color": PAPER, "width": 1.5}},
                text=[f"{s:.0%}" if s >= 0.055 else "" for s in shares], textposition="inside", insidetextanchor="middle",
                textangle=0, textfont={"size": TEXT_SIZE, "color": on(paint[name])}, constraintext="none",
                customdata=[[groups[g], counts[g][p], n] for g, n in zip(kept, sizes, strict=True)],
                hovertemplate=f"<b>{name}</b><br>%{{customdata[0]}}: %{{x:.0%}} "
                "(%{customdata[1]} of %{customdata[2]})<extra></extra>",
            )
        )  # fmt: skip
    note(
        figure, "<b>TME type</b><br>" + "<br>".join(legend), xref="paper", x=1, xanchor="left", xshift=20,
        yref="paper", y=1, yanchor="top",
    )  # fmt: skip
    figure.update_layout(
        xaxis={
            "range": [0, 1], "tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0%", "25%", "50%", "75%", "100%"],
            "title": {"text": "Share of patients"},
        },
        yaxis={
            "range": [len(kept) - 0.45, -0.55], "tickvals": list(range(len(kept))), "ticktext": names, "ticks": "",
            "showline": False, "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    caption = f"Share of each TME type by {words.inside(result.label)}; n = {result.n:,}."
    if result.n_missing:
        caption += f" {words.count(result.n_missing, 'patient')} without {words.inside(result.label)} left out."
    if result.test.p_value == result.test.p_value:
        caption += f" {result.test.name}: {words.p(result.test.p_value)}."
    return Chart(
        slug=f"tme-types-by-{result.by}".replace("_", "-"),
        title=title or f"TME types by {words.inside(result.label)}",
        figure=figure,
        table=result.table,
        caption=caption,
        provenance=provenance,
        alt=f"Stacked bars of {words.count(len(result.types), 'TME type')} in {words.count(len(kept), 'group')} of {result.label}.",
    )

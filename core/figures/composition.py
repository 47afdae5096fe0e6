"""Composition figure: shares of TME types in each group, stacked to 100%, with n."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.errors import TooFewPatients
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import PAPER, TEXT_SIZE, colours, on
from core.finding import Finding
from core.groups import groups, label_of

ROW = 56


def composition(
    frame_: pl.DataFrame,
    *,
    part: str,
    by: str,
    provenance: Provenance,
    test: Finding | None = None,
    title: str = "",
) -> Chart:
    """Stacked bars: of the patients in each group of `by`, the share that is of each type of `part`.

    Parameters
    ----------
    frame_ : one row a patient. test : of independence, for the caption.

    Raises
    ------
    TooFewPatients
        No patient has both.
    """
    rows_of, part_of = groups(frame_, by), groups(frame_, part)
    known = (rows_of.codes >= 0) & (part_of.codes >= 0)
    if not known.any():
        raise TooFewPatients(
            f"no patient has both {words.column(part)} and {words.column(by)}; choose another column or study"
        )
    counts = [
        [int((known & (rows_of.codes == g) & (part_of.codes == p)).sum()) for p in range(len(part_of.labels))]
        for g in range(len(rows_of.labels))
    ]
    kept = [g for g, row in enumerate(counts) if sum(row)]
    sizes = [sum(counts[g]) for g in kept]
    names = [f"{shorten(rows_of.labels[g], 32)}<br>n = {n:,}" for g, n in zip(kept, sizes, strict=True)]
    paint = colours(part_of.labels)
    legend = [
        f"<span style='color:{paint[name]}'>■</span> {shorten(name, 40)} (n = {sum(row[p] for row in counts):,})"
        for p, name in enumerate(part_of.labels)
    ]
    figure = frame(
        height=max(ROW * len(kept), 26 * len(legend) + 30) + 90, least=max(46 * len(kept), 24 * len(legend) + 30) + 90,
        margin={"l": widest(names) + 30, "r": widest(legend) + 46, "t": 16, "b": 64}, barmode="stack", showlegend=False,
    )  # fmt: skip
    for p, name in enumerate(part_of.labels):
        shares = [counts[g][p] / n for g, n in zip(kept, sizes, strict=True)]
        figure.add_trace(
            go.Bar(
                x=shares, y=list(range(len(kept))), orientation="h", name=name, width=0.68,
                marker={"color": paint[name], "line": {"color": PAPER, "width": 1.5}},
                text=[f"{s:.0%}" if s >= 0.055 else "" for s in shares], textposition="inside", insidetextanchor="middle",
                textangle=0, textfont={"size": TEXT_SIZE, "color": on(paint[name])}, constraintext="none",
                customdata=[[rows_of.labels[g], counts[g][p], n] for g, n in zip(kept, sizes, strict=True)],
                hovertemplate=f"<b>{name}</b><br>%{{customdata[0]}}: %{{x:.0%}} "
                "(%{customdata[1]} of %{customdata[2]})<extra></extra>",
            )
        )  # fmt: skip
    note(
        figure, f"<b>{label_of(part)}</b><br>" + "<br>".join(legend), xref="paper", x=1, xanchor="left", xshift=20,
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
    n, lost = int(known.sum()), int((~known).sum())
    caption = f"Share of each {words.column(part)} by {words.column(by)}; n = {n:,}."
    if lost:
        caption += f" {words.count(lost, 'patient')} without one of the two left out."
    if test is not None and test.p_value == test.p_value:
        caption += f" {test.name[:1].upper()}{test.name[1:]}: {words.p(test.p_value)}."
    table = pl.DataFrame(
        [
            (rows_of.labels[g], part_of.labels[p], counts[g][p], size, counts[g][p] / size)
            for g, size in zip(kept, sizes, strict=True)
            for p in range(len(part_of.labels))
        ],
        schema=[by, part, "n", "group_n", "share"] if by != part else ["group", "part", "n", "group_n", "share"],
        orient="row",
    )
    return Chart(
        slug=f"composition-{part}-by-{by}".replace("_", "-"),
        title=title or f"{label_of(part)} by {words.column(by)}",
        figure=figure,
        table=table,
        caption=caption,
        provenance=provenance,
        alt=f"Stacked bars of {label_of(part)} in {words.count(len(kept), 'group')} of {label_of(by)}.",
    )

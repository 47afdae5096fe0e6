"""Type pairs: which cell types lie in neighbouring spots more, or less, than chance, as a triangle of all pairs."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, widest
from core.figures.theme import DIVERGING, PAPER, SMALL_SIZE, TEXT_SIZE, scale

REACH = 4.0
"""Colours end at this many standard deviations."""


def type_pairs(pairs: pl.DataFrame, *, section: str, provenance: Provenance, title: str = "") -> Chart:
    """Standard deviations from expected of every two cell types; a star marks q under .05.

    Parameters
    ----------
    pairs : first_type, second_type, n, observed, expected, z, p_value, q_value; one section of table `cell_pair`.
    """
    names = sorted({*pairs["first_type"], *pairs["second_type"]})
    place = {name: at for at, name in enumerate(names)}
    z = np.full((len(names), len(names)), np.nan)
    text = [["" for _ in names] for _ in names]
    hover = [["" for _ in names] for _ in names]
    for one, two, observed, expected, beyond, p, q in pairs.select("first_type", "second_type", "observed", "expected", "z", "p_value", "q_value").iter_rows():
        row, column = max(place[one], place[two]), min(place[one], place[two])
        if beyond is None:
            continue
        z[row, column] = beyond
        text[row][column] = f"{beyond:+.1f}{'*' if q < 0.05 else ''}".replace("-", "\u2212")
        hover[row][column] = f"<b>{one} and {two}</b><br>observed {observed:.2f}, expected {expected:.2f}<br>{words.p(p)}, {words.q(q)}"
    left = widest(names) + 30
    figure = frame(height=56 * len(names) + 130, least=46 * len(names) + 130, margin={"l": left, "r": 120, "t": 16, "b": 110}, showlegend=False)
    figure.add_trace(
        go.Heatmap(
            x=names[:-1], y=names[1:], z=z[1:, :-1], text=[row[:-1] for row in text[1:]], texttemplate="%{text}", textfont={"size": TEXT_SIZE},
            customdata=[row[:-1] for row in hover[1:]], hovertemplate="%{customdata}<extra></extra>", hoverongaps=False, zmin=-REACH, zmax=REACH,
            colorscale=scale(DIVERGING), xgap=3, ygap=3,
            colorbar={"title": {"text": "SD from<br>expected", "font": {"size": SMALL_SIZE}}, "tickfont": {"size": SMALL_SIZE}, "thickness": 18},
        )
    )  # fmt: skip
    figure.update_layout(
        plot_bgcolor=PAPER, xaxis={"showgrid": False, "showline": False, "ticks": "", "tickangle": 30, "tickvals": names[:-1], "tickfont": {"size": TEXT_SIZE}},
        yaxis={"autorange": "reversed", "showgrid": False, "showline": False, "ticks": "", "tickvals": names[1:], "tickfont": {"size": TEXT_SIZE}},
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    n = int(pairs["n"].max() or 0)  # type: ignore[arg-type]
    return Chart(
        slug=f"type-pairs-{section}".lower(), title=title or f"Which cell types lie side by side in section {section}", figure=figure, table=pairs,
        caption="Association of the proportions of two cell types in neighbouring spots (bivariate Moran's I), in standard deviations from its mean when one "
        "pattern is moved over the section as a whole (random toroidal shifts and reflections, 399), which keeps how each type clusters. "
        f"* q < .05: two-sided permutation p, Benjamini-Hochberg over {words.count(pairs.height, 'pair')}. Proportions of a spot sum to 1, which alone pushes "
        f"pairs apart. n = {n:,} spots of one section: it says nothing about other patients.",
        provenance=provenance, alt=f"Triangle of {pairs.height} pairs of cell types of section {section}.",
    )  # fmt: skip

"""Page: a chart laid out to stand alone - title on top, figure, caption and provenance at the bottom."""

from __future__ import annotations

import plotly.graph_objects as go

from core.figures.chart import Chart
from core.figures.layout import badge, wrap
from core.figures.theme import INK, MUTED, SMALL_SIZE, TITLE_SIZE, dress

WIDTH, HEIGHT = 1280, 720
SIDE = 40
TITLE_LINE, FOOT_LINE = 32, 20
MOST_VECTOR_POINTS = 20_000


def compose(chart: Chart, *, dark: bool = False) -> go.Figure:
    """The figure of an export.

    1280 x 720 pixels; taller only where the figure's rows need it. Title, caption (test, estimand, n), provenance
    (cohort, n, missing, citation, database and software version) and, where patients are simulated, the mark
    SYNTHETIC DATA are drawn in.
    """
    figure = go.Figure(chart.figure)
    if chart.provenance.synthetic:
        badge(figure)
    inner = WIDTH - 2 * SIDE
    title = wrap(chart.title, inner, size=TITLE_SIZE * 1.04)
    caption = wrap(chart.caption, inner, size=SMALL_SIZE)
    source = wrap(chart.provenance.line(), inner, size=SMALL_SIZE)
    head = 22 + TITLE_LINE * len(title)
    foot = 12 + FOOT_LINE * (len(caption) + len(source)) + 18
    margin = figure.layout.margin
    meta = figure.layout.meta or {}
    least = int(meta.get("least", figure.layout.height or 0))
    height = max(HEIGHT, head + least + foot)
    bottom = int(margin.b or 0)
    figure.update_layout(
        width=WIDTH,
        height=height,
        autosize=False,
        margin={
            "l": int(margin.l or 0) + SIDE - 12,
            "r": int(margin.r or 0) + SIDE - 16,
            "t": int(margin.t or 0) + head,
            "b": bottom + foot,
        },
        title={
            "text": f"<b>{'<br>'.join(title)}</b>",
            "font": {"size": TITLE_SIZE, "color": INK},
            "x": SIDE / WIDTH,
            "xref": "container",
            "xanchor": "left",
            "y": 1 - 20 / height,
            "yref": "container",
            "yanchor": "top",
        },
    )
    at = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": 0, "yanchor": "top", "align": "left"}
    left = SIDE - int(figure.layout.margin.l)
    for lines, offset, colour in (
        (caption, 12, INK),
        (source, 12 + FOOT_LINE * len(caption) + 4, MUTED),
    ):
        for i, line in enumerate(lines):
            figure.add_annotation(
                text=line, showarrow=False, font={"size": SMALL_SIZE, "color": colour}, borderpad=0,
                xshift=left, yshift=-(bottom + offset + FOOT_LINE * i), **at,
            )  # fmt: skip
    return vector(dress(figure, dark=dark))


def vector(figure: go.Figure) -> go.Figure:
    """WebGL points as vector points, where there are few enough: sharper in print, and quicker without a graphics card."""
    points = sum(len(trace.x) for trace in figure.data if trace.type == "scattergl" and trace.x is not None)
    if not 0 < points <= MOST_VECTOR_POINTS:
        return figure
    content = figure.to_plotly_json()
    for trace in content["data"]:
        if trace["type"] == "scattergl":
            trace["type"] = "scatter"
    return go.Figure(content)

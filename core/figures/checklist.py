"""Checklist figure: the items of a reporting guideline, what the app can say to each, and what is missing."""

from __future__ import annotations

import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, wrap, write
from core.figures.theme import FAINT, GREEN, INK, LINE, MUTED, ORANGE, SMALL_SIZE, TEXT_SIZE, VERMILLION

STATUS = {
    "filled": ("✓", GREEN, "filled from what is known here"),
    "partly": ("◐", ORANGE, "partly"),
    "missing": ("✕", VERMILLION, "missing: to be written by the authors"),
    "not applicable": ("–", FAINT, "not applicable"),
}
WIDTH, LEFT = 500, 330
"""Of the text of an item, and where it starts: pixels."""
LINE_HEIGHT, GAP = 21, 16


def checklist(items: pl.DataFrame, *, provenance: Provenance, title: str = "", caption: str = "", slug: str = "checklist") -> Chart:
    """One row an item: its mark, its topic, and the text.

    Parameters
    ----------
    items : item (number), topic, status (key of STATUS), text.
    """
    rows = items.rows(named=True)
    topics = [wrap(f"{r['item']}  {r['topic']}", 270, size=SMALL_SIZE) for r in rows]
    bodies = [wrap(r["text"] or STATUS[r["status"]][2], WIDTH, size=SMALL_SIZE) for r in rows]
    heights = [LINE_HEIGHT * max(len(t), len(b)) + GAP for t, b in zip(topics, bodies, strict=True)]
    total = sum(heights)
    figure = frame(height=total + 24, least=total + 24, margin={"l": 12, "r": 12, "t": 12, "b": 12}, showlegend=False)
    pieces, shapes, y = [], [], 0.0
    for row, topic, body, height in zip(rows, topics, bodies, heights, strict=True):
        mark, colour, _ = STATUS[row["status"]]
        top = 1 - y / total
        pieces.append(text(f"<b>{mark}</b>", xref="paper", x=0, xanchor="left", yref="paper", y=top, yanchor="top", yshift=-6, font={"size": TEXT_SIZE, "color": colour}))
        pieces.append(text("<br>".join(topic), xref="paper", x=0, xanchor="left", xshift=26, yref="paper", y=top, yanchor="top", yshift=-6, font={"size": SMALL_SIZE, "color": INK}))
        plain = row["status"] in {"missing", "not applicable"}
        pieces.append(text("<br>".join(body), xref="paper", x=0, xanchor="left", xshift=LEFT, yref="paper", y=top, yanchor="top", yshift=-6, font={"size": SMALL_SIZE, "color": MUTED if plain else INK}))
        y += height
        shapes.append({"type": "line", "xref": "paper", "yref": "paper", "x0": 0, "x1": 1, "y0": 1 - y / total, "y1": 1 - y / total, "line": {"color": LINE, "width": 0.6}, "layer": "below"})
    figure.layout.shapes = shapes
    write(figure, pieces)
    bare = {"visible": False, "range": [0, 1], "fixedrange": True}
    figure.update_layout(xaxis=bare, yaxis=bare)
    if provenance.synthetic:
        badge(figure)
    counts = [(name, sum(r["status"] == name for r in rows)) for name in STATUS]
    said = words.listing([f"{n} {name}" for name, n in counts if n])
    return Chart(
        slug=slug,
        title=title or "Reporting checklist",
        figure=figure,
        table=items,
        caption=f"{len(rows)} items: {said}. {caption}".strip(),
        provenance=provenance,
        alt=f"{len(rows)} items: {said}.",
    )

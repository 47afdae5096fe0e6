"""Slide tissue: a slide with the outline of what was taken for tissue, and a gallery of its tiles."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import frame, note
from core.figures.slide_attention import data_uri
from core.figures.theme import BLUE, INK, SMALL_SIZE, VERMILLION, scale
from core.spatial.shown_slide import ShownSlide

WIDTH_PX, MARGIN = 760, {"l": 62, "r": 20, "t": 16, "b": 58}
COLUMNS, GAP = 8, 0.06
MASK_PX = 260


def slide_tissue(shown: ShownSlide, *, provenance: Provenance) -> Chart:
    """The slide, the outline of its tissue, and the squares of the gallery.

    Raises
    ------
    NotMeasured
        The slide could not be read; the message says why.
    """
    facts = shown.facts
    if not facts.width_px:
        raise NotMeasured(facts.problem)
    unit = (facts.um_per_px or 1000.0) / 1000  # mm, or px where nobody knows
    width, height = facts.width_px * unit, facts.height_px * unit
    drawn = float(np.clip(WIDTH_PX * height / width, 260, 720))
    figure = frame(height=drawn + MARGIN["t"] + MARGIN["b"], margin=MARGIN, showlegend=False)
    figure.add_layout_image(source=data_uri(shown.thumbnail), xref="x", yref="y", x=0, y=0, sizex=width, sizey=height, sizing="stretch", layer="below")
    step = max(1, max(shown.mask.shape) // MASK_PX)
    small = shown.mask[::step, ::step].astype(np.float32)
    places = [(np.arange(n) + 0.5) * side / n for n, side in ((small.shape[1], width), (small.shape[0], height))]
    figure.add_trace(
        go.Contour(
            z=small, x=places[0].astype(np.float32), y=places[1].astype(np.float32), contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "lines"},
            colorscale=scale((VERMILLION, VERMILLION)), line={"width": 2}, showscale=False, hoverinfo="skip",
        )
    )  # fmt: skip
    side = facts.span_px * unit
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0], [np.nan, np.nan]]) * side
    squares = (np.column_stack([shown.x, shown.y]) * unit)[:, None, :] + corners
    figure.add_trace(go.Scatter(x=squares[:, :, 0].ravel(), y=squares[:, :, 1].ravel(), mode="lines", line={"color": BLUE, "width": 2}, hoverinfo="skip"))
    label = "mm" if facts.um_per_px else "px"
    figure.update_layout(
        xaxis={"range": [0, width], "title": {"text": label}, "constrain": "domain"},
        yaxis={"range": [height, 0], "title": {"text": label}, "scaleanchor": "x", "constrain": "domain"},
    )
    um = f"{facts.um_per_px:.3g} µm/px" if facts.um_per_px else "resolution not in the file: axes in px"
    tile = f"{facts.span_px * facts.um_per_px:.0f} µm" if facts.um_per_px else f"{facts.span_px} px"
    return Chart(
        slug="slide-tissue",
        title=f"{facts.title}: where its tissue is",
        figure=figure,
        table=pl.DataFrame({"x_px": shown.x, "y_px": shown.y, "side_px": [facts.span_px] * len(shown.x)}),
        caption=(
            f"{facts.width_px:,} x {facts.height_px:,} px, {um}. Vermillion: outline of what was taken for stained tissue ({words.percent(facts.tissue)} of the slide; "
            f"Otsu's threshold on how much more green is taken away than red and blue; tinted but even glass left out). {words.count(facts.on_tissue, 'square')} of {tile} lie on tissue; "
            f"blue: those of the gallery, spread evenly."
        ),
        provenance=provenance,
        alt=f"Slide {facts.title} with its tissue outlined, {words.percent(facts.tissue)} of it.",
    )


def tile_gallery(shown: ShownSlide, *, provenance: Provenance) -> Chart:
    """Tiles of a slide beside each other, from its top to its bottom.

    Raises
    ------
    NotMeasured
        No tile could be cut; the message says why.
    """
    facts = shown.facts
    if not len(shown.tiles):
        raise NotMeasured(facts.problem or "no tile of this slide could be read; copy or download it again")
    rows = -(-len(shown.tiles) // COLUMNS)
    cell = WIDTH_PX / COLUMNS
    figure = frame(height=rows * cell * 1.16 + 20, margin={"l": 4, "r": 4, "t": 10, "b": 10}, showlegend=False)
    for number, picture in enumerate(shown.tiles):
        x, y = number % COLUMNS, number // COLUMNS
        figure.add_layout_image(source=data_uri(picture), xref="x", yref="y", x=x, y=y * 1.2, sizex=1 - GAP, sizey=1 - GAP, sizing="stretch", layer="below")
        note(figure, f"{number + 1}", xref="x", yref="y", x=x, y=y * 1.2 + 1 - GAP, xanchor="left", yanchor="top", font={"size": SMALL_SIZE, "color": INK})
    hidden = {"visible": False, "constrain": "domain"}
    figure.add_trace(go.Scatter(x=[0, COLUMNS], y=[0, rows * 1.2], mode="markers", marker={"opacity": 0}, hoverinfo="skip"))
    figure.update_layout(xaxis={**hidden, "range": [0, COLUMNS]}, yaxis={**hidden, "range": [rows * 1.2, 0], "scaleanchor": "x"})
    side = f"{facts.span_px * facts.um_per_px:.0f} µm" if facts.um_per_px else f"{facts.span_px} px (how many µm that is nobody knows)"
    damaged = f" {words.count(facts.unreadable, 'tile')} of the slide could not be read and {'is' if facts.unreadable == 1 else 'are'} left out." if facts.unreadable else ""
    return Chart(
        slug="tile-gallery",
        title=f"{facts.title}: {words.count(len(shown.tiles), 'tile')}",
        figure=figure,
        table=pl.DataFrame({"tile": np.arange(1, len(shown.tiles) + 1), "x_px": shown.x, "y_px": shown.y}),
        caption=f"{len(shown.tiles)} of {facts.on_tissue:,} squares of {side} on tissue, evenly spread, not chosen by what they show.{damaged}",
        provenance=provenance,
        alt=f"{len(shown.tiles)} tiles of {facts.title}.",
    )

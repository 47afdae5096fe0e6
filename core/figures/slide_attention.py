"""Slide attention: a slide beside what each of its tiles weighs in the slide's vector."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note
from core.figures.theme import DIVERGING, INK, SMALL_SIZE, TEXT_SIZE, scale

if TYPE_CHECKING:
    from core.pipeline.slides import SlideVector
    from models.encoders.pathology import Family

REACH = 3.0
"""Colours end at 2 to this power times an even share."""

GAP = 0.06
WIDTH_PX, MARGIN = 1180, {"l": 62, "r": 150, "t": 40, "b": 56}


def slide_attention(result: SlideVector, *, family: Family, provenance: Provenance, learnt: str = "", title: str = "") -> Chart:
    """A slide on the left; on the right each tile in the colour of its attention.

    Parameters
    ----------
    result : from `core.pipeline.slides.pooled`. family : of its encoder. learnt : how the attention came about, a clause;
        ignored where none was trained. Colour is attention over an even share (1 / tiles), on a log scale.
    """
    tiles = result.tiles
    n = len(result.attention)
    times = result.attention.astype(np.float64) * n
    mm = tiles.um_per_px / 1000
    width, height = tiles.size[0] * mm, tiles.size[1] * mm
    side = tiles.tiling.span_px * mm
    x, y = (places.astype(np.float64) * mm for places in (tiles.tiling.x, tiles.tiling.y))
    panel = (WIDTH_PX - MARGIN["l"] - MARGIN["r"]) * (1 - GAP) / 2
    drawn = float(np.clip(panel * height / width, 260, 640))
    figure = frame(height=drawn + MARGIN["t"] + MARGIN["b"], margin=MARGIN, showlegend=False)
    picture = data_uri(tiles.thumbnail)
    for number, head in ((1, "Slide, H&E"), (2, "Attention of each tile")):
        suffix = "" if number == 1 else "2"
        start = (number - 1) * (1 + GAP) / 2
        domain = [start, start + (1 - GAP) / 2]
        figure.update_layout(
            {
                f"xaxis{suffix}": {"domain": domain, "range": [0, width], "title": {"text": "mm"}, "anchor": f"y{suffix}", "constrain": "domain"},
                f"yaxis{suffix}": {
                    "range": [height, 0], "scaleanchor": f"x{suffix}", "anchor": f"x{suffix}", "constrain": "domain",
                    "title": {"text": "mm" if number == 1 else ""},
                },
            }
        )  # fmt: skip
        figure.add_layout_image(
            source=picture, xref=f"x{suffix}", yref=f"y{suffix}", x=0, y=0, sizex=width, sizey=height, sizing="stretch", layer="below",
            opacity=1.0 if number == 1 else 0.25,
        )  # fmt: skip
        note(figure, f"<b>{head}</b>", xref=f"x{suffix} domain", yref=f"y{suffix} domain", x=0, y=1, xanchor="left", yanchor="bottom", yshift=6)
    figure.add_trace(go.Scatter(x=[0, width], y=[height, 0], mode="markers", marker={"opacity": 0}, hoverinfo="skip"))
    figure.add_trace(_heat(x + side / 2, y + side / 2, times, tissue=tiles.tiling.tissue))
    if provenance.synthetic:
        badge(figure)
    source = f" It is {learnt}." if result.trained and learnt else ""
    even = "" if result.trained else " No attention was trained: every tile weighs the same."
    seen = "were trained on pathology slides" if family.pathology_trained else "were not trained on pathology but on photographs"
    told = " (told, not in the file)" if tiles.given else ""
    caption = (
        f"Gated attention over n = {n:,} tiles of {tiles.tile_um:.0f} µm; colour is a tile's share over an even share (1/{n:,}).{even}{source} Attention "
        f"says how much a tile weighs in the slide's vector; it is not importance for any outcome. Encoder: {family.label}, whose weights "
        f"{seen}. Resolution {tiles.um_per_px:.3g} µm/px{told}."
    )
    if tiles.blurred:
        caption += f" {words.count(tiles.blurred, 'tile')} out of focus left out."
    if tiles.tiling.left_out:
        caption += f" {words.count(tiles.tiling.left_out, 'tile')} beyond the most asked for left out, evenly."
    table = pl.DataFrame(
        {"x_mm": x, "y_mm": y, "side_mm": np.full(n, side), "attention": result.attention, "times_even_share": times, "tissue_share": tiles.tiling.tissue}
    )
    top = np.sort(result.attention)[::-1][: max(1, n // 10)].sum()
    return Chart(
        slug="slide-attention-" + "".join(c if c.isalnum() else "-" for c in tiles.slide.lower()),
        title=title or f"What {family.label} attends to on {tiles.slide}",
        figure=figure,
        table=table,
        caption=caption,
        provenance=provenance,
        alt=f"Slide {tiles.slide} and the attention of its {n} tiles; the tenth with most attention holds {top:.0%} of it.",
    )


def _heat(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], times: npt.NDArray[np.float64], *, tissue: npt.NDArray[np.float32]) -> go.Heatmap:
    """Tiles on their grid; where there is no tile there is no colour."""
    columns, at_x = np.unique(x.round(6), return_inverse=True)
    rows, at_y = np.unique(y.round(6), return_inverse=True)
    grid = np.full((len(rows), len(columns)), np.nan)
    grid[at_y, at_x] = np.clip(np.log2(np.maximum(times, 1e-9)), -REACH, REACH)
    facts = np.full((len(rows), len(columns), 2), np.nan)
    facts[at_y, at_x] = np.column_stack([times, tissue])
    ticks = [-3, -2, -1, 0, 1, 2, 3]
    return go.Heatmap(
        x=columns, y=rows, z=grid.astype(np.float32), customdata=facts, xaxis="x2", yaxis="y2", zmin=-REACH, zmax=REACH, colorscale=scale(DIVERGING),
        opacity=0.9, hovertemplate="%{customdata[0]:.2f} times an even share<br>tissue %{customdata[1]:.0%}<extra></extra>",
        colorbar={
            "title": {"text": "Times an<br>even share<br> ", "font": {"size": TEXT_SIZE, "color": INK}}, "tickvals": ticks,
            "ticktext": ["≤ 1/8", "1/4", "1/2", "1", "2", "4", "≥ 8"], "tickfont": {"size": SMALL_SIZE}, "outlinewidth": 0, "thickness": 16, "len": 0.9,
        },
    )  # fmt: skip


def data_uri(picture: npt.NDArray[np.uint8]) -> str:
    """A picture as a data address, jpg."""
    from PIL import Image

    written = io.BytesIO()
    Image.fromarray(picture).save(written, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode("ascii")

"""Cell map: where the cells of a field lie, in the colour of their type."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, widest
from core.figures.theme import INK, LINE, TEXT_SIZE, UNKNOWN, colours
from core.spatial.cell_fields import UNNAMED
from core.spatial.point_patterns import Field

WIDTH_PX, MARGIN = 620, {"l": 62, "t": 16, "b": 58}
POINT_PX, FAINT_PX = 5, 3


def cell_map(field: Field, *, types: Sequence[str], provenance: Provenance, name: str = "") -> Chart:
    """One field as points, equal aspect, the rare types drawn over the common ones.

    Parameters
    ----------
    field : from `core.spatial.cell_fields`. types : names of its `kind`, the most common first. name : of the field, in words.
    """
    left, right, top, bottom = field.window
    count = np.bincount(field.kind, minlength=len(types))
    named = [one for one in types if one not in UNNAMED]
    paint = {**colours(named), **dict.fromkeys(UNNAMED, UNKNOWN)}
    labels = [f"{kind}, {int(n):,}" for kind, n in zip(types, count, strict=True)]
    height = WIDTH_PX * (bottom - top) / (right - left)
    figure = frame(
        height=height + MARGIN["t"] + MARGIN["b"], margin={**MARGIN, "r": widest(labels) + 64}, showlegend=True,
        legend={"itemsizing": "constant", "x": 1.02, "y": 1, "yanchor": "top", "itemclick": "toggle"},
    )  # fmt: skip
    order = sorted(range(len(types)), key=lambda place: (types[place] not in UNNAMED, -int(count[place])))
    for rank, place in enumerate(order):
        chosen = field.kind == place
        faint = types[place] in UNNAMED
        figure.add_trace(
            go.Scattergl(
                x=field.x[chosen].astype(np.float32), y=field.y[chosen].astype(np.float32), mode="markers", name=labels[place], legendrank=place + 1,
                marker={"size": FAINT_PX if faint else POINT_PX, "color": paint[types[place]], "opacity": 0.7 if rank < 2 else 0.95},
                hovertemplate=f"{types[place]}<br>%{{x:.0f}}, %{{y:.0f}} µm<extra></extra>",
            )
        )  # fmt: skip
    figure.update_layout(
        xaxis={"range": [left - 4, right + 4], "title": {"text": "µm"}, "constrain": "domain", "showline": False},
        yaxis={"range": [bottom + 4, top - 4], "title": {"text": "µm"}, "scaleanchor": "x", "constrain": "domain", "showline": False},
        shapes=[{"type": "rect", "x0": left, "x1": right, "y0": top, "y1": bottom, "line": {"color": LINE, "width": 1}, "layer": "below"}],
    )
    figure.update_layout(font={"color": INK, "size": TEXT_SIZE})
    if provenance.synthetic:
        badge(figure)
    area = field.area / 1e6
    return Chart(
        slug="cell-map",
        title=f"Cells of {name}" if name else "Cells of a field",
        figure=figure,
        table=pl.DataFrame({"cell_type": list(types), "cells": count, "density": count / area}),
        caption=(
            f"{words.count(field.kind.size, 'cell')} of one field of {right - left:.0f} x {bottom - top:.0f} µm; counts beside the types. Click a type to hide "
            "it. Only cells of the tumour compartment are published: empty parts can be stroma as well as nothing."
        ),
        provenance=provenance,
        alt="Cells of a field by type. " + "; ".join(labels) + ".",
    )

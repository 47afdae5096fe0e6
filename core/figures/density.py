"""Density: the layers of a map that has more patients than points can be sent - a raster, counts to hover, a few points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import raster
from core.figures.theme import CLEAR, UNKNOWN

WHOLE = 12_000
"""Patients up to which everybody is a point of their own with five facts; of more, the map is binned."""
SAMPLE = 2_000
"""Patients of a window that are points of their own, to hover over; drawn once, seeded."""
Look = tuple[Sequence[str], Mapping[str, str]]


def layer(figure: go.Figure, mine: pl.DataFrame, *, window: raster.Window, axes: tuple[str, str], look: Look | tuple[float, float, Sequence[str]]) -> None:
    """Put a raster of a panel's patients below everything, and an unseen layer that says how many are where.

    Parameters
    ----------
    mine : x, y, value. window : x0, x1, y0, y1 that is drawn. axes : of the panel, ("x2", "y2").
    look : the groups in their order and their colours; or, for a number, the ends of the scale and its stops.
    """
    x, y = mine["x"].to_numpy(), mine["y"].to_numpy()
    fine, coarse = raster.cells(x, y, window=window), raster.cells(x, y, window=window, wide=raster.COARSE)
    if len(look) == 2:
        groups, paint = look
        codes = _codes(mine["value"], groups)
        colours = raster.rgb([*(paint[g] for g in groups), UNKNOWN])
        shown = colours[raster.commonest(fine, codes, len(groups) + 1)]
        names = np.array([*groups, "unknown"], dtype=object)
        said = names[raster.commonest(coarse, codes, len(groups) + 1)]
    else:
        low, high, stops = look
        values = mine["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        average = raster.mean(fine, values)
        shown = raster.shades(average, stops, (low, high))
        shown[~np.isfinite(average)] = raster.rgb([UNKNOWN])[0]
        said = np.array(["unknown" if not np.isfinite(v) else f"mean {v:.3g}" for v in raster.mean(coarse, values)], dtype=object)
    x0, x1, y0, y1 = window
    figure.add_layout_image(
        source=raster.painted(fine, shown), xref=axes[0], yref=axes[1], x=x0, y=y1, sizex=x1 - x0, sizey=y1 - y0, sizing="stretch", layer="below"
    )
    count = coarse.n.astype(np.float32)
    count[count == 0] = np.nan
    grid = (coarse.high, coarse.wide)
    figure.add_trace(
        go.Heatmap(
            z=count.reshape(grid), customdata=np.where(np.isfinite(count), said, "").reshape(grid).tolist(), x0=x0 + (x1 - x0) / (2 * coarse.wide), dx=(x1 - x0) / coarse.wide,
            y0=y0 + (y1 - y0) / (2 * coarse.high), dy=(y1 - y0) / coarse.high, xaxis=axes[0], yaxis=axes[1], showscale=False, hoverongaps=False,
            colorscale=[[0, CLEAR], [1, CLEAR]], hovertemplate="%{z:,} patients<br>%{customdata}<extra></extra>", name="counts", showlegend=False,
        )
    )  # fmt: skip


def sampled(mine: pl.DataFrame, window: raster.Window, *, seed: int = 0) -> pl.DataFrame:
    """At most SAMPLE patients of a window, in their order; the same ones each time."""
    x0, x1, y0, y1 = window
    x, y = mine["x"].to_numpy(), mine["y"].to_numpy()
    rows = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
    if rows.size > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    return mine[rows]


def _codes(values: pl.Series, groups: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(n,) index of each value among the groups; one past them where it is none of them."""
    if isinstance(values.dtype, pl.Enum):
        place = {name: code for code, name in enumerate(groups)}
        table = np.array([place.get(name, len(groups)) for name in values.dtype.categories] + [len(groups)], dtype=np.int64)
        return np.asarray(table[values.to_physical().cast(pl.Int64).fill_null(table.size - 1).to_numpy()])
    coded = values.replace_strict(list(groups), list(range(len(groups))), default=len(groups), return_dtype=pl.Int64)
    return np.asarray(coded.fill_null(len(groups)).to_numpy(), dtype=np.int64)

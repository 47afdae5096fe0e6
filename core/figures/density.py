"""Density: the layers of a map that has more patients than points can be sent - a raster, counts to hover, a few points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl

from core.figures import raster, words
from core.figures.theme import CLEAR, RASTER, UNKNOWN

WHOLE = 4_000
"""Patients up to which everybody is a point of their own; of more, the map is binned."""
SINGLE = 1_000
"""Patients of a panel's window up to which, on a binned map too, everybody is a point: small studies, and zooming."""
FEW = 200
"""Patients of a fuller window that are points of their own, to hover over; drawn once, seeded."""
NEAR = 2
"""Pixels from the rim of a point within which its card is shown; elsewhere it is the cell's."""
NAMED = 3
"""Groups of a cell that its card names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What colours the cells: groups, or a number where there are `stops`.

    Attributes
    ----------
    label, unit : of what is coloured. paint : group -> colour, in the groups' order. ends, stops : of a number's scale.
    """

    label: str
    unit: str = ""
    paint: Mapping[str, str] = field(default_factory=dict)
    ends: tuple[float, float] = (0.0, 1.0)
    stops: Sequence[str] = ()


def layer(figure: go.Figure, mine: pl.DataFrame, *, window: raster.Window, axes: tuple[str, str], look: Look) -> None:
    """Put a raster of a panel's patients below everything, and an unseen layer that says how many are where, and of which groups.

    Parameters
    ----------
    mine : x, y, value. window : x0, x1, y0, y1 that is drawn. axes : of the panel, ("x2", "y2").
    """
    x, y = mine["x"].to_numpy(), mine["y"].to_numpy()
    coarse = raster.cells(x, y, window=window, wide=raster.COARSE)
    fine = raster.cells(x, y, window=window, wide=raster.fitting(coarse.rows.size))
    if look.stops:
        values = mine["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
        average = raster.mean(fine, values)
        shown = raster.shades(average, look.stops, look.ends)
        shown[~np.isfinite(average)] = raster.rgb([UNKNOWN])[0]
        said = _averages(coarse, values, look)
    else:
        groups = [*look.paint, "unknown"]
        codes = _codes(mine["value"], list(look.paint))
        shown = raster.rgb([*look.paint.values(), UNKNOWN])[raster.commonest(fine, codes, len(groups))]
        said = _mixtures(coarse, codes, groups)
    x0, x1, y0, y1 = window
    figure.add_layout_image(
        source=raster.painted(fine, shown), xref=axes[0], yref=axes[1], x=x0, y=y1, sizex=x1 - x0, sizey=y1 - y0, sizing="stretch", layer="below",
        name=RASTER,
    )
    count = coarse.n.astype(np.float32)
    count[count == 0] = np.nan
    grid = (coarse.high, coarse.wide)
    figure.add_trace(
        go.Heatmap(
            z=count.reshape(grid), customdata=said.reshape(grid).tolist(), x0=x0 + (x1 - x0) / (2 * coarse.wide), dx=(x1 - x0) / coarse.wide,
            y0=y0 + (y1 - y0) / (2 * coarse.high), dy=(y1 - y0) / coarse.high, xaxis=axes[0], yaxis=axes[1], showscale=False, hoverongaps=False,
            colorscale=[[0, CLEAR], [1, CLEAR]], hovertemplate="<b>%{customdata}<extra></extra>", name="counts", showlegend=False,
        )
    )  # fmt: skip


def sampled(mine: pl.DataFrame, window: raster.Window, *, seed: int = 0) -> tuple[pl.DataFrame, bool]:
    """The patients of a window that are points, in their order, the same ones each time; and whether that is everybody there."""
    x0, x1, y0, y1 = window
    x, y = mine["x"].to_numpy(), mine["y"].to_numpy()
    rows = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
    whole = rows.size <= SINGLE
    if not whole:
        rows = np.sort(np.random.default_rng(seed).choice(rows, FEW, replace=False))
    return mine[rows], whole


def _mixtures(found: raster.Cells, codes: npt.NDArray[np.int64], groups: Sequence[str]) -> npt.NDArray[np.object_]:
    """(wide * high,) what each cell is made of, in words: "120 patients</b><br>Immune-low 80%, Myeloid 20%"; '' in an empty one."""
    each = raster.counted(found, codes, len(groups))
    total = each.sum(axis=0)
    order = np.argsort(-each, axis=0, kind="stable")
    said = np.full(total.size, "", dtype=object)
    for cell in np.flatnonzero(total):
        n = int(total[cell])
        named = [k for k in order[:NAMED, cell] if each[k, cell]]
        rest = n - int(each[named, cell].sum())
        parts = [f"{groups[k]} {words.percent(each[k, cell] / n)}" for k in named] if n > 1 else [groups[named[0]]]
        said[cell] = _card(n, "<br>".join([*parts, *([f"others {words.percent(rest / n)}"] if rest else [])]))
    return said


def _averages(found: raster.Cells, values: npt.NDArray[np.floating], look: Look) -> npt.NDArray[np.object_]:
    """(wide * high,) the mean of each cell and of how many, in words."""
    average, total = raster.mean(found, values), found.n
    known = np.bincount(found.cell[np.isfinite(values[found.rows])], minlength=total.size)
    said = np.full(total.size, "", dtype=object)
    for cell in np.flatnonzero(total):
        n, m = int(total[cell]), int(known[cell])
        value = f"{look.label}: {'' if m < 2 else 'mean '}{words.number(float(average[cell]), unit=look.unit)}" if m else f"{look.label}: unknown"
        said[cell] = _card(n, value + (f" (known of {m:,})" if 0 < m < n else ""))
    return said


def _card(n: int, content: str) -> str:
    return f"{words.count(n, 'patient')} here</b><br>{content}"


def _codes(values: pl.Series, groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """(n,) index of each value among the groups; one past them where it is none of them."""
    if isinstance(values.dtype, pl.Enum):
        place = {name: code for code, name in enumerate(groups)}
        table = np.array([place.get(name, len(groups)) for name in values.dtype.categories] + [len(groups)], dtype=np.int64)
        return np.asarray(table[values.to_physical().cast(pl.Int64).fill_null(table.size - 1).to_numpy()])
    coded = values.replace_strict(list(groups), list(range(len(groups))), default=len(groups), return_dtype=pl.Int64)
    return np.asarray(coded.fill_null(len(groups)).to_numpy(), dtype=np.int64)

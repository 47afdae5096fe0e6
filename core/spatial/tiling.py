"""Tiling: squares of equal size in µm that lie on tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import SlideError

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """Squares of a slide, row by row; n tiles.

    Attributes
    ----------
    x, y : (n,) upper left, px of full resolution. span_px : side there. tissue : (n,) share of the tile that is tissue.
    left_out : tiles on tissue beyond the most that were asked for.
    """

    x: Ints
    y: Ints
    span_px: int
    tissue: npt.NDArray[np.float32]
    left_out: int = 0

    @property
    def n(self) -> int:
        return len(self.x)

    def take(self, rows: npt.NDArray[np.integer]) -> Tiling:
        """Some of the tiles."""
        return Tiling(x=self.x[rows], y=self.y[rows], span_px=self.span_px, tissue=self.tissue[rows], left_out=self.left_out + self.n - len(rows))


def tiling(mask: Mask, size: tuple[int, int], *, span_px: int, overlap: float = 0.0, least: float = 0.5, most: int | None = None) -> Tiling:
    """Cut a slide into squares and keep those on tissue.

    Parameters
    ----------
    mask : (h, w) tissue on a small picture of the whole slide. size : (width, height) of the slide, px.
    span_px : side of a tile, px of full resolution. overlap : of neighbours, 0 to 0.9.
    least : share of a tile that must be tissue. most : tiles at most, spread evenly over the slide; None = all.

    Raises
    ------
    SlideError
        A tile is larger than the slide, or no tile is on tissue.
    """
    width, height = size
    if span_px < 1 or span_px > min(width, height):
        raise SlideError(f"a tile of {span_px} px is larger than the slide ({width} x {height} px); choose a smaller tile or a finer resolution")
    step = max(1, round(span_px * (1 - min(max(overlap, 0.0), 0.9))))
    xs, ys = (np.arange(0, length - span_px + 1, step) for length in (width, height))
    xs, ys = (values + (length - span_px - values[-1]) // 2 for values, length in ((xs, width), (ys, height)))
    area = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    area[1:, 1:] = np.cumsum(np.cumsum(mask, axis=0, dtype=np.float64), axis=1)
    x0, x1 = _edges(xs, span_px, mask.shape[1] / width, most=mask.shape[1])
    y0, y1 = _edges(ys, span_px, mask.shape[0] / height, most=mask.shape[0])
    covered = area[y1][:, x1] - area[y0][:, x1] - area[y1][:, x0] + area[y0][:, x0]
    share = covered / np.outer(y1 - y0, x1 - x0)
    rows, columns = np.nonzero(share >= max(least, 1e-9))
    if not len(rows):
        raise SlideError(f"no tile of this slide is at least {least:.0%} tissue; it may be blank, out of focus, or not stained with H&E")
    found = Tiling(x=xs[columns].astype(np.int64), y=ys[rows].astype(np.int64), span_px=span_px, tissue=share[rows, columns].astype(np.float32))
    if most is not None and found.n > most:
        return found.take(np.linspace(0, found.n - 1, max(1, most)).round().astype(np.int64))
    return found


def _edges(starts: Ints, span: int, factor: float, *, most: int) -> tuple[Ints, Ints]:
    """First and last mask pixel (exclusive) of each tile along one side; at least one pixel."""
    first = np.clip(np.floor(starts * factor).astype(np.int64), 0, most - 1)
    last = np.clip(np.ceil((starts + span) * factor).astype(np.int64), first + 1, most)
    return first, last

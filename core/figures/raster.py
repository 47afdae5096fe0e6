"""Raster: very many points as a picture - counts a cell, the commonest group's colour or the mean value's, as a PNG."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.integer]
Window = tuple[float, float, float, float]

LEAST, WIDE = 120, 480
"""Cells across the picture, for few points and for many; cells are square."""
COARSE = 48
"""Cells across the layer whose counts are read by hovering."""
FAINTEST = 0.45
"""Opacity of a cell that holds one point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Points by cell.

    Attributes
    ----------
    window : x0, x1, y0, y1 that the cells cover. wide, high : cells. cell : (m,) cell of each point inside the window, row by
        row from the bottom. rows : (m,) which points these are.
    """

    window: Window
    wide: int
    high: int
    cell: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]

    @property
    def n(self) -> npt.NDArray[np.int64]:
        """(wide * high,) points in each cell."""
        return np.bincount(self.cell, minlength=self.wide * self.high)


def fitting(n: int) -> int:
    """Cells across a picture of n points: fine enough to see its shape, coarse enough that a cell holds more than dust."""
    return int(np.clip(round(1.6 * n**0.5), LEAST, WIDE))


def cells(x: Floats, y: Floats, *, window: Window, wide: int = WIDE) -> Cells:
    """Which cell of a grid each point is in.

    Parameters
    ----------
    x, y : (n,). window : x0, x1, y0, y1; points outside are in no cell.
    """
    x0, x1, y0, y1 = window
    across, up = max(x1 - x0, 1e-12), max(y1 - y0, 1e-12)
    high = int(np.clip(round(wide * up / across), 1, 4 * wide))
    rows = np.flatnonzero((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
    column = np.minimum(((x[rows] - x0) * (wide / across)).astype(np.int64), wide - 1)
    line = np.minimum(((y[rows] - y0) * (high / up)).astype(np.int64), high - 1)
    return Cells(window=window, wide=wide, high=high, cell=line * wide + column, rows=rows)


def counted(found: Cells, codes: Ints, k: int) -> npt.NDArray[np.int64]:
    """(k, wide * high) points of each code in each cell.

    Parameters
    ----------
    codes : (n,) of all points, in 0 .. k-1.
    """
    size = found.wide * found.high
    return np.bincount(codes[found.rows] * size + found.cell, minlength=k * size).reshape(k, size)


def commonest(found: Cells, codes: Ints, k: int) -> npt.NDArray[np.int64]:
    """(wide * high,) the code 0 .. k-1 that most points of a cell have; the lower one of equals; -1 in an empty cell.

    Parameters
    ----------
    codes : (n,) of all points, in 0 .. k-1.
    """
    each = counted(found, codes, k)
    best = each.argmax(axis=0)
    return np.where(each[best, np.arange(each.shape[1])] > 0, best, -1)


def mean(found: Cells, values: Floats) -> npt.NDArray[np.float64]:
    """(wide * high,) mean of the known values of a cell; nan where there is none."""
    own = values[found.rows].astype(np.float64)
    known = np.isfinite(own)
    size = found.wide * found.high
    total = np.bincount(found.cell[known], weights=own[known], minlength=size)
    count = np.bincount(found.cell[known], minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / count, dtype=np.float64)


def painted(found: Cells, colours: npt.NDArray[np.uint8]) -> str:
    """The picture as a data URI: each cell in its colour, the more points the less see-through (log scale).

    Parameters
    ----------
    colours : (wide * high, 3).
    """
    count = found.n
    most = max(float(np.quantile(count[count > 0], 0.99)) if (count > 0).any() else 1.0, 2.0)
    alpha = np.where(count > 0, np.clip(FAINTEST + (1 - FAINTEST) * np.log(np.maximum(count, 1)) / np.log(most), 0, 1), 0.0)
    pixels = np.empty((found.high, found.wide, 4), dtype=np.uint8)
    pixels[..., :3] = colours.reshape(found.high, found.wide, 3)
    pixels[..., 3] = (255 * alpha).astype(np.uint8).reshape(found.high, found.wide)
    times = max(1, round(WIDE / found.wide))  # a browser blurs what it enlarges
    pixels = pixels.repeat(times, axis=0).repeat(times, axis=1)
    return _uri(pixels[::-1])


def _uri(pixels: npt.NDArray[np.uint8]) -> str:
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode("ascii")


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file of (height, width, 4) pixels, top row first."""
    height, width = pixels.shape[:2]
    lines = np.zeros((height, 1 + 4 * width), dtype=np.uint8)
    lines[:, 1:] = pixels.reshape(height, 4 * width)
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )


def dyed(picture: str, partners: Mapping[tuple[int, ...], tuple[int, ...]]) -> str:
    """A picture of `painted` in other colours, as see-through as before; a colour without a partner stays.

    Parameters
    ----------
    partners : red, green, blue -> the colour instead of it.
    """
    file = base64.b64decode(picture.partition(",")[2])
    width, height = struct.unpack(">II", file[16:24])
    start = file.index(b"IDAT") + 4
    size = struct.unpack(">I", file[start - 8 : start - 4])[0]
    lines = np.frombuffer(zlib.decompress(file[start : start + size]), dtype=np.uint8).reshape(height, 1 + 4 * width)
    pixels = lines[:, 1:].reshape(height, width, 4).copy()
    number = pixels[..., :3].astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
    for (r, g, b), other in partners.items():
        pixels[number == (r << 16) + (g << 8) + b, :3] = other
    return _uri(pixels)


def rgb(colours: Sequence[str]) -> npt.NDArray[np.uint8]:
    """(k, 3) of "#RRGGBB" colours."""
    return np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], dtype=np.uint8).reshape(-1, 3)


def shades(values: Floats, stops: Sequence[str], ends: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """(m, 3) colours of values on a scale of equally spaced stops; the first stop where a value is not known."""
    table = rgb(stops).astype(np.float64)
    low, high = ends
    place = np.clip(np.nan_to_num((values - low) / max(high - low, 1e-12)), 0, 1) * (len(stops) - 1)
    below = np.minimum(place.astype(np.int64), len(stops) - 2)
    part = (place - below)[:, None]
    return np.asarray(table[below] * (1 - part) + table[below + 1] * part, dtype=np.uint8)

"""Pyramid: a picture cut into tiles at every power of two, kept in one file, so that a browser can zoom into it.

    jpg tiles ... | index, JSON | length of the index, 8 bytes | TMETILE1

Level 0 is full resolution; each next level is half of it, until the picture fits one tile. A file is written whole or not at
all and is named by what it was made from, so it never changes; each tile has a checksum, so a damaged one is known.
"""

from __future__ import annotations

import io
import json
import math
import os
import tempfile
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.errors import SlideError

TILE_PX = 256
QUALITY = 85
VERSION = "1"
"""Changes when the same picture gives other tiles."""

ENDING = ".tiles"
MOST_PX = 400_000_000
_MARK = b"TMETILE1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One resolution: (first byte, length, checksum) of each of its tiles, row by row."""

    width: int
    height: int
    columns: int
    rows: int
    places: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyramid:
    """A picture in tiles.

    Attributes
    ----------
    path : its file. levels : level 0, full resolution, first.
    """

    path: Path
    levels: tuple[Level, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), px at full resolution."""
        return self.levels[0].width, self.levels[0].height

    def tile(self, level: int, column: int, row: int) -> bytes | None:
        """One tile, jpg; None where the picture has none.

        Raises
        ------
        SlideError
            The tile is damaged.
        """
        if not 0 <= level < len(self.levels):
            return None
        shelf = self.levels[level]
        if not (0 <= column < shelf.columns and 0 <= row < shelf.rows):
            return None
        start, length, checksum = shelf.places[row * shelf.columns + column]
        try:
            with self.path.open("rb") as handle:
                handle.seek(start)
                found = handle.read(length)
        except OSError as error:
            raise SlideError(f"the tiles of {self.path.name} cannot be read ({error.strerror}); run python -m core build to make them again") from error
        if len(found) != length or zlib.crc32(found) != checksum:
            raise SlideError(f"tile {column}, {row} of level {level} of {self.path.name} is damaged; delete that file and run python -m core build")
        return found


def file_name(name: str, sha256: str) -> str:
    """Name of a pyramid's file: what it shows and a hash of the picture it was made from."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return f"{plain}-{sha256[:16]}-{VERSION}{ENDING}"


def make(picture: Path, target: Path) -> Pyramid:
    """Cut a jpg or png into tiles; a pyramid that is there and whole is kept.

    Raises
    ------
    SlideError
        The picture cannot be read, or is too large to be decoded whole.
    """
    from PIL import Image

    try:
        return read(target)
    except SlideError:
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked here
            with Image.open(picture) as opened:
                if opened.width * opened.height > MOST_PX:
                    raise SlideError(f"{picture.name} has {opened.width * opened.height / 1e6:.0f} megapixels; give a picture this large as a tiled TIFF")
                whole = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise SlideError(f"{picture.name} cannot be read as a picture ({type(error).__name__}): it is damaged or of another format; download it again") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".waiting-")
    try:
        with os.fdopen(handle, "wb") as out:
            _write(out, whole)
        os.replace(draft, target)  # noqa: PTH105
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return read(target)


def _write(out: io.BufferedIOBase, whole: object) -> None:
    from PIL import Image

    levels = []
    shown: Image.Image = whole  # type: ignore[assignment]
    at = 0
    while True:
        columns, rows = math.ceil(shown.width / TILE_PX), math.ceil(shown.height / TILE_PX)
        places = []
        for row in range(rows):
            for column in range(columns):
                box = (column * TILE_PX, row * TILE_PX, min((column + 1) * TILE_PX, shown.width), min((row + 1) * TILE_PX, shown.height))
                made = io.BytesIO()
                shown.crop(box).save(made, "JPEG", quality=QUALITY)
                content = made.getvalue()
                out.write(content)
                places.append((at, len(content), zlib.crc32(content)))
                at += len(content)
        levels.append({"width": shown.width, "height": shown.height, "columns": columns, "rows": rows, "places": places})
        if columns == rows == 1:
            break
        shown = shown.reduce(2)
    index = json.dumps({"levels": levels}, separators=(",", ":")).encode()
    out.write(index)
    out.write(len(index).to_bytes(8, "little"))
    out.write(_MARK)


@lru_cache(maxsize=64)
def _indexed(path: Path, size: int, changed: int) -> Pyramid:
    """Read the index of a file of this size and time of change."""
    try:
        with path.open("rb") as handle:
            handle.seek(-(8 + len(_MARK)), os.SEEK_END)
            tail = handle.read()
            length = int.from_bytes(tail[:8], "little")
            if tail[8:] != _MARK or not 0 < length < size:
                raise SlideError(f"{path.name} is no whole file of tiles; run python -m core build to make it again")
            handle.seek(-(8 + len(_MARK) + length), os.SEEK_END)
            raw = json.loads(handle.read(length))
        levels = tuple(
            Level(
                width=int(one["width"]), height=int(one["height"]), columns=int(one["columns"]), rows=int(one["rows"]),
                places=tuple((int(a), int(b), int(c)) for a, b, c in one["places"]),
            )
            for one in raw["levels"]
        )  # fmt: skip
        whole = bool(levels) and all(len(one.places) == one.columns * one.rows for one in levels)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SlideError(f"{path.name} is damaged; run python -m core build to make it again") from error
    if not whole:
        raise SlideError(f"{path.name} is damaged; run python -m core build to make it again")
    return Pyramid(path=path, levels=levels)


def read(path: Path) -> Pyramid:
    """The pyramid in a file.

    Raises
    ------
    SlideError
        There is none, or it is damaged.
    """
    try:
        stat = path.stat()
    except OSError:
        raise SlideError(f"there are no tiles {path.name}; run python -m core build to make them") from None
    return _indexed(path, stat.st_size, stat.st_mtime_ns)


def crop(pyramid: Pyramid, box: Sequence[int], *, out_px: int = 224) -> bytes:
    """A square of a picture as one jpg of `out_px` a side, put together from its tiles; white outside the picture.

    Parameters
    ----------
    box : (left, top, side), px of full resolution.

    Raises
    ------
    SlideError
        A tile that is needed is damaged.
    """
    from PIL import Image

    left, top, side = box
    level = max(0, min(len(pyramid.levels) - 1, math.floor(math.log2(max(side / out_px, 1)))))
    factor = 2**level
    x0, y0, span = left / factor, top / factor, max(1, round(side / factor))
    first = (math.floor(x0), math.floor(y0))
    made = Image.new("RGB", (span, span), (255, 255, 255))
    for row in range(first[1] // TILE_PX, (first[1] + span - 1) // TILE_PX + 1):
        for column in range(first[0] // TILE_PX, (first[0] + span - 1) // TILE_PX + 1):
            content = pyramid.tile(level, column, row)
            if content is not None:
                with Image.open(io.BytesIO(content)) as tile:
                    made.paste(tile, (column * TILE_PX - first[0], row * TILE_PX - first[1]))
    out = io.BytesIO()
    made.resize((out_px, out_px), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
    return out.getvalue()

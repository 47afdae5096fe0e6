"""Slide: a picture of tissue too large to hold, read piece by piece (Aperio SVS and other TIFF), or a plain jpg or png."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import math
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import SlideError

Picture = npt.NDArray[np.uint8]
PLAIN = frozenset({".jpg", ".jpeg", ".png"})
MOST_AT_ONCE_PX = 60_000_000
MOST_PLAIN_PX = 170_000_000
"""A jpg or png is decoded whole; a larger one belongs in a tiled TIFF."""

_UNREADABLE = (OSError, ValueError, IndexError, KeyError, TypeError, RuntimeError, struct.error)
LEAST_UM_PER_PX, MOST_UM_PER_PX = 0.05, 20.0


class _Reader(Protocol):
    """Gives a square of level 0 as (out_px, out_px, 3), and the whole as a small picture."""

    size: tuple[int, int]
    um_per_px: float | None

    def square(self, corner: tuple[int, int], span_px: int, out_px: int) -> Picture: ...

    def small(self, longest_px: int) -> Picture: ...

    def close(self) -> None: ...


class Slide:
    """An open slide; use `with open_slide(path) as slide`.

    Attributes
    ----------
    width_px, height_px : at full resolution. um_per_px : None where the file does not say.
    """

    def __init__(self, path: Path, reader: _Reader) -> None:
        self.path, self._reader = path, reader
        self.width_px, self.height_px = reader.size
        self.um_per_px = reader.um_per_px

    def thumbnail(self, longest_px: int = 1024) -> Picture:
        """The whole slide, (h, w, 3) uint8, its longer side at most `longest_px`.

        Raises
        ------
        SlideError
            The picture is damaged.
        """
        with self._guarded():
            return self._reader.small(longest_px)

    def square(self, corner: tuple[int, int], span_px: int, out_px: int) -> Picture:
        """A square of the slide at another resolution, (out_px, out_px, 3) uint8.

        Parameters
        ----------
        corner : (x, y) of its upper left, px of full resolution. span_px : its side there. out_px : its side in the result.

        Raises
        ------
        SlideError
            It reaches outside the slide, or the picture is damaged there.
        """
        x, y = corner
        if x < 0 or y < 0 or x + span_px > self.width_px or y + span_px > self.height_px or span_px < 1:
            raise SlideError(f"the square of {span_px} px at {x}, {y} reaches outside {self.path.name} ({self.width_px} x {self.height_px} px)")
        with self._guarded():
            return self._reader.square(corner, span_px, out_px)

    def resolution(self, given: float | None = None) -> float:
        """µm a pixel: the one given, else the file's.

        Raises
        ------
        SlideError
            Neither is there, or it is no resolution of a slide.
        """
        found = given if given is not None else self.um_per_px
        if found is None:
            raise SlideError(
                f"{self.path.name} does not say how many µm a pixel spans; give it as um_per_px, on the command line --um-per-px (0.25 for most 40x "
                "scans, 0.5 for 20x): tiles of an unknown size cannot be compared"
            )
        if not LEAST_UM_PER_PX <= found <= MOST_UM_PER_PX:
            raise SlideError(f"{found:g} µm a pixel is no resolution of a slide; give {LEAST_UM_PER_PX:g} to {MOST_UM_PER_PX:g}")
        return float(found)

    def sha256(self) -> str:
        """Of the file, hexadecimal."""
        with self.path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except SlideError:
            raise
        except _UNREADABLE as error:
            raise SlideError(f"{self.path.name} is damaged and cannot be read to its end ({type(error).__name__}); copy or download it again") from error


@contextlib.contextmanager
def open_slide(path: Path) -> Iterator[Slide]:
    """Open a slide picture.

    Raises
    ------
    SlideError
        No file, an empty or damaged one, or a format that is not read here.
    """
    if not path.is_file():
        raise SlideError(f"there is no slide at {path}")
    try:
        reader: _Reader = _Plain(path) if path.suffix.lower() in PLAIN else _Tiled(path)
    except SlideError:
        raise
    except _UNREADABLE as error:
        raise SlideError(
            f"{path.name} cannot be read as a slide ({type(error).__name__}): it is damaged or of another format; SVS, tiled TIFF, jpg and png are read"
        ) from error
    try:
        yield Slide(path, reader)
    finally:
        reader.close()


class _Tiled:
    """SVS and tiled TIFF, through tiffslide."""

    def __init__(self, path: Path) -> None:
        import tiffslide

        logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it would log is said here, in words
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._slide: Any = tiffslide.TiffSlide(str(path))
        try:
            _whole(path, self._slide.ts_tifffile)
            self.size = (int(self._slide.dimensions[0]), int(self._slide.dimensions[1]))
            value = self._slide.properties.get("tiffslide.mpp-x")
            self.um_per_px = float(value) if value else None
            self._factors = [float(factor) for factor in self._slide.level_downsamples]
        except (SlideError, *_UNREADABLE):
            self._slide.close()
            raise

    def square(self, corner: tuple[int, int], span_px: int, out_px: int) -> Picture:
        """Read the coarsest level that is still fine enough, then average down."""
        level = max((i for i, factor in enumerate(self._factors) if factor <= span_px / out_px + 1e-6), default=0)
        side = max(1, round(span_px / self._factors[level]))
        found = np.asarray(self._slide.read_region(corner, level, (side, side), as_array=True))
        return _resized(found[..., :3], (out_px, out_px))

    def small(self, longest_px: int) -> Picture:
        """From the level next above the size asked for."""
        width, height = self.size
        factor = max(1.0, max(width, height) / longest_px)
        level = max((i for i, f in enumerate(self._factors) if f <= factor + 1e-6), default=0)
        across, down = max(1, round(width / factor)), max(1, round(height / factor))
        wide, high = (int(n) for n in self._slide.level_dimensions[level])
        strips = min(down, math.ceil(wide * high / MOST_AT_ONCE_PX))  # a slide without small levels is read strip by strip
        made = []
        for first, last in itertools.pairwise(np.linspace(0, down, strips + 1).round().astype(int).tolist()):
            top, bottom = round(first * high / down), max(round(last * high / down), round(first * high / down) + 1)
            corner = (0, round(top * self._factors[level]))
            strip = np.asarray(self._slide.read_region(corner, level, (wide, min(bottom, high) - top), as_array=True))
            made.append(_resized(strip[..., :3], (across, last - first)))
        return np.concatenate(made)

    def close(self) -> None:
        """Let the file go."""
        self._slide.close()


class _Plain:
    """jpg and png, decoded whole."""

    um_per_px: float | None = None

    def __init__(self, path: Path) -> None:
        from PIL import Image

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked here
            with Image.open(path) as opened:
                self.size = (int(opened.width), int(opened.height))
                if self.size[0] * self.size[1] > MOST_PLAIN_PX:
                    raise SlideError(f"{path.name} has {self.size[0] * self.size[1] / 1e6:.0f} megapixels; give a picture this large as a tiled TIFF")
                self._whole: Picture = np.asarray(opened.convert("RGB"))

    def square(self, corner: tuple[int, int], span_px: int, out_px: int) -> Picture:
        """Cut out, then average down."""
        x, y = corner
        return _resized(self._whole[y : y + span_px, x : x + span_px], (out_px, out_px))

    def small(self, longest_px: int) -> Picture:
        """Average down."""
        factor = max(1.0, max(self.size) / longest_px)
        return _resized(self._whole, (max(1, round(self.size[0] / factor)), max(1, round(self.size[1] / factor))))

    def close(self) -> None:
        """Let the picture go."""
        self._whole = self._whole[:0]


def _whole(path: Path, tiff: Any) -> None:
    """Refuse a file that was cut: what lies behind its end would be read as black or white."""
    size = path.stat().st_size
    for level in tiff.series[0].levels:
        for page in level.pages:
            ends = [int(offset) + int(count) for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
            if not ends or max(ends) > size:
                raise SlideError(f"{path.name} was cut after {size:,} bytes and is damaged; copy or download it again")


def _resized(picture: npt.NDArray[Any], size: tuple[int, int]) -> Picture:
    """(width, height) of a picture changed, antialiased; bytes in, bytes out."""
    from PIL import Image

    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise SlideError(f"the slide has pixels of type {picture.dtype} and shape {picture.shape[2:]}; only 8-bit colour slides are read")
    if (picture.shape[1], picture.shape[0]) == size:
        return np.ascontiguousarray(picture)
    made = Image.fromarray(np.ascontiguousarray(picture)).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(made, dtype=np.uint8)

"""Shown slide: what a page shows of a slide without opening it - a small picture, its tissue, and some of its tiles."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import BadModel, SlideError
from core.spatial.slide import Slide, open_slide
from core.spatial.tiling import tiling
from core.spatial.tissue import tissue
from models.card import ModelError
from models.weights import pack, unpack, write_whole

THUMBNAIL_PX, TILE_PX, TILES = 1000, 150, 24
VERSION = "2"
"""Changes when the same slide is shown otherwise; what was kept in an earlier way is made again when the database is built."""
TILE_UM, TILE_SPAN = 112.0, 224
"""Side of a tile, µm; px where the resolution is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is said of a slide.

    Attributes
    ----------
    slide, title, study : which. width_px, height_px : full resolution; 0 where it could not be read. um_per_px : None = not known.
    span_px : side of a tile at full resolution. on_tissue : tiles on tissue. unreadable : of the shown ones that are damaged.
    tissue : share of the slide. problem : why there is nothing to show, or "". version : of how it was looked through.
    """

    slide: str
    title: str
    study: str
    width_px: int = 0
    height_px: int = 0
    um_per_px: float | None = None
    span_px: int = 0
    on_tissue: int = 0
    unreadable: int = 0
    tissue: float = 0.0
    problem: str = ""
    version: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSlide:
    """A slide as a page shows it.

    Attributes
    ----------
    thumbnail : (h, w, 3) uint8. mask : (h, w) tissue. tiles : (k, px, px, 3) uint8, spread evenly over the tissue. x, y : (k,) upper left,
        px of full resolution.
    """

    facts: Facts
    thumbnail: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]
    tiles: npt.NDArray[np.uint8]
    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]


def prepare(path: Path, *, name: str, title: str = "", study: str = "", um_per_px: float | None = None) -> ShownSlide:
    """Look through a slide once. What cannot be read becomes `facts.problem`; a damaged tile is left out and counted.

    Parameters
    ----------
    um_per_px : at full resolution, where the file does not say. Without either the tiles are cut by pixels.
    """
    named = Facts(slide=name, title=title or name, study=study, version=VERSION)
    try:
        with open_slide(path) as slide:
            return _look(slide, named, um_per_px if um_per_px is not None else slide.um_per_px)
    except SlideError as error:
        return empty(named, str(error))


def empty(facts: Facts, problem: str) -> ShownSlide:
    """A slide of which there is nothing to show."""
    none = np.empty(0, dtype=np.int64)
    said = Facts(**{**asdict(facts), "problem": problem})
    pixels = np.zeros((1, 1, 3), dtype=np.uint8)
    return ShownSlide(facts=said, thumbnail=pixels, mask=np.zeros((1, 1), dtype=bool), tiles=np.empty((0, 1, 1, 3), dtype=np.uint8), x=none, y=none)


def _look(slide: Slide, named: Facts, um_per_px: float | None) -> ShownSlide:
    picture = slide.thumbnail(THUMBNAIL_PX)
    found = tissue(picture)
    size = (slide.width_px, slide.height_px)
    span = max(1, round(TILE_UM / um_per_px)) if um_per_px else min(TILE_SPAN, *size)
    facts: dict[str, Any] = {**asdict(named), "width_px": size[0], "height_px": size[1], "um_per_px": um_per_px, "span_px": span, "tissue": found.share}
    problem, tiles, corners = "", [], []
    try:
        squares = tiling(found.mask, size, span_px=span, most=TILES)
        facts["on_tissue"] = squares.n + squares.left_out
        for x, y in zip(squares.x.tolist(), squares.y.tolist(), strict=True):
            try:
                tiles.append(slide.square((x, y), span, TILE_PX))
                corners.append((x, y))
            except SlideError:
                facts["unreadable"] += 1
    except SlideError as error:
        problem = str(error)
    places = np.asarray(corners, dtype=np.int64).reshape(-1, 2)
    shown = np.stack(tiles) if tiles else np.empty((0, TILE_PX, TILE_PX, 3), dtype=np.uint8)
    return ShownSlide(facts=Facts(**{**facts, "problem": problem}), thumbnail=picture, mask=found.mask, tiles=shown, x=places[:, 0], y=places[:, 1])


def write(path: Path, shown: ShownSlide) -> None:
    """Keep what a page shows.

    Raises
    ------
    SlideError
        The folder cannot be written.
    """
    tensors: dict[str, npt.NDArray[Any]] = {
        "facts": text(asdict(shown.facts)), "thumbnail": shown.thumbnail, "mask": shown.mask.astype(np.uint8), "tiles": shown.tiles, "x": shown.x, "y": shown.y,
    }  # fmt: skip
    keep(path, tensors)


def read(path: Path) -> ShownSlide:
    """What `write` kept.

    Raises
    ------
    SlideError
        It is damaged.
    """
    found = kept(path)
    try:
        facts = Facts(**words(found["facts"]))
        return ShownSlide(
            facts=facts, thumbnail=found["thumbnail"], mask=found["mask"].astype(bool), tiles=found["tiles"], x=found["x"], y=found["y"]
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise SlideError(f"{path.name}, the kept pictures of a slide, is damaged; delete it and run python -m core build") from error


def keep(path: Path, tensors: dict[str, npt.NDArray[Any]]) -> None:
    """Write arrays whole.

    Raises
    ------
    SlideError
        The folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, pack(tensors))
    except OSError as error:
        raise SlideError(f"pictures of slides cannot be kept in {path.parent} ({error}); free space or make the folder writable") from error


def kept(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read arrays.

    Raises
    ------
    SlideError
        They are damaged, or gone.
    """
    try:
        return unpack(path.read_bytes(), path.name)
    except (OSError, ModelError, BadModel) as error:
        raise SlideError(f"{path.name}, what was kept of a slide, is damaged or gone; delete it and run python -m core build") from error


def text(facts: dict[str, Any]) -> npt.NDArray[np.uint8]:
    """Facts as bytes."""
    return np.frombuffer(json.dumps(facts, sort_keys=True).encode(), dtype=np.uint8)


def words(written: npt.NDArray[Any]) -> dict[str, Any]:
    """What `text` wrote."""
    found = json.loads(written.tobytes().decode())
    return found if isinstance(found, dict) else {}

"""Slides: a slide's file becomes tile embeddings, one vector and the attention behind it; kept, resumable.

    CACHE/slides/<hash of slide, encoder and recipe>/part-00000.safetensors ... -> whole.safetensors

A part is written whole or not at all, so a killed run goes on with the part that is missing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import BadModel, SlideError
from core.spatial import stain
from core.spatial.slide import Slide, open_slide
from core.spatial.tiling import Tiling, tiling
from core.spatial.tissue import sharpness, tissue
from models.card import ModelError
from models.encoders.pathology import PathologyEncoder, neighbours, pooling
from models.encoders.pathology.encoder import Asked
from models.weights import pack, unpack, write_whole

Array32 = npt.NDArray[np.float32]
Say = Callable[[str], None]

PART = 128
THUMBNAIL_PX, MASK_PX = 640, 1600
LEAST_SHARPNESS = 2.5
STAIN_PIXELS = 50_000
VERSION = "2"
"""Changes when the same slide and encoder give other tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a slide is cut.

    Attributes
    ----------
    um_per_px : resolution at which tiles are read; None = what the encoder expects. tile_px : side; None = what it expects.
    overlap : of neighbours, 0 to 0.9. least_tissue : share of a tile. stain : normalisation of colours, see `core.spatial.stain`.
    most : tiles at most, spread evenly. precision : of the encoder.
    """

    um_per_px: float | None = None
    tile_px: int | None = None
    overlap: float = 0.0
    least_tissue: float = 0.5
    stain: stain.Method = "none"
    most: int = 4000
    precision: Asked = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideTiles:
    """A slide as an encoder sees it; n tiles.

    Attributes
    ----------
    slide : what it is called. encoder : hash. tiling : places, px of full resolution. features : (n, dim).
    size : (width, height), px. um_per_px : at full resolution; `given` = it was told by a person, not by the file.
    tile_um : side of a tile. thumbnail : (h, w, 3) uint8 of the whole slide. blurred : tiles left out because they are out of focus.
    """

    slide: str
    encoder: str
    tiling: Tiling
    features: Array32
    size: tuple[int, int]
    um_per_px: float
    given: bool
    tile_um: float
    thumbnail: npt.NDArray[np.uint8]
    blurred: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideVector:
    """A slide as one vector.

    Attributes
    ----------
    tiles : behind it. vector : (dim,). attention : (n,) share of each tile. trained : false = every tile weighs the same.
    """

    tiles: SlideTiles
    vector: Array32
    attention: Array32
    trained: bool


def embed_slide(
    path: Path, encoder: PathologyEncoder, *, recipe: Recipe | None = None, name: str = "", um_per_px: float | None = None,
    cache_dir: Path | None = None, say: Say | None = None,
) -> SlideTiles:  # fmt: skip
    """Tile embeddings of one slide, from the cache where nothing changed.

    Parameters
    ----------
    path : the slide's file. name : what it is called; its file name unless told.
    um_per_px : at full resolution, where the file does not say or says it wrongly. cache_dir : None = nothing is kept.

    Raises
    ------
    SlideError
        The slide cannot be read, has no tissue, or no known resolution.
    BadModel
        The encoder cannot read the tiles, or there is no memory for one.
    """
    asked = recipe or Recipe()
    family = encoder.family
    wanted = replace(asked, um_per_px=asked.um_per_px or family.um_per_px, tile_px=asked.tile_px or family.input_px)
    called = name or path.name
    with open_slide(path) as slide:
        resolution = slide.resolution(um_per_px)
        folder = None
        if cache_dir is not None:
            key = json.dumps([VERSION, slide.sha256(), encoder.hash, resolution, _precision(wanted.precision), asdict(wanted)], sort_keys=True)
            folder = cache_dir / "slides" / hashlib.sha256(key.encode()).hexdigest()[:24]
        kept = _read(folder / "whole.safetensors", say) if folder is not None else None
        if kept is None:
            kept = _compute(slide, encoder, recipe=wanted, resolution=resolution, folder=folder, say=say, called=called)
            if folder is not None:
                _write(folder / "whole.safetensors", kept)
                for part in folder.glob("part-*.safetensors"):
                    part.unlink(missing_ok=True)
        counts = kept["counts"].tolist()
        return SlideTiles(
            slide=called,
            encoder=encoder.hash,
            tiling=Tiling(x=kept["x"], y=kept["y"], span_px=counts[0], tissue=kept["tissue"], left_out=counts[1]),
            features=kept["features"],
            size=(slide.width_px, slide.height_px),
            um_per_px=resolution,
            given=um_per_px is not None,
            tile_um=counts[0] * resolution,
            thumbnail=kept["thumbnail"],
            blurred=counts[2],
        )


def pooled(tiles: SlideTiles, attention: pooling.GatedAttention | None = None) -> SlideVector:
    """A slide as one vector: by attention, or the mean of its tiles where none was trained."""
    found = attention.pool(tiles.features) if attention is not None else pooling.mean(tiles.features)
    return SlideVector(tiles=tiles, vector=found.vector, attention=found.attention, trained=attention is not None)


def adapted(slides: Mapping[str, SlideTiles], *, seed: int = 0, config: neighbours.Config | None = None) -> neighbours.Adapter:
    """An adapter and attention learnt from the neighbourhoods of these slides, without labels; see `neighbours.pretrain`."""
    return neighbours.pretrain([(one.features, np.column_stack([one.tiling.x, one.tiling.y]) * one.um_per_px) for one in slides.values()], seed=seed, config=config)


def attention_of(slides: Mapping[str, SlideTiles], *, seed: int = 0) -> pooling.GatedAttention | None:
    """The attention of `adapted`, or None where no slide has tiles enough to learn from."""
    enough = {name: one for name, one in slides.items() if one.tiling.n > neighbours.Config().neighbours}
    return adapted(enough, seed=seed).attention if enough else None


def _compute(
    slide: Slide, encoder: PathologyEncoder, *, recipe: Recipe, resolution: float, folder: Path | None, say: Say | None, called: str
) -> dict[str, npt.NDArray[Any]]:
    picture = slide.thumbnail(MASK_PX)
    found = tissue(picture)
    if not found.mask.any():
        raise SlideError(f"{slide.path.name} shows no tissue stained with H&E; check that the slide is not blank, and that its stain is H&E")
    tile_px = int(recipe.tile_px or 0)
    span = max(1, round(tile_px * float(recipe.um_per_px or 0) / resolution))
    tiles = tiling(found.mask, (slide.width_px, slide.height_px), span_px=span, overlap=recipe.overlap, least=recipe.least_tissue, most=recipe.most)
    dye = _dye(picture[found.mask], recipe.stain)
    features, sharp = [], []
    parts = range(0, tiles.n, PART)
    for number, first in enumerate(parts):
        path = folder / f"part-{number:05d}.safetensors" if folder is not None else None
        made = _read(path, say) if path is not None else None
        if made is None:
            if say is not None:
                say(f"{called}: embedding tiles {first + 1:,} to {min(first + PART, tiles.n):,} of {tiles.n:,}")
            rows = range(first, min(first + PART, tiles.n))
            cut = np.stack([slide.square((int(tiles.x[i]), int(tiles.y[i])), span, tile_px) for i in rows])
            in_focus = sharpness(cut) >= LEAST_SHARPNESS
            try:
                made = {"features": encoder.embed(dye(cut[in_focus]), precision=recipe.precision), "sharp": in_focus}
            except ModelError as error:
                raise BadModel(str(error)) from error
            if path is not None:
                _write(path, made)
        features.append(made["features"])
        sharp.append(made["sharp"])
    clear = np.concatenate(sharp).astype(bool)
    if not clear.any():
        raise SlideError(f"every tile of {slide.path.name} is out of focus; scan the slide again")
    kept = tiles.take(np.flatnonzero(clear))
    small = slide.thumbnail(THUMBNAIL_PX)
    return {
        "features": np.concatenate(features).astype(np.float32), "x": kept.x, "y": kept.y, "tissue": kept.tissue,
        "counts": np.asarray([span, tiles.left_out, int((~clear).sum())], dtype=np.int64), "thumbnail": small,
    }  # fmt: skip


def _dye(pixels: npt.NDArray[np.uint8], method: stain.Method) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]:
    """The normalisation of a slide's tiles, fitted to pixels of its tissue."""
    every = max(1, len(pixels) // STAIN_PIXELS)
    if method == "macenko":
        own = stain.stains(pixels[::every])
        return lambda tiles: stain.macenko(tiles, own)
    if method == "reinhard":
        hues, target = stain.colours(pixels[::every]), stain.example()
        return lambda tiles: stain.reinhard(tiles, hues, target=target)
    return lambda tiles: tiles


def _precision(asked: Asked) -> str:
    if asked != "auto":
        return asked
    import torch

    return "bf16" if torch.cuda.is_available() else "fp32"


def _read(path: Path, say: Say | None) -> dict[str, npt.NDArray[Any]] | None:
    """What was kept, or None where nothing or half a file is."""
    try:
        return unpack(path.read_bytes(), path.name)
    except FileNotFoundError:
        return None
    except (OSError, ModelError):
        if say is not None:
            say(f"{path.name} of the cache is damaged and is computed again")
        return None


def _write(path: Path, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, pack(tensors))
    except OSError as error:
        raise SlideError(f"tile embeddings cannot be kept in {path.parent} ({error}); free space or make the folder writable") from error


def each(
    files: Mapping[str, Path], encoder: PathologyEncoder, *, recipe: Recipe | None = None, um_per_px: Mapping[str, float] | None = None,
    cache_dir: Path | None = None, say: Say | None = None,
) -> Iterator[tuple[str, SlideTiles | SlideError]]:  # fmt: skip
    """Every slide by itself: its tiles, or why it has none; one bad slide stops no other."""
    given = um_per_px or {}
    for name, path in files.items():
        try:
            yield name, embed_slide(path, encoder, recipe=recipe, name=name, um_per_px=given.get(name), cache_dir=cache_dir, say=say)
        except SlideError as problem:
            yield name, problem

"""Slide shelf: the folder of what pages show of slides; filled when the database is built and by `python -m core slides`.

    CACHE/shown/<slide>.safetensors      small picture, tissue, some tiles
    CACHE/shown/<slide>.attention        what each tile weighs in the slide's vector, and by which encoder
    CACHE/shown/image_expression.parquet what tiles said about each gene and cell type, on patients left out
    CACHE/shown/image_expression_median.parquet     the medians of that, beside their nulls
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import CohortError, SlideError
from core.spatial import shown_slide
from core.spatial.image_expression import Correlations
from core.spatial.pictures import remote
from core.spatial.shown_slide import Facts, ShownSlide
from core.spatial.tiling import Tiling
from data.fetch import Places, fetch_file
from data.schema_cells import IMAGE_EXPRESSION, IMAGE_EXPRESSION_MEDIAN
from data.store import Store
from models.encoders import pathology

if TYPE_CHECKING:
    from core.pipeline.slides import SlideVector

FOLDER = "shown"
EXPRESSION, MEDIANS = "image_expression.parquet", "image_expression_median.parquet"
Say = Callable[[str], None]


def fill(store: Store, places: Places, *, folder: Path, say: Say) -> list[str]:
    """Look through every slide of the database that was not looked through before in the same way; returns what could not be had, a sentence each.

    Parameters
    ----------
    folder : the cache.
    """
    problems = []
    for slide in store.sql("SELECT slide_id, study, title, file, um_per_px FROM slide ORDER BY slide_id").to_dicts():
        found = remote(slide["study"], slide["file"] or "")
        target = place(folder, slide["slide_id"])
        if found is None or _current(target):
            continue
        say(f"{slide['slide_id']}: looking for tissue")
        facts = Facts(slide=slide["slide_id"], title=slide["title"], study=slide["study"])
        try:
            path = fetch_file(found, places=places)
            shown = shown_slide.prepare(path, name=facts.slide, title=facts.title, study=facts.study, um_per_px=slide["um_per_px"])
            shown_slide.write(target, shown)
        except CohortError as error:
            problems.append(f"{slide['slide_id']} is not shown: {error}")
    return problems


def _current(path: Path) -> bool:
    """Whether a slide's pictures are there, whole, and made as they would be made now."""
    try:
        return path.is_file() and shown_slide.read(path).facts.version == shown_slide.VERSION
    except SlideError:
        return False


def place(folder: Path, slide: str) -> Path:
    """Where a slide's pictures are."""
    return folder / FOLDER / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', slide)}.safetensors"


def stamp(folder: Path) -> str:
    """Changes whenever something on the shelf does."""
    root = folder / FOLDER
    return ";".join(f"{path.name}:{path.stat().st_mtime_ns}" for path in sorted(root.glob("*"))) if root.is_dir() else ""


def slides(folder: Path) -> list[ShownSlide]:
    """Every slide on the shelf; a damaged one with its reason."""
    found = []
    for path in sorted((folder / FOLDER).glob("*.safetensors")):
        try:
            found.append(shown_slide.read(path))
        except SlideError as error:
            found.append(shown_slide.empty(Facts(slide=path.stem, title=path.stem, study=""), str(error)))
    return found


def keep_attention(folder: Path, slide: str, vector: SlideVector, *, encoder: str, learnt: str) -> None:
    """Keep what each tile of a slide weighs.

    Raises
    ------
    SlideError
        The folder cannot be written.
    """
    tiles = vector.tiles
    facts = {
        "slide": tiles.slide, "encoder": encoder, "hash": tiles.encoder, "size": list(tiles.size), "um_per_px": tiles.um_per_px, "given": tiles.given,
        "tile_um": tiles.tile_um, "blurred": tiles.blurred, "trained": vector.trained, "span_px": tiles.tiling.span_px, "left_out": tiles.tiling.left_out,
        "learnt": learnt,
    }  # fmt: skip
    tensors: dict[str, npt.NDArray[Any]] = {
        "facts": shown_slide.text(facts), "thumbnail": tiles.thumbnail, "x": tiles.tiling.x, "y": tiles.tiling.y, "tissue": tiles.tiling.tissue,
        "attention": vector.attention,
    }  # fmt: skip
    shown_slide.keep(place(folder, slide).with_suffix(".attention"), tensors)


def attention(folder: Path, slide: str) -> tuple[SlideVector, pathology.Family, str] | None:
    """What `keep_attention` kept: the slide, the encoder's family, how the attention was learnt; None where nothing was.

    Raises
    ------
    SlideError
        It is damaged.
    """
    from core.pipeline.slides import SlideTiles, SlideVector

    path = place(folder, slide).with_suffix(".attention")
    if not path.is_file():
        return None
    found = shown_slide.kept(path)
    try:
        facts = shown_slide.words(found["facts"])
        family = pathology.family(facts["encoder"])
        tiles = SlideTiles(
            slide=facts["slide"], encoder=facts["hash"], features=np.empty((len(found["x"]), 0), dtype=np.float32), size=tuple(facts["size"]),
            um_per_px=facts["um_per_px"], given=facts["given"], tile_um=facts["tile_um"], thumbnail=found["thumbnail"], blurred=facts["blurred"],
            tiling=Tiling(x=found["x"], y=found["y"], span_px=facts["span_px"], tissue=found["tissue"], left_out=facts["left_out"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise SlideError(f"{path.name}, the kept attention of a slide, is damaged; run python -m core slides again") from error
    vector = SlideVector(tiles=tiles, vector=np.empty(0, dtype=np.float32), attention=found["attention"], trained=facts["trained"])
    return vector, family, facts["learnt"]


def keep_expression(folder: Path, found: Correlations) -> Path:
    """Keep the correlations of pictures with expression; returns where those of single targets are.

    Raises
    ------
    SlideError
        The folder cannot be written.
    """
    root = folder / FOLDER
    try:
        root.mkdir(parents=True, exist_ok=True)
        for name, table in ((MEDIANS, IMAGE_EXPRESSION_MEDIAN.conform(found.medians)), (EXPRESSION, IMAGE_EXPRESSION.conform(found.targets))):
            draft = root / f".{name}"
            table.write_parquet(draft)
            draft.replace(root / name)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SlideError(f"correlations cannot be kept in {root} ({error}); free space or make the folder writable") from error
    return root / EXPRESSION


def expression(folder: Path) -> Correlations | None:
    """What `keep_expression` kept, or None where either table is not there.

    Raises
    ------
    SlideError
        It is damaged.
    """
    paths = [folder / FOLDER / name for name in (EXPRESSION, MEDIANS)]
    if not all(path.is_file() for path in paths):
        return None
    try:
        targets, medians = (pl.read_parquet(path) for path in paths)
        return Correlations(targets=IMAGE_EXPRESSION.conform(targets), medians=IMAGE_EXPRESSION_MEDIAN.conform(medians))
    except (OSError, CohortError, pl.exceptions.PolarsError) as error:
        raise SlideError(f"{EXPRESSION} or {MEDIANS} is damaged; run python -m core slides --expression again") from error

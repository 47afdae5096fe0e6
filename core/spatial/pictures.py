"""Pictures: the slides that spots lie on, cut into tiles when the database is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import CohortError, NotMeasured
from core.spatial import pyramid
from data.fetch import Places, fetch_file
from data.sources import MODULES, source
from data.sources.source import RemoteFile
from data.store import Store

Floats = npt.NDArray[np.float64]
FOLDER = "pictures"
FORMATS = ("jpg", "png")


def remote(study: str, file: str) -> RemoteFile | None:
    """The pinned file of a study whose address ends so."""
    if study not in MODULES or not file:
        return None
    return next((one for one in source(study).files if one.url.endswith(f"/{file}")), None)


def place(folder: Path, slide: dict[str, object]) -> Path | None:
    """Where the tiles of a row of table `slide` are; None for a picture that is not cut."""
    if slide["format"] not in FORMATS:
        return None
    found = remote(str(slide["study"]), str(slide["file"] or ""))
    return None if found is None else folder / FOLDER / pyramid.file_name(str(slide["slide_id"]), found.sha256)


def spot_resolution(pixels: Floats, um: Floats) -> float:
    """µm a pixel of a picture, from the same spots in the picture and on the array: how far apart they lie in either, all together.

    Parameters
    ----------
    pixels : (n, 2), px of the picture. um : (n, 2), µm. The picture may be turned or moved, not stretched.

    Raises
    ------
    NotMeasured
        The spots lie in one place.
    """
    apart = [float(np.square(places - places.mean(axis=0)).sum()) if len(places) else 0.0 for places in (um, pixels)]
    if not min(apart) > 0:
        raise NotMeasured(f"{len(um)} spots in one place do not say how large a pixel is; give the positions of at least two")
    return float(np.sqrt(apart[0] / apart[1]))


def fill(store: Store, places: Places, *, folder: Path, say: Callable[[str], None]) -> list[str]:
    """Cut every picture that spots lie on, unless that is done; a picture that cannot be cut is told and stops nothing.

    Parameters
    ----------
    folder : the cache. Returns what could not be done, a sentence each.
    """
    problems = []
    rows = store.sql("SELECT slide_id, study, file, format FROM slide WHERE spot_scale IS NOT NULL ORDER BY slide_id")
    for slide in rows.to_dicts():
        target = place(folder, slide)
        found = remote(slide["study"], slide["file"])
        if target is None or found is None:
            continue
        try:
            pyramid.read(target)
            continue
        except CohortError:
            pass
        say(f"{slide['slide_id']}: cutting the picture into tiles")
        try:
            pyramid.make(fetch_file(found, places=places), target)
        except CohortError as error:
            problems.append(f"{slide['slide_id']} has no picture to zoom into: {error}")
    return problems

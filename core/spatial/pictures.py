"""Pictures: the slides that spots lie on, cut into tiles when the database is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.errors import CohortError
from core.spatial import pyramid
from data.fetch import Places, fetch_file
from data.sources import MODULES, source
from data.sources.source import RemoteFile
from data.store import Store

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

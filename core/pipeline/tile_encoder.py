"""Tile encoder: a family by name, a hub id, or a file of a person's own becomes an encoder with its weights."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from core.errors import BadModel
from core.settings import Settings
from data.fetch import Places, Verified, fetch_file, silent
from data.weights import WEIGHTS, on_hub
from models.card import ModelError
from models.encoders import pathology
from models.encoders.pathology import PathologyEncoder

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
Progress = Callable[[str, int, int], None]


def tile_encoder(
    name: str = pathology.DEFAULT, settings: Settings | None = None, *, weights: Path | None = None, sha256: str = "", progress: Progress = silent
) -> PathologyEncoder:
    """An encoder of tiles.

    Parameters
    ----------
    name : a listed family; or the path of a .safetensors file of your own; or a hub id (owner/name), downloaded when asked for
        like this and with its `sha256` only. weights : the file of a listed family whose publisher hands it out himself.
    settings : where files may come from.

    Raises
    ------
    BadModel
        A family without pinned weights and no file, a hub id without a checksum, a file that holds no weights or those of
        another family.
    SourceUnavailable, SourceCorrupt
        The file cannot be had, or is not the one that was published.
    """
    try:
        return _made(name, settings, weights=weights, sha256=sha256, progress=progress)
    except ModelError as error:
        raise BadModel(str(error)) from error


def _made(name: str, settings: Settings | None, *, weights: Path | None, sha256: str, progress: Progress) -> PathologyEncoder:
    from_where = places(settings or Settings.from_env())
    if name in pathology.MODULES:
        if weights is not None:
            return pathology.encoder(name, weights=weights, sha256=sha256)
        if name not in WEIGHTS:
            family = pathology.family(name)
            page = f"{family.hub} on Hugging Face" if family.hub else f"the page of {family.reference} (doi {family.doi})"
            gated = ", who hands them out on request" if family.gated else ""
            raise BadModel(
                f"{family.label} comes without weights here (licence: {family.licence}); get them as safetensors from {page}{gated}, and name the file"
            )
        file = WEIGHTS[name]
        return pathology.encoder(name, weights=fetch_file(file, places=from_where, progress=progress), sha256=file.sha256)
    if Path(name).suffix or Path(name).is_file():
        return pathology.checkpoint(Path(name))
    if not _HUB_ID.fullmatch(name):
        raise BadModel(f"'{name}' is no encoder: give one of {', '.join(pathology.MODULES)}, a .safetensors file, or a hub id (owner/name)")
    if not _SHA256.fullmatch(sha256):
        raise BadModel(f"weights of {name} are downloaded only when their SHA-256 is given (64 hexadecimal digits; its page shows it)")
    like = next((family for family in pathology.families() if family.hub == name), None)
    path = fetch_file(on_hub(name, sha256=sha256), places=from_where, progress=progress)
    return pathology.checkpoint(path, like=like) if like is None else pathology.load(like, path)


def places(settings: Settings) -> Places:
    """Where the settings let files come from."""
    return Places(
        downloads=settings.download_dir,
        verified=Verified(settings.cache_dir / "verified.json"),
        mirror=settings.mirror,
        offline=settings.offline,
    )

"""Weights: arrays to safetensors bytes and back, files written whole, and a refusal of every other format by name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.card import ModelError

OTHER_FORMATS: Mapping[bytes, str] = {
    b"PK\x03\x04": "a zip archive, as torch.save writes it (.pt, .pth, .bin, .ckpt): it holds a pickle, which can run code",
    b"\x80": "a pickle, which can run code",
    b"\x1f\x8b": "a gzip archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a numpy file",
    b"GGUF": "a GGUF file",
}


def pack(tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str] | None = None) -> bytes:
    """Arrays as the bytes of a safetensors file; the same arrays give the same bytes. At most one line of metadata."""
    from safetensors.numpy import save

    ordered = {name: np.ascontiguousarray(tensors[name]).reshape(np.shape(tensors[name])) for name in sorted(tensors)}
    made: bytes = save(ordered, metadata=dict(metadata) if metadata else None)
    return made


def unpack(blob: bytes, name: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays of the bytes of a safetensors file called `name`.

    Raises
    ------
    ModelError
        Another format, or the file is cut short or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    refuse_other_formats(blob, name)
    try:
        found: dict[str, npt.NDArray[Any]] = load(blob)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{name} is no safetensors file, or it is cut short or damaged ({error}); copy it again") from error
    return {key: np.array(array) for key, array in found.items()}


def refuse_other_formats(start: bytes, name: str) -> None:
    """Refuse the first bytes of a file that are those of a pickle, an archive, or anything else than safetensors.

    Raises
    ------
    ModelError
        The format by name, and what to give instead. An empty file too.
    """
    if not start:
        raise ModelError(f"{name} is empty; copy it again")
    for magic, what in OTHER_FORMATS.items():
        if start.startswith(magic) and not (magic == b"\x80" and start[8:9] == b"{"):  # a header of 128 bytes begins so too
            raise ModelError(f"{name} is {what}; only safetensors files are read: convert it where it was made, with safetensors.torch.save_file")
    if len(start) >= 9 and start[8:9] != b"{":
        raise ModelError(f"{name} is no safetensors file; give weights as .safetensors")


def write_whole(path: Path, blob: bytes) -> None:
    """Write a file aside, flush it to the disk, and give it its name: a reader sees all of it or the one before.

    Raises
    ------
    OSError
        The folder cannot be written or the disk is full; nothing is left behind and the file before is untouched.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as handle:
            handle.write(blob)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
        with contextlib.suppress(OSError):  # some file systems cannot flush a folder
            handle_of_folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle_of_folder)
            finally:
                os.close(handle_of_folder)
    finally:
        draft.unlink(missing_ok=True)

"""Checkpoint: where a training stands, kept so that a killed one goes on to the identical result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.weights import pack, unpack, write_whole

DIGEST = "digest"


class Checkpoint:
    """One file of arrays, replaced whole at every `save`.

    Parameters
    ----------
    path : the file; its folder is made. say : told in words when a damaged file is passed over.
    """

    def __init__(self, path: Path, *, say: Callable[[str], None] | None = None) -> None:
        self.path = path
        self._say = say

    def load(self) -> dict[str, npt.NDArray[Any]] | None:
        """The arrays saved last, or None where there are none, or where the file is damaged: that part begins again."""
        try:
            blob = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ModelError(f"the checkpoint {self.path} cannot be read ({error.strerror}); make it readable, or train with --fresh") from error
        try:
            arrays = unpack(blob, self.path.name)
            if _metadata(blob).get(DIGEST) != digest(arrays):
                raise ModelError(f"{self.path.name} is not what was written")
        except ModelError as error:
            if self._say is not None:
                self._say(f"the checkpoint {self.path.name} is damaged and is passed over: {error}")
            self.path.unlink(missing_ok=True)
            return None
        return arrays

    def save(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep these arrays in place of those before; a kill at any moment leaves one or the other whole.

        Raises
        ------
        ModelError
            The folder cannot be written or the disk is full; the checkpoint before stays.
        """
        kept = {name: np.asarray(array) for name, array in arrays.items()}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, pack(kept, {DIGEST: digest(kept)}))
        except OSError as error:
            raise ModelError(
                f"where the training stands cannot be kept in {self.path.parent} ({error.strerror or error}); free space and train again: "
                "it goes on from the last epoch that was kept"
            ) from error

    def clear(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)


def digest(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Hash of names, dtypes, shapes and values; the order does not matter."""
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        found.update(f"{name} {array.dtype} {array.shape};".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _metadata(blob: bytes) -> dict[str, str]:
    """The line of metadata in the header of safetensors bytes that were parsed before."""
    header = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])
    return dict(header.get("__metadata__", {}))

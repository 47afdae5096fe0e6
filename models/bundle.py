"""Bundle: a trained model as a folder, `weights.safetensors` + `card.json`, named by a hash of both.

    multimodal-0123456789abcdef/weights.safetensors   arrays, nothing that could run
    multimodal-0123456789abcdef/card.json             what it is, what trained it, how well it did, what it must not be used for

The folder is written beside its place and renamed, so it is either whole or not there; reading verifies every byte.
Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.weights import pack, refuse_other_formats, unpack, write_whole

Tensors = dict[str, npt.NDArray[Any]]

FORMAT = 1
WEIGHTS, CARD = "weights.safetensors", "card.json"
DIGITS = 16
NAME = re.compile(r"[a-z][a-z0-9_]*")
FOLDER = re.compile(r"[a-z][a-z0-9_]*-[0-9a-f]{16}")
LARGEST_CARD = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What the card of a model says, without its weights.

    Attributes
    ----------
    path : its folder. name : the folder's name, which is the model's identity. created : UTC, ISO 8601.
    document : what was given to `save`. tensors : name -> shape, dtype and, where it differs, the dtype stored.
    weights_sha256, weights_bytes : of weights.safetensors.
    """

    path: Path
    name: str
    created: str
    document: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Any]]
    weights_sha256: str
    weights_bytes: int

    @property
    def parameters(self) -> int:
        """Numbers in all of the arrays."""
        return sum(int(np.prod(entry["shape"], dtype=np.int64)) for entry in self.tensors.values())

    @property
    def without(self) -> tuple[str, ...]:
        """Cohorts that were left out of the training on purpose."""
        return tuple(map(str, self.document.get("without", ())))

    @property
    def cohorts(self) -> frozenset[str]:
        """Cohorts whose patients the training read, with or without their outcomes."""
        return frozenset(map(str, self.document.get("cohorts", ())))


def save(
    folder: Path, tensors: Mapping[str, npt.NDArray[Any]], document: Mapping[str, Any], *, half: bool = False, created: str | None = None
) -> Path:
    """Write a model to `folder`/NAME-HASH, all or nothing; a model that lies there already is left as it is.

    Parameters
    ----------
    tensors : arrays by name, finite. document : JSON values; "name" gives NAME (letters, digits, underscores).
    half : store 32-bit arrays in 16 bits where their values fit; what is read back is then rounded to 11 bits.
    created : UTC, ISO 8601; default now. It is no part of the hash: the same training gives the same name on any day.

    Raises
    ------
    ModelError
        An array holds a value that is not finite, the document is no JSON, the name cannot be a folder's, or the folder
        cannot be written.
    """
    name = str(document.get("name", "model"))
    if not NAME.fullmatch(name):
        raise ModelError(f"a model cannot be named '{name}': begin with a lower-case letter, then letters, digits and underscores")
    stored, entries = _stored(tensors, half=half)
    try:
        plain = json.loads(json.dumps(document, allow_nan=False, ensure_ascii=False))
    except (TypeError, ValueError) as error:
        raise ModelError(f"the card of model {name} is not plain JSON: {error}; give numbers, texts, lists and finite values") from error
    blob = pack(stored)
    weights = hashlib.sha256(blob).hexdigest()
    called = f"{name}-{_identity(weights, entries, plain)}"
    target = folder / called
    if target.exists():
        try:
            load(target)
            return target
        except ModelError:
            pass  # a damaged copy is replaced below
    card = {
        "format": FORMAT,
        "model": called,
        "created": created or datetime.now(UTC).isoformat(timespec="seconds"),
        "weights_sha256": weights,
        "weights_bytes": len(blob),
        "tensors": entries,
        "document": plain,
    }
    draft = folder / f".{called}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        write_whole(draft / WEIGHTS, blob)
        write_whole(draft / CARD, (json.dumps(card, ensure_ascii=False) + "\n").encode())
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    except OSError as error:
        raise ModelError(
            f"the model cannot be written to {folder} ({error.strerror or error}); free space or make the folder writable, and save it again"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def load(path: Path, *, expected: Mapping[str, Sequence[int]] | None = None) -> tuple[Tensors, dict[str, Any]]:
    """Arrays and document of a model's folder, after every byte was checked against its card.

    Parameters
    ----------
    expected : shape by array name that the code needs; more or fewer arrays, or another shape, are refused.

    Returns
    -------
    Arrays in the dtype that they had when saved (16-bit storage is widened), and the document.

    Raises
    ------
    ModelError
        No model, a pickle or another format, a truncated or changed file, a newer format, or wrong shapes.
    """
    bundle = read(path)
    file = path / WEIGHTS
    try:
        blob = file.read_bytes()
    except OSError as error:
        raise ModelError(f"the weights {file} cannot be read ({error.strerror}); copy the whole folder again") from error
    refuse_other_formats(blob, file.name)
    if len(blob) < bundle.weights_bytes:
        raise ModelError(f"{file} is cut short: {len(blob):,} of {bundle.weights_bytes:,} bytes; copy the folder again")
    found = hashlib.sha256(blob).hexdigest()
    if found != bundle.weights_sha256:
        raise ModelError(
            f"{file} is not the file of its card: sha256 {found[:12]}…, the card says {bundle.weights_sha256[:12]}…; copy the folder again"
        )
    tensors: Tensors = {}
    for name, array in unpack(blob, file.name).items():
        entry = bundle.tensors.get(name)
        if entry is None or list(array.shape) != list(entry["shape"]):
            raise ModelError(f"{file}: array {name} has shape {array.shape}, the card says {entry and entry['shape']}; copy the folder again")
        tensors[name] = array.astype(str(entry["dtype"]), copy=False)
    if set(tensors) != set(bundle.tensors):
        raise ModelError(f"{file} lacks the array {min(set(bundle.tensors) - set(tensors))} of its card; copy the folder again")
    if expected is not None:
        check_shapes(tensors, expected, where=path.name)
    return tensors, dict(bundle.document)


def check_shapes(tensors: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, Sequence[int]], *, where: str) -> None:
    """Refuse arrays that are not those that the code needs.

    Raises
    ------
    ModelError
        An array is missing, too many, of another shape, or not finite.
    """
    for name in expected:
        if name not in tensors:
            raise ModelError(f"{where} lacks the array {name}: these are the weights of another kind of model")
        if tuple(tensors[name].shape) != tuple(expected[name]):
            raise ModelError(f"{where}: array {name} has shape {tuple(tensors[name].shape)}; this model needs {tuple(expected[name])}")
    for name, array in tensors.items():
        if name not in expected:
            raise ModelError(f"{where} holds an array {name} that this model does not have: these are the weights of another kind of model")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(f"{where}: array {name} holds a value that is not finite; train the model again")


def read(path: Path) -> Bundle:
    """The card of a model's folder; its weights are not touched.

    Raises
    ------
    ModelError
        No model, a newer format, or a card that was changed after it was written.
    """
    if path.is_file():
        with path.open("rb") as handle:
            refuse_other_formats(handle.read(16), path.name)
        raise ModelError(f"{path} is a file; a model is a folder with {WEIGHTS} and {CARD}")
    file = path / CARD
    if not file.is_file():
        raise ModelError(f"{path} is no model: it has no {CARD}; name a folder with {WEIGHTS} and {CARD}")
    try:
        if file.stat().st_size > LARGEST_CARD:
            raise ModelError(f"{file} is larger than a card can be; copy the folder again")
        card = json.loads(file.read_bytes())
        number = int(card["format"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{file} is no model card, or it is cut short ({type(error).__name__}); copy the folder again") from error
    if number != FORMAT:
        raise ModelError(f"{file} has format {number}; this version of the software reads {FORMAT}: update the software")
    try:
        bundle = Bundle(
            path=path, name=str(card["model"]), created=str(card["created"]), document=dict(card["document"]), tensors=dict(card["tensors"]),
            weights_sha256=str(card["weights_sha256"]), weights_bytes=int(card["weights_bytes"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{file} lacks a part of a model card ({error}); copy the folder again") from error
    identity = _identity(bundle.weights_sha256, bundle.tensors, bundle.document)
    if not bundle.name.endswith(f"-{identity}"):
        raise ModelError(f"{file} was changed after it was written: its hash is {identity}, its name {bundle.name}; copy the folder again")
    return bundle


def listed(folders: Iterable[Path]) -> list[Bundle]:
    """Every model in the folders, oldest first; a damaged one is refused, not passed over.

    Raises
    ------
    ModelError
        See `read`.
    """
    found = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_dir() and FOLDER.fullmatch(path.name):
                bundle = read(path)
                found[bundle.name] = bundle
    return sorted(found.values(), key=lambda bundle: (bundle.created, bundle.name))


def _stored(tensors: Mapping[str, npt.NDArray[Any]], *, half: bool) -> tuple[Tensors, dict[str, dict[str, Any]]]:
    stored: Tensors = {}
    entries: dict[str, dict[str, Any]] = {}
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name]).reshape(np.shape(tensors[name]))
        if array.dtype.kind not in "fiub":
            raise ModelError(f"array {name} has dtype {array.dtype}; weights are numbers")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ModelError(f"array {name} holds a value that is not finite: the training did not converge; lower its learning rate")
        entries[name] = {"shape": list(array.shape), "dtype": str(array.dtype)}
        if half and array.dtype == np.float32 and (array.size == 0 or float(np.abs(array).max()) < float(np.finfo(np.float16).max)):
            array = array.astype(np.float16)
            entries[name]["stored"] = "float16"
        stored[name] = array
    return stored, entries


def _identity(weights_sha256: str, entries: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    text = json.dumps([FORMAT, weights_sha256, entries, document], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]

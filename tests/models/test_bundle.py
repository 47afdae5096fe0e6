"""Bundles and checkpoints: whole or not there, verified byte by byte, and never a pickle."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models import bundle
from models.card import ModelError
from models.checkpoint import Checkpoint

RNG = np.random.default_rng(3)
TENSORS = {
    "layer.w": RNG.normal(size=(4, 3)).astype(np.float32),
    "layer.b": np.zeros(3, dtype=np.float32),
    "scale": np.asarray(2.5),
    "levels": np.arange(5),
    "none": np.zeros((0, 7), dtype=np.float32),
}
CARD = {"name": "multimodal", "cohorts": ["a/a"], "without": [], "metrics": {"auc": 0.61}}


def saved(folder: Path) -> Path:
    return bundle.save(folder, TENSORS, CARD, created="2026-01-02T03:04:05+00:00")


def test_what_was_saved_is_read_back_and_the_name_is_its_content(tmp_path: Path) -> None:
    path = saved(tmp_path)
    tensors, document = bundle.load(path, expected={name: array.shape for name, array in TENSORS.items()})
    assert document == CARD
    for name, array in TENSORS.items():
        assert tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(tensors[name], array)
    assert bundle.FOLDER.fullmatch(path.name)
    assert bundle.save(tmp_path / "later", dict(reversed(TENSORS.items())), dict(reversed(CARD.items()))).name == path.name
    assert bundle.save(tmp_path, TENSORS, {**CARD, "without": ["a/a"]}).name != path.name
    changed = {**TENSORS, "layer.b": TENSORS["layer.b"] + 1e-6}
    assert bundle.save(tmp_path, changed, CARD).name != path.name
    assert bundle.listed([tmp_path, tmp_path / "nowhere"])[0].name == path.name
    assert bundle.read(path).parameters == sum(array.size for array in TENSORS.values())


def test_half_storage_is_half_as_large_and_rounds(tmp_path: Path) -> None:
    wide = {"w": RNG.normal(size=(200, 200)).astype(np.float32), "big": np.asarray([1e6], dtype=np.float32)}
    whole, half = bundle.save(tmp_path, wide, CARD), bundle.save(tmp_path, wide, CARD, half=True)
    sizes = [(path / bundle.WEIGHTS).stat().st_size for path in (whole, half)]
    assert sizes[1] < 0.52 * sizes[0]
    tensors, _ = bundle.load(half)
    assert tensors["w"].dtype == np.float32
    np.testing.assert_array_equal(tensors["w"], wide["w"].astype(np.float16).astype(np.float32))
    assert tensors["big"][0] == np.float32(1e6)  # does not fit 16 bits, so it is kept whole


def pickled() -> bytes:
    return b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00."


def torch_saved() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("archive/data.pkl", pickled())
    return made.getvalue()


@pytest.mark.parametrize("blob", [pickled(), torch_saved(), b"\x93NUMPY\x01", b"", b"hello, I am a text file"], ids=["pickle", "pt", "npy", "empty", "text"])
def test_other_formats_are_refused_by_name(tmp_path: Path, blob: bytes) -> None:
    path = saved(tmp_path)
    (path / bundle.WEIGHTS).write_bytes(blob)
    with pytest.raises(ModelError, match=r"pickle|numpy|empty|safetensors"):
        bundle.load(path)
    loose = tmp_path / "model.pt"
    loose.write_bytes(blob)
    with pytest.raises(ModelError, match=r"pickle|numpy|empty|safetensors|folder"):
        bundle.load(loose)


def test_a_cut_or_changed_file_is_not_read(tmp_path: Path) -> None:
    path = saved(tmp_path)
    weights = path / bundle.WEIGHTS
    blob = weights.read_bytes()
    weights.write_bytes(blob[:-7])
    with pytest.raises(ModelError, match="cut short"):
        bundle.load(path)
    weights.write_bytes(blob[:-1] + bytes([blob[-1] ^ 1]))
    with pytest.raises(ModelError, match="not the file of its card"):
        bundle.load(path)
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        bundle.load(path)
    weights.write_bytes(blob)
    card = path / bundle.CARD
    text = card.read_text()
    card.write_text(text.replace("0.61", "0.91"))
    with pytest.raises(ModelError, match="changed after it was written"):
        bundle.read(path)
    card.write_text(text[: len(text) // 2])
    with pytest.raises(ModelError, match="cut short"):
        bundle.read(path)
    card.write_text(json.dumps({**json.loads(text), "format": 2}))
    with pytest.raises(ModelError, match="update the software"):
        bundle.read(path)
    card.unlink()
    with pytest.raises(ModelError, match="no model"):
        bundle.read(path)


def test_saving_again_mends_a_damaged_copy(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (path / bundle.WEIGHTS).write_bytes(b"\x00" * 40)
    assert saved(tmp_path) == path
    bundle.load(path)


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({"layer.w": (3, 4)}, "this model needs"),
        ({name: array.shape for name, array in TENSORS.items() if name != "scale"}, "does not have"),
        ({**{name: array.shape for name, array in TENSORS.items()}, "more": (1,)}, "lacks the array more"),
    ],
)
def test_weights_of_another_shape_are_refused(tmp_path: Path, expected: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        bundle.load(saved(tmp_path), expected=expected)


def test_values_and_names_that_no_model_has(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not finite"):
        bundle.save(tmp_path, {"w": np.asarray([np.nan])}, CARD)
    with pytest.raises(ModelError, match="cannot be named"):
        bundle.save(tmp_path, TENSORS, {"name": "../elsewhere"})
    with pytest.raises(ModelError, match="plain JSON"):
        bundle.save(tmp_path, TENSORS, {**CARD, "metrics": {"auc": float("nan")}})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = Checkpoint(tmp_path / "training" / "a.safetensors")
    point.save({"w": np.ones(3)})

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="No space left"):
        bundle.save(tmp_path / "models", TENSORS, CARD)
    assert list((tmp_path / "models").iterdir()) == []
    with pytest.raises(ModelError, match="No space left"):
        point.save({"w": np.zeros(3)})
    assert [path.name for path in point.path.parent.iterdir()] == ["a.safetensors"]
    np.testing.assert_array_equal(point.load()["w"], np.ones(3))  # type: ignore[index]


def test_a_checkpoint_is_whole_or_passed_over(tmp_path: Path) -> None:
    said: list[str] = []
    point = Checkpoint(tmp_path / "deep" / "a.safetensors", say=said.append)
    assert point.load() is None
    arrays = {"epoch": np.asarray(4), "state": np.arange(9, dtype=np.uint8), "w": RNG.normal(size=(2, 2)).astype(np.float32)}
    point.save(arrays)
    found = point.load()
    assert found is not None
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    blob = point.path.read_bytes()
    for damaged in (blob[:-3], blob[:-1] + bytes([blob[-1] ^ 4]), pickled()):
        point.path.write_bytes(damaged)
        assert point.load() is None
    assert len(said) == 3
    assert not point.path.exists()


def test_reading_a_model_imports_no_torch(tmp_path: Path) -> None:
    path = saved(tmp_path)
    code = f"import sys; from pathlib import Path; from models import bundle; bundle.load(Path({str(path)!r})); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[2])
    assert done.stdout.strip() == "False"

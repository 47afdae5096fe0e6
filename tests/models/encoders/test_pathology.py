"""Encoders of tiles: each family keeps its contract, the forward pass is the textbook's, and bad input is refused in words."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from models.card import ModelError
from models.encoders import pathology
from models.encoders.pathology import family
from models.encoders.pathology import weights as reading
from models.encoders.pathology.encoder import in_batches
from models.encoders.pathology.transformer import Network
from tests.models.encoders import tiny

ROOT = Path(__file__).resolve().parents[3]
SUPPORT = {"untrained", "__init__", "family", "weights", "kernels", "transformer", "encoder", "pooling", "neighbours"}


@pytest.mark.parametrize("name", list(pathology.MODULES))
def test_family_says_what_it_is(name: str) -> None:
    shown = family(name)
    assert shown.name == name
    for text in (shown.label, shown.licence, shown.reference, shown.trained_on, shown.limits):
        assert text.strip()
    assert re.fullmatch(r"10\.\d{4,9}/\S+", shown.doi)
    a = shown.architecture
    assert a.width % a.heads == 0
    assert shown.input_px % a.patch_px == 0
    assert shown.dimension in {a.width, 2 * a.width}
    assert all(0 < value < 1 for value in (*shown.mean, *shown.spread))
    assert 0.1 <= shown.um_per_px <= 2
    if shown.gated:
        assert shown.hub
        assert "safetensors" in shown.limits
    if not shown.pathology_trained and shown.hub:
        assert "Not trained on pathology" in shown.limits


@pytest.mark.parametrize("name", list(pathology.MODULES))
def test_family_runs_when_made_small(name: str) -> None:
    shown = family(name)
    small = replace(shown.architecture, width=32, depth=1, heads=2, hidden=24, grid=2)
    made = tiny.encoder(small, mean=shown.mean, spread=shown.spread, readout=shown.readout)
    side = 2 * small.patch_px
    found = made.embed(tiny.tiles(3, side))
    assert found.shape == (3, made.dimension)
    assert found.dtype == np.float32
    assert made.dimension * shown.architecture.width == shown.dimension * 32
    np.testing.assert_array_equal(found, made.embed(tiny.tiles(3, side)))


def test_every_file_is_in_the_contents_table() -> None:
    listed = {where.rpartition(".")[2] for where in pathology.MODULES.values()}
    files = {path.stem for path in (ROOT / "models/encoders/pathology").glob("*.py")}
    assert files == listed | SUPPORT


@pytest.mark.parametrize("kind", list(tiny.ARCHITECTURES))
def test_forward_pass_is_the_textbooks(kind: str) -> None:
    a = tiny.ARCHITECTURES[kind]
    shown, w = tiny.shown(a), tiny.weights(a)
    pictures = tiny.tiles(3, shown.input_px)
    with torch.inference_mode():
        ours = Network(w, shown, device="cpu", precision="fp32")(torch.from_numpy(pictures))
    expected = tiny.plain_tokens(shown, w, pictures)
    np.testing.assert_allclose(ours.numpy(), expected.numpy(), atol=2e-5)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_lower_precision_stays_close(precision: str) -> None:
    made = tiny.encoder()
    exact, rough = made.embed(tiny.tiles(4), precision="fp32"), made.embed(tiny.tiles(4), precision=precision)
    cosine = (exact * rough).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rough, axis=1)
    assert cosine.min() > 0.995
    assert np.abs(exact - rough).max() > 0


@pytest.mark.parametrize("style", ["dinov2", "dinov2 new", "vit"])
@pytest.mark.parametrize("kind", ["layer scale", "swiglu, registers", "plain"])
def test_names_of_the_hub_are_understood(kind: str, style: str, tmp_path: Path) -> None:
    a = tiny.ARCHITECTURES[kind]
    if style == "vit" and a.feedforward == "swiglu":
        return
    w = tiny.weights(a)
    save_file({name: tensor.contiguous() for name, tensor in tiny.on_hub(w, style=style).items()}, tmp_path / "model.safetensors")
    made = pathology.load(tiny.shown(a), tmp_path / "model.safetensors")
    assert set(made.weights) == set(w)
    for name, tensor in w.items():
        torch.testing.assert_close(made.weights[name], tensor)


def test_positions_of_registers_may_be_stored_in_three_ways() -> None:
    a = tiny.SWIGLU
    w = tiny.weights(a)
    pictures = torch.from_numpy(tiny.tiles(2))
    stored = w["pos_embed"]
    silent = w | {"pos_embed": torch.cat([stored[:, :1], torch.zeros(1, 3, a.width), stored[:, 1:]], dim=1)}
    folded = w | {"pos_embed": stored[:, 1:], "cls_token": w["cls_token"] + stored[:, :1]}
    with torch.inference_mode():
        found = [Network(part, tiny.shown(a), device="cpu", precision="fp32")(pictures) for part in (w, silent, folded)]
    for other in found[1:]:
        torch.testing.assert_close(found[0], other)


def test_another_tile_size_interpolates_positions() -> None:
    made = tiny.encoder()
    network = made.network(device="cpu", precision="fp32")
    assert network.positions((4, 4)).shape == (1, 16, 32)
    larger = network.positions((8, 8)).view(8, 8, 32)
    assert made.embed(tiny.tiles(2, 112)).shape == (2, 32)
    torch.testing.assert_close(larger[3:5, 3:5].mean((0, 1)), network.positions((4, 4)).view(4, 4, 32)[1:3, 1:3].mean((0, 1)), atol=0.05, rtol=0.2)


def test_bytes_and_floats_give_the_same() -> None:
    made, pictures = tiny.encoder(), tiny.tiles(2)
    np.testing.assert_allclose(made.embed(pictures), made.embed(pictures.transpose(0, 3, 1, 2) / np.float32(255)), atol=1e-5)


def test_no_tile_gives_no_embedding() -> None:
    assert tiny.encoder().embed(tiny.tiles(0)).shape == (0, 32)


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        (np.full((1, 3, 56, 56), np.nan), "tile 0 holds NaN"),
        (np.full((1, 3, 56, 56), 7.0), "divide them by 255"),
        (np.zeros((1, 3, 60, 56)), "multiples of 14"),
        (np.zeros((56, 56, 3), dtype=np.uint8), r"shape \(56, 56, 3\)"),
        (np.zeros((1, 56, 56, 4), dtype=np.uint8), "shape"),
        (np.zeros((1, 0, 56, 3), dtype=np.uint8), "multiples of 14"),
        (np.zeros((1, 3, 56, 56), dtype=np.int64), "type int64"),
    ],
)
def test_bad_tiles_are_refused(pictures: np.ndarray, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        tiny.encoder().embed(pictures)


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    asked: list[int] = []

    def forward(part: np.ndarray) -> np.ndarray:
        asked.append(len(part))
        if len(part) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return part.reshape(len(part), -1)[:, :2].astype(np.float32)

    pictures = tiny.tiles(10)
    found = in_batches(forward, pictures, batch=8, width=2)
    np.testing.assert_array_equal(found, pictures.reshape(10, -1)[:, :2])
    assert asked == [8, 4, 2, 2, 2, 2, 2]


def test_no_memory_for_one_tile_says_so_and_other_errors_are_not_hidden() -> None:
    def never(_: np.ndarray) -> np.ndarray:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    def broken(_: np.ndarray) -> np.ndarray:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(ModelError, match="no memory for a single tile"):
        in_batches(never, tiny.tiles(2), batch=2, width=2)
    with pytest.raises(RuntimeError, match="multiplied"):
        in_batches(broken, tiny.tiles(2), batch=2, width=2)
    with pytest.raises(ModelError, match="embedding of tile 0 is no number"):
        in_batches(lambda part: np.full((len(part), 2), np.nan, np.float32), tiny.tiles(2), batch=2, width=2)


def stored(folder: Path, **changed: torch.Tensor) -> Path:
    path = folder / "tiny.safetensors"
    save_file(tiny.weights(tiny.GELU) | changed, path)
    return path


def test_weights_of_another_family_are_refused(tmp_path: Path) -> None:
    path = stored(tmp_path)
    with pytest.raises(ModelError, match=r"has shape \(1, 1, 32\)|missing"):
        pathology.encoder(weights=path)
    with pytest.raises(ModelError, match=r"cls_token .* has shape \(1, 1, 32\)"):
        pathology.load(tiny.shown(replace(tiny.GELU, width=64)), path)
    with pytest.raises(ModelError, match="which this family does not have"):
        pathology.load(tiny.shown(replace(tiny.GELU, layer_scale=False)), path)
    with pytest.raises(ModelError, match="reg_token"):
        pathology.load(tiny.shown(replace(tiny.GELU, registers=2)), path)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    shown = tiny.shown(tiny.GELU)
    path = stored(tmp_path)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert pathology.load(shown, path, sha256=right).sha256 == right
    with pytest.raises(ModelError, match="SHA-256"):
        pathology.load(shown, path, sha256="0" * 64)
    content = path.read_bytes()
    for size in (len(content) - 100, 200, 8, 3):
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(content[:size])
        with pytest.raises(ModelError, match=r"copy|cut|damaged"):
            pathology.load(shown, cut)
    for name, thing in (("weights.bin", {"a": torch.ones(3)}), ("renamed.safetensors", {"a": torch.ones(3)})):
        torch.save(thing, tmp_path / name)
        with pytest.raises(ModelError, match="pickle"):
            pathology.load(shown, tmp_path / name)
    (tmp_path / "empty.safetensors").write_bytes(b"")
    for name in ("empty.safetensors", "nowhere.safetensors"):
        with pytest.raises(ModelError, match=r"empty|no weights"):
            pathology.load(shown, tmp_path / name)
    bad = tiny.weights(tiny.GELU)["norm.bias"].clone()
    bad[3] = float("nan")
    with pytest.raises(ModelError, match=r"norm\.bias .* no number"):
        pathology.load(shown, stored(tmp_path, **{"norm.bias": bad}))


def test_own_checkpoint_is_read_from_its_shapes(tmp_path: Path) -> None:
    for kind, a in tiny.ARCHITECTURES.items():
        path = tmp_path / "mine.safetensors"
        save_file(tiny.weights(a), path)
        found = pathology.checkpoint(path, heads=a.heads)
        assert found.family.architecture == a, kind
        assert not found.family.pathology_trained
        assert found.embed(tiny.tiles(1, 4 * a.patch_px)).shape == (1, a.width)
    save_file({"linear.weight": torch.ones(3, 3)}, path)
    with pytest.raises(ModelError, match="no vision transformer"):
        pathology.checkpoint(path)


def test_hash_follows_weights_and_colours() -> None:
    one = tiny.encoder()
    assert one.hash == tiny.encoder().hash
    assert len({one.hash, replace(one, sha256="1" * 64).hash, tiny.encoder(mean=(0.5, 0.5, 0.5)).hash}) == 3


def test_unknown_family_is_named() -> None:
    with pytest.raises(ModelError, match=r"no encoder family 'resnet'.*dinov2-small"):
        family("resnet")


def test_operations_of_the_default() -> None:
    """5.5 thousand million multiply-adds outside attention at 224 px, as published for ViT-S/14."""
    a = family("dinov2-small").architecture
    assert 5.4e9 < a.operations(224) / 2 - 12 * 2 * 257**2 * 384 < 5.6e9
    assert set(reading.shapes(a)) >= {"cls_token", "blocks.11.mlp.fc2.weight"}

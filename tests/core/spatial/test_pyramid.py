"""Tiles of a picture: complete, checked, and named so that nothing else can be read."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from core.errors import SlideError
from core.spatial import pyramid
from pages.shared.tiles import ROUTES

NAME = pyramid.file_name("study:S1", "ab" * 32)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A smooth picture of 700 x 530 px."""
    y, x = np.mgrid[0:530, 0:700]
    pixels = np.stack([x % 256, y % 256, (x + y) // 5 % 256], axis=-1).astype(np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def cut(picture: Path, tmp_path: Path) -> pyramid.Pyramid:
    return pyramid.make(picture, tmp_path / "cache" / "pictures" / NAME)


Get = Callable[[str], tuple[int, dict[str, str], bytes]]


@pytest.fixture
def get(cut: pyramid.Pyramid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Get:
    """Ask the app's routes for an address: status, headers, content."""
    monkeypatch.setenv("TMESCOPE_DATA", str(tmp_path))
    app = Starlette(routes=list(ROUTES))

    def asked(address: str) -> tuple[int, dict[str, str], bytes]:
        sent: list[Any] = []
        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "path": unquote(address), "raw_path": address.encode(), "root_path": "",
            "query_string": b"", "headers": [], "scheme": "http", "server": ("test", 80),
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(app(scope, receive, send))
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:])

    return asked


def test_levels_halve_until_one_tile_is_left(cut: pyramid.Pyramid) -> None:
    assert [(level.width, level.height, level.columns, level.rows) for level in cut.levels] == [(700, 530, 3, 3), (350, 265, 2, 2), (175, 133, 1, 1)]
    assert cut.size == (700, 530)


def test_the_tiles_put_together_are_the_picture(cut: pyramid.Pyramid, picture: Path) -> None:
    whole = np.zeros((530, 700, 3))
    for row in range(3):
        for column in range(3):
            tile = np.asarray(Image.open(io.BytesIO(cut.tile(0, column, row) or b"")))
            whole[row * 256 : row * 256 + tile.shape[0], column * 256 : column * 256 + tile.shape[1]] = tile
    assert np.median(np.abs(whole - np.asarray(Image.open(picture), dtype=float))) <= 4


@pytest.mark.parametrize("place", [(3, 0, 0), (0, 3, 0), (0, 0, 3), (-1, 0, 0), (2, 1, 0)])
def test_there_is_no_tile_outside(cut: pyramid.Pyramid, place: tuple[int, int, int]) -> None:
    assert cut.tile(*place) is None


def test_a_second_making_keeps_the_first(cut: pyramid.Pyramid, picture: Path) -> None:
    before = cut.path.stat().st_mtime_ns
    pyramid.make(picture, cut.path)
    assert cut.path.stat().st_mtime_ns == before
    assert [path.name for path in cut.path.parent.iterdir()] == [NAME]


def test_a_square_comes_from_its_tiles_and_is_white_outside(cut: pyramid.Pyramid) -> None:
    made = np.asarray(Image.open(io.BytesIO(pyramid.crop(cut, (600, 430, 200), out_px=100))))
    assert made.shape == (100, 100, 3)
    assert made[-5:, -5:].min() > 250
    assert abs(float(made[20, 20, 0]) - (640 % 256)) < 12


def test_a_damaged_tile_is_known_and_the_others_are_shown(cut: pyramid.Pyramid) -> None:
    start, length, _ = cut.levels[0].places[4]
    content = bytearray(cut.path.read_bytes())
    content[start + length // 2] ^= 0xFF
    cut.path.write_bytes(content)
    with pytest.raises(SlideError, match=r"damaged.*python -m core build"):
        cut.tile(0, 1, 1)
    assert cut.tile(0, 0, 0)


@pytest.mark.parametrize("content", [b"", b"TMETILE1", b"x" * 500, b"{}" + (2).to_bytes(8, "little") + b"TMETILE1"])
def test_a_file_that_is_no_pyramid_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    with pytest.raises(SlideError, match="python -m core build"):
        pyramid.read(path)


def test_a_damaged_picture_leaves_nothing_behind(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff" + b"0" * 100)
    with pytest.raises(SlideError, match="download it again"):
        pyramid.make(broken, tmp_path / "out" / NAME)
    assert not list(tmp_path.glob("out/*"))


def test_a_tile_is_served_as_a_picture_that_never_changes(get: Get) -> None:
    status, headers, content = get(f"/picture/{NAME}/0/0/0")
    assert status == 200
    assert headers["content-type"] == "image/jpeg"
    assert "immutable" in headers["cache-control"]
    assert content.startswith(b"\xff\xd8")
    assert get(f"/picture/{NAME}/square/10/10/300")[0] == 200


@pytest.mark.parametrize(
    "address",
    [
        "/picture/..%2f..%2fcurrent/0/0/0", "/picture/../0/0/0", "/picture/verified.json/0/0/0", f"/picture/%2e%2e%2f{NAME}/0/0/0", f"/picture/{NAME}%00/0/0/0",
        f"/picture/{NAME}/9/0/0", f"/picture/{NAME}/0/99/0", f"/picture/{NAME}/-1/0/0", f"/picture/{NAME}/square/0/0/0", f"/picture/{NAME}/square/0/0/99999999",
        f"/picture/{NAME}/0/0/0.jpg",
    ],
)  # fmt: skip
def test_nothing_else_is_served(get: Get, address: str) -> None:
    assert get(address)[0] == 404


def test_a_picture_that_is_gone_is_said_in_a_sentence(get: Get, cut: pyramid.Pyramid) -> None:
    cut.path.unlink()
    status, _, content = get(f"/picture/{NAME}/0/0/0")
    assert status == 410
    assert b"python -m core build" in content

"""A slide becomes a vector: kept, resumed after a kill, the same each time; what cannot be read is a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from core.commands import slides as command
from core.errors import BadModel, SlideError, SourceUnavailable
from core.pipeline import slides
from core.pipeline.tile_encoder import tile_encoder
from core.settings import Settings
from models.encoders.pathology import PathologyEncoder
from tests.core.spatial import pictures
from tests.models.encoders import tiny

RECIPE = slides.Recipe(um_per_px=1.0, tile_px=28)


@dataclass
class Counting:
    """An encoder that counts tiles and may be killed."""

    inner: PathologyEncoder
    seen: list[int] = field(default_factory=list)
    kill_after: int | None = None

    @property
    def family(self) -> object:
        return self.inner.family

    @property
    def hash(self) -> str:
        return self.inner.hash

    def embed(self, tiles: np.ndarray, **how: object) -> np.ndarray:
        if self.kill_after is not None and len(self.seen) >= self.kill_after:
            raise KeyboardInterrupt
        self.seen.append(len(tiles))
        return self.inner.embed(tiles, **how)


@pytest.fixture
def encoder() -> Counting:
    return Counting(tiny.encoder())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return pictures.tiff(tmp_path / "a.svs", pictures.slide(), um_per_px=0.5)


def test_a_slide_becomes_tiles_and_a_vector(path: Path, encoder: Counting) -> None:
    found = slides.embed_slide(path, encoder, recipe=RECIPE)
    assert found.tiling.span_px == 56
    assert found.tile_um == 28
    assert found.features.shape == (found.tiling.n, 32)
    assert 15 < found.tiling.n < 40
    assert not found.given
    vector = slides.pooled(found)
    np.testing.assert_allclose(vector.vector, found.features.mean(0), atol=1e-5)
    assert not vector.trained
    learnt = slides.attention_of({"a": found})
    assert learnt is not None
    assert slides.pooled(found, learnt).attention.sum() == pytest.approx(1, abs=1e-5)
    again = slides.embed_slide(path, encoder, recipe=RECIPE)
    np.testing.assert_array_equal(found.features, again.features)


def test_what_is_kept_is_not_computed_twice(path: Path, encoder: Counting, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = slides.embed_slide(path, encoder, recipe=RECIPE, cache_dir=cache)
    computed = len(encoder.seen)
    second = slides.embed_slide(path, encoder, recipe=RECIPE, cache_dir=cache)
    assert len(encoder.seen) == computed
    np.testing.assert_array_equal(first.features, second.features)
    np.testing.assert_array_equal(first.tiling.x, second.tiling.x)
    np.testing.assert_array_equal(first.thumbnail, second.thumbnail)
    for changed in (replace(RECIPE, overlap=0.2), replace(RECIPE, stain="reinhard")):
        slides.embed_slide(path, encoder, recipe=changed, cache_dir=cache)
    slides.embed_slide(path, encoder, recipe=RECIPE, cache_dir=cache, um_per_px=0.45)
    assert len(list((cache / "slides").iterdir())) == 4
    assert not list((cache / "slides").rglob("part-*"))


def test_a_killed_run_goes_on_where_it_was(path: Path, encoder: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slides, "PART", 8)
    whole = slides.embed_slide(path, Counting(encoder.inner), recipe=RECIPE)
    encoder.kill_after = 2
    with pytest.raises(KeyboardInterrupt):
        slides.embed_slide(path, encoder, recipe=RECIPE, cache_dir=tmp_path)
    parts = sorted(tmp_path.rglob("part-*"))
    assert len(parts) == 2
    parts[1].write_bytes(parts[1].read_bytes()[:50])
    encoder.kill_after = None
    said: list[str] = []
    found = slides.embed_slide(path, encoder, recipe=RECIPE, cache_dir=tmp_path, say=said.append)
    assert any("damaged and is computed again" in words for words in said)
    assert sum(encoder.seen) == whole.tiling.n + 8
    np.testing.assert_array_equal(found.features, whole.features)


def test_tiles_out_of_focus_are_left_out_and_counted(tmp_path: Path, encoder: Counting) -> None:
    from scipy import ndimage

    picture = pictures.slide()
    picture[:, 300:] = ndimage.gaussian_filter(picture[:, 300:], (5, 5, 0))
    found = slides.embed_slide(pictures.png(tmp_path / "soft.png", picture), encoder, recipe=RECIPE, um_per_px=0.5)
    assert found.blurred > 4
    assert found.tiling.n > 4
    assert len(found.features) == found.tiling.n
    assert found.tiling.x.max() < 300
    assert found.given
    with pytest.raises(SlideError, match=r"every tile of soft\.png is out of focus"):
        slides.embed_slide(pictures.png(tmp_path / "soft.png", ndimage.gaussian_filter(picture, (6, 6, 0))), encoder, recipe=RECIPE, um_per_px=0.5)


def test_one_bad_slide_stops_no_other(path: Path, encoder: Counting, tmp_path: Path) -> None:
    bad = tmp_path / "bad.svs"
    bad.write_bytes(path.read_bytes()[:300])
    files = {
        "good": path, "bad": bad, "blank": pictures.png(tmp_path / "blank.png", pictures.slide(tissue=(0, 0, 0, 0))),
        "silent": pictures.tiff(tmp_path / "silent.svs", pictures.slide()),
    }  # fmt: skip
    found = dict(slides.each(files, encoder, recipe=RECIPE, um_per_px={"blank": 0.5}, cache_dir=tmp_path / "cache"))
    assert isinstance(found["good"], slides.SlideTiles)
    for name, words in (("bad", "cannot be read|damaged"), ("blank", "no tissue"), ("silent", "does not say how many µm")):
        with pytest.raises(SlideError, match=words):
            raise found[name]
    assert len(list((tmp_path / "cache" / "slides").iterdir())) == 1


def test_the_encoders_refusal_reaches_a_person(path: Path, encoder: Counting) -> None:
    with pytest.raises(BadModel, match="multiples of 14"):
        slides.embed_slide(path, encoder, recipe=replace(RECIPE, tile_px=30))


def test_weights_come_from_where_the_settings_say(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, offline=True)
    with pytest.raises(SourceUnavailable, match=r"model\.safetensors is not on this machine"):
        tile_encoder(settings=settings)
    with pytest.raises(BadModel, match=r"UNI .* comes without weights here .*CC BY-NC-ND 4\.0.*on request"):
        tile_encoder("uni", settings)
    with pytest.raises(BadModel, match="only when their SHA-256 is given"):
        tile_encoder("somebody/model", settings)
    with pytest.raises(SourceUnavailable, match="TMESCOPE_OFFLINE"):
        tile_encoder("somebody/model", settings, sha256="a" * 64)
    with pytest.raises(BadModel, match="'a b' is no encoder"):
        tile_encoder("a b", settings)
    (tmp_path / "weights.pt").write_bytes(b"PK\x03\x04" + bytes(40))
    with pytest.raises(BadModel, match="pickle"):
        tile_encoder(str(tmp_path / "weights.pt"), settings)


def test_resolutions_of_the_command_line() -> None:
    assert command.resolutions(["0.5"], ("a", "b")) == {"a": 0.5, "b": 0.5}
    assert command.resolutions(["0.5", "b=0.25"], ("a", "b")) == {"a": 0.5, "b": 0.25}
    with pytest.raises(SlideError, match="no number"):
        command.resolutions(["a=x"], ("a",))
    with pytest.raises(SlideError, match="names the slide c"):
        command.resolutions(["c=1"], ("a",))

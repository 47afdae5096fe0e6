"""Slides are read at any resolution, tissue is told from everything else, and what cannot be used is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import SlideError
from core.spatial import slide as slides
from core.spatial import stain
from core.spatial.slide import open_slide
from core.spatial.tiling import tiling
from core.spatial.tissue import otsu, sharpness, tissue
from data.sources.source import Files, Source
from data.sources.wsi import SOURCE
from tests.core.spatial import pictures


def test_tiled_and_plain_pictures_are_the_same_slide(tmp_path: Path) -> None:
    picture = pictures.slide()
    with open_slide(pictures.tiff(tmp_path / "a.svs", picture, um_per_px=0.5)) as tiled, open_slide(pictures.png(tmp_path / "a.png", picture)) as plain:
        assert (tiled.width_px, tiled.height_px) == (plain.width_px, plain.height_px) == (600, 400)
        assert (tiled.um_per_px, plain.um_per_px) == (0.5, None)
        np.testing.assert_array_equal(tiled.square((130, 90), 112, 112), picture[90:202, 130:242])
        np.testing.assert_array_equal(tiled.square((130, 90), 224, 56), plain.square((130, 90), 224, 56))
        assert tiled.thumbnail(300).shape == (200, 300, 3)
        np.testing.assert_array_equal(tiled.thumbnail(300), plain.thumbnail(300))
        for slide in (tiled, plain):
            with pytest.raises(SlideError, match="reaches outside"):
                slide.square((500, 0), 224, 224)


def test_a_slide_without_small_levels_is_read_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_slide(pictures.tiff(tmp_path / "a.svs", pictures.slide())) as slide:
        whole = slide.thumbnail(300)
        monkeypatch.setattr(slides, "MOST_AT_ONCE_PX", 50_000)
        strips = slide.thumbnail(300)
    assert strips.shape == whole.shape
    assert np.abs(strips.astype(int) - whole).mean() < 0.5


def test_resolution_is_the_files_or_the_one_given(tmp_path: Path) -> None:
    with open_slide(pictures.tiff(tmp_path / "a.svs", pictures.slide(), um_per_px=0.5)) as slide:
        assert slide.resolution() == 0.5
        assert slide.resolution(0.25) == 0.25
        with pytest.raises(SlideError, match="400 µm a pixel is no resolution"):
            slide.resolution(400)
    with open_slide(pictures.tiff(tmp_path / "b.svs", pictures.slide())) as slide:
        with pytest.raises(SlideError, match=r"b\.svs does not say how many µm.*--um-per-px"):
            slide.resolution()
        assert slide.resolution(1.0) == 1.0


def test_what_is_no_slide_is_refused(tmp_path: Path) -> None:
    whole = pictures.tiff(tmp_path / "a.svs", pictures.slide()).read_bytes()
    plain = pictures.png(tmp_path / "a.png", pictures.slide()).read_bytes()
    for name, content in (("text.svs", b"hello" * 100), ("empty.svs", b""), ("cut.svs", whole[:200]), ("half.svs", whole[:300_000]), ("cut.png", plain[: len(plain) // 2])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SlideError, match=name), open_slide(tmp_path / name) as slide:
            slide.thumbnail(100)
    with pytest.raises(SlideError, match="no slide at"), open_slide(tmp_path / "nowhere.svs"):
        pass


def test_tissue_is_not_glass_pen_or_shadow() -> None:
    picture = pictures.slide()
    truth = np.zeros((400, 600), dtype=bool)
    truth[80:320, 120:480] = True
    inks = {"green": (30, 140, 60), "blue": (30, 60, 190), "red": (215, 30, 40), "black": (20, 20, 22), "shadow": (180, 180, 182)}
    for row, colour in enumerate(inks.values()):
        picture[10 + 75 * row : 50 + 75 * row, 10:90] = colour
    found = tissue(picture)
    overlap = (found.mask & truth).sum() / (found.mask | truth).sum()
    assert overlap > 0.97
    assert found.mask[:, :100].sum() == 0
    assert found.ink > 0.03
    yellow = np.clip(picture * np.asarray([1.0, 0.95, 0.85]), 0, 255).astype(np.uint8)
    cast = tissue(yellow)
    assert (cast.mask & truth).sum() / (cast.mask | truth).sum() > 0.95


def bled(picture: np.ndarray, *, strength: float) -> np.ndarray:
    """The picture with eosin that bled into the mounting medium: pink all over, strongest beside the block, and flat."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    cloud = np.exp(-(((rows - 200) / 220) ** 2 + ((columns - 480) / 160) ** 2))[..., None]
    return np.clip(picture - strength * cloud * np.asarray([3.0, 30.0, 6.0]), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("strength", [0.5, 1.0, 1.4])
def test_pink_but_even_glass_is_no_tissue(strength: float) -> None:
    truth = np.zeros((400, 600), dtype=bool)
    truth[80:320, 120:480] = True
    found = tissue(bled(pictures.slide(), strength=strength))
    assert (found.mask & truth).sum() / (found.mask | truth).sum() > 0.97
    assert not tissue(bled(pictures.slide(tissue=(0, 0, 0, 0)), strength=strength)).mask.any()


def test_pale_tissue_is_told_from_tinted_glass_by_its_fibres() -> None:
    pale = np.broadcast_to(np.asarray(pictures.GLASS, dtype=float), (400, 600, 3)).copy()
    stripes = (np.arange(400) // 3 % 2 == 0)[80:320, None, None]
    pale[80:320, 120:480] = np.where(stripes, (230, 190, 220), (238, 214, 232))
    flat = pale.copy()
    flat[80:320, 120:480] = (238, 214, 232)
    rng = np.random.default_rng(0)
    fibres, medium = (tissue(np.clip(one + rng.normal(0, 1.5, one.shape), 0, 255).astype(np.uint8)) for one in (pale, flat))
    truth = np.zeros((400, 600), dtype=bool)
    truth[80:320, 120:480] = True
    assert (fibres.mask & truth).sum() / truth.sum() > 0.95
    assert (medium.mask & truth).sum() / truth.sum() < 0.05


@pytest.mark.parametrize("colour", [(243, 241, 244), (255, 255, 255), (0, 0, 0), (128, 128, 128)])
def test_a_blank_slide_has_no_tissue(colour: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    blank = np.clip(np.asarray(colour) + rng.normal(0, 3, (200, 300, 3)), 0, 255).astype(np.uint8)
    assert tissue(blank).share == 0


def test_otsu_splits_two_groups() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(20, 4, 9000), rng.normal(90, 10, 1000)])
    assert 30 < otsu(values) < 65
    assert otsu(np.empty(0)) == 255


def test_blur_is_told_by_sharpness() -> None:
    from scipy import ndimage

    cut = pictures.slide(seed=3)[100:300, 150:350][None]
    soft = ndimage.gaussian_filter(cut, (0, 4, 4, 0))
    assert sharpness(cut)[0] > 10
    assert sharpness(soft)[0] < 2.5


def test_tiles_lie_on_tissue_and_inside_the_slide() -> None:
    mask = np.zeros((100, 150), dtype=bool)
    mask[20:80, 30:120] = True
    found = tiling(mask, (600, 400), span_px=50)
    assert found.n > 20
    assert found.x.min() >= 0
    assert (found.x + 50).max() <= 600
    assert (found.y + 50).max() <= 400
    for x, y, share in zip(found.x, found.y, found.tissue, strict=True):
        assert mask[y // 4 : (y + 50) // 4, x // 4 : (x + 50) // 4].mean() == pytest.approx(share, abs=0.12)
    assert tiling(mask, (600, 400), span_px=50, overlap=0.5).n > 3 * found.n
    few = tiling(mask, (600, 400), span_px=50, most=5)
    assert (few.n, few.left_out) == (5, found.n - 5)
    for span, words in ((500, "larger than the slide"), (0, "larger")):
        with pytest.raises(SlideError, match=words):
            tiling(mask, (600, 400), span_px=span)
    with pytest.raises(SlideError, match="no tile of this slide is at least 50% tissue"):
        tiling(np.zeros_like(mask), (600, 400), span_px=50)


def dyed(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Pixels of tissue in which two stains are mixed."""
    rng = np.random.default_rng(seed)
    matrix = rng.uniform((0.02, 0.3), (0.2, 0.8), (6000, 2))
    nuclei = rng.uniform((0.6, 0.02), (1.5, 0.25), (3000, 2))
    return stain.colours_of(np.concatenate([matrix, nuclei]) @ vectors)


def test_macenko_finds_the_stains_and_moves_them() -> None:
    other = np.asarray([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    found = stain.stains(dyed(other))
    assert (np.sum(found.vectors * other, axis=1) > 0.98).all()
    moved = stain.stains(stain.macenko(dyed(other), found))
    assert (np.sum(moved.vectors * stain.TARGET.vectors, axis=1) > 0.98).all()


def test_reinhard_gives_the_targets_mean_and_leaves_glass() -> None:
    pixels = dyed(np.asarray([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]]))
    target = stain.colours(dyed(stain.TARGET.vectors, seed=1))
    moved = stain.reinhard(pixels, stain.colours(pixels), target=target)
    np.testing.assert_allclose(stain.lab(moved).mean(0), target.mean, atol=0.03)
    glass = np.full((10, 3), 243, dtype=np.uint8)
    np.testing.assert_array_equal(stain.reinhard(glass, stain.colours(pixels), target=target), glass)


def test_augmentation_varies_stains_and_repeats() -> None:
    tiles = pictures.slide()[100:164, 150:214][None].repeat(3, axis=0)
    own = stain.stains(tiles.reshape(-1, 3))
    first = stain.augmented(tiles, own, seed=1)
    np.testing.assert_array_equal(first, stain.augmented(tiles, own, seed=1))
    assert not np.array_equal(first, stain.augmented(tiles, own, seed=2))
    assert not np.array_equal(first[0], first[1])
    still = stain.augmented(tiles, own, seed=1, strength=0.0)
    assert np.abs(still.astype(int) - tiles).max() <= 1


def test_too_little_stain_says_so() -> None:
    with pytest.raises(SlideError, match="only 0 pixels are stained"):
        stain.stains(np.full((500, 3), 243, dtype=np.uint8))
    with pytest.raises(SlideError, match="only 3 pixels are tissue"):
        stain.colours(np.full((3, 3), 100, dtype=np.uint8))


@pytest.mark.realdata
def test_published_slides_show_their_tissue(mirror_files: Callable[[Source], Files]) -> None:
    files = mirror_files(SOURCE)
    for name, resolution, low, high in (("tcga-cr-7395-01a-01-ts1.svs", None, 0.55, 0.7), ("cmu_small_region.svs", 0.499, 0.28, 0.42)):
        with open_slide(files.path(name)) as slide:
            assert slide.um_per_px == resolution
            found = tissue(slide.thumbnail(700))
            assert low < found.share < high
            assert stain.stains(slide.thumbnail(700)[found.mask]).vectors[0, 0] > 0.25

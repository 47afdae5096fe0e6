"""What pages show of slides is made once, survives damage, and says what is wrong in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import NotMeasured, SlideError, UnknownName
from core.figures.chart import Provenance
from core.figures.image_expression import image_expression
from core.figures.slide_tissue import slide_tissue, tile_gallery
from core.pipeline.slides import SlideTiles, SlideVector
from core.spatial import gallery, shown_slide, slide_shelf
from core.spatial.shown_slide import TILES, prepare
from core.spatial.slide import Slide
from core.spatial.tiling import Tiling
from tests.core.spatial import pictures

SOURCE = Provenance(cohort="made up", n=1)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return pictures.tiff(tmp_path / "a.svs", pictures.slide(), um_per_px=2.0)


def test_a_slide_is_looked_through_once_and_read_back(slide: Path, tmp_path: Path) -> None:
    shown = prepare(slide, name="wsi:a", title="Slide A", study="wsi")
    assert shown.facts.um_per_px == 2.0
    assert shown.facts.span_px == 56
    assert 0.2 < shown.facts.tissue < 0.6
    assert 0 < len(shown.tiles) <= TILES
    target = slide_shelf.place(tmp_path, "wsi:a")
    shown_slide.write(target, shown)
    again = shown_slide.read(target)
    assert again.facts == shown.facts
    np.testing.assert_array_equal(again.tiles, shown.tiles)
    for chart in (slide_tissue(shown, provenance=SOURCE), tile_gallery(shown, provenance=SOURCE)):
        assert "Slide A" in chart.title
        assert chart.table.height == len(shown.tiles)


def test_without_a_resolution_tiles_are_cut_by_pixels_and_the_remedy_is_named(tmp_path: Path) -> None:
    shown = prepare(pictures.tiff(tmp_path / "b.svs", pictures.slide(700, 900, tissue=(60, 640, 60, 840))), name="wsi:b", study="wsi")
    assert shown.facts.um_per_px is None
    assert shown.facts.span_px == 224
    assert len(shown.tiles)
    assert "not in the file" in slide_tissue(shown, provenance=SOURCE).caption
    shown_slide.write(slide_shelf.place(tmp_path, "wsi:b"), shown)
    with pytest.raises(NotMeasured, match=r"--um-per-px b=0\.5"):
        gallery.attention(None, folder=str(tmp_path), head="", slide="wsi:b")  # type: ignore[arg-type]
    assert prepare(tmp_path / "b.svs", name="b", um_per_px=0.5).facts.span_px == 224


def test_a_blank_slide_a_cut_one_and_none_at_all_are_sentences(tmp_path: Path, slide: Path) -> None:
    blank = prepare(pictures.png(tmp_path / "c.png", np.full((300, 300, 3), 243, dtype=np.uint8)), name="c")
    assert "tissue" in blank.facts.problem
    assert slide_tissue(blank, provenance=SOURCE).table.height == 0
    with pytest.raises(NotMeasured, match="tissue"):
        tile_gallery(blank, provenance=SOURCE)
    cut = tmp_path / "cut.svs"
    cut.write_bytes(slide.read_bytes()[:20_000])
    for path in (cut, tmp_path / "nowhere.svs"):
        shown = prepare(path, name="x")
        assert path.name in shown.facts.problem
        with pytest.raises(NotMeasured, match=path.name):
            slide_tissue(shown, provenance=SOURCE)


def test_a_damaged_tile_is_left_out_and_counted(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Slide.square, []

    def sometimes(self: Slide, corner: tuple[int, int], span_px: int, out_px: int) -> np.ndarray:
        calls.append(corner)
        if len(calls) == 2:
            raise SlideError("damaged here")
        return real(self, corner, span_px, out_px)

    whole = prepare(slide, name="a")
    monkeypatch.setattr(Slide, "square", sometimes)
    shown = prepare(slide, name="a")
    assert shown.facts.unreadable == 1
    assert len(shown.tiles) == len(whole.tiles) - 1
    assert "1 tile of the slide could not be read and is left out" in tile_gallery(shown, provenance=SOURCE).caption


def test_a_damaged_shelf_says_so_and_loses_no_other_slide(slide: Path, tmp_path: Path) -> None:
    shown_slide.write(slide_shelf.place(tmp_path, "a"), prepare(slide, name="a"))
    before = slide_shelf.stamp(tmp_path)
    slide_shelf.place(tmp_path, "b").write_bytes(b"half a file")
    assert slide_shelf.stamp(tmp_path) != before
    problems = {one.facts.slide: one.facts.problem for one in slide_shelf.slides(tmp_path)}
    assert problems["a"] == ""
    assert "damaged" in problems["b"]
    assert list(gallery.slides(None, folder=str(tmp_path), head="")) == ["a", "b"]  # type: ignore[arg-type]
    assert "1 of 2 slides" in gallery.summary(None, folder=str(tmp_path), head="")  # type: ignore[arg-type]
    assert gallery.table(None, folder=str(tmp_path), head="").height == 2  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="there are a, b"):
        gallery.attention(None, folder=str(tmp_path), head="", slide="z")  # type: ignore[arg-type]
    with pytest.raises(NotMeasured, match="core build"):
        gallery.slides(None, folder=str(tmp_path / "empty"), head="")  # type: ignore[arg-type]


def test_attention_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    n = 4
    tiles = SlideTiles(
        slide="a", encoder="abc", tiling=Tiling(x=np.arange(n) * 10, y=np.zeros(n, dtype=np.int64), span_px=10, tissue=np.ones(n, dtype=np.float32)),
        features=np.zeros((n, 3), dtype=np.float32), size=(40, 20), um_per_px=0.5, given=True, tile_um=5.0, thumbnail=np.zeros((2, 4, 3), dtype=np.uint8), blurred=1,
    )  # fmt: skip
    vector = SlideVector(tiles=tiles, vector=np.zeros(3, dtype=np.float32), attention=np.full(n, 0.25, dtype=np.float32), trained=True)
    assert slide_shelf.attention(tmp_path, "a") is None
    slide_shelf.keep_attention(tmp_path, "a", vector, encoder="dinov2-small", learnt="so")
    found = slide_shelf.attention(tmp_path, "a")
    assert found is not None
    back, family, learnt = found
    assert (family.name, learnt, back.trained, back.tiles.given, back.tiles.size) == ("dinov2-small", "so", True, True, (40, 20))
    np.testing.assert_array_equal(back.attention, vector.attention)
    slide_shelf.place(tmp_path, "a").with_suffix(".attention").write_bytes(b"no")
    with pytest.raises(SlideError, match="damaged"):
        slide_shelf.attention(tmp_path, "a")


def correlations() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "study": "her2st", "patient_id": f"her2st:{patient}", "section_id": f"{patient}1", "features": features, "kind": "gene",
                    "target": [f"G{i}" for i in range(40)], "n": 100, "pearson": rng.normal(0.1, 0.1, 40), "spearman": rng.normal(0.1, 0.1, 40), "null_95": 0.1,
                    "p_value": rng.uniform(0.01, 1, 40), "permuted_95": 0.05,
                }
            )
            for patient in "AB"
            for features in ("trained", "untrained", "colour")
        ]
    )  # fmt: skip


def test_correlations_are_kept_drawn_and_refused_where_damaged(tmp_path: Path) -> None:
    assert slide_shelf.expression(tmp_path) is None
    with pytest.raises(NotMeasured, match="slides --expression"):
        gallery.expression(None, folder=str(tmp_path), head="")  # type: ignore[arg-type]
    path = slide_shelf.keep_expression(tmp_path, correlations())
    found = slide_shelf.expression(tmp_path)
    assert found is not None
    chart = image_expression(found, provenance=SOURCE)
    assert "not trained on" in chart.title
    assert chart.table.height == 240
    path.write_bytes(b"no")
    with pytest.raises(SlideError, match="damaged"):
        slide_shelf.expression(tmp_path)

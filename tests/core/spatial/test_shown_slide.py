"""What pages show of slides is made once, survives damage, and says what is wrong in a sentence."""

from __future__ import annotations

from dataclasses import replace
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
from core.spatial.image_expression import Correlations
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


def correlations() -> Correlations:
    """Of two patients; the picture of one is coarser."""
    rng = np.random.default_rng(0)
    pairs = [(patient, features) for patient in "AB" for features in ("trained", "untrained", "colour")]
    targets = pl.concat(
        [
            pl.DataFrame(
                {
                    "study": "her2st", "patient_id": f"her2st:{patient}", "section_id": f"{patient}1", "features": features, "kind": "gene",
                    "target": [f"G{i}" for i in range(40)], "n": 100, "pearson": rng.normal(0.1, 0.1, 40), "spearman": rng.normal(0.1, 0.1, 40), "null_95": 0.1,
                    "p_value": rng.uniform(0.01, 1, 40), "permuted_95": 0.05,
                }
            )
            for patient, features in pairs
        ]
    )  # fmt: skip
    medians = pl.DataFrame(
        [
            {
                "study": "her2st", "patient_id": f"her2st:{patient}", "section_id": f"{patient}1", "features": features, "kind": "gene", "n": 100, "targets": 40,
                "median": 0.1, "ci_low": 0.02, "ci_high": 0.18, "null_95": 0.05, "p_value": 0.01, "um_per_px": 2.0 if patient == "A" else 0.5,
                "encoder": "Some encoder", "trained_on": "some pictures",
                **({} if features == "untrained" else {"beyond": -0.05, "beyond_low": -0.11, "beyond_high": 0.01}),
            }
            for patient, features in pairs
        ],
        infer_schema_length=None,
    )  # fmt: skip
    return Correlations(targets=targets, medians=medians)


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


def test_correlations_are_shown_with_their_interval_and_beside_random_weights() -> None:
    chart = image_expression(correlations(), provenance=SOURCE)
    said = " ".join(str(one.text) for one in chart.figure.layout.annotations)
    assert "+0.10 (+0.02 to +0.18)" in said
    assert "−0.05 (−0.11 to +0.01)" in said
    assert "n = 100 spots" in said
    assert "2.00 (A1) and 0.50 (B1) µm a pixel" in chart.caption
    assert "Patient A is not only another patient but a coarser picture" in chart.caption
    assert "Patient B is" not in chart.caption
    assert "Some encoder was trained on some pictures" in chart.caption
    sentence = gallery.verdict(correlations().medians, "gene")
    assert "do not say more about genes" in sentence
    assert "−0.05 (95% CI −0.11 to +0.01, n = 100 spots) on patient A" in sentence
    assert "ahead of both in 0 of 2" in sentence


def test_a_slide_that_was_looked_through_in_an_earlier_way_is_looked_through_again(slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Shelf:
        def sql(self, query: str) -> pl.DataFrame:
            return pl.DataFrame({"slide_id": ["wsi:a"], "study": ["wsi"], "title": ["A"], "file": ["a.svs"], "um_per_px": [2.0]})

    monkeypatch.setattr(slide_shelf, "remote", lambda study, file: object())
    monkeypatch.setattr(slide_shelf, "fetch_file", lambda found, *, places: slide)
    said: list[str] = []

    def fill() -> None:
        assert slide_shelf.fill(Shelf(), None, folder=tmp_path, say=said.append) == []  # type: ignore[arg-type]

    fill()
    fill()
    assert len(said) == 1
    target = slide_shelf.place(tmp_path, "wsi:a")
    shown = shown_slide.read(target)
    shown_slide.write(target, replace(shown, facts=replace(shown.facts, version="1")))
    fill()
    target.write_bytes(b"half a file")
    fill()
    assert len(said) == 3
    assert shown_slide.read(target).facts.version == shown_slide.VERSION

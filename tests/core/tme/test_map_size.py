"""A map of very many patients: binned, a few points to hover over, zoom re-binned, nothing lost from the counts."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures import density, raster
from core.figures.chart import Provenance
from core.figures.embedding import View, embedding, outlined
from core.figures.theme import DARK, UNKNOWN, colours, dress
from core.tme.atlas import atlas
from core.tme.map import TmeMap, tme_map
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))
SOURCE = Provenance(cohort="trial", n=3000)


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> TmeMap:
    monkeypatch.setattr(density, "WHOLE", 500)
    monkeypatch.setattr(density, "SINGLE", 200)
    monkeypatch.setattr(density, "FEW", 150)
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, 3000)
    names = ["a", "b", "c"]
    frame = pl.DataFrame(
        {
            "patient_id": [f"t:{i}" for i in range(3000)], "study": "t", "x": kind * 4 + rng.normal(size=3000), "y": rng.normal(size=3000),
            "cluster": kind, "type": [names[k] for k in kind], "stability": 0.9, "silhouette": 0.4, "stable": kind != 2, "value": [names[k] for k in kind],
        }
    )  # fmt: skip
    return TmeMap(
        frame=frame, colour="cluster", kind="category", label="TME type", unit="", levels=("a", "b", "c"), studies=("t",), n=3000, n_missing=0,
        n_uncoloured=0, unstable=("c",),
    )  # fmt: skip


def test_every_point_is_in_one_cell_and_the_commonest_wins() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 4, 1000), rng.uniform(0, 2, 1000)
    found = raster.cells(x, y, window=(0, 4, 0, 2), wide=8)
    assert (found.wide, found.high) == (8, 4)
    assert found.n.sum() == 1000
    expected, _, _ = np.histogram2d(y, x, bins=(4, 8), range=((0, 2), (0, 4)))
    np.testing.assert_array_equal(found.n.reshape(4, 8), expected)
    codes = rng.integers(0, 3, 1000)
    best = raster.commonest(found, codes, 3)
    for cell in range(32):
        counts = np.bincount(codes[found.rows[found.cell == cell]], minlength=3)
        assert best[cell] == counts.argmax()
    half = raster.cells(x, y, window=(0, 2, 0, 2), wide=8)
    assert half.n.sum() == (x <= 2).sum()
    assert raster.commonest(raster.cells(x, y, window=(9, 10, 9, 10), wide=4), codes, 3).tolist() == [-1] * 16
    np.testing.assert_allclose(np.nansum(raster.mean(found, x) * found.n), x.sum())


def test_the_picture_is_a_png_of_its_pixels() -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (3, 5, 4), dtype=np.uint8)
    file = raster.png(pixels)
    assert file.startswith(b"\x89PNG\r\n\x1a\n")
    start = file.index(b"IDAT") + 4
    size = int.from_bytes(file[start - 8 : start - 4], "big")
    lines = np.frombuffer(zlib.decompress(file[start : start + size]), dtype=np.uint8).reshape(3, 21)
    np.testing.assert_array_equal(lines[:, 1:].reshape(3, 5, 4), pixels)


def test_a_large_map_counts_everybody_and_sends_few(crowd: TmeMap) -> None:
    chart = embedding(crowd, provenance=SOURCE)
    counts = next(t for t in chart.figure.data if t.type == "heatmap")
    assert np.nansum(np.asarray(counts.z, dtype=float)) == 3000
    assert sum(len(t.x) for t in chart.figure.data if t.type.startswith("scatter")) == 150
    assert len(chart.figure.layout.images) == 1
    assert chart.table.height == 3000
    assert {"umap_1", "umap_2"} <= set(chart.table.columns)
    assert "150 patients drawn at random" in chart.caption
    assert "until at most 200 are left" in chart.caption
    assert "n = 3,000" in chart.caption
    assert len(chart.figure.to_json()) < 500_000


def test_zooming_shows_all_points_of_a_small_part(crowd: TmeMap) -> None:
    few = crowd.frame.filter(pl.col("x").is_between(-0.3, 0.3) & pl.col("y").is_between(-0.3, 0.3)).height
    chart = embedding(crowd, provenance=SOURCE, view=View(study="t", window=(-0.3, 0.3, -0.3, 0.3)))
    assert sum(x is not None for t in chart.figure.data for x in t.x) == few < 200
    assert tuple(chart.figure.layout.xaxis.range) == (-0.3, 0.3)
    assert chart.table.height == 3000
    assert not chart.figure.layout.images
    assert f"holds {few} of them, each a point" in chart.caption


def test_zooming_to_nobody_draws_an_empty_part(crowd: TmeMap) -> None:
    for shown in (crowd, replace(crowd, frame=crowd.frame.with_columns(value=pl.col("x")), kind="number", levels=())):
        chart = embedding(shown, provenance=SOURCE, view=View(study="t", window=(90.0, 91.0, 90.0, 91.0)))
        assert "holds 0 of them" in chart.caption
        assert all(point is None for t in chart.figure.data for point in t.x)


def test_pointing_at_a_large_map_tells_who_is_there(crowd: TmeMap) -> None:
    counts = next(t for t in embedding(crowd, provenance=SOURCE).figure.data if t.type == "heatmap")
    z, said = np.asarray(counts.z, dtype=float), np.asarray(counts.customdata, dtype=object)
    high, wide = z.shape
    row, column = (int(v) for v in np.argwhere(z == np.nanmax(z))[0])
    left, low = counts.x0 + (column - 0.5) * counts.dx, counts.y0 + (row - 0.5) * counts.dy
    here = crowd.frame.filter(pl.col("x").is_between(left, left + counts.dx) & pl.col("y").is_between(low, low + counts.dy))
    assert here.height == int(z[row, column])
    name, n = here.group_by("type").len().sort("len", descending=True).row(0)
    assert said[row, column].startswith(f"{here.height} patients here</b><br>{name} {n / here.height:.0%}")
    lone = np.argwhere(z == 1)[0]
    assert said[tuple(lone)] in {f"1 patient here</b><br>{kind}" for kind in "abc"}
    assert said[~np.isfinite(z)].tolist() == [""] * int((~np.isfinite(z)).sum())
    assert (high, wide)[1] == raster.COARSE


def test_pointing_at_a_number_tells_its_mean_and_of_how_many(crowd: TmeMap) -> None:
    value = pl.when(pl.col("type") == "a").then(2.5)
    shown = replace(crowd, frame=crowd.frame.with_columns(value=value), kind="number", colour="tmb", label="Burden", unit="mutations/Mb", levels=())
    counts = next(t for t in embedding(shown, provenance=SOURCE).figure.data if t.type == "heatmap")
    said = {text for line in counts.customdata for text in line if text}
    assert any(text.endswith("<br>Burden: mean 2.5 mutations/Mb") for text in said)
    assert any("known of" in text for text in said)
    assert "1 patient here</b><br>Burden: unknown" in said


def test_a_rare_group_stays_in_the_legend_though_no_point_of_it_is_drawn(crowd: TmeMap) -> None:
    kinds = ["rare", *crowd.frame["type"].to_list()[1:]]
    frame = crowd.frame.with_columns(type=pl.Series(kinds), value=pl.Series(kinds))
    chart = embedding(replace(crowd, frame=frame, levels=("a", "b", "c", "rare")), provenance=SOURCE)
    named = [t.name for t in chart.figure.data if t.showlegend]
    assert any(name.startswith("rare (n = 1") for name in named)
    assert chart.figure.layout.legend.itemclick is False


def test_small_studies_beside_a_large_one_are_points(crowd: TmeMap) -> None:
    small = crowd.frame.head(40).with_columns(study=pl.lit("s"), patient_id="s" + pl.col("patient_id"))
    chart = embedding(replace(crowd, frame=pl.concat([crowd.frame, small]), studies=("t", "s"), n=3040), provenance=SOURCE)
    assert len(chart.figure.layout.images) == 1
    assert sum(len(t.x) for t in chart.figure.data if t.xaxis == "x2") == 40
    sizes = {t.xaxis: t.marker.size for t in chart.figure.data if t.type == "scatter"}
    assert sizes["x2"] > sizes["x"]
    assert "those of larger studies drawn at random" in chart.caption


def test_a_number_colours_a_large_map_too(crowd: TmeMap) -> None:
    frame = crowd.frame.with_columns(value=pl.col("x"))
    chart = embedding(replace(crowd, frame=frame, kind="number", colour="score:x", label="x", levels=()), provenance=SOURCE)
    assert "its mean" in chart.caption


def test_unstable_types_are_grey_and_said_so(crowd: TmeMap) -> None:
    chart = embedding(crowd, provenance=SOURCE)
    legend = {t.name.split(" ")[0]: t for t in chart.figure.data if t.showlegend and t.type.startswith("scatter")}
    assert "unstable" in legend["c"].name
    assert legend["c"].marker.color == "#A9B2BA"
    assert legend["a"].marker.color != "#A9B2BA"
    assert "Grey: c, unstable" in chart.caption


def test_an_outline_is_drawn_in_its_panel_only(crowd: TmeMap) -> None:
    view = View(outlined="t", corners=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), name="Mine", drag="lasso")
    chart = embedding(crowd, provenance=SOURCE, view=view)
    assert chart.figure.layout.shapes[-1].path == "M0,0L1,0L1,1Z"
    assert chart.figure.layout.dragmode == "lasso"
    assert any("Mine" in a.text for a in chart.figure.layout.annotations)
    other = embedding(crowd, provenance=SOURCE, view=View(outlined="elsewhere", corners=view.corners, name="Mine"))
    assert not other.figure.layout.shapes


def test_an_unknown_gene_changes_the_colouring_only(synthetic_store: Store) -> None:
    plain = atlas(synthetic_store, QUERY)
    found = atlas(synthetic_store, QUERY, gene="NOSUCHGENE")
    assert found.sentence == plain.sentence
    assert "NOSUCHGENE" in found.notice
    assert "coloured by TME type" in found.notice
    assert json.loads(found.charts[0].figure.to_json())["data"] == json.loads(plain.charts[0].figure.to_json())["data"]
    assert atlas(synthetic_store, QUERY, gene="CD8A").notice == ""
    with pytest.raises(UnknownName):
        atlas(synthetic_store, QUERY, colour="gene:NOSUCHGENE")


def test_another_layout_is_another_picture_of_the_same_patients(synthetic_store: Store) -> None:
    umap, pca = tme_map(synthetic_store, QUERY), tme_map(synthetic_store, QUERY, layout="pca")
    assert umap.frame["patient_id"].to_list() == pca.frame["patient_id"].to_list()
    assert umap.frame["type"].to_list() == pca.frame["type"].to_list()
    assert umap.frame["x"].to_list() != pca.frame["x"].to_list()
    assert {"pca_1", "pca_2"} <= set(atlas(synthetic_store, QUERY, layout="pca").charts[0].table.columns)


def test_the_picture_of_a_large_map_is_recoloured_for_the_dark_theme(crowd: TmeMap) -> None:
    figure = embedding(crowd, provenance=SOURCE).figure
    light, dark = (dress(figure, dark=dark).layout.images[0].source for dark in (False, True))
    assert light == figure.layout.images[0].source
    before, after = _pixels(light), _pixels(dark)
    np.testing.assert_array_equal(before[..., 3], after[..., 3])
    seen = {tuple(c) for c in before[before[..., 3] > 0][:, :3].tolist()}
    worn = {tuple(c) for c in after[after[..., 3] > 0][:, :3].tolist()}
    assert seen == {_rgb(c) for c in (*list(colours(("a", "b", "c")).values())[:2], UNKNOWN)}
    assert worn == {_rgb(DARK[c]) for c in (*list(colours(("a", "b", "c")).values())[:2], UNKNOWN)}


def test_an_outline_leaves_the_map_under_it_as_it_was(crowd: TmeMap) -> None:
    plain = embedding(crowd, provenance=SOURCE)
    made = outlined(plain, View(outlined="t", corners=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), name="Mine"))
    assert len(made.figure.layout.shapes) == 1
    assert not plain.figure.layout.shapes
    assert made.figure.data[0].type == plain.figure.data[0].type
    assert outlined(plain, View()) is plain


@pytest.mark.parametrize(
    ("view", "said"),
    [("synthetic_a~900_901_900_901", "Nobody is in this part"), ("elsewhere~0_1_0_1", "not in this picture"), ("synthetic_a~1_2", "cannot be read")],
)
def test_a_zoom_that_shows_nobody_says_so(synthetic_store: Store, view: str, said: str) -> None:
    found = atlas(synthetic_store, QUERY, view=view)
    assert said in found.notice
    assert "show" in found.notice
    assert found.charts


def _pixels(source: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    file = base64.b64decode(source.partition(",")[2])
    width, high = (int.from_bytes(file[i : i + 4], "big") for i in (16, 20))
    start = file.index(b"IDAT") + 4
    size = int.from_bytes(file[start - 8 : start - 4], "big")
    lines = np.frombuffer(zlib.decompress(file[start : start + size]), dtype=np.uint8).reshape(high, 1 + 4 * width)
    return lines[:, 1:].reshape(high, width, 4)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))

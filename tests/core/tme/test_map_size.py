"""A map of very many patients: binned, a few points to hover over, zoom re-binned, nothing lost from the counts."""

from __future__ import annotations

import json
import zlib

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures import density, raster
from core.figures.chart import Provenance
from core.figures.embedding import View, embedding
from core.tme.atlas import atlas
from core.tme.map import TmeMap, tme_map
from data.store import Store

QUERY = CohortQuery(("synthetic_a",))
SOURCE = Provenance(cohort="trial", n=3000)


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> TmeMap:
    monkeypatch.setattr(density, "WHOLE", 500)
    monkeypatch.setattr(density, "SAMPLE", 200)
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
    assert sum(len(t.x) for t in chart.figure.data if t.type.startswith("scatter")) == 200
    assert len(chart.figure.layout.images) == 1
    assert chart.table.height == 3000
    assert {"umap_1", "umap_2"} <= set(chart.table.columns)
    assert "200 patients drawn at random" in chart.caption
    assert "n = 3,000" in chart.caption
    assert len(chart.figure.to_json()) < 500_000


def test_zooming_shows_all_points_of_a_small_part(crowd: TmeMap) -> None:
    few = crowd.frame.filter(pl.col("x").is_between(-0.3, 0.3) & pl.col("y").is_between(-0.3, 0.3)).height
    chart = embedding(crowd, provenance=SOURCE, view=View(study="t", window=(-0.3, 0.3, -0.3, 0.3)))
    assert sum(len(t.x) for t in chart.figure.data if t.type.startswith("scatter")) == few < 200
    assert tuple(chart.figure.layout.xaxis.range) == (-0.3, 0.3)
    assert chart.table.height == 3000


def test_a_number_colours_a_large_map_too(crowd: TmeMap) -> None:
    from dataclasses import replace

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

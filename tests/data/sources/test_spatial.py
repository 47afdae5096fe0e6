"""Spatial studies and slides: published counts, joins of spots and labels, tags of slides, the R reader."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import SourceCorrupt
from data.sources import her2st, lung_mif, wsi
from data.sources.rda_frame import read_frame
from data.sources.source import Files, Source, StudyTables


@pytest.fixture(scope="module")
def sections(mirror_files: Callable[[Source], Files]) -> StudyTables:
    return her2st.SOURCE.load(mirror_files(her2st.SOURCE))


@pytest.mark.realdata
def test_her2st_counts_and_places(sections: StudyTables) -> None:
    spots = sections.tables["spot"]
    assert sections.tables["patient"].height == 8
    assert spots.height == sum(len(assay.samples) for assay in sections.expression) == 4276
    assert [assay.assay for assay in sections.expression] == list(her2st.SECTIONS)
    assert all(13_000 < len(assay.genes) < 17_000 for assay in sections.expression)
    assert spots.select("x_um", "y_um", "pixel_x", "pixel_y", "total").null_count().sum_horizontal().item() == 0
    labelled = spots.group_by("section_id").agg(pl.col("label").count().alias("n"), pl.len())
    for section, n, total in labelled.iter_rows():
        assert n == (total if section in her2st.LABELLED else 0), section


@pytest.mark.realdata
def test_her2st_spots_lie_200_um_apart(sections: StudyTables) -> None:
    places = sections.tables["spot"].filter(pl.col("section_id") == "B4").select("x_um", "y_um", "pixel_x").to_numpy()
    apart = np.hypot(*(places[:, None, :2] - places[None, :, :2]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    assert np.median(apart.min(axis=1)) == pytest.approx(200, abs=20)
    slope = np.polyfit(places[:, 2], places[:, 0], 1)[0]
    assert slope == pytest.approx(0.69, abs=0.01), "µm per pixel of the full-resolution picture"


@pytest.mark.realdata
def test_her2st_labels_fit_the_expression(sections: StudyTables) -> None:
    """ERBB2 (HER2) is higher where the pathologist saw invasive cancer than in connective tissue."""
    for assay in sections.expression:
        if assay.assay not in {"A1", "B1", "C1", "D1"}:
            continue
        spots = sections.tables["spot"].filter(pl.col("section_id") == assay.assay)
        assert spots["spot_id"].to_list() == list(assay.samples)
        erbb2 = assay.values[list(assay.genes).index("ERBB2")]
        label = spots["label"].to_numpy()
        assert erbb2[label == "invasive cancer"].mean() > erbb2[label == "connective tissue"].mean(), assay.assay


@pytest.mark.realdata
def test_her2st_proportions_sum_to_one(sections: StudyTables) -> None:
    fractions = sections.tables["spot_fraction"]
    sums = fractions.group_by("section_id", "spot_id", "level").agg(pl.col("fraction").sum())["fraction"].to_numpy()
    np.testing.assert_allclose(sums, 1.0, atol=1e-5)
    types = dict(fractions.group_by("level").agg(pl.col("cell_type").n_unique()).iter_rows())
    assert types == {"major": 8, "minor": 22}
    assert fractions.select("section_id", "spot_id").unique().height == 4276


@pytest.mark.realdata
def test_lung_cells_and_deaths(mirror_files: Callable[[Source], Files]) -> None:
    study = lung_mif.SOURCE.load(mirror_files(lung_mif.SOURCE))
    patients, cells = study.tables["patient"], study.tables["spot"]
    assert (patients.height, cells.height, patients["os_event"].sum()) == (50, 285_412, 33)
    assert cells["section_id"].n_unique() == len(study.expression) == 247
    counts = dict(cells.group_by("label").len().iter_rows())
    assert counts["Tumour cell (CK+)"] == 187_373
    assert counts["CD8 T cell"] == 11_775
    assert sum(counts.values()) == 285_412
    assert cells["x_um"].max() <= 680
    cd8 = sum(float(assay.values[list(assay.genes).index("CD8")].sum()) for assay in study.expression)
    assert cd8 == 11_775


@pytest.mark.realdata
def test_slides(mirror_files: Callable[[Source], Files]) -> None:
    tables = wsi.SOURCE.load(mirror_files(wsi.SOURCE)).tables
    assert "patient" not in tables, "the TCGA slide's patient is a patient of the study tcga"
    rows = tables["slide"].select("width_px", "height_px", "um_per_px", "objective", "patient_id").rows()
    assert rows == [(4443, 3567, None, None, "tcga:TCGA-CR-7395"), (2220, 2967, 0.499, 20.0, None)]


def tiff(description: bytes) -> bytes:
    """A TIFF header with one directory: width 7, height 5, a description."""
    at = 8 + 2 + 3 * 12 + 4
    entries = struct.pack("<HHII", 256, 3, 1, 7) + struct.pack("<HHII", 257, 4, 1, 5)
    entries += struct.pack("<HHII", 270, 2, len(description), at)
    return b"II" + struct.pack("<HI", 42, 8) + struct.pack("<H", 3) + entries + struct.pack("<I", 0) + description


def test_tags_of_a_slide(tmp_path: Path) -> None:
    path = tmp_path / "a.svs"
    path.write_bytes(tiff(b"Aperio|AppMag = 40|MPP = 0.25\0"))
    tags = wsi.read_tags(path)
    assert (tags.width_px, tags.height_px, tags.um_per_px, tags.objective) == (7, 5, 0.25, 40.0)
    path.write_bytes(b"not a picture, but long enough")
    with pytest.raises(SourceCorrupt, match="is not a TIFF file"):
        wsi.read_tags(path)
    path.write_bytes(tiff(b"Aperio")[:30])
    with pytest.raises(SourceCorrupt, match="is truncated"):
        wsi.read_tags(path)


def test_r_data_frame(tmp_path: Path, references: Path) -> None:
    """references/small_frame.rda: data.frame(n = c(1.5, NA), s = c("a", NA), f = factor(c("hi", "lo")), l = c(TRUE, NA))."""
    frame = read_frame(references / "small_frame.rda")
    assert frame.to_dict(as_series=False) == {
        "n": [1.5, None],
        "s": ["a", None],
        "f": ["hi", "lo"],
        "l": [1, None],
        "i": [3, None],
    }
    raw = gzip.decompress((references / "small_frame.rda").read_bytes())
    broken = tmp_path / "broken.rda"
    broken.write_bytes(raw[:-40])
    with pytest.raises(SourceCorrupt, match=r"broken\.rda"):
        read_frame(broken)
    broken.write_bytes(b"<html>not found</html>")
    with pytest.raises(SourceCorrupt, match="not an R data file"):
        read_frame(broken)
    broken.write_bytes((references / "small_frame.rda").read_bytes()[:60])
    with pytest.raises(SourceCorrupt, match="truncated or damaged"):
        read_frame(broken)

"""TCGA: published counts, which sample stands for a patient, agreement between files, and a known association."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import SourceCorrupt
from data.schema import DAYS_PER_MONTH
from data.sources import tcga_porpoise, tcga_slides
from data.sources.source import Files, Source, StudyTables
from data.sources.tcga import OUTCOMES, SOURCE, read_outcomes
from data.sources.tcga_barcode import one_per_case


@pytest.fixture(scope="module")
def tcga(mirror_files: Callable[[Source], Files]) -> StudyTables:
    return SOURCE.load(mirror_files(SOURCE))


@pytest.mark.realdata
def test_outcomes_in_months(tcga: StudyTables) -> None:
    patients = tcga.tables["patient"]
    assert patients.height == OUTCOMES == 11_160
    first = patients.row(by_predicate=pl.col("source_id") == "TCGA-OR-A5J1", named=True)
    assert first["os_months"] == pytest.approx(1355 / DAYS_PER_MONTH)
    assert (first["os_event"], first["dss_event"], first["pfs_event"], first["dfi_event"]) == (True, True, True, True)
    assert first["pfs_months"] == pytest.approx(754 / DAYS_PER_MONTH)
    assert (first["cohort"], first["cancer_type"], first["stage"]) == ("TCGA-ACC", "ACC", "II")
    assert patients["os_event"].sum() == 3622
    assert patients["pfs_event"].sum() == 3996
    assert patients["response"].null_count() == patients.height
    assert patients["arm"].null_count() == patients.height
    assert patients["cohort"].n_unique() == 33


@pytest.mark.realdata
def test_immune_subtypes_of_samples(tcga: StudyTables) -> None:
    counts = tcga.tables["sample"].drop_nulls("immune_subtype").group_by("immune_subtype").len().sort("immune_subtype")
    assert counts["len"].to_list() == [2416, 2592, 2397, 1159, 385, 180]
    assert counts["len"].sum() == 9129


@pytest.mark.realdata
def test_table_sizes(tcga: StudyTables) -> None:
    tables = tcga.tables
    slides = tables["sample"].filter(pl.col("kind") == "slide")
    by_cancer = slides.group_by(pl.col("sample_id").str.split(":").list.get(2)).len().sort("sample_id")
    assert dict(by_cancer.iter_rows()) == tcga_slides.SLIDES
    assert tables["slide_feature"]["feature"].n_unique() == tcga_slides.FEATURES == 607
    assert tables["slide_feature"].height == 1709 * 607
    assert tables["cell_fraction"]["cell_type"].n_unique() == 22
    sums = tables["cell_fraction"].group_by("patient_id").agg(pl.col("fraction").sum())["fraction"].to_numpy()
    np.testing.assert_allclose(sums, 1.0, atol=1e-6)
    assert tables["patient"]["til_percent"].count() > 4_500
    assert tables["signature_score"]["signature"].n_unique() == 5
    known = set(tables["patient"]["patient_id"])
    for name in ("signature_score", "cell_fraction", "slide_feature", "mutation", "copy_number"):
        assert set(tables[name]["patient_id"].unique()) <= known, name


@pytest.mark.realdata
def test_rna_mutations_and_copy_number_are_one_row_a_patient(tcga: StudyTables) -> None:
    shapes = {assay.assay: assay.values.shape for assay in tcga.expression}
    assert shapes == {
        "rna_z_luad": (1555, 453),
        "rna_z_lusc": (1556, 450),
        "rna_z_skcm": (1602, 230),
        "rna_z_stad": (1558, 349),
        "rna_z_blca": (1554, 373),
    }
    patients = [patient for assay in tcga.expression for patient in assay.patients]
    assert len(patients) == len(set(patients)) == 1855
    assert not tcga.tables["mutation"].select("patient_id", "gene").is_duplicated().any()
    assert set(tcga.tables["copy_number"]["call"].unique()) == {-2, -1, 1, 2}
    kras = tcga.tables["mutation"].filter(pl.col("gene") == "KRAS")
    luad = kras.filter(pl.col("patient_id").is_in(list(tcga.expression[0].patients)))
    assert 0.2 < luad.height / 453 < 0.4, "about three in ten lung adenocarcinomas carry a KRAS mutation"


@pytest.mark.realdata
def test_porpoise_survival_agrees_with_tcga_cdr(tcga: StudyTables) -> None:
    assert any("1854 of 1855 patients (apart: TCGA-BR-6707)" in note for note in tcga.notes)


@pytest.mark.realdata
def test_lymphocytes_on_the_slide_go_with_longer_survival_in_melanoma(tcga: StudyTables) -> None:
    """Cox, one covariate: hazard ratio per SD of lymphocyte density in tumour, mean over a patient's slides."""
    from lifelines import CoxPHFitter

    frame = (
        tcga.tables["slide_feature"]
        .filter((pl.col("feature") == tcga_slides.LYMPHOCYTE_DENSITY) & pl.col("slide_id").str.contains(":skcm:"))
        .group_by("patient_id")
        .agg(pl.col("value").mean())
        .join(tcga.tables["patient"].select("patient_id", "os_months", "os_event"), on="patient_id")
        .drop_nulls()
        .filter(pl.col("os_months") > 0)
        .sort("patient_id")
        .select(
            z=(pl.col("value") - pl.col("value").mean()) / pl.col("value").std(),
            time="os_months",
            event=pl.col("os_event").cast(pl.Int8),
        )
    )
    fit = CoxPHFitter().fit(frame.to_pandas(), "time", "event").summary.loc["z"]
    assert frame.height == 315
    assert fit["exp(coef)"] == pytest.approx(0.584, abs=0.01)
    assert fit["exp(coef) upper 95%"] < 0.85


def test_the_primary_tumour_stands_for_the_patient() -> None:
    frame = pl.DataFrame(
        {
            "barcode": [
                "TCGA-AA-0001-06A",
                "TCGA-AA-0001-01B",
                "TCGA-AA-0001-01A",
                "TCGA-AA-0002-11A",
                "TCGA-AA-0003-06A",
            ],
            "value": [1, 2, 3, 4, 5],
        }
    )
    chosen = one_per_case(frame, "barcode")
    assert chosen.select("case", "value", "sample_type").rows() == [
        ("TCGA-AA-0001", 3, "01"),
        ("TCGA-AA-0003", 5, "06"),
    ]


def archive(path: Path, content: str, *, names: tuple[str, ...] = ("inner.csv.zip",)) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name in names:
            target.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path


HEADER = "case_id,slide_id,survival_months,censorship,is_female,TP53_rnaseq,KRAS_mut,EGFR_cnv\n"


def test_slides_of_a_patient_become_one_row(tmp_path: Path) -> None:
    rows = HEADER + "P1,S1,10,1,0,0.5,1,-1\nP1,S2,10,1,0,0.5,1,-1\nP2,S3,20,0,1,-0.5,0,0\n"
    found = tcga_porpoise.read(archive(tmp_path / "x.zip", rows), "luad")
    assert list(found.expression.patients) == ["tcga:P1", "tcga:P2"]
    assert found.survival.select("event").to_series().to_list() == [False, True], "censorship 1 = censored"
    assert found.mutation.rows() == [("P1", "KRAS")]
    assert found.copy_number.rows() == [("P1", "EGFR", -1)]


def test_broken_archives_say_what_is_wrong(tmp_path: Path) -> None:
    disagree = HEADER + "P1,S1,10,1,0,0.5,1,-1\nP1,S2,11,1,0,0.5,1,-1\n"
    with pytest.raises(SourceCorrupt, match="slides of one patient disagree"):
        tcga_porpoise.read(archive(tmp_path / "x.zip", disagree), "luad")
    with pytest.raises(SourceCorrupt, match="holds 2 files"):
        tcga_porpoise.read(archive(tmp_path / "y.zip", HEADER, names=("a", "b")), "luad")
    with pytest.raises(SourceCorrupt, match="lacks the columns"):
        tcga_porpoise.read(archive(tmp_path / "z.zip", "case_id,slide_id\nP1,S1\n"), "luad")
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"nothing of the kind")
    with pytest.raises(SourceCorrupt, match="is not a zip archive"):
        tcga_porpoise.read(bad, "luad")


def test_a_truncated_workbook_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "TCGA-CDR-SupplementalTableS1.xlsx"
    path.write_bytes(b"PK\x03\x04 truncated")
    with pytest.raises(SourceCorrupt, match="cannot be read as the TCGA-CDR workbook"):
        read_outcomes(path)

"""The columns that PredictioR's studies share, and what holds for all eight of them."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from data.errors import SourceCorrupt
from data.schema import DAYS_PER_MONTH, TABLES
from data.sources import predictior, source


class Counts(NamedTuple):
    patients: int
    evaluable: int
    responders: int
    deaths: int
    progressions: int
    rna: int
    genes: int


EXPECTED = {
    "liu2019": Counts(144, 140, 55, 72, 103, 121, 16_737),
    "riaz2017": Counts(73, 70, 15, 42, 58, 46, 19_961),
    "hugo2016": Counts(27, 27, 14, 12, 0, 27, 19_961),
    "vanallen2015": Counts(42, 41, 7, 29, 36, 42, 20_238),
    "nathanson2017": Counts(24, 24, 8, 16, 0, 24, 19_279),
    "miao2018": Counts(33, 33, 8, 10, 25, 33, 20_238),
    "snyder2017": Counts(25, 21, 7, 17, 19, 22, 20_238),
    "padron2022": Counts(45, 0, 0, 34, 39, 45, 18_459),
}
every_study = pytest.mark.parametrize("study", EXPECTED)


def test_days_undo_the_carriers_months_exactly():
    frame = pl.DataFrame({"t": [1 / 30.5, 1632 / 30.5, None]})
    assert predictior.days(frame, "t").to_list() == [1.0, 1632.0, None]


@pytest.mark.parametrize("per_month", [28, 30, DAYS_PER_MONTH])
def test_days_refuse_another_month(per_month):
    with pytest.raises(SourceCorrupt, match=r"days / 30\.5"):
        predictior.days(pl.DataFrame({"t": [100 / per_month, 33 / per_month]}), "t")


def test_days_of_a_wholly_missing_column():
    frame = pl.DataFrame({"t": pl.Series([None, None], dtype=pl.Null)})
    assert predictior.days(frame, "t").to_list() == [None, None]


def test_months():
    assert pl.select(predictior.months(pl.lit(365.25))).item() == pytest.approx(12.0)


def test_response_is_made_from_recist_alone():
    frame = pl.DataFrame({"best": ["CR", "PR", "SD", "PD", "PD ", "MR", "NE", "Only scanned baseline", None]})
    made = frame.select(**predictior.outcome(predictior.recist("best"), "d"))
    assert made["recist"].to_list() == ["CR", "PR", "SD", "PD", "PD", None, None, None, None]
    assert made["response"].to_list() == [True, True, False, False, False, None, None, None, None]


def test_unknown_levels_become_null_not_a_default():
    frame = pl.DataFrame({"a": ["Y", "N", "x", None], "b": [1, 0, 2, None]})
    assert frame.select(predictior.flag("a", predictior.FLAG))["a"].to_list() == [True, False, None, None]
    assert frame.select(predictior.category("b", {1: "one"}))["b"].to_list() == ["one", None, None, None]


def test_substage():
    frame = pl.DataFrame({"m": ["M0", "M1a", "M1c", "Mx", None]})
    assert frame.select(predictior.substage("m")).to_series().to_list() == [
        "III",
        "IV (M1a)",
        "IV (M1c)",
        None,
        None,
    ]


@pytest.mark.realdata
@every_study
def test_counts(published, study):
    tables = published(study)
    patient = TABLES["patient"].conform(tables.tables["patient"])
    (matrix,) = tables.expression
    assert EXPECTED[study] == (
        patient.height,
        patient["response"].count(),
        patient["response"].sum(),
        patient["os_event"].sum(),
        patient["pfs_event"].sum(),
        len(matrix.samples),
        len(matrix.genes),
    )


@pytest.mark.realdata
@every_study
def test_tables_fit_the_schema_and_each_other(published, study):
    tables = published(study)
    frames = {name: TABLES[name].conform(frame) for name, frame in tables.tables.items()}
    ids = set(frames["patient"]["patient_id"])
    assert set(source(study).provides) == {*frames, "expression"}
    assert set(frames["patient"]["study"]) == {study}
    assert all(one == f"{study}:{own}" for one, own in frames["patient"].select("patient_id", "source_id").rows())
    for frame in frames.values():
        assert set(frame["patient_id"]) <= ids
    (matrix,) = tables.expression
    assert matrix.assay == "log2tpm" and matrix.unit == "log2 TPM" and matrix.preferred
    assert matrix.values.dtype == np.float32 and matrix.values.shape == (len(matrix.genes), len(matrix.samples))
    assert len(set(matrix.genes)) == len(matrix.genes) and all(gene == gene.upper() for gene in matrix.genes)
    assert set(matrix.patients) <= ids and len(set(matrix.patients)) == len(matrix.patients)
    rna = frames["sample"].filter(pl.col("kind") == "rna")
    assert dict(zip(matrix.samples, matrix.patients, strict=True)) == dict(
        rna.select("sample_id", "patient_id").iter_rows()
    )
    assert np.nanmin(matrix.values) >= np.float32(predictior.FLOOR) and np.nanmax(matrix.values) < 20


@pytest.mark.realdata
@every_study
def test_times_events_and_response_hold_together(published, study):
    patient = TABLES["patient"].conform(published(study).tables["patient"])
    for endpoint in ("os", "pfs"):
        months, event = patient[f"{endpoint}_months"], patient[f"{endpoint}_event"]
        assert (months.is_null() == event.is_null()).all()
        assert (months.drop_nulls() > 0).all() and (months.drop_nulls() < 100).all()
        if study != "nathanson2017":
            whole = months.drop_nulls() * DAYS_PER_MONTH
            assert (whole - whole.round()).abs().fill_null(0).sum() < 1e-6
    known = patient.filter(pl.col("recist").is_not_null())
    assert (known["response"] == known["recist"].is_in(["CR", "PR"])).all()
    progressors = patient.filter((pl.col("recist") == "PD") & pl.col("pfs_event").is_not_null())
    assert progressors["pfs_event"].all()
    assert patient["age_years"].drop_nulls().is_between(18, 90).all()


@pytest.mark.realdata
@every_study
def test_files_are_the_pinned_ones(published_files, study):
    files = published_files(study)
    for path, pinned in zip(files.paths.values(), source(study).files, strict=True):
        assert path.stat().st_size == pinned.size_bytes
        assert hashlib.sha256(path.read_bytes()).hexdigest() == pinned.sha256

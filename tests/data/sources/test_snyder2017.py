from __future__ import annotations

import csv

import numpy as np
import polars as pl
import pytest

from data.schema import DAYS_PER_MONTH
from data.sources import snyder2017

pytestmark = pytest.mark.realdata


@pytest.fixture
def patient(published):
    return published("snyder2017").tables["patient"]


def test_months_and_flags_equal_the_authors_days(patient, published_files):
    with published_files("snyder2017").path(snyder2017.CLINICAL).open(newline="", encoding="latin-1") as file:
        rows = {row["patient_id"]: row for row in csv.DictReader(file)}
    assert "0040" in rows
    for row in patient.iter_rows(named=True):
        native = rows[row["source_id"]]
        assert row["os_months"] == pytest.approx(int(native["OS in days"]) / DAYS_PER_MONTH, rel=1e-12)
        assert row["pfs_months"] == pytest.approx(int(native["PFS (RECIST 1.1) in days"]) / DAYS_PER_MONTH, rel=1e-12)
        assert row["os_event"] == (native["Alive Status"] == "N")
        assert row["pfs_event"] == (native["progressed_or_deceased"] == "True")


def test_recist_with_its_blank_and_the_never_scanned(patient):
    assert dict(patient["recist"].value_counts().iter_rows()) == {"CR": 5, "PR": 2, "SD": 5, "PD": 9, None: 4}
    assert patient.filter(pl.col("source_id").is_in(["3529", "8728"]))["recist"].to_list() == ["PD", "PD"]
    assert patient.filter(pl.col("recist").is_null())["response"].null_count() == 4


def test_only_men_have_rna(published, patient):
    (matrix,) = published("snyder2017").expression
    without = patient.filter(~pl.col("patient_id").is_in(list(matrix.patients)))
    assert without["sex"].to_list() == ["female"] * 3


def test_the_matrix_is_unlike_the_others_as_the_note_says(published):
    def profile(study):
        (matrix,) = published(study).expression
        return dict(zip(matrix.genes, np.nanmean(matrix.values, axis=1), strict=True))

    one, other = profile("snyder2017"), profile("hugo2016")
    genes = sorted(set(one) & set(other))
    r = np.corrcoef([one[gene] for gene in genes], [other[gene] for gene in genes])[0, 1]
    assert 0.3 < r < 0.6
    assert any("unlike every other study" in note for note in snyder2017.NOTES)


def test_biomarkers(patient):
    assert dict(patient["pdl1_ic"].value_counts().iter_rows()) == {"IC0": 4, "IC1": 11, "IC2+": 10}
    assert patient["nlr"].null_count() == 0
    assert dict(patient["ecog"].value_counts().iter_rows()) == {"1 or more": 24, "0": 1}

from __future__ import annotations

import csv

import polars as pl
import pytest

from data.errors import SourceCorrupt
from data.schema import DAYS_PER_MONTH
from data.sources import liu2019

pytestmark = pytest.mark.realdata


@pytest.fixture
def patient(published):
    return published("liu2019").tables["patient"]


def test_months_and_flags_equal_the_authors_days(patient, published_files):
    with published_files("liu2019").path(liu2019.CLINICAL).open(newline="") as file:
        rows = {row["Sample ID"]: row for row in csv.DictReader(file, delimiter="\t")}
    for row in patient.iter_rows(named=True):
        native = rows[row["source_id"]]
        assert row["os_months"] == pytest.approx(int(native["OS"]) / DAYS_PER_MONTH, rel=1e-12)
        assert row["pfs_months"] == pytest.approx(int(native["PFS"]) / DAYS_PER_MONTH, rel=1e-12)
        assert row["os_event"] == (native["dead"] == "1") and row["pfs_event"] == (native["progressed"] == "1")
        assert row["prior_ctla4"] == (native["priorCTLA4"] == "1")


def test_recist(patient):
    assert dict(patient["recist"].value_counts().iter_rows()) == {"CR": 17, "PR": 38, "SD": 20, "PD": 65, None: 4}
    mixed = patient.filter(pl.col("recist").is_null())
    assert set(mixed["source_id"]) == {"Patient50", "Patient54", "Patient102", "Patient105"}
    assert mixed["response"].null_count() == 4


def test_io_combo_means_earlier_anti_ctla4(patient):
    assert patient["prior_ctla4"].sum() == 60
    assert set(patient["drug_class"]) == {"PD-1/PD-L1"}


def test_on_treatment_biopsies_are_told_apart(published):
    sample = published("liu2019").tables["sample"].filter(pl.col("kind") == "exome")
    assert sample.filter(pl.col("timepoint") == "on-treatment")["patient_id"].to_list() == ["liu2019:Patient56"]
    assert (sample["timepoint"] == "pre-treatment").sum() == 125


def test_missing_values_stay_missing(patient):
    assert patient["age_years"].null_count() == 60
    assert patient["ecog"].null_count() == 5
    assert patient["ldh"].null_count() == 3


def test_a_changed_survival_time_is_noticed(published_files, tmp_path):
    files = published_files("liu2019")
    clinical = files.path(liu2019.CLINICAL)
    copy = tmp_path / liu2019.CLINICAL
    copy.write_text(clinical.read_text().replace("\t169\t1139\t", "\t169\t1140\t"))
    paths = {url: copy if path == clinical else path for url, path in files.paths.items()}
    with pytest.raises(SourceCorrupt, match="survival of 1 patients differs"):
        liu2019.load(type(files)(paths))


def test_a_truncated_table_is_named(tmp_path):
    table = tmp_path / liu2019.CLINICAL
    table.write_text("Sample ID\tBR\nPatient1\tPD\n")
    with pytest.raises(SourceCorrupt, match="not the clinical table"):
        liu2019._clinical(table)

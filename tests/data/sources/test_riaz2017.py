from __future__ import annotations

import csv

import polars as pl
import pytest

from data.schema import DAYS_PER_MONTH, TABLES
from data.sources import riaz2017


@pytest.fixture
def patient(published):
    return published("riaz2017").tables["patient"]


@pytest.fixture
def mutation(published):
    return TABLES["mutation"].conform(published("riaz2017").tables["mutation"])


@pytest.mark.parametrize(
    ("written", "gene"),
    [("2-Sep", "SEPTIN2"), ("10-Mar", "MARCHF10"), ("1-Dec", "DELEC1"), ("C6orf47", "C6ORF47"), ("NKX2-5", "NKX2-5")],
)
def test_spreadsheet_dates_become_genes_again(written, gene):
    assert riaz2017._symbol(written) == gene


@pytest.mark.realdata
def test_sor_columns_are_censor_flags(patient, published_files):
    with published_files("riaz2017").path(riaz2017.CLINICAL).open(newline="") as file:
        rows = {row["PatientID"]: row for row in csv.DictReader(file)}
    for row in patient.iter_rows(named=True):
        native = rows[row["source_id"]]
        assert row["os_event"] == (native["OS_SOR"] == "0") and row["pfs_event"] == (native["PFS_SOR"] == "0")
        assert row["os_months"] == pytest.approx(int(native["OS"]) / DAYS_PER_MONTH, rel=1e-12)
        assert row["pfs_months"] == pytest.approx(int(native["PFS"]) / DAYS_PER_MONTH, rel=1e-12)


@pytest.mark.realdata
def test_recist_and_earlier_ipilimumab(patient):
    assert dict(patient["recist"].value_counts().iter_rows()) == {"CR": 3, "PR": 12, "SD": 24, "PD": 31, None: 3}
    assert patient["prior_ctla4"].sum() == 39
    assert patient.filter(pl.col("recist").is_null())["os_event"].all()


@pytest.mark.realdata
def test_mutations(patient, mutation):
    assert mutation.height == 28_589 and mutation["patient_id"].n_unique() == 68
    assert patient["mutation_count"].count() == 68 and patient["mutation_count"].sum() == 28_589
    assert dict(mutation["effect"].value_counts().iter_rows()) == {
        "missense": 26_144,
        "nonsense": 1_598,
        "splice": 564,
        "other": 283,
    }
    assert mutation["vaf"].is_between(0, 1).all() and mutation["vaf"].null_count() == 0
    assert not mutation["gene"].str.contains(r"^\d+-[A-Z]{3}$").any()
    assert mutation.filter(pl.col("gene").str.contains("^(SEPTIN|MARCHF|DELEC)")).height == 26
    v600e = mutation.filter((pl.col("gene") == "BRAF") & (pl.col("protein_change") == "p.Val600Glu"))
    assert set(v600e["position"]) <= {140_453_135, 140_453_136}


@pytest.mark.realdata
def test_driver_mutations_agree_with_the_published_subtype(patient, mutation):
    v600 = mutation.filter((pl.col("gene") == "BRAF") & pl.col("protein_change").str.starts_with("p.Val600"))
    subtype = dict(patient.select("patient_id", "molecular_subtype").iter_rows())
    called = [subtype[one] for one in v600["patient_id"].unique()]
    assert called.count("BRAF") >= 0.9 * len(called)


@pytest.mark.realdata
def test_samples(published):
    sample = published("riaz2017").tables["sample"]
    assert dict(sample["kind"].value_counts().iter_rows()) == {"rna": 46, "exome": 68}
    assert set(sample["timepoint"]) == {"pre-treatment"}

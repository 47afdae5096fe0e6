from __future__ import annotations

import polars as pl
import pytest

from data.schema import DAYS_PER_MONTH

pytestmark = pytest.mark.realdata


def test_survival_and_response(published):
    patient = published("hugo2016").tables["patient"]
    assert dict(patient["recist"].value_counts().iter_rows()) == {"CR": 4, "PR": 10, "PD": 13}
    row = patient.row(by_predicate=pl.col("source_id") == "Pt1", named=True)
    assert row["os_months"] == pytest.approx(607 / DAYS_PER_MONTH, rel=1e-12) and row["os_event"]
    row = patient.row(by_predicate=pl.col("source_id") == "Pt8", named=True)
    assert row["os_months"] is None and row["os_event"] is None and row["recist"] == "CR"


def test_one_sample_was_taken_on_treatment(published):
    sample = published("hugo2016").tables["sample"].filter(pl.col("kind") == "rna")
    assert sample.filter(pl.col("timepoint") != "pre-treatment")["patient_id"].to_list() == ["hugo2016:Pt16"]


def test_no_earlier_mapk_inhibitor_says_nothing_about_other_drugs(published):
    patient = published("hugo2016").tables["patient"]
    assert patient["prior_systemic_therapy"].sum() == 12 and patient["prior_systemic_therapy"].null_count() == 15


def test_sites(published):
    patient = published("hugo2016").tables["patient"]
    assert dict(patient["sample_site"].value_counts().iter_rows()) == {
        "skin or subcutis": 14,
        "lung": 3,
        "soft tissue": 3,
        "lymph node": 2,
        "bowel": 2,
        "adrenal": 1,
        None: 2,
    }

from __future__ import annotations

import polars as pl
import pytest

from data.schema import DAYS_PER_MONTH

pytestmark = pytest.mark.realdata


@pytest.fixture
def patient(published):
    return published("vanallen2015").tables["patient"]


def test_survival_equals_the_dates(patient):
    row = patient.row(by_predicate=pl.col("source_id") == "Pat02", named=True)
    assert row["os_months"] == pytest.approx((1_424_995_200 - 1_283_990_400) / 86_400 / DAYS_PER_MONTH, rel=1e-12)
    assert row["os_event"] is False and row["pfs_months"] == pytest.approx(538 / DAYS_PER_MONTH, rel=1e-12)


def test_response(patient):
    assert dict(patient["recist"].value_counts().iter_rows()) == {"CR": 2, "PR": 5, "SD": 7, "PD": 27, None: 1}
    assert patient.filter(pl.col("recist").is_null())["source_id"].to_list() == ["Pat29"]


def test_no_dates_of_birth_or_calendar_dates(patient):
    assert not [column for column in patient.columns if "date" in column or "birth" in column]
    assert patient["treatment_year"].min() == 2007 and patient["treatment_year"].max() == 2013


def test_patients_without_exome_have_no_burden(published, patient):
    without = patient.filter(pl.col("mutation_count").is_null())
    assert set(without["source_id"]) == {"Pat20", "Pat91"}
    assert without["tmb_per_mb"].null_count() == without["neoantigen_count"].null_count() == 2
    exome = published("vanallen2015").tables["sample"].filter(pl.col("kind") == "exome")
    assert exome.height == 40

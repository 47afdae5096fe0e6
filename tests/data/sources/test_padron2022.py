from __future__ import annotations

import polars as pl
import pytest

from data.schema import DAYS_PER_MONTH

pytestmark = pytest.mark.realdata


@pytest.fixture
def patient(published):
    return published("padron2022").tables["patient"]


def test_no_response_is_made_up(patient):
    assert "response" not in patient.columns and "recist" not in patient.columns
    assert set(patient["response_definition"]) == {"not evaluable (no RECIST published)"}


def test_every_arm_has_chemotherapy(patient):
    assert dict(patient["drug_class"].value_counts().iter_rows()) == {
        "ICB + chemotherapy": 25,
        "ICB + CD40 agonist + chemotherapy": 20,
    }
    assert patient["drug"].str.contains("gemcitabine").all()


def test_the_arm_is_the_one_given(patient):
    moved = patient.filter(pl.col("source_id").is_in(["P40", "P127"]))
    assert not moved["drug"].str.contains("sotigalimab").any()


def test_days(patient):
    row = patient.row(by_predicate=pl.col("source_id") == "P8", named=True)
    assert row["os_months"] == pytest.approx(834 / DAYS_PER_MONTH, rel=1e-12) and row["os_event"] is False
    assert row["pfs_months"] == pytest.approx(365 / DAYS_PER_MONTH, rel=1e-12) and row["pfs_event"] is True
    late = patient.filter(pl.col("pfs_months") > pl.col("os_months"))
    assert set(late["source_id"]) == {"P42", "P128"}

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

pytestmark = pytest.mark.realdata


@pytest.fixture
def patient(published):
    return published("nathanson2017").tables["patient"]


def test_response_is_benefit_and_says_so(patient):
    assert set(patient["response_definition"]) == {"clinical benefit (no RECIST published)"}
    assert "recist" not in patient.columns
    contradicted = patient.filter(pl.col("source_id").is_in(["P7623", "P9705"]))
    assert contradicted["response"].to_list() == [False, False]


def test_times_are_tenths_of_a_year(patient):
    years = patient["os_months"] / 12 * 10
    assert (years - years.round()).abs().max() < 1e-9
    assert patient["os_months"].max() == 82.8


def test_an_unbelievable_burden_is_left_out(patient):
    assert patient.filter(pl.col("tmb_per_mb").is_null())["source_id"].to_list() == ["P8727"]
    assert patient["mutation_count"].min() == 104


def test_tumours_after_the_start_of_treatment(published):
    sample = published("nathanson2017").tables["sample"].filter(pl.col("kind") == "rna")
    assert (sample["timepoint"] == "after start of treatment").sum() == 15


def test_unmeasured_values_stay_unmeasured(published):
    (matrix,) = published("nathanson2017").expression
    assert int(np.isnan(matrix.values).sum()) == 187


def test_ldh(patient):
    assert dict(patient["ldh"].value_counts().iter_rows()) == {"normal": 15, "elevated": 8, None: 1}

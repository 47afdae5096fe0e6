from __future__ import annotations

import polars as pl
import pytest

from data.schema import DAYS_PER_MONTH
from data.sources import miao2018
from data.sources.rda import read_summarized_experiment

pytestmark = pytest.mark.realdata


@pytest.fixture
def patient(published):
    return published("miao2018").tables["patient"]


def test_event_flags_are_put_right(patient, published_files):
    progressors = patient.filter(pl.col("recist") == "PD")
    assert progressors.height == 16 and progressors["pfs_event"].all()
    complete = patient.filter(pl.col("recist") == "CR")
    assert complete["os_event"].to_list() == [False] and complete["pfs_event"].to_list() == [False]
    source, _, _, _ = read_summarized_experiment(published_files("miao2018").path(miao2018.MATRIX))
    assert patient["os_event"].to_list() == [flag == 0 for flag in source["event_occurred_os"]]
    assert patient["pfs_event"].to_list() == [flag == 0 for flag in source["event_occurred_pfs"]]
    assert any("inverted" in note for note in miao2018.NOTES)


def test_followed_to_the_same_day_means_censored_or_dead_on_both(patient):
    together = patient.filter(pl.col("os_months") == pl.col("pfs_months"))
    assert together.height == 6
    assert (together["os_event"] == together["pfs_event"]).all()


def test_days(patient):
    row = patient.row(by_predicate=pl.col("source_id") == "PD_025T", named=True)
    assert row["os_months"] == pytest.approx(1724 / DAYS_PER_MONTH, rel=1e-12) and row["pfs_months"] == pytest.approx(
        333 / DAYS_PER_MONTH, rel=1e-12
    )


def test_a_burden_of_zero_is_missing(patient):
    missing = patient.filter(pl.col("tmb_per_mb").is_null())["source_id"]
    assert missing.len() == 17 and missing.str.starts_with("PD_").all()
    assert patient["tmb_per_mb"].min() > 0


def test_drugs_and_pdl1(patient):
    assert dict(patient["drug_class"].value_counts().iter_rows()) == {"PD-1/PD-L1": 29, "combination": 4}
    stained = patient.filter(pl.col("source_id") == "RCC_90")["pdl1_tps_percent"]
    assert stained.to_list() == [75.0] and patient["pdl1_tps_percent"].count() == 15


def test_tumour_change_follows_recist(patient):
    known = patient.drop_nulls(["tumour_change_percent", "recist"])
    assert patient["tumour_change_percent"].count() == 28
    change = dict(known.group_by("recist").agg(pl.col("tumour_change_percent").median()).iter_rows())
    assert change["PR"] <= -30 < change["SD"] < change["PD"]

"""Every kind of marker has an address, words, and one value a patient that equals what the tables hold."""

from __future__ import annotations

import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import NotMeasured, UnknownName
from core.markers import marker
from data.store import Store

COHORT = CohortQuery(("synthetic_a",))


@pytest.mark.parametrize("kind", [kind for kind in marker.KINDS if kind != "cell"])
def test_listed_markers_have_the_values_that_are_counted(synthetic_store: Store, kind: str) -> None:
    found = marker.candidates(synthetic_store, COHORT, kinds=(kind,))
    assert found.height
    assert found["kind"].unique().to_list() == [kind]
    assert found["label"].str.len_chars().min() > 0
    for row in found.sample(min(4, found.height), seed=1).iter_rows(named=True):
        values = marker.values(synthetic_store, COHORT, row["marker"])
        assert values["value"].count() == row["n"], row["marker"]
        assert values["patient_id"].is_unique().all()


def test_values_are_the_tables_values(synthetic_store: Store) -> None:
    patients = synthetic_store.patients(COHORT.where(), columns=("patient_id", "tmb_per_mb", "sex"))
    assert marker.values(synthetic_store, COHORT, "clinical:tmb_per_mb")["value"].equals(patients["tmb_per_mb"])
    male = marker.values(synthetic_store, COHORT, "clinical:sex")["value"]
    assert male.sum() == (patients["sex"] == "male").sum()


def test_a_mutation_is_unknown_where_nothing_was_sequenced_and_silent_ones_do_not_count(synthetic_store: Store) -> None:
    name = marker.candidates(synthetic_store, COHORT, kinds=("mutation",))["marker"][0]
    values = marker.values(synthetic_store, COHORT, name)["value"]
    carriers = synthetic_store.sql(
        "SELECT count(DISTINCT patient_id) AS n FROM mutation WHERE study = 'synthetic_a' AND gene = $g AND effect <> 'silent'",
        {"g": name.partition(":")[2]},
    )["n"][0]
    assert values.sum() == carriers
    assert set(values.drop_nulls().unique()) == {0.0, 1.0}


def test_filters_narrow_the_values(synthetic_store: Store) -> None:
    narrow = COHORT.with_filter(Filter("sex", "in", ("male",)))
    assert marker.values(synthetic_store, narrow, "clinical:age_years").height < marker.values(
        synthetic_store, COHORT, "clinical:age_years"
    ).height


@pytest.mark.parametrize("bad", ["tmb", "gene:", "clinical:os_months", "clinical:response", "predictor:oracle", "x:y"])
def test_outcomes_and_unknown_names_are_no_markers(synthetic_store: Store, bad: str) -> None:
    with pytest.raises(UnknownName, match=r"marker|predictor"):
        marker.values(synthetic_store, COHORT, bad)


@pytest.mark.parametrize("absent", ["gene:NOSUCHGENE", "mutation:NOSUCHGENE", "copy_number:NOSUCHGENE", "signature:none"])
def test_what_nobody_has_says_so(synthetic_store: Store, absent: str) -> None:
    with pytest.raises(NotMeasured, match=r"choose another|check the symbol"):
        marker.values(synthetic_store, COHORT, absent)


def test_an_unknown_kind_names_the_kinds(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName, match="copy_number"):
        marker.candidates(synthetic_store, COHORT, kinds=("protein",))


@pytest.mark.realdata
def test_real_markers(real_store: Store) -> None:
    query = CohortQuery(("imvigor210",))
    tmb = marker.values(real_store, query, "clinical:tmb_per_mb")
    assert tmb["value"].count() == 272
    assert marker.values(real_store, query, "gene:CD274")["value"].count() == 281
    train = CohortQuery(("loris",), (Filter("cohort", "in", ("Chowell_train",)),))
    with pytest.raises(NotMeasured, match="LORIS"):
        marker.values(real_store, train, "predictor:loris")
    inside = marker.values(real_store, train, "predictor:loris", in_sample=True)
    assert inside["protocol"].unique().to_list() == ["in_sample"]
    assert inside["value"].count() == 964
    tcga = CohortQuery(("tcga",))
    assert marker.values(real_store, tcga, "gene:CD8A")["value"].count() == 1855
    assert marker.values(real_store, tcga, "mutation:TP53").filter(pl.col("value") == 1).height > 900

"""Shared patients: planted ones are found, chance ones are expected, and a row counter is no identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cohort.overlap import BASELINE, OUTCOMES, shared_patients
from core.errors import NotMeasured
from data.schema import PATIENT
from data.store import Store


def people(n: int, seed: int, *, prefix: str = "a") -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "patient_id": [f"{prefix}:{i}" for i in range(n)],
            "age_years": rng.normal(62, 11, n).round(2),
            "sex": rng.choice(["female", "male"], n),
            "cancer_type": rng.choice(["NSCLC", "Melanoma", "Renal"], n, p=[0.6, 0.3, 0.1]),
            "tmb_per_mb": rng.lognormal(1.6, 1, n).round(1),
            "albumin_g_per_dl": rng.normal(3.8, 0.4, n).round(1),
            "nlr": rng.lognormal(1.4, 0.7, n).round(2),
            "fcna": rng.beta(1, 5, n).round(3),
        }
    )


def planted(a: pl.DataFrame, b: pl.DataFrame, rows: int) -> pl.DataFrame:
    """b with the first rows of a in place of its own, under b's ids."""
    return pl.concat([a.head(rows).with_columns(b["patient_id"].head(rows)), b.slice(rows)])


def test_strangers_are_not_found() -> None:
    found = shared_patients(people(300, 1), people(200, 2, prefix="b"))
    assert (found.same_id, found.exact) == (0, 0)
    assert found.near <= 2
    assert found.expected_near < 1
    assert not found.beyond_chance
    assert found.table.height == found.shared


def test_planted_patients_are_found_exactly() -> None:
    a, b = people(300, 1), people(200, 2, prefix="b")
    found = shared_patients(a, planted(a, b, 12))
    assert found.exact == 12
    assert found.beyond_chance
    assert "12 agree with one exactly" in found.sentence
    exact = found.table.filter(pl.col("kind") == "exact")
    assert exact["patient"].to_list() == [f"b:{i}" for i in range(12)]
    assert exact["other"].to_list() == [f"a:{i}" for i in range(12)]


def test_rounded_ages_and_one_changed_value_are_near() -> None:
    a, b = people(300, 1), people(200, 2, prefix="b")
    mixed = planted(a, b, 10).with_columns(
        pl.col("age_years").floor(),
        pl.when(pl.int_range(pl.len()) < 10).then(pl.col("nlr") + 3).otherwise(pl.col("nlr")).alias("nlr"),
    )
    found = shared_patients(a, mixed)
    assert found.exact == 0
    assert found.near >= 10
    assert found.beyond_chance
    first = found.table.filter(pl.col("patient") == "b:0").row(0, named=True)
    assert first["other"] == "a:0"
    assert "neutrophil" in first["differs"]


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 40), st.integers(0, 5))
def test_everybody_is_found_in_the_same_table(n: int, seed: int) -> None:
    frame = people(n, seed)
    found = shared_patients(frame.drop("patient_id"), frame.drop("patient_id"))
    assert found.exact == n
    assert found.table["patient"].to_list() == found.table["other"].to_list()


def test_ids_count_unless_they_only_count_rows() -> None:
    a, b = people(30, 1), people(30, 2, prefix="b")
    assert shared_patients(a, b).same_id == 0
    named = [
        f.with_columns(pl.format(p + ":TCGA-{}A", "age_years").alias("patient_id")) for f, p in ((a, "x"), (a, "y"))
    ]
    assert shared_patients(*named).same_id == 30
    assert shared_patients(a, a).same_id == 30
    patients = [
        f.with_columns(pl.format(p + ":Pt{}", pl.int_range(pl.len())).alias("patient_id"))
        for f, p in ((a, "x"), (b, "y"))
    ]
    assert shared_patients(*patients).same_id == 0


def test_coarse_columns_are_no_evidence() -> None:
    coarse = ["age_years", "sex", "cancer_type", "albumin_g_per_dl"]
    found = shared_patients(people(400, 1), people(400, 2, prefix="b"), columns=coarse)
    assert found.expected_near >= 1
    assert found.may_differ == 0
    assert not found.beyond_chance
    assert "no evidence" in found.sentence


def test_expected_matches_come_out_on_average() -> None:
    seen, expected = [], []
    for seed in range(12):
        found = shared_patients(
            people(250, seed),
            people(250, 100 + seed, prefix="b"),
            columns=["age_years", "sex", "tmb_per_mb", "albumin_g_per_dl"],
        )
        seen.append(found.exact + found.near)
        expected.append(found.expected_near)
    assert np.mean(seen) == pytest.approx(np.mean(expected), rel=0.35)


def test_too_few_columns_and_empty_frames() -> None:
    a = people(20, 1)
    with pytest.raises(NotMeasured, match="columns in common"):
        shared_patients(a.select("age_years", "sex"), people(20, 2).select("age_years", "sex"))
    blank = a.with_columns(pl.lit(None, dtype=pl.Float64).alias(c) for c in ("age_years", "tmb_per_mb", "nlr", "fcna"))
    with pytest.raises(NotMeasured):
        shared_patients(blank, a.drop("patient_id"))
    assert shared_patients(a, a.head(0)).shared == 0
    odd = a.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(np.inf).otherwise(pl.col("nlr")).alias("nlr"))
    assert shared_patients(odd, odd.drop("patient_id")).exact == 20


def test_baseline_holds_no_outcome() -> None:
    assert not set(BASELINE) & set(OUTCOMES)
    assert {*BASELINE, *OUTCOMES} <= set(PATIENT.dtypes)


@pytest.mark.realdata
def test_loris_cohorts(real_store: Store) -> None:
    frame = real_store.table("patient", study="loris")
    cohort: dict[str, Any] = {str(k[0]): part for k, part in frame.group_by("cohort")}
    for test in ("Chowell_test", "MSK1"):
        found = shared_patients(cohort["Chowell_train"], cohort[test])
        assert (found.exact, found.near) == (0, 0)
    lung = shared_patients(cohort["Chowell_train"], cohort["Vanguri"])
    assert lung.near >= 25
    assert lung.expected_near < 0.5
    assert lung.beyond_chance

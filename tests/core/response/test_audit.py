"""Subgroup audit: heterogeneity of AUCs as metafor's Q, Holm over the columns, strata, and what cannot be judged."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cohort.query import CohortQuery
from core.errors import EmptyCohort, NotMeasured, UnknownName
from core.response.audit import OLD, VARIABLES, audit, divided, heterogeneity, stratified_auc, subgroups
from core.response.roc import delong
from data.store import Store
from tests.core.response.measures import SETS, column


def cohort(seed: int = 1, n: int = 240, *, gap: float = 0.0) -> pl.DataFrame:
    """A score that separates women by 1 SD and men by 1 + gap SD; the site tells nothing."""
    rng = np.random.default_rng(seed)
    y, man = rng.random(n) < 0.4, rng.random(n) < 0.5
    score = rng.normal(size=n) + y * (1 + gap * man)
    return pl.DataFrame(
        {
            "response": y, "score": score, "sex": np.where(man, "male", "female"), "site": rng.choice(["liver", "lung", "skin"], n),
            "cancer_type": ["Melanoma"] * n, "line": [None] * n,
        },
        schema_overrides={"line": pl.String},
    )  # fmt: skip


@pytest.mark.parametrize("name", [n for n in SETS if "auc_q" in SETS[n]])
def test_reference_numbers(name: str) -> None:
    y, a, g = column(name, "y") > 0.5, column(name, "a"), np.array(SETS[name]["data"]["g"])
    parts = [
        delong(a[g == level], y[g == level])
        for level in sorted(set(g))
        if 1 < y[g == level].sum() < (g == level).sum() - 1
    ]
    parts = [p for p in parts if p[1] > 1e-12]
    q, df, p = heterogeneity(*(np.array(v) for v in zip(*parts, strict=True)))
    assert df == len(parts) - 1
    assert q == pytest.approx(SETS[name]["auc_q"], abs=1e-9)
    assert p == pytest.approx(SETS[name]["auc_q_p"], abs=1e-9)


def test_two_levels_are_the_square_of_z() -> None:
    q, df, p = heterogeneity(np.array([0.8, 0.6]), np.array([0.001, 0.003]))
    z = 0.2 / math.sqrt(0.004)
    assert (df, q) == (1, pytest.approx(z * z))
    assert p == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert math.isnan(heterogeneity(np.array([0.8, np.nan]), np.array([0.001, 0.1]))[2])
    assert math.isnan(heterogeneity(np.array([0.8, 1.0]), np.array([0.001, 0.0]))[2])


def test_a_planted_difference_is_found_and_corrected() -> None:
    table, tests, notes = subgroups(cohort(gap=2.5, n=600), score="score", by=("sex", "site", "cancer_type", "line"))
    auc = {row["variable"]: row for row in tests.filter(measure="AUC").iter_rows(named=True)}
    assert auc["sex"]["p_holm"] < 0.01
    assert auc["site"]["p_value"] > 0.05
    assert auc["sex"]["p_holm"] == pytest.approx(2 * auc["sex"]["p_value"])
    assert table["level"].to_list()[0] == "All patients"
    assert table.filter(variable="sex")["n"].sum() == 600
    assert any("every patient is 'Melanoma'" in note for note in notes)
    assert any(note.startswith("Line of therapy: not recorded") for note in notes)


def test_few_responders_are_not_judged() -> None:
    frame = cohort(n=60).with_columns(
        pl.when(pl.int_range(pl.len()) < 4).then(pl.lit("brain")).otherwise(pl.col("site")).alias("site")
    )
    table, tests, notes = subgroups(frame, score="score", by=("site",))
    brain = table.filter(level="brain").row(0, named=True)
    assert brain["auc"] is None
    assert not brain["judged"]
    assert "takes 5 of each" in brain["note"]
    assert brain["rate"] is not None
    assert any("brain" in note for note in notes)
    assert tests.filter(measure="response rate")["levels"][0] == 3
    tiny, said, _ = subgroups(frame.head(8), score="score", by=("site",))
    assert tiny["auc"].null_count() == tiny.height
    assert said["p_value"].null_count() == said.height
    assert all("fewer than two" in note for note in said["note"])


def test_strata_take_away_what_lies_between_cohorts() -> None:
    rng = np.random.default_rng(3)
    y = np.repeat([True, False, True, False], [80, 20, 20, 80])
    where = np.repeat(["a", "b"], 100)
    score = rng.normal(size=200) + 3 * (where == "a")
    assert delong(score, y)[0] > 0.65
    value, variance, used = stratified_auc(score, y, where.tolist())
    assert value == pytest.approx(0.5, abs=0.12)
    assert variance > 0
    assert used == (100, 100)
    assert stratified_auc(score, y, [0] * 200)[:2] == pytest.approx(delong(score, y))
    alone = stratified_auc(score, y, list(range(200)))
    assert alone[2] == (0, 0)
    assert math.isnan(alone[0])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000))
def test_levels_add_up_and_p_values_are_corrected(seed: int) -> None:
    table, tests, _ = subgroups(cohort(seed, n=120), score="score", by=("sex", "site"))
    for variable in ("sex", "site"):
        assert table.filter(variable=variable)["n"].sum() == 120
    for measure in ("AUC", "response rate"):
        p, holm = (tests.filter(measure=measure)[c].to_numpy() for c in ("p_value", "p_holm"))
        assert (holm >= p - 1e-15).all()
        assert (holm <= 1).all()


def test_division_of_patients() -> None:
    frame = divided(
        pl.DataFrame(
            {
                "age_years": [64.9, 65.0, None], "prior_systemic_therapy": [True, False, None], "sample_site": [None, None, None],
                "metastatic_site": ["liver", None, "lung"],
            },
            schema_overrides={"sample_site": pl.String},
        )
    )  # fmt: skip
    assert frame["age_group"].to_list() == [f"under {OLD}", f"{OLD} and over", None]
    assert frame["line"].to_list() == ["prior systemic therapy", "no prior systemic therapy", None]
    assert frame["site"].to_list() == ["liver", None, "lung"]


def test_store(synthetic_store: Store) -> None:
    found = audit(synthetic_store, CohortQuery(("synthetic_a", "synthetic_b")), "elastic_net")
    assert found.cohorts == 2
    assert found.n > found.responders > 0
    assert set(found.tests["variable"]) <= set(VARIABLES)
    assert found.table.row(0, named=True)["n"] == found.n
    with pytest.raises(UnknownName):
        audit(synthetic_store, CohortQuery(("synthetic_a",)), "magic")
    with pytest.raises(EmptyCohort):
        audit(synthetic_store, CohortQuery(("tcga",)), "tmb")
    with pytest.raises(NotMeasured):
        audit(synthetic_store, CohortQuery(("synthetic_a",)), "loris_recalibrated")

"""The scan of a cohort: the values of the single markers, the numbers of the single models, and words for what cannot be."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import EmptyCohort, NotMeasured, TooFewPatients, UnknownName
from core.markers import marker as markers
from core.markers.scan import answers
from core.markers.scan.matrix import KINDS, matrix, tables
from core.markers.scan.null import null
from core.markers.scan.one import one
from core.markers.scan.outcome import outcomes
from core.markers.scan.scan import scan
from core.survival.hazard_ratio import hazard_ratio
from data.store import Store

A = CohortQuery(("synthetic_a",))
BOTH = CohortQuery(("synthetic_a", "synthetic_b"))


def first(store: Store, query: CohortQuery, kind: str) -> str:
    return str(markers.candidates(store, query, kinds=(kind,))["marker"][0])


@pytest.mark.parametrize("kind", KINDS)
def test_the_matrix_holds_the_values_of_every_marker(synthetic_store: Store, kind: str) -> None:
    patients = synthetic_store.patients(A.where(), columns=("patient_id",))["patient_id"].to_list()
    found = matrix(tables(synthetic_store, A, "synthetic_a", kinds=(kind,)), patients, kinds=(kind,), fewest=1, side=1)
    if kind != "cell":
        assert found.markers
    for j in range(0, len(found.markers), max(1, len(found.markers) // 5)):
        single = markers.values(synthetic_store, A, found.markers[j])["value"].fill_null(np.nan).to_numpy()
        np.testing.assert_allclose(found.x[:, j], single)


def test_samples_taken_after_the_start_count_as_missing(synthetic_store: Store) -> None:
    patients = synthetic_store.patients(A.where(), columns=("patient_id",))["patient_id"].to_list()
    read = tables(synthetic_store, A, "synthetic_a", kinds=("gene", "clinical"))
    before = matrix(read, patients, kinds=("gene", "clinical"), fewest=1, side=1)
    with_values = np.flatnonzero(np.isfinite(before.x[:, 0]))[:3]
    read.late = {"rna": {patients[i] for i in with_values}}
    after = matrix(read, patients, kinds=("gene", "clinical"), fewest=1, side=1)
    gene = [name.startswith("gene:") for name in after.markers].index(True)
    assert np.isnan(after.x[with_values, gene]).all()
    same = after.markers.index("clinical:age_years")
    np.testing.assert_array_equal(after.x[:, same], before.x[:, before.markers.index("clinical:age_years")])


def test_hazard_ratios_are_those_of_the_single_models(synthetic_store: Store) -> None:
    found = scan(synthetic_store, A, outcome="os")
    assert found.measure == "HR"
    assert not found.pooled
    shown = found.table.drop_nulls("effect").head(6)
    for row in shown.iter_rows(named=True):
        values = markers.values(synthetic_store, A, row["marker"])
        ends = synthetic_store.patients(A.where(), columns=("patient_id", "os_months", "os_event", "arm", "drug_class"))
        frame = values.join(ends, on="patient_id").filter(pl.col("arm") != "control")
        assert frame.drop_nulls(["value", "os_months"]).height == row["n"]
        binary = row["contrast"] == "yes"
        by = frame.with_columns(pl.col("value").cast(pl.Boolean)) if binary else frame
        single = hazard_ratio(by, outcome="os", by="value")[0]
        assert row["effect"] == pytest.approx(single.effect, rel=1e-7)
        assert row["p_value"] == pytest.approx(single.p_value, rel=1e-6)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(single.ci95, rel=1e-7)
        assert row["n_missing"] == found.found.n - row["n"]


@pytest.mark.parametrize("outcome", ["response", "os", "pfs"])
@pytest.mark.parametrize("split", ["sd", "rank", "median"])
def test_every_outcome_and_split_gives_a_table_without_infinities(synthetic_store: Store, outcome: str, split: str) -> None:
    found = scan(synthetic_store, A, outcome=outcome, split=split)
    assert found.tested > 10
    p, q = found.table["p_value"].drop_nulls().to_numpy(), found.table["q_value"].drop_nulls().to_numpy()
    assert ((p >= 0) & (p <= 1)).all()
    assert (np.diff(p) >= 0).all()
    assert (q >= p - 1e-12).all()
    for name in ("effect", "ci_low", "ci_high", "p_value"):
        values = found.table[name].drop_nulls().to_numpy()
        assert not np.isnan(values).any()
    unknown = found.table.filter(pl.col("effect").is_null())
    assert (unknown["note"].str.len_chars() > 0).all()
    assert not set(found.table["marker"].str.split(":").list.last()) & {"recist", "response", "os_months", "pfs_months"}


def test_patients_who_never_had_icb_are_left_out(synthetic_store: Store) -> None:
    found = outcomes(synthetic_store, A, outcome="os")
    control = synthetic_store.patients(A.where(), columns=("patient_id", "arm")).filter(pl.col("arm") == "control")
    assert found.untreated == control.height
    assert not {p for c in found.cohorts for p in c.patients} & set(control["patient_id"])


def test_covariates_are_held_and_their_missing_patients_left_out(synthetic_store: Store) -> None:
    plain = scan(synthetic_store, A, outcome="os", kinds=("signature", "clinical"))
    held = scan(synthetic_store, A, outcome="os", kinds=("signature", "clinical"), covariates=("age_years", "sex"))
    assert held.found.n <= plain.found.n
    both = plain.table.join(held.table, on="marker", suffix="_held").drop_nulls(["effect", "effect_held"])
    assert (both["effect"] - both["effect_held"]).abs().max() > 1e-6
    assert held.table.filter(pl.col("marker") == "clinical:age_years")["p_value"][0] is None
    assert "Wald" in scan(synthetic_store, A, outcome="os", kinds=("signature",), split="median", covariates=("sex",)).test


def test_cohorts_are_scanned_apart_and_pooled(synthetic_store: Store) -> None:
    found = scan(synthetic_store, BOTH, outcome="os", kinds=("clinical", "signature"))
    assert found.pooled
    assert {c.study for c in found.found.cohorts} == {"synthetic_a", "synthetic_b"}
    single = scan(synthetic_store, A, outcome="os", kinds=("clinical", "signature"))
    joined = found.per_cohort.filter(pl.col("study") == "synthetic_a").join(single.table, on="marker", suffix="_single")
    shared = joined.drop_nulls(["log_ratio", "log_ratio_single"])
    np.testing.assert_allclose(shared["log_ratio"].to_numpy(), shared["log_ratio_single"].to_numpy(), rtol=1e-9)
    in_one = found.table.filter(pl.col("cohorts") < 2)
    assert in_one["p_value"].null_count() == in_one.height
    pooled = found.table.drop_nulls("effect")
    assert ((pooled["ci_low"] <= pooled["effect"]) & (pooled["effect"] <= pooled["ci_high"])).all()


def test_shuffling_repeats_with_its_seed(synthetic_store: Store) -> None:
    one_, names = null(synthetic_store, A, outcome="os", kinds=("clinical", "signature"), shuffles=50, seed=4)
    two, _ = null(synthetic_store, A, outcome="os", kinds=("clinical", "signature"), shuffles=50, seed=4)
    np.testing.assert_array_equal(one_.null, two.null)
    assert len(names) == one_.z.size


@pytest.mark.parametrize("query", [A, BOTH], ids=["one", "two"])
@pytest.mark.parametrize("outcome", ["response", "os"])
def test_the_page_has_an_answer_figures_and_a_closer_look(synthetic_store: Store, query: CohortQuery, outcome: str) -> None:
    found = answers.answer(synthetic_store, query, outcome=outcome, group="immune")
    assert found.sentence.endswith(".")
    assert "false discovery rate of 5%" in found.sentence
    assert "n = " in found.sentence
    volcano, ranked = found.charts
    for said in ("Benjamini-Hochberg", "Pure noise would give", "n = "):
        assert said in volcano.caption
    assert "winner's curse" in ranked.caption
    assert volcano.provenance.synthetic
    for words in (found.sentence, volcano.caption, ranked.caption, *volcano.warnings):
        assert "nan" not in words
        assert "inf " not in words
    chart = answers.check(synthetic_store, query, outcome=outcome, group="immune")
    assert "shuffled" in chart.caption
    top = next(iter(found.strongest))
    closer = answers.closer(synthetic_store, query, marker=top, outcome=outcome)
    assert closer.alt
    assert ("Forest" in closer.alt) == (query is BOTH)


def test_a_mutation_is_looked_at_as_groups(synthetic_store: Store) -> None:
    chart = one(synthetic_store, A, marker=first(synthetic_store, A, "mutation"), outcome="os")
    assert "not mutated" in chart.alt


def test_median_halves_say_what_they_cost(synthetic_store: Store) -> None:
    found = answers.answer(synthetic_store, A, outcome="os", group="immune", split="median")
    assert "costs power" in found.charts[0].caption
    assert "log-rank" in found.charts[0].caption


def test_offers_outcomes_and_covariates_that_are_there(synthetic_store: Store) -> None:
    assert {"response", "os"} <= set(answers.offered(synthetic_store, A))
    held = answers.covariates(synthetic_store, A)
    assert "age_years" in held
    assert "response" not in held


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"outcome": "happiness"}, UnknownName, "no outcome"),
        ({"outcome": "os", "split": "thirds"}, UnknownName, "no split"),
        ({"outcome": "os", "kinds": ("predictor",)}, UnknownName, "no kind"),
        ({"outcome": "os", "covariates": ("os_months",)}, UnknownName, "no covariate"),
    ],
)
def test_a_wrong_name_is_a_sentence(synthetic_store: Store, options: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        scan(synthetic_store, A, **options)


def test_too_few_nobody_and_not_measured_are_sentences(synthetic_store: Store) -> None:
    few = A.with_filter(Filter("age_years", "ge", 82))
    with pytest.raises((TooFewPatients, EmptyCohort)):
        scan(synthetic_store, few, outcome="response")
    with pytest.raises(EmptyCohort):
        scan(synthetic_store, A.with_filter(Filter("age_years", "ge", 500)), outcome="os")
    with pytest.raises(NotMeasured):
        scan(synthetic_store, CohortQuery(("synthetic_a",)), outcome="dfi")

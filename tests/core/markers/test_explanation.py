"""The second half of the attribution page: shares, faithfulness, counterfactuals, and paragraphs whose numbers are stored."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import NotMeasured, UnknownName
from core.figures import words
from core.markers import attribution, drivers, explanation
from core.markers.counterfactual import counterfactual
from core.markers.faithfulness import faithfulness
from core.markers.modality_share import modality, modality_share, seen_of
from core.pipeline import tokens, trust
from core.pipeline.explained import Explained
from core.pipeline.features import COLUMNS
from data.schema import PATIENT
from data.store import Store
from models.baselines import loris

QUERY = CohortQuery(("synthetic_a",))
BOTH = ("elastic_net", "loris")


def test_modalities_are_those_of_the_models_own_words() -> None:
    for entry in (*tokens.NUMBERS, *tokens.CATEGORIES):
        assert modality(entry.name) == entry.modality, entry.name
    assert {modality(name) for name in COLUMNS} == {"clinical", "genome", "pathology"}
    assert modality("hallmark_hypoxia") == modality("gep") == "expression"
    assert modality("mutation:TP53") == modality("copy_number:MYC") == "genome"
    assert modality("slide:tissue areas") == "pathology"
    assert attribution.feature_label("mutation:TP53") == "TP53 mutation"
    assert attribution.feature_label("slide:tissue areas") == "H&E: tissue areas"


@pytest.mark.parametrize("predictor", BOTH)
def test_shares_are_those_of_the_stored_values(synthetic_store: Store, predictor: str) -> None:
    found = modality_share(synthetic_store, QUERY, predictor=predictor)
    rows = attribution.rows(synthetic_store, QUERY, predictor)
    sums = rows.group_by(pl.col("feature").map_elements(modality, return_dtype=pl.String).alias("m")).agg(pl.col("shap").abs().sum())
    by_hand = dict(sums.with_columns(pl.col("shap") / pl.col("shap").sum()).iter_rows())
    for row in found.table.iter_rows(named=True):
        assert row["share"] == pytest.approx(by_hand[row["modality"]])
        assert row["ci_low"] <= row["share"] <= row["ci_high"]
        assert 0 < row["known"] <= found.n
    assert found.table["share"].sum() == pytest.approx(1.0)


def test_who_was_seen_is_counted_by_patient(synthetic_store: Store) -> None:
    rows = attribution.rows(synthetic_store, QUERY, "elastic_net")
    seen = seen_of(synthetic_store, rows)
    assert seen.height == rows["patient_id"].n_unique()
    tmb = synthetic_store.table("patient", study="synthetic_a").select("patient_id", pl.col("tmb_per_mb").is_not_null().alias("has"))
    joined = seen.join(tmb, on="patient_id")
    assert joined.filter(pl.col("has") & ~pl.col("genome")).is_empty()


@pytest.mark.parametrize("predictor", BOTH)
def test_deletion_of_an_additive_model_beats_a_random_order(synthetic_store: Store, predictor: str) -> None:
    found = faithfulness(synthetic_store, QUERY, predictor=predictor)
    assert found.additive
    assert found.deletion.low is not None and found.deletion.low > 1.0
    assert found.insertion.value > 1.0
    assert found.tau is not None and found.overlap is not None
    assert found.tau.detail == ("refits" if predictor == "elastic_net" else "resamples")
    ends = found.curves.filter(pl.col("features") == found.used)
    insertion = ends.filter(pl.col("curve").str.contains("insertion"))
    np.testing.assert_allclose(insertion["change"].to_numpy(), 0.0, atol=1e-9)
    first = found.curves.filter((pl.col("curve") == "deletion") & (pl.col("features") == 1))["change"][0]
    strongest = attribution.rows(synthetic_store, QUERY, predictor).filter(pl.col("cohort") == found.cohort)
    by_hand = strongest.group_by("patient_id").agg(pl.col("shap").abs().max())["shap"].mean()
    assert first == pytest.approx(by_hand)


def test_a_published_formulas_counterfactual_flips_it(synthetic_store: Store) -> None:
    """The stored values are put into the formula itself."""
    people = synthetic_store.table("patient", study="synthetic_a")
    tried = 0
    for patient in list(drivers.patients(synthetic_store, QUERY, predictor="loris"))[::12]:
        found = counterfactual(synthetic_store, patient, "loris")
        if not found.flips:
            continue
        row = people.filter(pl.col("patient_id") == patient).row(0, named=True)
        changed = {name: float(row[name]) for name in loris.SLOPES}
        changed |= dict(found.steps.select("feature", "value_to").iter_rows())
        after = loris.terms({name: np.array([value]) for name, value in changed.items()}, [row["cancer_type"]]).log_odds[0]
        assert after == pytest.approx(found.reached, abs=1e-6)
        assert (after >= found.threshold) if found.upwards else (after < found.threshold)
        assert not set(found.steps["feature"]) & {"age_years", "prior_systemic_therapy", "cancer_type"}
        tried += 1
    assert tried > 5


def test_counterfactuals_stay_in_the_cohorts_range(synthetic_store: Store) -> None:
    rows = synthetic_store.sql("SELECT * FROM counterfactual WHERE predictor = 'elastic_net' AND feature = 'tmb_per_mb'")
    tmb = synthetic_store.sql("SELECT cohort, quantile_cont(tmb_per_mb, .01) AS low, quantile_cont(tmb_per_mb, .99) AS high FROM patient GROUP BY 1")
    joined = rows.join(tmb, on="cohort")
    moved_up = joined.filter(pl.col("change_sd") > 0)
    assert (moved_up["value_to"] <= moved_up["high"] * 1.05 + 0.1).all()
    assert (joined.filter(pl.col("change_sd") < 0)["value_to"] >= 0).all()


def test_unknown_names_and_patients_without_a_change(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName):
        counterfactual(synthetic_store, "nobody", "oracle")
    with pytest.raises(NotMeasured, match="pick another"):
        counterfactual(synthetic_store, "synthetic_a:nobody", "loris")


def test_nothing_flips_where_nothing_may_change() -> None:
    patients = pl.DataFrame({"patient_id": [f"p{i}" for i in range(30)], "study": "s", "cohort": "c"})
    shap = np.random.default_rng(0).normal(size=(30, 2))
    explained = Explained(
        predictor="x", protocol="external", names=("age_years", "sex"), values=shap, shap=shap, base=np.zeros(30), output=shap.sum(axis=1),
        null=None, slopes=np.ones((30, 2)),
    )  # fmt: skip
    found = trust.trust(patients, explained)["counterfactual"]
    assert found.height == 30
    assert (found["feature"] == "").all()
    assert not found["flips"].any()


def test_stable_features_are_ranked_with_an_interval(synthetic_store: Store) -> None:
    found = synthetic_store.sql("SELECT * FROM attribution_summary WHERE predictor = 'elastic_net' AND rank_low IS NOT NULL")
    assert (found["rank_low"] <= found["rank_high"]).all()
    assert found["in_top"].is_between(0, 1).all()


NUMBER = re.compile(r"\d[\d,]*\.?\d*")


@pytest.mark.parametrize("predictor", BOTH)
def test_every_number_of_a_paragraph_is_a_stored_result(synthetic_store: Store, predictor: str) -> None:
    patient = next(iter(drivers.patients(synthetic_store, QUERY, predictor=predictor)))
    for chosen in ("", patient):
        found = explanation.in_words(synthetic_store, QUERY, predictor=predictor, patient=chosen)
        known = " ".join(found.facts["written"])
        text = re.sub("10⁹/L", "", found.text)  # a unit
        for name in [attribution.feature_label(f) for f in attribution.rows(synthetic_store, QUERY, predictor)["feature"].unique()]:
            text = re.sub(re.escape(name), "", text, flags=re.IGNORECASE)  # names may hold digits
        text = text.replace(chosen.partition(":")[2], "") if chosen else text
        text = text.replace(synthetic_store.sql("SELECT title FROM study WHERE study = 'synthetic_a'")["title"][0].partition(":")[0], "")
        for cohort in synthetic_store.sql("SELECT DISTINCT cohort FROM patient")["cohort"]:
            text = text.replace(cohort, "")
        said = {number.rstrip(".,") for number in NUMBER.findall(known)}
        for number in NUMBER.findall(text):
            assert number.rstrip(".,") in said, f"{number} of '{found.text}'"
        assert "no advice on treatment" in found.text
        assert found.facts["source"].str.len_chars().min() > 3


def test_a_paragraphs_numbers_are_those_of_the_tables(synthetic_store: Store) -> None:
    found = explanation.in_words(synthetic_store, QUERY, predictor="elastic_net")
    facts = dict(found.facts.select("source", "value").unique("source", keep="first").iter_rows())
    top = attribution.summary(synthetic_store, QUERY, "elastic_net").features.row(0, named=True)
    assert facts[f"attribution.shap of {top['feature']}: mean absolute"] == pytest.approx(top["mean_abs_shap"])
    judged = synthetic_store.sql(
        "SELECT cohort, auc FROM performance WHERE predictor = 'elastic_net' AND protocol = 'out_of_fold' AND study = 'synthetic_a'"
    )
    assert facts[f"performance.auc of {judged['cohort'][0]}"] == judged["auc"][0]
    assert words.ratio(judged["auc"][0]) in found.text
    assert "cross-fitted" in found.text


def test_what_the_model_did_not_see_is_named(synthetic_store: Store) -> None:
    assert "did not look at gene expression and pathology" in explanation.in_words(synthetic_store, QUERY, predictor="loris").text
    rows = attribution.rows(synthetic_store, QUERY, "elastic_net")
    missing = synthetic_store.table("patient", study="synthetic_a").filter(pl.col("patient_id").is_in(rows["patient_id"].unique().implode()))
    columns = [f for f in rows["feature"].unique() if f in PATIENT.dtypes and missing[f].null_count()]
    text = explanation.in_words(synthetic_store, QUERY, predictor="elastic_net").text
    assert bool(columns) == ("Not known of some patients" in text)


def test_charts_and_sentences_of_the_page(synthetic_store: Store) -> None:
    assert "95% bootstrap interval" in explanation.kinds(synthetic_store, QUERY, predictor="elastic_net").caption
    filtered = QUERY.with_filter(Filter("tmb_per_mb", "ge", 0.5))
    found = explanation.trusted(synthetic_store, filtered, predictor="elastic_net")
    assert "times as much as in a random order" in found.sentence
    assert any("however it is filtered" in warning for warning in found.charts[0].warnings)
    patient = next(iter(drivers.patients(synthetic_store, QUERY, predictor="loris")))
    answer = explanation.flip(synthetic_store, QUERY, predictor="loris", patient=patient)
    assert "cohort's median" in answer.sentence
    for chart in answer.charts:
        assert "no advice on treatment" in chart.caption

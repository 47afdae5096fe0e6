"""Survival by predicted response: who is compared, at which cut, and what the answer may claim."""

from __future__ import annotations

import polars as pl
import pytest

from core.cohort.frame import patients
from core.cohort.query import CohortQuery, Filter
from core.response.predicted import predicted
from core.response.stratified import stratified
from core.survival.hazard_ratio import hazard_ratio
from core.survival.split import split as split_at
from data.store import Store

WHOLE = CohortQuery(("synthetic_a",))
ICB = WHOLE.with_filter(Filter("arm", "in", ("ICB",)))
CONTROL = WHOLE.with_filter(Filter("arm", "in", ("control",)))


def test_patients_without_icb_are_left_out_and_counted(synthetic_store: Store) -> None:
    whole, only = predicted(synthetic_store, WHOLE, "tmb"), predicted(synthetic_store, ICB, "tmb")
    never = patients(synthetic_store, CONTROL).height
    assert whole.n_untreated == never > 0
    assert only.n_untreated == 0
    assert whole.frame.equals(only.frame)
    chart = stratified(synthetic_store, WHOLE, predictor="tmb").charts[0]
    assert f"{never} patients who never had ICB are left out." in chart.warnings
    assert chart.provenance.n + chart.provenance.n_missing == patients(synthetic_store, ICB).height


def test_where_nobody_had_icb_the_answer_is_prognosis(synthetic_store: Store) -> None:
    answer = stratified(synthetic_store, CONTROL, predictor="tmb")
    assert answer.sentence.startswith("Nobody here had ICB, so this is prognosis, not response: ")
    assert "Yes" not in answer.sentence
    assert not any("never had ICB" in warning for warning in answer.charts[0].warnings)
    assert not stratified(synthetic_store, ICB, predictor="tmb").sentence.startswith("Nobody")


@pytest.mark.parametrize("split", ["median", "tertiles", "quartiles"])
def test_the_split_is_that_of_core_survival(synthetic_store: Store, split: str) -> None:
    found = predicted(synthetic_store, ICB, "tmb", split=split)  # type: ignore[arg-type]
    frame = patients(synthetic_store, ICB)
    made = split_at(frame, "tmb_per_mb", method=split, label="TMB", unit="")
    assert found.cuts == {"synthetic_a": made.cuts}
    assert found.groups == tuple(reversed(made.labels))
    theirs = made.onto(frame).drop_nulls("group")
    ours = found.frame.join(theirs.select("patient_id", expected=pl.col("group").cast(pl.String)), on="patient_id")
    assert ours.height == found.n == theirs.height
    assert (ours["group"] == ours["expected"]).all()


def test_the_median_on_the_page_gives_the_hazard_ratio_of_the_command(synthetic_store: Store) -> None:
    frame = patients(synthetic_store, ICB)
    ratio = hazard_ratio(split_at(frame, "tmb_per_mb").onto(frame), outcome="os", by="group")[0]
    sentence = stratified(synthetic_store, ICB, predictor="tmb").sentence
    assert f"HR {ratio.effect:.2f} (" in sentence
    assert "TMB ≥ " in sentence
    assert "TMB < " in sentence


def test_what_is_pooled_is_counted(synthetic_store: Store) -> None:
    both = CohortQuery(("synthetic_a", "synthetic_b"))
    shown = predicted(synthetic_store, both, "tmb").frame.drop_nulls(["time", "event"])
    assert shown["study"].n_unique() == 2
    warnings = stratified(synthetic_store, both, predictor="tmb").charts[0].warnings
    said = next(warning for warning in warnings if "pooled" in warning)
    assert said.startswith("2 studies")
    types = shown["cancer_type"].n_unique()
    assert (f"{types} cancer types" in said) == (types > 1)


def test_patients_without_evaluable_response_are_told_apart(synthetic_store: Store) -> None:
    shown = predicted(synthetic_store, ICB, "elastic_net").frame.drop_nulls(["time", "event"])
    unseen = shown.filter((pl.col("protocol") == "out_of_fold") & pl.col("response").is_null()).height
    caption = stratified(synthetic_store, ICB, predictor="elastic_net").charts[0].caption
    assert "score scores" not in caption
    assert "Scores: cross-fitted." in caption
    assert ("without evaluable response" in caption) == (unseen > 0)
    if unseen:
        assert f"{unseen} patient" in caption


def test_one_patient_is_written_in_the_singular(synthetic_store: Store) -> None:
    frame = patients(synthetic_store, ICB).sort("age_years", nulls_last=True)
    known, lacking = frame.drop_nulls("tmb_per_mb"), frame.filter(pl.col("tmb_per_mb").is_null())
    assert not lacking.is_empty(), "the simulator must leave somebody without TMB"
    chosen = (*known["source_id"].head(40), lacking["source_id"][0])
    found = predicted(synthetic_store, ICB.with_filter(Filter("source_id", "in", chosen)), "tmb")
    assert "1 patient has no TMB and is left out." in found.notes

"""Derivation: the chosen cut, what is said of it, and what is refused, on simulated patients, the database and real studies."""

from __future__ import annotations

import json
import re

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.markers.cutoff.derivation import ENDPOINTS, RULES, Derivation, derivation_charts, derive, derived
from core.markers.cutoff.derivation_answer import sentence
from core.markers.cutoff.maxstat import maximally_selected
from core.response.roc import roc
from data.store import Store

QUERY = CohortQuery(("trial",))
MARKER = "clinical:tmb_per_mb"


def trial(seed: int = 0, n: int = 160, *, effect: float = 1.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    value = np.round(np.exp(rng.normal(1.8, 0.9, n)), 1)
    high = value > 8
    time = rng.exponential(12 * np.exp(0.6 * effect * high))
    return pl.DataFrame(
        {
            "patient_id": [f"trial:{i}" for i in range(n)], "study": "trial", "cohort": "trial", "value": value,
            "protocol": None, "response": rng.random(n) < np.where(high, 0.2 + 0.3 * effect, 0.2),
            "os_months": np.minimum(time, 24), "os_event": time < 24, "pfs_months": np.minimum(time / 2, 24), "pfs_event": time < 48,
        },
        schema_overrides={"protocol": pl.String},
    )  # fmt: skip


def run(frame: pl.DataFrame, **how: object) -> Derivation:
    settings: dict[str, object] = {"endpoint": "response", "rule": "youden", "resamples": 40, "orders": 99, **how}
    return derived(frame, query=QUERY, marker=MARKER, **settings)  # type: ignore[arg-type]


def test_the_youden_cut_is_that_of_the_roc_curve() -> None:
    frame = trial()
    found = run(frame)
    points = roc(frame, score="value").points
    inside = points.filter(pl.col("threshold").is_in(found.curve.table["cut"].to_list()))
    best = inside.select((pl.col("sensitivity") + pl.col("specificity") - 1).max()).item()
    assert found.at_cut["youden"] == pytest.approx(best)
    assert found.optimism.youden.apparent == pytest.approx(best)
    assert found.p_uncorrected < found.p_corrected
    assert found.positives == int((frame["value"] >= found.cut).sum())
    assert found.patients["positive"].sum() == found.positives
    assert (found.n, found.n_missing, found.events) == (160, 0, int(frame["response"].sum()))


@pytest.mark.parametrize("endpoint", ["os", "pfs", "response"])
def test_the_largest_statistic_is_that_of_the_search(endpoint: str) -> None:
    frame = trial(1)
    found = run(frame, endpoint=endpoint, rule="maxstat")
    outcome = (
        {"response": frame["response"].to_numpy()}
        if endpoint == "response"
        else {"time": frame[f"{endpoint}_months"].to_numpy(), "event": frame[f"{endpoint}_event"].to_numpy()}
    )
    alone = maximally_selected(frame["value"].to_numpy(), **outcome, resamples=99)
    assert found.cut == alone.cut
    assert found.selected.statistic == alone.statistic
    if endpoint != "response":
        assert found.p_corrected == alone.p_value
    assert found.optimism.cut == found.cut


def test_positive_is_said_by_the_direction() -> None:
    frame = trial(2)
    low = run(frame, rule="given", cut=8.0, direction="low")
    high = run(frame, rule="given", cut=8.0)
    assert low.positives + high.positives == 160
    assert low.optimism.youden.apparent == pytest.approx(-high.optimism.youden.apparent)
    assert any("other way" in note for note in low.notes)
    assert not any("other way" in note for note in high.notes)
    turned = run(frame.with_columns(value=-pl.col("value")), direction="low")
    assert turned.at_cut["youden"] is not None
    assert turned.optimism.youden.apparent > 0


def test_a_cut_that_was_not_searched_has_no_correction() -> None:
    for how in ({"rule": "median"}, {"rule": "given", "cut": 10.0}):
        for endpoint in ("response", "os"):
            found = run(trial(3, 90), endpoint=endpoint, **how)
            assert np.isnan(found.p_corrected)
            assert 0 < found.p_uncorrected < 1
            assert "not searched" in found.p_method
            assert "which was not searched for" in sentence(found)
            assert not any("searched on" in note for note in found.notes)
    assert run(trial(3), rule="given", cut=10.0).cut == 10.0


def test_sentences_never_quote_the_uncorrected_p_alone() -> None:
    for endpoint in ENDPOINTS:
        for rule in RULES:
            if rule == "youden" and endpoint != "response":
                continue
            text = sentence(run(trial(4, 80), endpoint=endpoint, rule=rule, cut=9.0 if rule == "given" else None))
            assert not re.search(r"\bnan\b|\binf\b|None", text), text
            assert "corrected" in text
            assert text.endswith(".")
            if rule in {"youden", "maxstat"}:
                assert "corrected for the search over" in text
                assert "corrected for optimism" in text


def test_patients_without_marker_or_endpoint_are_left_out() -> None:
    frame = trial(5).with_columns(
        value=pl.when(pl.int_range(160) < 10).then(None).otherwise(pl.col("value")),
        response=pl.when(pl.int_range(160) > 150).then(None).otherwise(pl.col("response")),
    )
    found = run(frame)
    assert (found.n, found.n_missing) == (141, 19)
    assert set(found.patients["patient_id"]) == {f"trial:{i}" for i in range(10, 151)}


def test_what_cannot_be_derived_is_refused_in_words() -> None:
    frame = trial(6)
    constant = frame.with_columns(value=pl.lit(3.0))
    cases: list[tuple[type[Exception], str, pl.DataFrame, dict[str, object]]] = [
        (TooFewPatients, "same value", constant, {}),
        (TooFewPatients, "same value", constant, {"rule": "median"}),
        (NotMeasured, "not known for any patient", frame.with_columns(value=pl.lit(None, dtype=pl.Float64)), {}),
        (TooFewPatients, "no responders", frame.with_columns(response=pl.lit(value=False)), {}),
        (
            TooFewPatients,
            "no events",
            frame.with_columns(os_event=pl.lit(value=False)),
            {"endpoint": "os", "rule": "maxstat"},
        ),
        (TooFewPatients, "too few", frame.head(4), {}),
        (TooFewPatients, "every patient is below", frame, {"rule": "given", "cut": 1e6}),
        (TooFewPatients, "every patient is at or above", frame, {"rule": "given", "cut": -1.0}),
        (UnknownName, "needs a number", frame, {"rule": "given"}),
        (UnknownName, "needs a number", frame, {"rule": "given", "cut": float("nan")}),
        (UnknownName, "needs a response", frame, {"endpoint": "os"}),
        (UnknownName, "no endpoint 'dss'", frame, {"endpoint": "dss"}),
        (UnknownName, "no rule 'best'", frame, {"rule": "best"}),
        (UnknownName, "no direction 'up'", frame, {"direction": "up"}),
        (
            TooFewPatients,
            "overall survival",
            frame.with_columns(os_months=pl.lit(-1.0)),
            {"endpoint": "os", "rule": "maxstat"},
        ),
    ]
    for error, words, data, how in cases:
        with pytest.raises(error, match=words):
            run(data, **how)


def test_two_values_and_no_events_still_give_a_given_cut() -> None:
    frame = trial(7).with_columns(value=(pl.col("value") > 6).cast(pl.Float64), os_event=pl.lit(value=False))
    found = run(frame, endpoint="os", rule="given", cut=1.0)
    assert any("two values only" in note for note in found.notes)
    assert found.at_cut["hazard_ratio"] is None
    assert "not estimable" in sentence(found)
    assert found.spline.table.is_empty()
    assert run(frame).n_cuts == 1


def test_on_the_database(synthetic_store: Store) -> None:
    study = synthetic_store.sql(
        "SELECT study FROM patient WHERE tmb_per_mb IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC"
    )["study"][0]
    query = CohortQuery((study,))
    found = derive(synthetic_store, query, marker=MARKER, endpoint="os", rule="maxstat")
    assert found.n + found.n_missing <= synthetic_store.patients(query.where(), columns=("patient_id",)).height
    answer = derivation_charts(synthetic_store, query, marker=MARKER, endpoint="os", rule="maxstat")
    assert answer.sentence == sentence(found)
    assert [c.slug for c in answer.charts] == ["cutoff-curve-os", "spline-effect", "cutoff-optimism"]
    assert all(c.provenance.synthetic for c in answer.charts)
    for chart in answer.charts:
        text = json.dumps(json.loads(chart.figure.to_json()))
        assert not re.search(r"\bnan\b|None", text.replace("NaN", ""))
    again = derive(synthetic_store, query, marker=MARKER, endpoint="os", rule="maxstat")
    assert (again.cut, again.cut_ci, again.p_corrected) == (found.cut, found.cut_ci, found.p_corrected)
    with pytest.raises(UnknownName, match="no marker"):
        derive(synthetic_store, query, marker="tmb")


@pytest.mark.realdata
def test_loris_on_its_training_cohort(real_store: Store) -> None:
    query = CohortQuery(("loris",), (Filter("cohort", "in", ("Chowell_train",)),))
    found = derive(real_store, query, marker="predictor:loris")
    assert found.n == 964
    assert found.in_sample
    assert 0.3 < found.optimism.youden.corrected < found.optimism.youden.apparent < 0.4
    assert found.p_corrected < 1e-10
    assert any("in-sample" in note for note in found.notes)

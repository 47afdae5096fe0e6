"""Cox models of a table: R's summary(coxph) to 1e-6, words for what cannot be estimated, penalty where events are few."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.survival.adjusted import standardised
from core.survival.cox_model import SCHEMA, CoxModel, cox_model, fit_table, univariable
from core.survival.proportional_hazards import ph_test

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "cox.json").read_text(encoding="utf-8")
)["sets"]


def covariates(data: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame({k: data[k] if k == "g" else [float(v) for v in data[k]] for k in ("x1", "x2", "g", "f")})


def fitted(name: str, **options: Any) -> CoxModel:
    data = REFERENCE[name]["data"]
    return fit_table(
        data["time"], data["event"], covariates(data), entry=data.get("entry"), strata=data.get("s"), **options
    )


def cohort(n: int = 200, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return pl.DataFrame(
        {
            "os_months": rng.exponential(10, n) * np.exp(-0.5 * x),
            "os_event": rng.random(n) < 0.7,
            "x": x,
            "stage": rng.choice(["II", "III", "IV"], n),
            "flag": rng.random(n) < 0.4,
            "site": rng.choice(["north", "south"], n),
        }
    )


@pytest.mark.parametrize("name", list(REFERENCE))
def test_reference_numbers(name: str) -> None:
    model, expected = fitted(name), REFERENCE[name]["model"]
    assert model.table.columns == list(SCHEMA)
    assert model.table["term"].to_list() == expected["term"]
    for column, key in (("coef", "coef"), ("z", "z"), ("p_value", "p")):
        wanted = [None if v in (None, "NA") else v for v in expected[key]]
        got = model.table[column].to_list()
        assert [v is None for v in got] == [v is None for v in wanted]
        np.testing.assert_allclose(
            [v for v in got if v is not None], [v for v in wanted if v is not None], rtol=1e-6, atol=1e-8
        )
    for kind, wanted in expected["tests"].items():
        test = model.tests[kind]
        np.testing.assert_allclose([test.statistic, test.df, test.p_value], wanted, rtol=1e-6)
    np.testing.assert_allclose([model.concordance.effect, model.concordance_se], expected["concordance"], rtol=1e-6)
    assert (model.n, model.events) == (expected["n"], expected["events"])


@pytest.mark.parametrize("name", ["plain", "ties", "late_strata"])
def test_penalised_tests_are_those_of_coxph(name: str) -> None:
    model, expected = fitted(name, ridge=1.0), REFERENCE[name]["ridge"]
    assert model.penalised
    assert model.tests["wald"].statistic == pytest.approx(expected["wald"], rel=1e-6)
    ratio = 2 * (expected["loglik"][1] - expected["loglik"][0])
    assert model.tests["likelihood_ratio"].statistic == pytest.approx(ratio, rel=1e-6)
    assert model.tests["likelihood_ratio"].df == pytest.approx(np.sum(expected["df"]), rel=1e-6)


def test_collinear_column_is_named_and_the_others_stay() -> None:
    model = fitted("collinear")
    row = model.table.row(by_predicate=pl.col("term") == "x2", named=True)
    assert row["coef"] is None
    assert row["hazard_ratio"] is None
    assert row["note"] == "x2 is determined by x1: a model cannot tell them apart, so it is left out"
    assert row["note"] in model.notes
    assert model.table.filter(pl.col("term") != "x2")["coef"].null_count() == 0


def test_reference_level_and_flags() -> None:
    frame = cohort()
    first = cox_model(frame, covariates=["stage", "flag"])
    assert first.table["term"].to_list() == ["stageIII", "stageIV", "flagTRUE"]
    assert first.table["reference"].to_list() == ["II", "II", "no"]
    other = cox_model(frame, covariates=["stage", "flag"], reference={"stage": "IV", "flag": "yes"})
    assert other.table["level"].to_list() == ["II", "III", "no"]
    assert other.loglik == pytest.approx(first.loglik)
    assert other.table["coef"][0] == pytest.approx(-first.table["coef"][1])
    assert other.table["coef"][2] == pytest.approx(-first.table["coef"][2])
    ordered = frame.with_columns(pl.col("stage").cast(pl.Enum(["IV", "III", "II", "I"])))
    assert cox_model(ordered, covariates=["stage"]).table["level"].to_list() == ["III", "II"]
    with pytest.raises(UnknownName, match="'V' is no level of stage"):
        cox_model(frame, covariates=["stage"], reference={"stage": "V"})
    with pytest.raises(UnknownName, match="'nothing'"):
        cox_model(frame, covariates=["stage"], reference={"nothing": "V"})


def test_strata_of_two_columns_are_their_combinations() -> None:
    frame = cohort()
    both = frame.with_columns(pair=pl.col("site") + pl.col("stage"))
    one = cox_model(frame, covariates=["x"], strata=["site", "stage"])
    other = cox_model(both, covariates=["x"], strata="pair")
    assert one.n_strata == 6
    assert one.table.equals(other.table)


def test_missing_and_impossible_rows_are_left_out_and_counted() -> None:
    frame = cohort(50)
    x = frame["x"].to_list()
    x[0], x[1], x[2] = None, float("inf"), float("nan")
    months = frame["os_months"].to_list()
    months[3], months[4], months[5] = -1.0, None, float("inf")
    spoilt = frame.with_columns(x=pl.Series(x), os_months=pl.Series(months))
    model = cox_model(spoilt, covariates=["x"], penalised=False)
    clean = cox_model(frame[6:], covariates=["x"], penalised=False)
    assert (model.n, model.n_missing) == (44, 6)
    assert model.table.equals(clean.table)
    assert "1 row has an infinite x: left out" in model.notes
    assert model.used.sum() == 44
    assert not model.used[:6].any()
    table = fit_table(spoilt["os_months"], spoilt["os_event"], spoilt.select("x"))
    assert table.table.equals(clean.table)
    assert (table.n, table.n_missing) == (44, 6)


def test_late_entry() -> None:
    frame = cohort()
    entry = frame["os_months"] * 0.5
    late = cox_model(frame.with_columns(entry_months=entry), covariates=["x"])
    direct = fit_table(frame["os_months"], frame["os_event"], frame.select("x"), entry=entry)
    assert late.table.equals(direct.table)
    assert late.table["coef"][0] != cox_model(frame, covariates=["x"]).table["coef"][0]
    backwards = fit_table(frame["os_months"], frame["os_event"], frame.select("x"), entry=entry.clip(0, 3) + 3)
    assert any("entered no earlier than they left" in note for note in backwards.notes)
    assert backwards.n + backwards.n_missing == 200


def test_few_events_are_penalised_and_it_is_said() -> None:
    frame = cohort(40).with_columns(os_event=pl.int_range(40) < 12)
    model = cox_model(frame, covariates=["x", "flag", "site"])
    assert model.penalised
    assert model.notes[0] == "penalised because 12 events for 3 variables"
    plain = cox_model(frame, covariates=["x", "flag", "site"], penalised=False)
    assert not plain.penalised
    assert plain.notes[0] == "not penalised, although 12 events for 3 variables: unstable"
    assert abs(model.table["coef"][0]) < abs(plain.table["coef"][0])
    assert model.loglik < plain.loglik
    assert model.events_per_variable == pytest.approx(4)
    assert cox_model(cohort(), covariates=["x", "stage"]).notes == ()
    assert cox_model(cohort(), covariates=["x"], penalised=True).penalised


@pytest.mark.parametrize(
    ("change", "columns", "why"),
    [
        ({"os_event": pl.lit(False)}, ["x"], "no events"),
        ({"x": pl.lit(3.0)}, ["x"], "x is the same in everyone"),
        ({"stage": pl.lit("II")}, ["stage"], "stage is II in everyone"),
        ({"os_event": pl.col("os_event") & (pl.col("stage") != "IV")}, ["stage", "x"], "no events in stage IV"),
        ({"os_event": pl.col("os_event") & (pl.col("stage") != "II")}, ["stage", "x"], "no events in stage II, the reference"),
        ({"x": pl.when(pl.col("site") == "north").then(1.0).otherwise(2.0)}, ["x"], "x does not vary within a stratum"),
        ({"x": -pl.col("os_months").rank("ordinal").cast(pl.Float64), "os_event": pl.lit(True)}, ["x"], "separates"),
    ],
)  # fmt: skip
def test_what_cannot_be_estimated_is_said(change: dict[str, pl.Expr], columns: list[str], why: str) -> None:
    frame = cohort().with_columns(**change)
    model = cox_model(frame, covariates=columns, strata="site" if "stratum" in why else None, penalised=False)
    lost = model.table.filter(pl.col("coef").is_null())
    assert lost.height
    assert why in lost["note"][0]
    assert (
        lost.select("hazard_ratio", "se", "z", "p_value", "ci_low", "ci_high").null_count().sum_horizontal()[0]
        == 6 * lost.height
    )
    if columns[-1:] == ["x"] and len(columns) == 2:
        assert model.table["coef"][-1] is not None
        assert np.isnan(model.tests["wald"].statistic)
        assert "no finite estimate" in model.tests["wald"].note
        assert np.isfinite(model.tests["likelihood_ratio"].statistic)
    for test in model.tests.values():
        assert np.isfinite(test.p_value) or test.note


def test_tiny_tables() -> None:
    for n in (1, 2, 3, 4):
        model = cox_model(cohort(n).with_columns(os_event=pl.lit(True)), covariates=["x"], penalised=False)
        assert model.n == n
        assert model.table["coef"][0] is not None or model.notes
        assert (
            np.isfinite(model.concordance.effect or np.nan)
            or model.concordance.note == "no pair of patients can be compared"
        )


def test_errors_name_the_remedy() -> None:
    frame = cohort(20)
    with pytest.raises(UnknownName, match="at least one covariate"):
        cox_model(frame, covariates=[])
    with pytest.raises(NotMeasured, match="nothing"):
        cox_model(frame, covariates=["nothing"])
    with pytest.raises(TooFewPatients):
        cox_model(frame.with_columns(x=pl.lit(None, dtype=pl.Float64)), covariates=["x"])
    with pytest.raises(TooFewPatients):
        cox_model(frame.clear(), covariates=["x"])
    with pytest.raises(UnknownName, match="not 2"):
        fit_table([1.0, 2.0], [1, 2], pl.DataFrame({"x": [1.0, 2.0]}))
    names = pl.DataFrame({"who": [f"patient {i}" for i in range(100)]})
    with pytest.raises(TooFewPatients, match="100 different values"):
        fit_table(np.arange(100.0), np.ones(100), names)


def test_univariable_is_each_model_alone() -> None:
    frame = cohort().with_columns(blank=pl.lit(None, dtype=pl.Float64))
    table = univariable(frame, covariates=["x", "stage", "blank"], strata="site", reference={"stage": "III"})
    assert table["term"].to_list() == ["x", "stageII", "stageIV", "blank"]
    alone = cox_model(frame, covariates=["x"], strata="site")
    assert table["coef"][0] == pytest.approx(alone.table["coef"][0])
    assert table["coef"][3] is None
    assert "blank" in table["note"][3]
    assert univariable(frame, covariates=[]).is_empty()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_concordance_is_the_share_of_pairs(seed: int) -> None:
    """Against a double loop over pairs of one stratum, both at risk at the earlier event."""
    rng = np.random.default_rng(seed)
    n = 25
    time = np.ceil(rng.exponential(5, n))
    entry, event = np.floor(rng.random(n) * time * 0.8), rng.random(n) < 0.6
    event[0] = True
    x, s = rng.integers(0, 3, n).astype(float), rng.integers(0, 2, n)
    model = fit_table(time, event, pl.DataFrame({"x": x}), entry=entry, strata=s)
    coef = model.fit.beta[0] if np.isfinite(model.fit.beta[0]) else 0.0
    score = pairs = 0.0
    for i in range(n):
        for j in range(n):
            later = time[j] > time[i] or (time[j] == time[i] and not event[j])
            if event[i] and s[i] == s[j] and later and entry[j] < time[i]:
                pairs += 1
                gap = coef * (x[i] - x[j])
                score += 0.5 if gap == 0 else float(gap > 0)
    if pairs:
        assert model.concordance.effect == pytest.approx(score / pairs)
    else:
        assert np.isnan(model.concordance.effect or np.nan)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["plain", "binary", "skewed", "huge", "tiny", "constant"]), st.booleans())
def test_no_table_ends_in_a_warning_or_an_infinity(seed: int, kind: str, late: bool) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    x = {
        "plain": rng.normal(size=n), "binary": rng.integers(0, 2, n).astype(float), "skewed": rng.exponential(1, n) ** 8,
        "huge": rng.normal(size=n) * 1e12, "tiny": rng.normal(size=n).round() * 1e-9, "constant": np.full(n, 3.0),
    }[kind]  # fmt: skip
    time = rng.exponential(10, n).round(int(rng.integers(0, 3)))
    table = pl.DataFrame({"x": x, "g": rng.choice(["a", "b", "c"], n), "y": rng.normal(size=n)})
    entry = np.where(rng.random(n) < 0.5, np.nan, time * rng.random(n)) if late else None
    event = rng.random(n) < rng.choice([0, 0.1, 0.5, 1])
    try:
        model = fit_table(time, event, table, entry=entry, strata=rng.integers(0, 3, n))
    except TooFewPatients:
        return
    for column in ("coef", "hazard_ratio", "se", "p_value", "ci_low", "ci_high"):
        assert np.isfinite(model.table[column].drop_nulls().to_numpy()).all()
    for row in model.table.iter_rows(named=True):
        assert (row["coef"] is None) == bool(row["note"])
    try:
        assert ph_test(model).table.height >= 2
        curves = standardised(model, "g", at=[5.0])
        assert curves.table["survival"].drop_nulls().is_between(0, 1).all()
    except (TooFewPatients, UnknownName) as error:
        assert str(error)

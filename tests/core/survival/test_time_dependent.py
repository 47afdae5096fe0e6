"""AUC(t) and Brier(t): riskRegression's Score to 1e-6, and what must hold for any score."""

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
from core.survival.model_performance import model_performance
from core.survival.time_dependent import auc_at, brier_at

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "cox.json").read_text(encoding="utf-8")
)["scored"]


def arrays(name: str) -> tuple[Any, Any, Any, list[float]]:
    one = REFERENCE[name]
    time, event = np.array(one["data"]["time"], dtype=float), np.array(one["data"]["event"]) > 0
    return time, event, np.array(one["risk"], dtype=float), [float(t) for t in one["times"]]


def cohort(n: int = 300, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time, end = rng.exponential(12, n) * np.exp(-0.8 * x), rng.uniform(5, 40, n)
    site = rng.choice(["north", "south"], n)
    return pl.DataFrame({"os_months": np.minimum(time, end), "os_event": time <= end, "x": x, "site": site})


@pytest.mark.parametrize("name", list(REFERENCE))
def test_reference_numbers(name: str) -> None:
    """With ties the estimates are riskRegression's to 1e-6; its errors count the dead of a time as at risk of censoring."""
    time, event, risk, times = arrays(name)
    expected = REFERENCE[name]
    rtol = 0.03 if name == "ties" else 1e-6
    for j, t in enumerate(times):
        row = auc_at(time, event, risk[:, j], times=[t]).table.row(0, named=True)
        assert row["auc"] == pytest.approx(expected["auc"][j], rel=1e-6)
        assert row["se"] == pytest.approx(expected["auc_se"][j], rel=rtol)
    found = brier_at(time, event, risk, times=times, horizon=times[-1])
    np.testing.assert_allclose(found.table["brier"], expected["brier"], rtol=1e-6)
    np.testing.assert_allclose(found.table["se"], expected["brier_se"], rtol=rtol)
    np.testing.assert_allclose(found.table["brier_null"], expected["brier_null"], rtol=1e-6)
    assert found.integrated == pytest.approx(expected["integrated"], rel=1e-6)
    assert found.integrated_null == pytest.approx(expected["integrated_null"], rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_without_censoring_they_are_the_plain_auc_and_squared_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 40
    time, score = np.ceil(rng.exponential(10, n)) + 0.0, rng.integers(0, 6, n).astype(float)
    event = np.ones(n, dtype=bool)
    t = float(np.median(time))
    row = auc_at(time, event, score, times=[t]).table.row(0, named=True)
    dead, alive = score[time <= t], score[time > t]
    if dead.size and alive.size:
        gaps = dead[:, None] - alive[None]
        assert row["auc"] == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean())
    risk = rng.random((n, 1))
    brier = brier_at(time, event, risk, times=[t]).table.row(0, named=True)
    assert brier["brier"] == pytest.approx(np.mean((risk[:, 0] - (time <= t)) ** 2))
    assert brier["se"] == pytest.approx(np.std((risk[:, 0] - (time <= t)) ** 2, ddof=1) / np.sqrt(n))
    assert brier["brier_null"] == pytest.approx(np.mean(time <= t) * np.mean(time > t))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_order_scale_and_sign_of_a_score(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time, event = rng.exponential(10, 60).round(0), rng.random(60) < 0.6
    score = rng.normal(size=60).round(1)
    t = float(np.median(time))
    one = auc_at(time, event, score, times=[t]).table
    order = rng.permutation(60)
    other = auc_at(time[order], event[order], np.exp(score[order]), times=[t]).table
    turned = auc_at(time, event, -score, times=[t], higher="survival").table
    mirrored = auc_at(time, event, score, times=[t], higher="survival").table
    if one["auc"][0] is None:
        return
    for same in (other, turned):
        np.testing.assert_allclose(same.select("auc", "se").row(0), one.select("auc", "se").row(0), rtol=1e-9)
    assert mirrored["auc"][0] == pytest.approx(1 - one["auc"][0])
    assert mirrored["se"][0] == pytest.approx(one["se"][0])


def test_the_null_risk_has_no_skill_and_a_true_one_has() -> None:
    frame = cohort(1000)
    time, event = frame["os_months"].to_numpy(), frame["os_event"].to_numpy()
    true = 1 - np.exp(-10 / (12 * np.exp(-0.8 * frame["x"].to_numpy())))
    good = brier_at(time, event, true[:, None], times=[10.0]).table.row(0, named=True)
    assert good["skill"] > 0.05
    flat = brier_at(time, event, np.full((1000, 1), true.mean()), times=[10.0]).table.row(0, named=True)
    assert abs(flat["skill"]) < 0.01


def test_times_at_which_nothing_can_be_said() -> None:
    time, event = np.array([2.0, 3.0, 4.0, 5.0]), np.array([True, True, False, False])
    table = auc_at(time, event, np.arange(4.0), times=[1.0, 3.0, 9.0]).table
    assert table["auc"].to_list()[0] is None
    assert "nobody has had the event" in table["note"][0]
    assert table["auc"][1] is not None
    assert "nobody is observed longer" in table["note"][2]
    risk = np.full((4, 2), 0.5)
    brier = brier_at(time, event, risk, times=[3.0, 9.0], horizon=20.0)
    assert brier.table["brier"][1] is None
    assert "nobody is observed" in brier.table["note"][1]
    assert np.isnan(brier.integrated)
    censored = auc_at(time, np.zeros(4, dtype=bool), np.arange(4.0), times=[3.0]).table
    assert "nobody has had the event" in censored["note"][0]


def test_bad_scores_and_risks() -> None:
    time, event = np.array([2.0, 3.0, 4.0]), np.array([True, True, False])
    with pytest.raises(TooFewPatients):
        auc_at(time, event, np.full(3, np.nan), times=[2.0])
    with pytest.raises(TooFewPatients):
        brier_at(time, event, np.full((3, 1), np.nan), times=[2.0])
    with pytest.raises(UnknownName, match="probability"):
        brier_at(time, event, np.full((3, 1), 7.0), times=[2.0])
    with pytest.raises(UnknownName, match="one column a time"):
        brier_at(time, event, np.full((3, 2), 0.5), times=[2.0])
    constant = auc_at(time, event, np.zeros(3), times=[2.5]).table
    assert constant["auc"][0] == 0.5


def test_performance_of_a_model_is_cross_fitted_unless_said() -> None:
    frame = cohort()
    crossed = model_performance(frame, covariates=["x"], times=[6, 12, 18], seed=1)
    assert not crossed.in_sample
    assert "other 4 of 5 parts" in crossed.note
    assert crossed.auc.table["time"].to_list() == [6, 12, 18]
    assert crossed.brier.integrated < crossed.brier.integrated_null
    own = model_performance(frame, covariates=["x"], times=[6, 12, 18], folds=0)
    assert own.in_sample
    assert "in-sample" in own.note
    assert own.brier.integrated < crossed.brier.integrated
    again = model_performance(frame, covariates=["x"], times=[6, 12, 18], seed=1)
    assert again.auc.table.equals(crossed.auc.table)
    strata = model_performance(frame, covariates=["x"], strata="site")
    assert strata.auc.table.height >= 2
    assert strata.n == 300


def test_noise_is_told_from_fit_by_cross_fitting() -> None:
    rng = np.random.default_rng(3)
    noise = {f"x{k}": rng.normal(size=80) for k in range(8)}
    frame = cohort(80).drop("x").with_columns(**{k: pl.Series(v) for k, v in noise.items()})
    own = model_performance(frame, covariates=list(noise), times=[10], folds=0, penalised=False)
    crossed = model_performance(frame, covariates=list(noise), times=[10], penalised=False)
    assert crossed.auc.table["auc"][0] < own.auc.table["auc"][0]
    assert crossed.brier.table["skill"][0] < own.brier.table["skill"][0]


def test_performance_that_cannot_be_told() -> None:
    frame = cohort(40)
    with pytest.raises(NotMeasured, match="from the start"):
        model_performance(frame.with_columns(entry_months=pl.lit(0.001)), covariates=["x"])
    with pytest.raises(TooFewPatients, match="no events"):
        model_performance(frame.with_columns(os_event=pl.lit(False)), covariates=["x"])
    with pytest.raises(TooFewPatients, match="folds"):
        model_performance(frame.with_columns(os_event=pl.int_range(40) < 3), covariates=["x"], folds=5)
    with pytest.raises(UnknownName, match="from 0 on"):
        model_performance(frame, covariates=["x"], times=[-1])

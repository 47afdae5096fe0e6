"""Adjusted curves: riskRegression's standardised survival to 1e-6, and what must hold for any cohort."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.errors import TooFewPatients, UnknownName
from core.survival import kaplan_meier
from core.survival.adjusted import adjusted_curves, standardised
from core.survival.cox_model import CoxModel, fit_table
from core.survival.prediction import baseline

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "cox.json").read_text(encoding="utf-8")
)["standardised"]


def fitted(name: str) -> CoxModel:
    data = REFERENCE[name]["data"]
    table = pl.DataFrame({k: data[k] if k == "g" else [float(v) for v in data[k]] for k in ("x1", "x2", "g", "f")})
    return fit_table(data["time"], data["event"], table, entry=data.get("entry"), strata=data.get("s"))


def cohort(n: int = 300, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    sick = rng.random(n) < 0.5
    treated = rng.random(n) < np.where(sick, 0.8, 0.2)
    time = rng.exponential(12, n) * np.exp(-1.2 * sick)
    end = rng.uniform(5, 40, n)
    return pl.DataFrame(
        {
            "os_months": np.minimum(time, end),
            "os_event": time <= end,
            "arm": np.where(treated, "treated", "control"),
            "sick": sick.astype(float),
            "site": rng.choice(["north", "south"], n),
        }
    )


@pytest.mark.parametrize("name", list(REFERENCE))
def test_reference_numbers(name: str) -> None:
    """With ties the estimate is riskRegression's to 1e-6; its error differs, as that shares out tied deaths otherwise."""
    expected = REFERENCE[name]
    found = standardised(fitted(name), "g", at=expected["times"])
    rtol = 0.15 if name == "ties" else 1e-6
    for group, time, risk, se in zip(*(expected[k] for k in ("group", "time", "risk", "se")), strict=True):
        row = found.table.row(by_predicate=(pl.col("group") == group) & (pl.col("time") == time), named=True)
        assert 1 - row["survival"] == pytest.approx(risk, rel=1e-6)
        assert row["se"] == pytest.approx(se, rel=rtol)
    for a, b, time, gap, se in zip(
        *(expected[k] for k in ("a", "b", "at", "difference", "difference_se")), strict=True
    ):
        pair = (pl.col("a") == a) & (pl.col("b") == b) & (pl.col("time") == time)
        row = found.differences.row(by_predicate=pair, named=True)
        assert -row["difference"] == pytest.approx(gap, rel=1e-6)
        assert row["se"] == pytest.approx(se, rel=rtol)


@pytest.mark.parametrize("name", list(REFERENCE))
def test_dfbeta_is_that_of_coxph(name: str) -> None:
    model = fitted(name)
    dfbeta = np.empty((model.n, model.fit.beta.size))
    dfbeta[model.sets.rows] = baseline(model).beta_influence()
    np.testing.assert_allclose(dfbeta, REFERENCE[name]["dfbeta"], atol=1e-9)


def test_influences_sum_to_nothing() -> None:
    base = baseline(fitted("ties"))
    np.testing.assert_allclose(base.beta_influence().sum(axis=0), 0, atol=1e-9)
    _, direct, _ = base.hazard_influence(0, np.array([3.0, 8.0]))
    np.testing.assert_allclose(direct.sum(axis=0), 0, atol=1e-9)


def test_curves_fall_from_one_within_their_intervals() -> None:
    found = adjusted_curves(cohort(), by="arm", covariates=["sick"], strata="site", at=[6, 12])
    assert found.labels == ("control", "treated")
    assert found.adjusted_for == ("sick",)
    for group in found.labels:
        table = found.table.filter(pl.col("group") == group)
        assert (table["survival"].diff().drop_nulls() <= 1e-12).all()
        assert table["survival"].is_between(0, 1).all()
        inner = table.drop_nulls("ci_low")
        assert (inner["ci_low"] <= inner["survival"]).all()
        assert (inner["survival"] <= inner["ci_high"]).all()
    assert found.differences.height == 2


def test_confounding_is_taken_out() -> None:
    """The arm does nothing; the sick are treated more often, so the crude curves differ and the adjusted ones do not."""
    frame = cohort(2000)
    crude = {c.group: c.at(12)[0] for c in kaplan_meier(frame, by="arm").curves}
    assert crude["control"] - crude["treated"] > 0.1
    row = adjusted_curves(frame, by="arm", covariates=["sick"], at=[12]).differences.row(0, named=True)
    assert abs(row["difference"]) < 0.06
    assert row["ci_low"] < 0 < row["ci_high"]


def test_the_interval_covers() -> None:
    """True survival of the treated, standardised, in about 95% of 100 cohorts."""
    truth = np.mean([np.exp(-10 / 12), np.exp(-10 / (12 * np.exp(-1.2)))])
    inside = 0
    for seed in range(100):
        table = adjusted_curves(cohort(120, seed), by="arm", covariates=["sick"], at=[10]).table
        row = table.row(by_predicate=(pl.col("group") == "treated") & (pl.col("time") == 10), named=True)
        inside += row["ci_low"] <= truth <= row["ci_high"]
    assert 0.89 <= inside / 100 <= 0.99


def test_what_cannot_be_drawn_is_said() -> None:
    frame = cohort(60)
    with pytest.raises(UnknownName, match="cut it into groups"):
        adjusted_curves(frame, by="sick")
    with pytest.raises(TooFewPatients, match="no events"):
        adjusted_curves(frame.with_columns(os_event=pl.lit(False)), by="arm")
    with pytest.raises(TooFewPatients, match="one group"):
        adjusted_curves(frame.with_columns(arm=pl.lit("treated")), by="arm")
    with pytest.raises(UnknownName, match="makes no groups"):
        standardised(fitted("plain"), "x1")
    spared = frame.with_columns(os_event=pl.col("os_event") & (pl.col("arm") == "control"))
    found = adjusted_curves(spared, by="arm", penalised=False, at=[6])
    assert found.table.filter(pl.col("group") == "treated")["survival"].null_count() > 0
    assert found.differences.is_empty()
    assert any("no events in arm treated" in note for note in found.notes)


def test_a_model_without_finite_estimate_predicts_nothing() -> None:
    n = 200
    table = pl.DataFrame({"x": -np.arange(float(n)), "g": ["a", "b"] * (n // 2)})
    model = fit_table(np.arange(1.0, n + 1), np.ones(n), table)
    with pytest.raises(TooFewPatients, match="no finite estimate"):
        standardised(model, "g")

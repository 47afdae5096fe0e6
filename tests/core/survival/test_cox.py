"""Cox fit: R's coxph to 1e-6 standard errors, and what must hold for any table."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.survival.cox import evaluate, fit_cox
from core.survival.risk_sets import risk_sets

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "cox.json").read_text(encoding="utf-8")
)


def arrays(data: dict[str, Any]) -> tuple[Any, Any, Any, dict[str, Any]]:
    """time, event, design (x1, x2, gb, gc, f) and entry and strata of a reference set."""
    group = np.array(data["g"])
    columns = [data["x1"], data["x2"], group == "b", group == "c", data["f"]]
    x = np.stack([np.asarray(c, dtype=float) for c in columns], axis=1)
    more = {"entry": np.array(data["entry"], dtype=float)} if "entry" in data else {}
    if "s" in data:
        more["strata"] = np.array(data["s"])
    return np.array(data["time"], dtype=float), np.array(data["event"]) > 0, x, more


def numbers(values: list[Any]) -> Any:
    return np.array([np.nan if v in (None, "NA") else v for v in values], dtype=float)


@pytest.mark.parametrize("name", list(REFERENCE["sets"]))
def test_reference_numbers(name: str) -> None:
    one = REFERENCE["sets"][name]
    time, event, x, more = arrays(one["data"])
    fit = fit_cox(time, event, x, **more)
    expected = one["model"]
    beta, se = numbers(expected["coef"]), numbers(expected["se"])
    np.testing.assert_array_equal(np.isnan(fit.beta), np.isnan(beta))
    there = ~np.isnan(beta)
    assert np.abs((fit.beta - beta)[there] / se[there]).max() < 1e-6
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance))[there], se[there], rtol=1e-6)
    np.testing.assert_allclose([fit.loglik_null, fit.loglik], expected["loglik"], rtol=1e-9)
    np.testing.assert_allclose([fit.score_test, fit.df], expected["tests"]["score"][:2], rtol=1e-6)
    assert fit.converged
    assert (fit.n, fit.events) == (expected["n"], expected["events"])


@pytest.mark.parametrize("name", [k for k, v in REFERENCE["sets"].items() if "ridge" in v])
def test_ridge_is_that_of_coxph(name: str) -> None:
    """coxph(... ~ ridge(..., theta = 1, scale = TRUE)), all columns in one penalty."""
    one = REFERENCE["sets"][name]
    time, event, x, more = arrays(one["data"])
    fit = fit_cox(time, event, x, ridge=1.0, **more)
    expected = one["ridge"]
    se = numbers(expected["se"])
    assert np.abs((fit.beta - numbers(expected["coef"])) / se).max() < 1e-6
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), se, rtol=1e-6)
    np.testing.assert_allclose(fit.loglik, expected["loglik"][1], rtol=1e-9)
    np.testing.assert_allclose(fit.df, np.sum(expected["df"]), rtol=1e-6)


TABLES = st.integers(0, 2**31).map(lambda seed: table(seed))


def table(seed: int, n: int = 40) -> tuple[Any, Any, Any, Any, Any]:
    """Times with ties, events, two covariates, entries and strata."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    time = np.ceil(rng.exponential(8, n) * np.exp(-0.3 * x[:, 0]))
    entry = np.floor(rng.random(n) * time * 0.9)
    return time, rng.random(n) < 0.7, x, entry, rng.integers(0, 3, n)


@settings(max_examples=30, deadline=None)
@given(TABLES, st.integers(0, 2**31))
def test_order_of_rows_and_labels_of_strata_do_not_matter(given_table: Any, seed: int) -> None:
    time, event, x, entry, strata = given_table
    order = np.random.default_rng(seed).permutation(time.size)
    one = fit_cox(time, event, x, entry=entry, strata=strata)
    other = fit_cox(time[order], event[order], x[order], entry=entry[order], strata=10 - 3 * strata[order])
    np.testing.assert_allclose(one.beta, other.beta, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(one.loglik, other.loglik, rtol=1e-10)


@settings(max_examples=30, deadline=None)
@given(TABLES, st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_unit_and_origin_of_a_covariate(given_table: Any, unit: float, origin: float) -> None:
    time, event, x, entry, strata = given_table
    one = fit_cox(time, event, x, entry=entry, strata=strata)
    moved = fit_cox(time, event, x * unit + origin, entry=entry, strata=strata)
    np.testing.assert_allclose(moved.beta * unit, one.beta, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(moved.loglik, one.loglik, rtol=1e-9)
    penalised = [fit_cox(time, event, z, ridge=1.0).beta for z in (x, x * unit + origin)]
    np.testing.assert_allclose(penalised[1] * unit, penalised[0], rtol=1e-6, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(TABLES, st.integers(0, 39), st.floats(0.05, 0.95))
def test_cutting_a_row_in_two_changes_nothing(given_table: Any, row: int, share: float) -> None:
    """A patient seen over (a, c] is one seen over (a, b] without an event and over (b, c]."""
    time, event, x, entry, strata = given_table
    cut = entry[row] + share * (time[row] - entry[row])
    one = fit_cox(time, event, x, entry=entry, strata=strata)
    two = fit_cox(
        np.append(time, cut),
        np.append(event, False),
        np.vstack((x, x[row])),
        entry=np.append(np.where(np.arange(time.size) == row, cut, entry), entry[row]),
        strata=np.append(strata, strata[row]),
    )
    np.testing.assert_allclose(two.loglik, one.loglik, rtol=1e-9)
    np.testing.assert_allclose(two.beta, one.beta, rtol=1e-6, atol=1e-8)


@settings(max_examples=20, deadline=None)
@given(TABLES)
def test_one_stratum_is_none_and_strata_add_up(given_table: Any) -> None:
    time, event, x, entry, strata = given_table
    one = fit_cox(time, event, x, entry=entry)
    same = fit_cox(time, event, x, entry=entry, strata=np.full(time.size, 7))
    np.testing.assert_allclose(one.beta, same.beta, rtol=1e-12)
    assert one.loglik == pytest.approx(same.loglik)
    parts = sum(
        evaluate(risk_sets(time[k], event[k], entry=entry[k]), x[np.flatnonzero(k)].T[:, _order(time[k])], np.zeros(2))[
            0
        ]
        for k in (strata == s for s in np.unique(strata))
    )
    assert fit_cox(time, event, x, entry=entry, strata=strata).loglik_null == pytest.approx(parts)


def _order(time: Any) -> Any:
    return np.argsort(time, kind="stable")


@settings(max_examples=20, deadline=None)
@given(TABLES)
def test_gradient_is_zero_at_the_estimate_and_the_slope_of_the_likelihood(given_table: Any) -> None:
    time, event, x, entry, strata = given_table
    sets = risk_sets(time, event, entry=entry, strata=strata)
    fit = fit_cox(time, event, x, entry=entry, strata=strata)
    z = x[sets.rows].T
    value, gradient, information = evaluate(sets, z, fit.beta)
    assert value == pytest.approx(fit.loglik)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    step = 1e-5
    for j in range(2):
        ahead = fit.beta + step * np.eye(2)[j]
        np.testing.assert_allclose(
            (evaluate(sets, z, ahead)[1] - gradient) / step, -information[j], rtol=1e-3, atol=1e-3
        )


def test_late_entry_counts_only_who_is_at_risk() -> None:
    """Everyone observed from before the first event: as without entry; who enters after the last event: not there."""
    time, event, x, _, _ = table(3)
    plain = fit_cox(time, event, x)
    np.testing.assert_allclose(fit_cox(time, event, x, entry=np.full(time.size, -1.0)).beta, plain.beta)
    np.testing.assert_allclose(fit_cox(time, event, x, entry=np.full(time.size, np.nan)).beta, plain.beta)
    late = time.max() + 1
    more = fit_cox(
        np.append(time, late + 1), np.append(event, False), np.vstack((x, [9, 9])), entry=np.append(0 * time - 1, late)
    )
    np.testing.assert_allclose(more.beta, plain.beta)
    never = fit_cox(
        np.append(time, 5.0), np.append(event, True), np.vstack((x, [9, 9])), entry=np.append(0 * time - 1, 5.0)
    )
    assert never.n == time.size
    np.testing.assert_allclose(never.beta, plain.beta)


def test_weights_far_apart_lose_no_digits() -> None:
    """The first risk sets hold only patients of tiny hazard; heavy ones enter later."""
    rng = np.random.default_rng(1)
    x = np.concatenate((rng.normal(0, 0.3, 60) - 20, rng.normal(0, 0.3, 60)))[:, None]
    time = np.concatenate((rng.uniform(1, 2, 60), rng.uniform(11, 12, 60)))
    entry = np.concatenate((np.zeros(60), np.full(60, 10.0)))
    event = np.ones(120, dtype=bool)
    both = evaluate(risk_sets(time, event, entry=entry), x[_order(time)].T, np.array([1.5]))
    early, later = (
        evaluate(risk_sets(time[k], event[k]), x[k][_order(time[k])].T, np.array([1.5])) for k in (time < 5, time > 5)
    )
    for whole, one, two in zip(both, early, later, strict=True):
        np.testing.assert_allclose(whole, one + two, rtol=1e-9)


def test_a_direction_without_maximum_leaves_the_others() -> None:
    time, event, x, _, strata = table(5, n=80)
    flag = (np.arange(80) % 4 == 0).astype(float)
    event = event & (flag == 0)
    fit = fit_cox(time, event, np.column_stack((x, flag)), strata=strata)
    np.testing.assert_array_equal(fit.estimable, [True, True, False])
    rest = flag == 0
    limit = fit_cox(time[rest], event[rest], x[rest], strata=strata[rest])
    np.testing.assert_allclose(fit.beta[:2], limit.beta, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(fit.covariance[:2, :2], limit.covariance, rtol=1e-6, atol=1e-9)
    assert fit.loglik == pytest.approx(limit.loglik)
    assert np.isnan(fit.covariance[2, 2])


def test_no_events_no_rows_and_constant_columns() -> None:
    x = np.array([[1.0], [2.0], [3.0]])
    none = fit_cox(np.array([1.0, 2.0, 3.0]), np.zeros(3, dtype=bool), x)
    assert not none.estimable.any()
    assert none.events == 0
    assert np.isnan(none.score_test)
    nobody = fit_cox(np.zeros(0), np.zeros(0, dtype=bool), np.zeros((0, 1)))
    assert (nobody.n, nobody.estimable.any()) == (0, False)
    same = fit_cox(np.array([1.0, 2.0, 3.0]), np.ones(3, dtype=bool), np.full((3, 1), 0.1))
    assert np.isnan(same.beta[0])
    assert same.collinear is not None
    assert same.collinear[0]
    short = fit_cox(*table(7)[:3], iterations=1)
    assert not short.converged
    assert not short.estimable.any()


def test_fast_enough_for_bootstrap_loops() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 6))
    time, event, strata = rng.exponential(10, 1500).round(1), rng.random(1500) < 0.6, rng.integers(0, 17, 1500)
    fit_cox(time, event, x, strata=strata)
    best = min(_seconds(lambda: fit_cox(time, event, x, strata=strata)) for _ in range(5))
    assert best < 0.05


def _seconds(work: Any) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start

"""Cumulative incidence and Gray's test: R's cmprsk for weights and strata, and what must hold for any cohort."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured
from core.survival.gray import gray_test
from core.survival.incidence import cumulative_incidence
from core.survival.kaplan_meier import estimate
from core.survival.rank_tests import rank_test

GRAY = json.loads((Path(__file__).parents[2] / "references" / "survival_more.json").read_text(encoding="utf-8"))["gray"]
ROWS = st.lists(
    st.tuples(st.integers(1, 25).map(float), st.integers(0, 3), st.integers(0, 1), st.integers(1, 6)), min_size=3, max_size=40
)


@pytest.mark.parametrize(("name", "options"), [("plain", {}), ("rho_1", {"rho": 1.0}), ("stratified", {"strata": True})])
def test_gray_is_that_of_cmprsk(name: str, options: dict[str, Any]) -> None:
    data = {key: np.array(values) for key, values in GRAY["data"].items()}
    if options.get("strata"):
        options = {"strata": data["strata"]}
    for j, cause in enumerate((1, 2)):
        test = gray_test(data["time"].astype(float), data["cause"], data["group"], of=cause, **options)
        np.testing.assert_allclose(test.statistic, GRAY[name]["statistic"][j], rtol=1e-9)
        np.testing.assert_allclose(test.p_value, GRAY[name]["p_value"][j], rtol=1e-9)
        assert test.df == 2


@settings(max_examples=30, deadline=None)
@given(ROWS, st.booleans())
def test_incidences_and_event_free_survival_add_up_to_one(rows: list[Any], late: bool) -> None:
    time, cause, _, early = (np.array(v) for v in zip(*rows, strict=True))
    entry = time - early - 0.5 if late else None
    found = cumulative_incidence(time, cause, entry=entry)
    free = estimate(time, cause > 0, entry=entry)
    total = sum((c.steps["incidence"].to_numpy() for c in found.curves), np.zeros(free.steps.height))
    np.testing.assert_allclose(total + free.steps["survival"].to_numpy(), 1, atol=1e-9)
    for curve in found.curves:
        incidence = curve.steps["incidence"].to_numpy()
        assert (np.diff(incidence) >= -1e-12).all()
        assert (curve.steps["std_err"].to_numpy() >= 0).all()
        known = curve.steps.drop_nulls("ci_low")
        assert (known["ci_low"] <= known["incidence"] + 1e-12).all()
        assert (known["ci_high"] >= known["incidence"] - 1e-12).all()


@settings(max_examples=20, deadline=None)
@given(ROWS)
def test_one_cause_is_one_minus_kaplan_meier(rows: list[Any]) -> None:
    time, cause, _, _ = (np.array(v) for v in zip(*rows, strict=True))
    if not (cause > 0).any():
        return
    found = cumulative_incidence(time, (cause > 0).astype(np.int64)).curves[0]
    curve = estimate(time, cause > 0)
    np.testing.assert_allclose(found.steps["incidence"], 1 - curve.steps["survival"].to_numpy(), atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_order_unit_and_names_do_not_matter_to_gray(rows: list[Any], shuffle: Any) -> None:
    mixed = list(rows)
    shuffle.shuffle(mixed)

    def of(which: list[Any], *, swap: bool, factor: float) -> Any:
        time, cause, codes, _ = (np.array(v) for v in zip(*which, strict=True))
        return gray_test(time * factor, cause, 1 - codes if swap else codes)

    one, other = of(rows, swap=False, factor=1), of(mixed, swap=True, factor=4)
    np.testing.assert_allclose(one.statistic, other.statistic, rtol=1e-6, atol=1e-9)


def test_without_competing_events_gray_is_near_the_log_rank_test() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 2, 600)
    time = rng.exponential(np.where(codes == 1, 12, 9))
    cause = (rng.random(600) < 0.8).astype(np.int64)
    assert gray_test(time, cause, codes).statistic == pytest.approx(rank_test(time, cause > 0, codes).statistic, rel=0.1)


def test_a_group_without_the_cause_is_a_curve_at_zero() -> None:
    found = cumulative_incidence(np.array([1.0, 2.0, 3.0]), np.array([1, 2, 2]), group=["a", "b", "b"])
    flat = next(c for c in found.curves if (c.group, c.cause) == ("b", 1))
    assert flat.steps["incidence"].to_list() == [0.0, 0.0]
    assert flat.steps["ci_low"].null_count() == 2
    assert flat.at(2.0)[0] == 0.0
    assert found.table().height == 6
    assert (found.n, found.events, found.causes, found.groups) == (3, 3, (1, 2), ("a", "b"))


@settings(max_examples=15, deadline=None)
@given(ROWS.filter(lambda rows: len(rows) <= 15), st.booleans())
def test_the_standard_error_is_the_sum_of_squared_influences(rows: list[Any], late: bool) -> None:
    """A patient's influence is how fast the estimate changes with its weight: weights of 1 + h and 1 - h, by loops."""
    time, cause, _, early = (np.array(v) for v in zip(*rows, strict=True))
    entry = time - early - 0.5 if late else np.full(time.size, -1.0)
    found = cumulative_incidence(time, cause, entry=entry)
    if not found.curves:
        return
    curve = found.curves[0]
    times = curve.steps["time"].to_numpy()

    def weighted(weights: Any) -> Any:
        survival, incidence, path = 1.0, 0.0, []
        for t in times:
            at_risk = weights[(entry < t) & (time >= t)].sum()
            died = time == t
            incidence += survival * weights[died & (cause == curve.cause)].sum() / at_risk
            survival *= 1 - weights[died & (cause > 0)].sum() / at_risk
            path.append(incidence)
        return np.array(path)

    h = 1e-5
    influence = [(weighted(1 + h * one) - weighted(1 - h * one)) / (2 * h) for one in np.eye(time.size)]
    np.testing.assert_allclose(curve.steps["std_err"], np.sqrt((np.array(influence) ** 2).sum(axis=0)), atol=1e-6)


@pytest.mark.parametrize(
    ("cause", "codes", "why"),
    [([0, 2, 2], [0, 1, 0], "no event of cause 1"), ([1, 1, 2], [0, 0, 0], "one group"), ([1, 2, 0], [0, 1, 1], "")],
)
def test_nothing_to_compare_is_said(cause: list[int], codes: list[int], why: str) -> None:
    test = gray_test(np.array([1.0, 2.0, 3.0]), np.array(cause), np.array(codes))
    assert why in test.note
    assert np.isnan(test.p_value) or not why


def test_what_cannot_be_estimated_says_why() -> None:
    with pytest.raises(NotMeasured, match="not negative"):
        cumulative_incidence(np.array([1.0]), np.array([-1]))
    with pytest.raises(NotMeasured, match="negative or not finite"):
        cumulative_incidence(np.array([-1.0]), np.array([1]))
    assert cumulative_incidence(np.array([1.0, 2.0]), np.array([0, 0])).curves == ()

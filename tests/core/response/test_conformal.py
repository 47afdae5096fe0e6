"""Conformal sets: the quantile, coverage over simulated data sets, what is invariant, and the page's answer."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.response.closer import decided
from core.response.closer.look import look
from core.response.conformal import KINDS, WHO, calibrated, coverage, covered, crossed, expected, kind, quantile
from data.store import Store
from models.folds import stratified_folds


def draw(n: int, seed: int, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are wrong on purpose (too extreme), and outcomes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = rng.random(n) < 1 / (1 + np.exp(-(x - 1 + shift)))
    return 1 / (1 + np.exp(-(3 * x - 1))), y


def test_the_quantile_is_the_ceil_of_n_plus_one() -> None:
    scores = np.arange(1, 10) / 10
    assert quantile(scores, 0.9) == 0.9  # ceil(10 x .9) = 9th of 9
    assert quantile(scores, 0.91) == math.inf
    assert quantile(scores, 0.5) == 0.5
    assert quantile(np.empty(0), 0.9) == math.inf
    with pytest.raises(NotMeasured, match="between 0 and 1"):
        quantile(scores, 1.0)


@pytest.mark.parametrize("by_class", [True, False])
def test_coverage_is_kept_over_simulated_data_sets(by_class: bool) -> None:
    held: list[float] = []
    responders: list[float] = []
    for seed in range(120):
        p, y = draw(600, seed)
        sets = calibrated(p[:300], y[:300], level=0.9, by_class=by_class).sets(p[300:])
        good = covered(sets, y[300:])
        held.append(float(good.mean()))
        responders.append(float(good[y[300:]].mean()))
    assert np.mean(held) > 0.89
    assert np.mean(held) < 0.93
    if by_class:
        assert np.mean(responders) > 0.89
        assert np.mean(responders) < 0.935
    else:
        assert np.mean(responders) < 0.87  # what one threshold for all does to the rarer class


def test_coverage_of_one_calibration_lies_where_expected_says() -> None:
    low, high = expected(300, 0.9)
    p, y = draw(20_300, 7)
    sets = calibrated(p[:300], y[:300], by_class=False).sets(p[300:])
    assert low < covered(sets, y[300:]).mean() < high
    assert expected(5, 0.9) == (1.0, 1.0)
    assert low < 0.9 < high


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_sets_by_class_do_not_change_with_recalibration(seed: int) -> None:
    p, y = draw(160, seed)
    warped = p**3 / (p**3 + (1 - p) ** 3 * 2)
    one, two = (calibrated(q[:80], y[:80]).sets(q[80:]) for q in (p, warped))
    np.testing.assert_array_equal(one, two)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_higher_level_only_adds(seed: int) -> None:
    p, y = draw(160, seed)
    low, high = (calibrated(p[:80], y[:80], level=level).sets(p[80:]) for level in (0.7, 0.9))
    assert (high >= low).all()


def test_crossed_sets_never_use_the_patient_and_keep_coverage() -> None:
    p, y = draw(400, 3)
    folds = stratified_folds(y, folds=10)
    sets = crossed(p, y, folds=folds)
    assert covered(sets, y).mean() == pytest.approx(0.9, abs=0.03)
    changed = y.copy()
    changed[5] = ~changed[5]
    np.testing.assert_array_equal(crossed(p, changed, folds=folds)[folds == folds[5]], sets[folds == folds[5]])


def test_another_population_costs_coverage() -> None:
    p, y = draw(500, 1)
    q, z = draw(500, 2, shift=2.0)
    sets = calibrated(p, y).sets(q)
    table = coverage(sets, z)
    assert table.filter(pl.col("who") == "responder")["ci_high"][0] < 0.9


def test_the_table_adds_up() -> None:
    sets = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=bool)
    y = np.array([True, True, False, False])
    assert [KINDS[k] for k in kind(sets)] == list(KINDS)
    table = coverage(sets, y)
    assert table["who"].to_list() == list(WHO)
    assert table["coverage"].to_list() == [0.5, 0.5, 0.5]
    assert table["decided"].to_list() == [0.5, 1.0, 0.0]
    assert table["right"].to_list() == [0.5, 0.5, None]
    shares = table.select("responder", "non_responder", "either", "none").sum_horizontal()
    assert shares.to_list() == pytest.approx([1.0] * 3)
    assert coverage(sets[:2], y[:2])["coverage"].to_list()[2] is None


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(NotMeasured, match="not a probability"):
        calibrated([1.0, 4.0], [True, False])
    with pytest.raises(TooFewPatients, match="another cohort"):
        calibrated([np.nan], [1.0])


def test_the_page_calibrates_on_other_patients(synthetic_store: Store) -> None:
    query = CohortQuery(("synthetic_b",))
    offered = decided.calibrations(synthetic_store, query, predictor="loris")
    assert list(offered)[-1] == decided.OWN
    assert not any(key.startswith("synthetic_b/") for key in offered)
    other, own = (look(synthetic_store, query, kind="decided", predictor="loris", fitted=f) for f in (next(iter(offered)), decided.OWN))
    assert "calibrated on" in other.charts[0].caption
    assert "by construction" in own.charts[0].caption
    assert other.sentence != own.sentence
    assert other.charts[0].table.height == 6
    with pytest.raises(NotMeasured, match="pick one from the list"):
        look(synthetic_store, query, kind="decided", predictor="loris", fitted="nowhere/none")
    assert decided.calibrations(synthetic_store, query, predictor="tmb") == {}

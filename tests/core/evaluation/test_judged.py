"""Judged figures: equal to the house's AUC and concordance, resampled in pairs, cohorts never mixed."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.evaluation.judged import Group, judge
from core.response.roc import delong
from core.survival.concordance import concordance


def group(n: int = 80, *, seed: int = 0, survival: bool = False, name: str = "a/A") -> Group:
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(n)
    happened = rng.random(n) < 1 / (1 + np.exp(-truth))
    scores = {
        "good": np.round(truth + 0.5 * rng.standard_normal(n), 1)[None],
        "poor": np.round(truth + 3 * rng.standard_normal(n), 1)[None],
    }
    time = np.ceil(rng.exponential(np.exp(-truth) * 8)) if survival else None
    return Group(name=name, happened=happened, time=time, scores=scores)


def of(found: list, model: str, *, cohort: str = "", against: str = ""):  # type: ignore[no-untyped-def]
    return next(e for e in found if (e.model, e.cohort, e.against) == (model, cohort, against))


def test_auc_is_the_houses_auc_and_its_interval_is_near_delongs() -> None:
    given = group(200)
    found = of(judge([given]), "good", cohort="a/A")
    value, variance = delong(given.scores["good"][0], given.happened)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert (found.high - found.low) / (2 * 1.96 * variance**0.5) == pytest.approx(1.0, abs=0.15)


def test_concordance_is_the_houses_concordance_with_ties() -> None:
    given = group(60, survival=True)
    frame = pl.DataFrame({
        "os_months": given.time, "os_event": given.happened, "score": -given.scores["good"][0],
    })  # fmt: skip
    assert of(judge([given]), "good", cohort="a/A").value == pytest.approx(concordance(frame, score="score").effect, abs=1e-12)


def test_a_model_less_itself_is_nothing_and_pairs_are_narrower_than_two_intervals() -> None:
    given = group(150)
    scores = {**given.scores, "again": given.scores["good"], "near": given.scores["good"] + 0.01}
    found = judge([Group(name="a/A", happened=given.happened, time=None, scores=scores)], against=("good",))
    same = of(found, "again", against="good")
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    near = of(found, "near", against="good")
    assert near.high - near.low < 0.05
    assert of(found, "poor", against="good").high < 0


def test_the_mean_over_cohorts_is_weighted_and_no_pair_crosses_them() -> None:
    """A constant added to one cohort's scores changes nothing."""
    one, two = group(120, seed=1), group(40, seed=2, name="b/B")
    moved = Group(name="b/B", happened=two.happened, time=None, scores={k: s + 100 for k, s in two.scores.items()})
    plain, shifted = judge([one, two]), judge([one, moved])
    whole = of(plain, "good")
    parts = [of(plain, "good", cohort=c) for c in ("a/A", "b/B")]
    assert whole.value == pytest.approx((120 * parts[0].value + 40 * parts[1].value) / 160)
    assert of(shifted, "good") == whole
    assert of(judge([one, two], by_size=False), "good").value == pytest.approx((parts[0].value + parts[1].value) / 2)


def test_only_patients_scored_by_one_fit_are_compared() -> None:
    given = group(100)
    fold = (np.arange(100) % 5)[None]
    moved = {"good": given.scores["good"] + 50 * fold}
    split = Group(name="a/A", happened=given.happened, time=None, scores={"good": given.scores["good"]}, fold=fold)
    shifted = Group(name="a/A", happened=given.happened, time=None, scores=moved, fold=fold)
    assert of(judge([split]), "good").value == pytest.approx(of(judge([shifted]), "good").value)
    parts = [Group(name=f"f{k}/F", happened=given.happened[fold[0] == k], time=None, scores={"good": given.scores["good"][:, fold[0] == k]}) for k in range(5)]
    pairs = [float(p.happened.sum() * (~p.happened).sum()) for p in parts]
    values = [of(judge([p]), "good").value for p in parts]
    assert of(judge([split]), "good").value == pytest.approx(np.average(values, weights=pairs))


def test_a_difference_is_on_the_patients_who_have_both() -> None:
    given = group(100)
    holed = given.scores["good"].copy()
    holed[0, :30] = np.nan
    found = judge([Group(name="a/A", happened=given.happened, time=None, scores={"holed": holed, "good": given.scores["good"]})], against=("good",))
    assert of(found, "holed", against="good").n == 70
    assert of(found, "holed", against="good").value == pytest.approx(0.0)
    assert of(found, "good").n == 100


def test_repeats_are_averaged() -> None:
    given = group(60)
    rng = np.random.default_rng(0)
    runs = np.stack([given.scores["good"][0] + rng.standard_normal(60) for _ in range(3)])
    many = judge([Group(name="a/A", happened=given.happened, time=None, scores={"m": runs})])
    singles = [judge([Group(name="a/A", happened=given.happened, time=None, scores={"m": run[None]})]) for run in runs]
    assert of(many, "m").value == pytest.approx(np.mean([of(s, "m").value for s in singles]))


def test_a_cohort_of_one_class_has_no_figure() -> None:
    given = group(20)
    none = Group(name="b/B", happened=np.zeros(20, dtype=bool), time=None, scores=given.scores)
    found = judge([given, none])
    assert {e.cohort for e in found} == {"a/A", ""}
    assert of(found, "good").n == 20

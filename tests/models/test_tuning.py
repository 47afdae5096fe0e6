"""Tuning and the models that rest on it: known answers, nothing learnt outside the training patients."""

from __future__ import annotations

import numpy as np
import pytest

from models.baselines import (
    additive_fusion,
    gradient_boosting,
    joint_ridge,
    late_fusion,
    pca_ridge,
    ridge_cox,
    ridge_signatures,
)
from models.card import ModelError
from models.outcome import Outcome
from models.tuning import GRID, learn_scale, tune


def auc(score: np.ndarray, y: np.ndarray) -> float:
    return float(((score[y == 1][:, None] > score[y == 0]) + 0.5 * (score[y == 1][:, None] == score[y == 0])).mean())


def planted(n: int, p: int, *, seed: int = 0, strength: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    y = (rng.random(n) < 1 / (1 + np.exp(-strength * x[:, 0]))).astype(float)
    return x, y


def test_outcome_is_one_thing() -> None:
    with pytest.raises(ModelError, match="either a response"):
        Outcome(response=np.ones(2), time=np.ones(2), event=np.ones(2, dtype=bool))
    with pytest.raises(ModelError, match="unknown values"):
        Outcome(response=np.array([1.0, np.nan]))


def test_scale_drops_what_nobody_has_and_fills_with_the_mean() -> None:
    x = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, 5.0], [np.nan, np.nan, 5.0], [2.0, 1.0, 5.0]])
    scale = learn_scale(x)
    assert scale.used.tolist() == [0]
    assert scale.apply(x)[2, 0] == 0.0


def test_a_signal_is_found_and_noise_is_shrunk() -> None:
    x, y = planted(200, 30)
    fitted = tune(x[:120], Outcome(response=y[:120]))
    assert auc(fitted.score(x[120:]), y[120:]) > 0.7
    noise = np.random.default_rng(5).permutation(y)
    assert tune(x, Outcome(response=noise)).penalty >= GRID[4] > tune(x, Outcome(response=y)).penalty


def test_inner_scores_never_saw_the_patient() -> None:
    """Its own label moves a patient's inner score by nothing, at one penalty."""
    x, y = planted(60, 5)
    folds = np.arange(60) % 5
    one = tune(x, Outcome(response=y), folds=folds)
    flipped = y.copy()
    flipped[7] = 1 - y[7]
    two = tune(x, Outcome(response=flipped), folds=folds)
    if one.penalty == two.penalty:
        assert one.inner[7] == pytest.approx(two.inner[7], abs=1e-9)
    assert not np.allclose(one.inner, two.inner)


def test_same_seed_same_answer() -> None:
    x, y = planted(80, 12)
    for fit in (ridge_signatures.fit, pca_ridge.fit, gradient_boosting.fit):
        one, two = (fit(x, Outcome(response=y), seed=3).score(x) for _ in range(2))
        np.testing.assert_array_equal(one, two)


def test_missing_values_are_no_hindrance() -> None:
    x, y = planted(150, 6)
    holed = np.where(np.random.default_rng(1).random(x.shape) < 0.2, np.nan, x)
    holed[:, 5] = np.nan
    for fit in (ridge_signatures.fit, pca_ridge.fit, gradient_boosting.fit):
        fitted = fit(holed[:100], Outcome(response=y[:100]))
        assert auc(fitted.score(holed[100:]), y[100:]) > 0.6


def test_components_find_a_factor_of_many_genes() -> None:
    rng = np.random.default_rng(0)
    factor = rng.standard_normal(160)
    x = factor[:, None] + 2 * rng.standard_normal((160, 400))
    y = (rng.random(160) < 1 / (1 + np.exp(-2 * factor))).astype(float)
    fitted = pca_ridge.fit(x[:100], Outcome(response=y[:100]), components=5)
    assert auc(fitted.score(x[100:]), y[100:]) > 0.75


def test_ridge_cox_orders_survival() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 8))
    time = rng.exponential(np.exp(-x[:, 0]))
    fitted = ridge_cox.fit(x[:120], Outcome(time=time[:120], event=np.ones(120, dtype=bool)))
    assert np.corrcoef(fitted.score(x[120:]), x[120:, 0])[0, 1] > 0.8
    with pytest.raises(ModelError, match="survival"):
        ridge_cox.fit(x, Outcome(response=np.r_[np.zeros(100), np.ones(100)]))
    with pytest.raises(ModelError, match="response"):
        gradient_boosting.fit(x, Outcome(time=time, event=np.ones(200, dtype=bool)))


def blocks_of(seed: int = 0, n: int = 240) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    genes, tmb, noise = rng.standard_normal((n, 40)), rng.standard_normal((n, 1)), rng.standard_normal((n, 40))
    log_odds = genes[:, 0] + tmb[:, 0]
    return {"genes": genes, "tmb": tmb, "noise": noise}, (rng.random(n) < 1 / (1 + np.exp(-1.5 * log_odds))).astype(float)


def test_fusions_beat_their_parts_and_take_missing_blocks() -> None:
    blocks, y = blocks_of()
    train, test = np.arange(240) < 160, np.arange(240) >= 160
    taught = {name: x[train].copy() for name, x in blocks.items()}
    taught["genes"][:40] = np.nan
    outcome = Outcome(response=y[train])
    asked = {name: x[test].copy() for name, x in blocks.items()}
    members = {name: late_fusion.member(x, outcome) for name, x in taught.items()}
    alone = {name: auc(m.score(asked[name]), y[test]) for name, m in members.items()}
    stacked = late_fusion.fuse(members, outcome)
    joint = joint_ridge.fuse(members, taught, outcome)
    for fitted in (stacked, joint):
        assert auc(fitted.score(asked), y[test]) > max(alone.values()) - 0.02
        asked["genes"][:5] = np.nan
        assert np.isfinite(fitted.score(asked)).all()
    assert np.isnan(members["genes"].inner[:40]).all()
    np.testing.assert_array_equal(late_fusion.fit(taught, outcome).score(asked), stacked.score(asked))


def test_fusion_without_any_column_is_refused() -> None:
    with pytest.raises(ModelError, match="no block"):
        late_fusion.fit({"a": np.ones((60, 2))}, Outcome(response=np.r_[np.zeros(30), np.ones(30)]))


def additive_data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    cohorts = [f"c{number}" for number in range(5) for _ in range(60)]
    x = rng.standard_normal((300, 4)) + np.repeat(rng.standard_normal(5) * 5, 60)[:, None]
    centred = x - np.repeat([x[60 * k : 60 * k + 60].mean(0) for k in range(5)], 60, axis=0)
    base = np.repeat(rng.standard_normal(5), 60)
    y = (rng.random(300) < 1 / (1 + np.exp(-base - 1.5 * centred[:, 0]))).astype(float)
    x[np.asarray(cohorts) == "c4", 1] = np.nan
    return x, y, cohorts


def test_additive_fusion_learns_within_cohorts_only() -> None:
    x, y, cohorts = additive_data()
    out = np.asarray(cohorts) == "c0"
    given = {"names": ("a", "b", "c", "d"), "kinds": ("one", "one", "two", "two"), "cohorts": [c for c in cohorts if c != "c0"]}
    fitted = additive_fusion.fit(x[~out], y[~out], tuned_on=["c1", "c2", "c3"], **given)
    assert auc(fitted.score(x[out], ["c0"] * 60), y[out]) > 0.75
    shifted = x[~out] + np.repeat([7.0, -3.0, 2.0, 0.0], 60)[:, None]
    again = additive_fusion.fit(shifted, y[~out], tuned_on=["c1", "c2", "c3"], **given)
    np.testing.assert_allclose(again.coefficients, fitted.coefficients, atol=1e-8)
    assert set(fitted.penalties) == {"one", "two"}
    assert len(fitted.tried) == len(additive_fusion.PENALTIES) ** 2


def test_additive_fusion_scores_a_known_cohort_from_its_own_centre() -> None:
    """One patient of a cohort of the training gets the same score alone and among others; a stranger has no centre but its own."""
    x, y, cohorts = additive_data()
    fitted = additive_fusion.fit(
        x, y, names=tuple("abcd"), kinds=("one",) * 4, cohorts=cohorts, tuned_on=["c1", "c2", "c3"]
    )
    alone = fitted.score(x[:1], cohorts[:1])
    assert alone[0] == pytest.approx(fitted.score(x[:60], cohorts[:60])[0])
    assert fitted.score(x[:1], ["stranger"])[0] == pytest.approx(0.0)
    assert np.isnan(fitted.score(np.full((1, 4), np.nan), ["c1"])[0])


def test_additive_fusion_needs_cohorts_to_tune_on() -> None:
    x, y, cohorts = additive_data()
    with pytest.raises(ModelError, match="needs two"):
        additive_fusion.fit(x, y, names=tuple("abcd"), kinds=("one",) * 4, cohorts=cohorts, tuned_on=["c1"])

"""The elastic net as straight lines: slopes that give its log-odds back, and refits to bootstrap samples."""

from __future__ import annotations

import numpy as np

from models.baselines import elastic_net


def cohort() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 6)) * np.array([1.0, 10.0, 0.1, 1.0, 1.0, 1.0])
    y = x[:, 0] + x[:, 1] / 10 + rng.normal(size=120) > 0
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, y


def test_slopes_say_what_one_unit_more_does() -> None:
    x, y = cohort()
    fitted = elastic_net.fit(x, y)
    known = np.isfinite(x).all(axis=1)
    moved = x[known].copy()
    moved[:, 1] += 2.5
    change = fitted.log_odds(moved) - fitted.log_odds(x[known])
    np.testing.assert_allclose(change, 2.5 * fitted.slopes()[1], atol=1e-12)


def test_cross_fitted_slopes_are_those_of_the_models_that_scored_a_patient() -> None:
    x, y = cohort()
    found = elastic_net.cross_fit(x, y, others=x[:5], repeats=2)
    assert found.slopes.shape == x.shape
    assert found.others_slopes.shape == (5, 6)
    assert len(np.unique(found.slopes.round(12), axis=0)) > 2  # folds differ
    first = np.isfinite(x[:, 0])
    centred = found.shap[first, 0] / np.where(found.slopes[first, 0] == 0, 1, found.slopes[first, 0])
    assert np.abs(np.corrcoef(centred, x[first, 0])[0, 1]) > 0.95


def test_refits_repeat_and_keep_the_strong_features_strong() -> None:
    x, y = cohort()
    draws = [np.abs(shap).mean(axis=0) for shap in elastic_net.refits(x, y, penalty=0.02, draws=20, seed=1)]
    again = [np.abs(shap).mean(axis=0) for shap in elastic_net.refits(x, y, penalty=0.02, draws=20, seed=1)]
    np.testing.assert_array_equal(draws, again)
    assert np.mean([set(np.argsort(-d)[:2]) == {0, 1} for d in draws]) > 0.9

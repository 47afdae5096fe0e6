"""Elastic net: against sklearn and shap, and against every way a label could leak."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from models import folds, proximal
from models.baselines import elastic_net
from models.card import ModelError


def cohort(n: int = 160, p: int = 12, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, p)) * rng.uniform(0.5, 20, size=p)
    log_odds = 1.4 * features[:, 0] / features[:, 0].std() - 0.8
    response = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    features[rng.random((n, p)) < 0.08] = np.nan
    return features, response


def test_solver_equals_sklearn() -> None:
    features, response = cohort()
    design = elastic_net.learn_scaling(features).transform(features)
    n, penalty = response.size, 0.03
    coefficients, intercepts = proximal.solve(
        design,
        response.astype(float)[:, None],
        weights=np.full((n, 1), 1 / n),
        penalties=np.array([penalty]),
        l1_ratio=elastic_net.L1_RATIO,
        iterations=20_000,
        tolerance=1e-10,
    )
    peer = LogisticRegression(
        l1_ratio=elastic_net.L1_RATIO, C=1 / (n * penalty), solver="saga", tol=1e-10, max_iter=50_000
    ).fit(design, response)
    np.testing.assert_allclose(coefficients[:, 0], peer.coef_[0], atol=1e-6)
    assert intercepts[0] == pytest.approx(peer.intercept_[0], abs=1e-6)


def test_many_problems_at_once_equal_one_at_a_time() -> None:
    features, response = cohort(seed=3)
    design = elastic_net.learn_scaling(features).transform(features)
    rng = np.random.default_rng(1)
    labels = np.column_stack([response, rng.permutation(response), rng.permutation(response)]).astype(float)
    weights, penalties = np.full(labels.shape, 1 / response.size), np.array([0.01, 0.05, 0.2])
    kwargs = {"iterations": 5000, "tolerance": 1e-10, "l1_ratio": 0.5}
    together, _ = proximal.solve(design, labels, weights=weights, penalties=penalties, **kwargs)
    for k in range(3):
        alone, _ = proximal.solve(design, labels[:, [k]], weights=weights[:, [k]], penalties=penalties[[k]], **kwargs)
        np.testing.assert_allclose(together[:, k], alone[:, 0], atol=1e-7)


def test_contributions_equal_shap_linear_explainer() -> None:
    features, response = cohort(seed=5)
    train, test = features[:100], features[100:]
    model = elastic_net.fit(train, response[:100])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import shap

        background = model.scaling.transform(train)
        explainer = shap.LinearExplainer((model.coefficients, model.intercept), background)
        theirs = np.asarray(explainer.shap_values(model.scaling.transform(test)))
    ours, base = model.contributions(test)
    merged = theirs[:, : features.shape[1]].copy()
    for position, column in enumerate(model.scaling.flagged):
        merged[:, column] += theirs[:, features.shape[1] + position]
    np.testing.assert_allclose(ours, merged, atol=1e-8)
    assert base == pytest.approx(float(explainer.expected_value), abs=1e-8)
    np.testing.assert_allclose(base + ours.sum(axis=1), model.log_odds(test), atol=1e-10)


def test_cross_fit_is_additive_and_repeats() -> None:
    features, response = cohort(seed=7)
    first, second = (elastic_net.cross_fit(features, response, shuffles=5, seed=2) for _ in range(2))
    np.testing.assert_allclose(first.base + first.shap.sum(axis=1), first.log_odds, atol=1e-6)
    np.testing.assert_array_equal(first.log_odds, second.log_odds)
    np.testing.assert_array_equal(first.null, second.null)
    assert roc_auc_score(response, first.log_odds) > 0.7
    assert np.abs(first.shap[:, 0]).mean() > np.quantile(first.null[:, 0], 0.95)


def test_shuffled_labels_predict_nothing() -> None:
    rng = np.random.default_rng(11)
    aucs = []
    for seed in range(12):
        features, response = cohort(seed=seed)
        shuffled = rng.permutation(response)
        aucs.append(roc_auc_score(shuffled, elastic_net.cross_fit(features, shuffled, repeats=1, seed=seed).log_odds))
    assert abs(np.mean(aucs) - 0.5) < 0.06


def test_a_feature_that_is_the_label_in_the_test_fold_only_does_not_leak() -> None:
    features, response = cohort(n=200, seed=13)
    shuffled = np.random.default_rng(0).permutation(response)
    noise = np.random.default_rng(1).normal(size=features.shape)
    fold_of = folds.stratified_folds(shuffled, folds=5, seed=0)
    test = fold_of == 0
    noise[test, 0] = np.where(shuffled[test], 5.0, -5.0)
    model = elastic_net.fit(noise[~test], shuffled[~test])
    clean = noise.copy()
    clean[test, 0] = 0.0
    np.testing.assert_array_equal(model.scaling.mean, elastic_net.learn_scaling(clean[~test]).mean)
    others = elastic_net.fit(clean[~test], shuffled[~test])
    np.testing.assert_array_equal(model.coefficients, others.coefficients)


def test_scaling_sees_the_training_fold_alone() -> None:
    features, _ = cohort(seed=17)
    scaling = elastic_net.learn_scaling(features[:80])
    wild = features[80:] * 1e6
    scaling.transform(wild)
    np.testing.assert_array_equal(scaling.mean, elastic_net.learn_scaling(features[:80]).mean)
    z = scaling.transform(features[:80])
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=1e-10)
    assert np.isfinite(scaling.transform(np.full((3, features.shape[1]), np.nan))).all()


def test_columns_with_one_pattern_of_missing_values_share_an_indicator() -> None:
    features, _ = cohort(seed=19)
    features[:, :4] = np.random.default_rng(0).normal(size=(features.shape[0], 4))
    features[:40, :3] = np.nan
    scaling = elastic_net.learn_scaling(features[:, :4])
    assert scaling.flagged.tolist() == [0]
    assert elastic_net.learn_scaling(features[:, :4], flaggable=np.zeros(4, dtype=bool)).flagged.size == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(20, 120), st.integers(2, 6), st.integers(0, 50))
def test_folds_are_stratified_and_keep_groups_together(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    response = rng.random(n) < 0.4
    groups = [str(g) for g in rng.integers(0, n // 2 + 1, size=n)]
    fold_of = folds.stratified_folds(response, groups=groups, folds=k, seed=seed)
    for group in set(groups):
        assert len({fold_of[i] for i in range(n) if groups[i] == group}) == 1
    alone = folds.stratified_folds(response, folds=k, seed=seed)
    counts = np.bincount(alone[response], minlength=k)
    assert counts.max() - counts.min() <= 1


def test_too_few_patients_are_refused() -> None:
    with pytest.raises(ModelError, match="two of each class"):
        elastic_net.fit(np.ones((30, 2)), np.zeros(30, dtype=bool))
    with pytest.raises(ModelError, match="do not fit together"):
        elastic_net.fit(np.ones((30, 2)), np.zeros(29, dtype=bool))

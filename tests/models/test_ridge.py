"""Ridge regressions against scikit-learn and R, and what any ridge must obey."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models import ridge
from models.card import ModelError

REFERENCE = json.loads((Path(__file__).parents[1] / "references" / "ridge.json").read_text(encoding="utf-8"))


def logistic_data(n: int, p: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p))
    return x, (rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)


@pytest.mark.parametrize(("n", "p"), [(200, 12), (50, 300)])
def test_logistic_equals_scikit_learn(n: int, p: int) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = logistic_data(n, p)
    theirs = LogisticRegression(C=1 / 3.0, tol=1e-12, solver="newton-cholesky", max_iter=1000).fit(x, y)
    ours = ridge.logistic(x, y, penalties=np.full(p, 3.0))
    np.testing.assert_allclose(ours.coefficients, theirs.coef_[0], atol=1e-6)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-6)


@pytest.mark.parametrize("case", REFERENCE["fits"], ids=lambda c: f"theta {c['theta']}, strata {c['strata']}")
def test_cox_with_ties_and_two_penalties_equals_r(case: dict) -> None:
    found = ridge.cox(
        np.asarray(REFERENCE["x"]),
        np.asarray(REFERENCE["time"], dtype=float),
        np.asarray(REFERENCE["event"], dtype=bool),
        penalties=case["theta"] * np.array([1.0, 1.0, 3.0, 3.0]),
        strata=np.asarray(REFERENCE["group"]) if case["strata"] else None,
    )
    np.testing.assert_allclose(found.coefficients, case["coef"], atol=1e-6)


def test_more_features_than_patients_is_the_same_ridge() -> None:
    """Beside the direct solution: the gradient of the penalised loss is 0, logistic and Cox."""
    rng = np.random.default_rng(1)
    x, y = logistic_data(40, 90, seed=1)
    penalties = rng.uniform(1.0, 9.0, 90)
    found = ridge.logistic(x, y, penalties=penalties)
    chance = 1 / (1 + np.exp(-found.score(x)))
    np.testing.assert_allclose(x.T @ (chance - y) + penalties * found.coefficients, 0.0, atol=1e-7)
    time, event = rng.exponential(size=40).round(1), rng.random(40) < 0.6
    model = ridge.cox(x, time, event, penalties=penalties)
    risk = ridge.risk_sets(time, event)
    gradient, _ = risk.slopes(x[risk.order], (x @ model.coefficients)[risk.order])
    np.testing.assert_allclose(gradient, penalties * model.coefficients, atol=1e-7)


def test_cox_slopes_are_the_derivative_of_the_likelihood() -> None:
    rng = np.random.default_rng(2)
    x, b = rng.standard_normal((30, 3)), np.array([0.4, -0.2, 0.1])
    risk = ridge.risk_sets(rng.integers(1, 6, 30).astype(float), rng.random(30) < 0.7, strata=rng.integers(0, 2, 30))
    design = x[risk.order]
    gradient, curvature = risk.slopes(design, design @ b)
    for j in range(3):
        step = np.eye(3)[j] * 1e-5
        up, down = (risk.log_likelihood(design @ (b + s)) for s in (step, -step))
        assert gradient[j] == pytest.approx((up - down) / 2e-5, abs=1e-5)
        slopes = [risk.slopes(design, design @ (b + s))[0] for s in (step, -step)]
        np.testing.assert_allclose(curvature[j], -(slopes[0] - slopes[1]) / 2e-5, atol=1e-4)


def test_weight_of_a_patient_is_the_patient_repeated() -> None:
    x, y = logistic_data(60, 4)
    weights = np.random.default_rng(3).integers(0, 3, 60)
    again = np.repeat(np.arange(60), weights)
    penalties = np.array([1.0, 2.0, 0.5, 0.0])
    one = ridge.logistic(x, y, penalties=penalties, weights=weights.astype(float))
    two = ridge.logistic(x[again], y[again], penalties=penalties)
    np.testing.assert_allclose(one.coefficients, two.coefficients, atol=1e-8)


def test_a_start_changes_the_way_not_the_end() -> None:
    x, y = logistic_data(60, 4)
    near = ridge.logistic(x, y, penalties=np.full(4, 5.0))
    for start in (None, near):
        found = ridge.logistic(x, y, penalties=np.full(4, 1.0), start=start)
        np.testing.assert_allclose(found.coefficients, ridge.logistic(x, y, penalties=np.ones(4)).coefficients, atol=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "penalties", "said"),
    [
        (np.ones((4, 2)), np.array([0.0, 1.0, 1.0]), np.ones(2), "do not fit together"),
        (np.full((3, 1), np.nan), np.array([0.0, 1.0, 1.0]), np.ones(1), "missing or infinite"),
        (np.ones((3, 1)), np.ones(3), np.ones(1), "both classes"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(x: np.ndarray, y: np.ndarray, penalties: np.ndarray, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        ridge.logistic(x, y, penalties=penalties)


def test_survival_without_events_is_refused() -> None:
    with pytest.raises(ModelError, match="one event"):
        ridge.cox(np.ones((3, 1)), np.ones(3), np.zeros(3, dtype=bool), penalties=np.ones(1))

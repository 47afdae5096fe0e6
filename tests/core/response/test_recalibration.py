"""Logistic recalibration: R's glm to 1e-8, judged on other patients, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients
from core.response import recalibration
from core.response.calibration import calibrate, log_odds
from core.response.roc import curve
from data.store import Store
from tests.core.response.measures import SETS, column


def drawn(seed: int, n: int, *, shift: float = 0.0, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and responses whose true log-odds are shift + slope x those given."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.05, 0.9, n)
    return p, rng.random(n) < 1 / (1 + np.exp(-(shift + slope * log_odds(p))))


@pytest.mark.parametrize("name", list(SETS))
def test_reference_numbers(name: str) -> None:
    expected = SETS[name]
    fit = recalibration.fit(column(name, "p"), column(name, "y"))
    assert fit.slope == pytest.approx(expected["recalibration_slope"], abs=1e-8)
    assert fit.intercept == pytest.approx(expected["recalibration_intercept"], abs=1e-8)
    assert fit.covariance[0, 1] == pytest.approx(expected["recalibration_covariance"], abs=1e-6)
    np.testing.assert_allclose(fit.apply(column(name, "p"))[:5], expected["recalibrated"], atol=1e-9)


@pytest.mark.parametrize("name", list(SETS))
def test_brier_and_expected_responders(name: str) -> None:
    expected, found = SETS[name], calibrate(column(name, "p"), column(name, "y"))
    assert found.brier == pytest.approx(expected["brier"], abs=1e-12)
    assert found.brier_ci95[0] == pytest.approx(expected["brier_low"], abs=1e-10)
    assert found.observed_expected.effect == pytest.approx(expected["observed_expected"], abs=1e-10)
    assert 0 <= found.ece <= 1
    low, high = found.observed_expected.ci95 or (0.0, 0.0)
    assert low < found.observed_expected.effect < high  # type: ignore[operator]


def test_fitting_patients_become_calibrated() -> None:
    p, y = drawn(1, 600, shift=-1, slope=0.6)
    fit = recalibration.fit(p, y)
    after = calibrate(fit.apply(p), y)
    assert after.slope.effect == pytest.approx(1, abs=1e-6)
    assert after.intercept.effect == pytest.approx(0, abs=1e-6)
    assert curve(fit.apply(p), y).auc.effect == pytest.approx(curve(p, y).auc.effect)


def test_other_patients_gain() -> None:
    fit = recalibration.fit(*drawn(1, 2000, shift=-1.2, slope=0.5))
    p, y = drawn(2, 2000, shift=-1.2, slope=0.5)
    found = recalibration.tested(fit, p, y)
    assert found.recalibrated.brier < found.raw.brier
    assert found.brier_change.effect == pytest.approx(found.recalibrated.brier - found.raw.brier)
    assert found.brier_change.ci95 is not None
    assert found.brier_change.ci95[1] < 0
    assert found.recalibrated.ece < found.raw.ece
    assert found.brier_fitted_prevalence >= found.raw.brier_null


def test_intercept_alone_keeps_the_slope() -> None:
    p, y = drawn(3, 500, shift=0.8)
    fit = recalibration.fit(p, y, method="intercept")
    assert fit.slope == 1
    assert fit.apply(p).sum() == pytest.approx(y.sum(), abs=1e-6)
    assert fit.covariance[1, 1] == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 500))
def test_order_is_kept_or_turned_round(seed: int) -> None:
    p, y = drawn(seed, 40, slope=0.3)
    try:
        fit = recalibration.fit(p, y)
    except TooFewPatients:
        return
    order = np.argsort(p)
    made = fit.apply(p)[order]
    assert (np.diff(made) >= -1e-12).all() if fit.slope > 0 else "negative" in fit.note


def test_missing_and_refusals() -> None:
    p, y = drawn(5, 60)
    fit = recalibration.fit(np.append(p, np.nan), np.append(y.astype(float), 1.0))
    assert (fit.n, fit.n_missing) == (60, 1)
    assert np.isnan(fit.apply([0.2, np.nan])[1])
    assert np.isfinite(fit.apply([0.0, 1.0])).all()
    with pytest.raises(NotMeasured, match="not a probability"):
        recalibration.fit(p * 10, y)
    with pytest.raises(NotMeasured, match="not a probability"):
        fit.apply([2.0])
    with pytest.raises(TooFewPatients, match="recalibration takes"):
        recalibration.fit(p[:6], y[:6])
    with pytest.raises(TooFewPatients, match="recalibration takes"):
        recalibration.fit(p, np.zeros(60, dtype=bool))
    with pytest.raises(TooFewPatients, match="no finite fit"):
        recalibration.fit(np.full(60, 0.3), y)
    with pytest.raises(TooFewPatients, match="no finite fit"):
        recalibration.fit(p, p > np.median(p))


def test_chance_alone_gives_the_expected_calibration_error() -> None:
    rng = np.random.default_rng(8)
    p = rng.uniform(0.1, 0.6, 300)
    errors = [calibrate(p, rng.random(300) < p).ece for _ in range(120)]
    assert calibrate(p, rng.random(300) < p).ece_expected == pytest.approx(np.mean(errors), rel=0.05)


@pytest.mark.realdata
def test_loris_fitted_on_its_training_cohort(real_store: Store) -> None:
    rows = real_store.sql(
        """SELECT p.cohort, p.probability, q.response FROM prediction p JOIN patient q USING (patient_id)
           WHERE p.predictor = 'loris' AND q.response IS NOT NULL"""
    )
    of = {str(k[0]): (part["probability"].to_numpy(), part["response"].to_numpy()) for k, part in rows.group_by("cohort")}
    fit = recalibration.fit(*of["Chowell_train"])
    for cohort, raw, after, null in (("Chowell_test", 0.191, 0.152, 0.186), ("MSK1", 0.222, 0.177, 0.190)):
        found = recalibration.tested(fit, *of[cohort])
        assert found.raw.brier == pytest.approx(raw, abs=6e-4)
        assert found.recalibrated.brier == pytest.approx(after, abs=6e-4)
        assert found.raw.brier_null == pytest.approx(null, abs=6e-4)
        assert found.recalibrated.ece < found.raw.ece / 3
        assert found.recalibrated.brier < found.brier_fitted_prevalence

"""Logistic models, Fisher's test and AUCs of many markers: equal to R."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.markers.scan.discrimination import auc_many, midranks
from core.markers.scan.effects import columns, effects
from core.markers.scan.logistic import fitted, logistic_many
from core.markers.scan.many import CONSTANT, FINE, NO_EVENTS, SEPARATED, TOO_FEW
from core.markers.scan.outcome import Outcome
from tests.core.markers.scan.conftest import Table


def responses(event: np.ndarray, covariates: np.ndarray | None = None) -> Outcome:
    n = event.size
    return Outcome(
        study="s", cohort="c", patients=tuple(map(str, range(n))), kind="response", event=event, time=None, entry=None,
        covariates=np.zeros((n, 0)) if covariates is None else covariates, strata=None, total=n,
    )  # fmt: skip


def test_logistic_equals_r_alone_and_beside_covariates(scan_reference: Table) -> None:
    r = scan_reference
    y = r["y"] == 1
    for found, expected in (
        (logistic_many(y, r["x"]), r["logistic"]),
        (logistic_many(y, r["x"], covariates=r["z"]), r["logistic_held"]),
        (logistic_many(y, r["x"], covariates=r["z"], device="torch-cpu"), r["logistic_held"]),
    ):
        np.testing.assert_allclose(found.estimate, expected[:, 0], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(found.se, expected[:, 1], rtol=1e-7)
        np.testing.assert_allclose(found.p_value, expected[:, 2], rtol=1e-6, atol=1e-12)


def test_fisher_and_auc_equal_r(scan_reference: Table) -> None:
    r = scan_reference
    y, x = r["y"] == 1, r["x"]
    binary = np.arange(x.shape[1]) == 6
    halves = effects(responses(y), x, binary, split="median")
    # R's groups of the 0/1 marker are cut at its median too: the same two groups
    np.testing.assert_allclose(halves.p_value, r["fisher"], rtol=1e-8)
    found = auc_many(y, x)
    np.testing.assert_allclose(found.auc, r["auc"][:, 0], rtol=1e-12)
    np.testing.assert_allclose(found.se, r["auc"][:, 1], rtol=1e-9)


def test_halves_carry_their_response_rates(scan_reference: Table) -> None:
    r = scan_reference
    y, x = r["y"] == 1, r["x"][:, :1]
    described = effects(responses(y), x, np.array([False]), split="median").described
    high = x[:, 0] >= np.median(x[:, 0])
    assert described["n_high"][0] == high.sum()
    assert described["responders_high"][0] == (high & y).sum()
    assert described["responders_low"][0] == (~high & y).sum()


def test_separation_and_other_ends_say_why() -> None:
    y = np.arange(20) >= 12
    x = np.random.default_rng(0).normal(size=(20, 5))
    x[:, 0] = np.arange(20)  # one threshold tells them apart
    x[:, 1] = y  # so does a 0/1 marker
    x[:, 2] = 1.0
    x[4:, 3] = np.nan
    assert logistic_many(y, x).reason.tolist() == [SEPARATED, SEPARATED, CONSTANT, TOO_FEW, FINE]
    assert logistic_many(np.ones(20, dtype=bool), x).reason.tolist() == [NO_EVENTS, NO_EVENTS, NO_EVENTS, TOO_FEW, NO_EVENTS]
    beside = logistic_many(y, x[:, 4:], covariates=x[:, :1])
    assert beside.reason.tolist() == [SEPARATED]
    assert np.isnan(beside.p_value).all()


def test_without_covariates_the_fitted_probability_is_the_response_rate() -> None:
    y = np.arange(10) < 3
    np.testing.assert_allclose(fitted(y, np.zeros((10, 0))), 0.3)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(10, 60))
def test_auc_is_the_share_of_pairs_in_order(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=(n, 2)), 1)
    y = np.arange(n) % 3 == 0
    gap = x[y][:, None, :] - x[~y][None, :, :]
    np.testing.assert_allclose(auc_many(y, x).auc, ((gap > 0) + 0.5 * (gap == 0)).mean(axis=(0, 1)))
    np.testing.assert_allclose(auc_many(y, -x).auc, 1 - auc_many(y, x).auc)


def test_ranks_skip_missing_values() -> None:
    found = midranks(np.array([[3.0, np.nan, 1.0, 3.0]]))
    np.testing.assert_array_equal(found, [[2.5, np.nan, 1.0, 2.5]])
    assert midranks(np.zeros((2, 0))).shape == (2, 0)


@pytest.mark.parametrize("split", ["sd", "rank", "median"])
def test_markers_enter_the_models_standardised(split: str) -> None:
    x = np.random.default_rng(0).lognormal(size=(41, 3))
    x[:, 2] = x[:, 2] > 1
    x[:5, 0] = np.nan
    design, sd = columns(x, np.array([False, False, True]), split=split)
    np.testing.assert_array_equal(design[:, 2], x[:, 2])
    assert np.isnan(design[:5, 0]).all()
    assert np.isnan(sd[2])
    if split == "median":
        assert set(np.unique(design[:, 1])) == {0.0, 1.0}
    else:
        np.testing.assert_allclose(np.nanmean(design[:, :2], axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(np.nanstd(design[:, :2], axis=0, ddof=1), 1)
        np.testing.assert_array_equal(np.argsort(design[:, 1]), np.argsort(x[:, 1]))

"""Outcome by cluster: known counts, log-rank scores, correction for the clusterings on offer."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.errors import NotMeasured, TooFewPatients
from core.survival.logrank import observed_expected
from core.tme.clusters.outcome import martingale_residuals, response_by_cluster, survival_by_cluster


def test_martingale_residuals_sum_to_observed_less_expected() -> None:
    rng = np.random.default_rng(0)
    time, event, codes = rng.exponential(10, 80).round(), rng.random(80) < 0.6, rng.integers(3, size=80)
    residual = martingale_residuals(time, event.astype(float))
    observed, expected, _ = observed_expected(time, event, codes)
    np.testing.assert_allclose(np.bincount(codes, weights=residual), observed - expected, atol=1e-9)


def test_rates_statistic_and_p_of_a_known_table() -> None:
    labels = np.repeat([0, 1, -1], (20, 20, 5))
    response = np.concatenate([np.repeat([1.0, 0.0], (15, 5)), np.repeat([1.0, 0.0], (5, 15)), np.full(5, 1.0)])
    found = response_by_cluster(response, {"one": labels}, permutations=999)
    assert found.groups["responders"].to_list() == [15, 5]
    row = found.tests.row(0, named=True)
    assert row["n"] == 40
    assert row["n_missing"] == 5
    assert row["statistic"] == pytest.approx(10.0 * 39 / 40)
    assert row["p_value"] == row["p_corrected"] < 0.02
    assert found.pairs["p_holm"][0] < 0.01
    assert "nothing to correct" in found.note


def test_the_best_of_many_clusterings_of_noise_is_corrected() -> None:
    rng = np.random.default_rng(1)
    response = (rng.random(150) < 0.4).astype(float)
    offered = {f"c{j}": rng.integers(3, size=150) for j in range(20)}
    found = response_by_cluster(response, offered, permutations=499)
    best = found.tests.sort("p_value").row(0, named=True)
    assert best["p_corrected"] > 3 * best["p_value"]
    assert (found.tests["p_corrected"] >= found.tests["p_value"]).all()
    assert found.tests["p_corrected"].to_numpy().min() > 0.05


def test_survival_by_cluster_finds_a_planted_difference() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(2, size=120)
    time = rng.exponential(np.where(labels == 0, 6.0, 24.0))
    frame = pl.DataFrame({"os_months": time, "os_event": rng.random(120) < 0.8})
    found = survival_by_cluster(frame, {"planted": labels}, permutations=499)
    assert found.tests["p_value"][0] < 0.02
    medians = dict(zip(found.groups["cluster"], found.groups["median"], strict=True))
    assert medians[1] < medians[2]


def test_outcomes_that_are_not_there_are_told() -> None:
    labels = np.zeros(30, dtype=int)
    with pytest.raises(TooFewPatients, match="no clustering has two clusters"):
        response_by_cluster(np.arange(30) % 2 * 1.0, {"one": labels})
    with pytest.raises(TooFewPatients, match="all of them the same"):
        response_by_cluster(np.ones(30), {"one": np.arange(30) % 2})
    with pytest.raises(NotMeasured, match="pfs_months"):
        survival_by_cluster(pl.DataFrame({"os_months": [1.0]}), {"one": labels[:1]}, outcome="pfs")

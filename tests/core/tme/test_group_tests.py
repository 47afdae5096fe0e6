"""Kruskal-Wallis, Dunn, Cliff's delta and Spearman against base R, and what they must hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.tme.agreement import POOLED, agreement, spearman
from core.tme.group_tests import LEAST, cliffs_delta, dunn, kruskal_wallis

PAIRS = [(0, 1), (0, 2), (1, 2)]


@pytest.fixture(scope="module")
def stored(references: Path) -> dict[str, dict[str, list[float]]]:
    """Rscript tests/references/group_tests.R"""
    found: dict[str, dict[str, list[float]]] = json.loads((references / "group_tests.json").read_text(encoding="utf-8"))
    return found


def test_kruskal_wallis_is_that_of_r(stored) -> None:
    x, codes = np.array(stored["x"]), np.array(stored["g"], dtype=np.int64) - 1
    found = kruskal_wallis(x[:, None], codes)
    assert found.statistic[0] == pytest.approx(stored["kruskal"]["statistic"], rel=1e-10)
    assert found.p_value[0] == pytest.approx(stored["kruskal"]["p"], rel=1e-10)
    assert found.effect[0] == pytest.approx(stored["kruskal"]["epsilon_squared"], rel=1e-10)


def test_dunn_and_cliffs_delta_are_those_of_r(stored) -> None:
    x, codes = np.array(stored["x"]), np.array(stored["g"], dtype=np.int64) - 1
    for correction in ("holm", "bh"):
        found = dunn(x, codes, correction=correction)
        assert list(zip(found.first, found.second, strict=True)) == PAIRS
        np.testing.assert_allclose(found.z, stored["dunn"]["z"], rtol=1e-9)
        np.testing.assert_allclose(found.p_value, stored["dunn"]["p"], rtol=1e-9)
        np.testing.assert_allclose(found.p_adjusted, stored["dunn"][correction], rtol=1e-9)
        np.testing.assert_allclose(found.delta, stored["cliff"]["delta"], rtol=1e-9)
        np.testing.assert_allclose(found.low, stored["cliff"]["low"], rtol=1e-9)
        np.testing.assert_allclose(found.high, stored["cliff"]["high"], rtol=1e-9)


def test_spearman_is_that_of_r(stored) -> None:
    found = spearman(np.array(stored["x"]), np.array(stored["y"], dtype=np.float64))
    assert found.effect == pytest.approx(stored["spearman"]["rho"], rel=1e-9)
    assert found.ci95 == pytest.approx((stored["spearman"]["low"], stored["spearman"]["high"]), rel=1e-9)


def test_many_columns_at_once_are_each_on_their_own_patients() -> None:
    rng = np.random.default_rng(0)
    values, codes = rng.random((60, 4)), rng.integers(0, 3, 60)
    values[:7, 2] = np.nan
    values[:, 3] = 1.0
    together = kruskal_wallis(values, codes)
    for column in range(3):
        known = np.isfinite(values[:, column])
        alone = kruskal_wallis(values[known, column : column + 1], codes[known])
        assert together.p_value[column] == alone.p_value[0]
    assert list(together.n) == [60, 60, 53, 60]
    assert (together.p_value[3], together.effect[3]) == (1.0, 0.0)
    order = np.argsort(together.p_value)
    assert (together.q_value >= together.p_value - 1e-12).all()
    assert (np.diff(together.q_value[order]) >= 0).all()


def test_small_groups_and_single_groups_are_not_tested() -> None:
    values = np.arange(12.0)[:, None]
    codes = np.array([0] * 10 + [1] * (LEAST - 1))
    found = kruskal_wallis(values, codes)
    assert np.isnan(found.p_value[0])
    assert found.n_groups[0] == 1
    assert dunn(values[:, 0], codes).z.size == 0
    assert np.isnan(kruskal_wallis(np.full((5, 1), np.nan), np.zeros(5, dtype=np.int64)).p_value[0])


def test_cliffs_delta_is_the_difference_of_shares_and_stays_inside_its_range() -> None:
    rng = np.random.default_rng(1)
    for n1, n2 in ((3, 3), (10, 25), (40, 7)):
        a, b = np.round(rng.normal(0.4, 1, n1), 1), np.round(rng.normal(0, 1, n2), 1)
        delta, low, high = cliffs_delta(a, b)
        assert delta == pytest.approx(np.sign(a[:, None] - b[None]).mean())
        assert -1 <= low <= delta <= high <= 1
        assert cliffs_delta(b, a) == pytest.approx((-delta, -high, -low))
    assert cliffs_delta(np.arange(5.0) + 9, np.arange(5.0))[0] == 1.0


def test_cliffs_interval_covers() -> None:
    """95% intervals hold the true delta of two shifted normals in about 95 of 100 draws."""
    from math import erf

    true = erf(0.8 / 2)  # P(x > y) - P(x < y) at a shift of .8
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(400):
        _, low, high = cliffs_delta(rng.normal(0.8, 1, 25), rng.normal(0, 1, 40))
        inside += low <= true <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_no_difference_is_called_at_the_rate_that_is_promised() -> None:
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(4), 25)
    p = kruskal_wallis(rng.random((100, 1500)), codes).p_value
    assert 0.035 <= (p < 0.05).mean() <= 0.06


def test_agreement_by_group_counts_the_missing_and_pools_from_three_groups_on() -> None:
    rng = np.random.default_rng(4)
    first = rng.normal(size=200)
    second = first + rng.normal(size=200)
    second[:5] = np.nan
    groups: list[str | None] = (["a", "b", "c", "d"] * 50)[:195] + ["e"] * 3 + [None] * 2
    table = agreement(first, second, groups=groups)
    assert table["group"].to_list() == ["a", "b", "c", "d", "e", POOLED]
    assert table["n"].sum() - table["n"][-1] + table["n_missing"][:-1].sum() == 198
    assert table.filter(table["group"] == "e")["rho"][0] is None
    assert table["low"][-1] <= table["rho"][-1] <= table["high"][-1]
    assert table["pooled"].to_list() == [False] * 5 + [True]
    assert agreement(first[:20], second[:20], groups=["a"] * 20).height == 1

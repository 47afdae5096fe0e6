"""Maximally selected statistics: R maxstat's numbers, invariance, exact laws against enumeration, type-I error."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.null_cutoff import CORRECTED, NAIVE, NAIVE_LOGRANK, Setting, rates
from core.errors import UnknownName
from core.markers.cutoff import maximum_law as law
from core.markers.cutoff.maxstat import logrank_scores, maximal_youden, maximally_selected
from core.markers.cutoff.usable import candidates, usable
from core.survival.logrank import observed_expected

SETS = ("plain", "tied_times", "tied_marker", "both_tied", "small", "strong", "no_effect", "two_values", "large")
KINDS = {"survival": (0.1, 0.9), "survival_quarter": (0.25, 0.75), "response": (0.1, 0.9)}


@pytest.fixture(scope="module")
def reference(references: Path) -> dict[str, Any]:
    return json.loads((references / "cutoff.json").read_text(encoding="utf-8"))["maxstat_sets"]  # type: ignore[no-any-return]


def column(rows: list[dict[str, float]], name: str) -> np.ndarray:
    return np.array([row[name] for row in rows], dtype=np.float64)


def trial(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    time, censored = rng.exponential(12, n), rng.uniform(2, 30, n)
    return rng.normal(size=n), np.minimum(time, censored), (time <= censored).astype(float)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("name", SETS)
def test_equals_r_maxstat(reference: dict[str, Any], name: str, kind: str) -> None:
    rows, expected = reference[name]["data"], reference[name][kind]
    outcome = (
        {"response": column(rows, "response")}
        if kind == "response"
        else {"time": column(rows, "time"), "event": column(rows, "event")}
    )
    low, high = KINDS[kind]
    found = maximally_selected(column(rows, "marker"), **outcome, minprop=low, maxprop=high, resamples=999)
    assert found.statistic == pytest.approx(expected["statistic"], abs=1e-9)
    assert found.below == expected["below"]
    np.testing.assert_allclose(np.abs(found.path["statistic"].to_numpy()), np.atleast_1d(expected["stats"]), atol=1e-9)
    assert found.p_lausen_schumacher == pytest.approx(expected["lau92"], abs=1e-9)
    assert found.p_lausen_1994 == pytest.approx(min(1.0, expected["lau94"]), abs=1e-9)
    # R integrates the normal law by Miwa's algorithm (few cuts) or quasi-Monte Carlo
    assert found.p_gauss == pytest.approx(expected["gauss"], abs=1e-6 if expected["gauss_exact"] else 2e-3)
    if expected["hl"] is not None:
        assert found.p_hothorn_lausen == pytest.approx(expected["hl"]["p"], abs=1e-6)
        assert found.counted
    else:
        assert found.p_hothorn_lausen == found.p_gauss
    # R's condMC counts strictly larger maxima: below ours where the maximum has few values
    assert found.p_permutation > expected["condmc"] - 0.045
    if kind != "response" and name not in {"two_values", "tied_marker", "small"}:
        assert found.p_permutation == pytest.approx(expected["condmc"], abs=0.055)


def test_the_headline_p_is_the_exact_or_the_permutation_one() -> None:
    x, t, e = trial(1)
    survival = maximally_selected(x, t, e, resamples=199)
    assert survival.p_value == survival.p_permutation
    assert "permutation" in survival.method
    response = maximally_selected(x, response=e, resamples=199)
    assert response.p_value == response.p_exact
    assert maximally_selected(x, t, e, resamples=0).p_value == survival.p_gauss
    assert survival.p_uncorrected < survival.p_value
    assert survival.p_uncorrected < survival.p_lausen_schumacher


def test_same_seed_same_answer() -> None:
    x, t, e = trial(2)
    assert (
        maximally_selected(x, t, e, resamples=199, seed=4).p_permutation
        == maximally_selected(x, t, e, resamples=199, seed=4).p_permutation
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([np.exp, np.arctan, lambda x: 3 * x + 1]))
def test_a_monotone_transform_leaves_statistic_and_p(seed: int, change: Any) -> None:
    x, t, e = trial(seed, 40)
    one, two = (maximally_selected(v, t, e, resamples=49) for v in (x, change(x)))
    assert two.cut == pytest.approx(float(change(one.cut)))
    for name in (
        "statistic",
        "p_lausen_schumacher",
        "p_lausen_1994",
        "p_gauss",
        "p_hothorn_lausen",
        "p_permutation",
        "higher",
        "n_cuts",
    ):
        assert getattr(one, name) == getattr(two, name), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_turning_the_marker_keeps_the_largest_statistic(seed: int) -> None:
    x, t, e = trial(seed, 40)
    # 4 to 36 of 40 below is 4 to 36 above
    one, two = maximally_selected(x, t, e, resamples=0), maximally_selected(-x, t, e, resamples=0)
    assert one.statistic == pytest.approx(two.statistic, abs=1e-9)
    assert one.higher is not two.higher
    assert one.p_gauss == pytest.approx(two.p_gauss, abs=1e-9)


def test_the_order_of_patients_does_not_matter() -> None:
    x, t, e = trial(3)
    turn = np.random.default_rng(0).permutation(x.size)
    one, two = maximally_selected(x, t, e, resamples=0), maximally_selected(x[turn], t[turn], e[turn], resamples=0)
    assert one.statistic == pytest.approx(two.statistic, abs=1e-10)
    assert one.cut == two.cut


def test_scores_sum_to_the_log_rank_difference() -> None:
    x, t, e = trial(4)
    t = np.ceil(t)
    scores = logrank_scores(t, e > 0, ties="at risk")
    high = x > 0.2
    observed, expected, _ = observed_expected(t, e > 0, high.astype(np.int64))
    assert scores[high].sum() == pytest.approx((observed - expected)[1])
    assert scores.sum() == pytest.approx(0, abs=1e-9)
    _, untied, event = trial(5)
    np.testing.assert_allclose(logrank_scores(untied, event > 0), logrank_scores(untied, event > 0, ties="at risk"))


def test_higher_says_who_does_better() -> None:
    x = np.arange(40.0)
    early = np.random.default_rng(0).permutation(20) + 1.0
    time, event = np.r_[early, np.full(20, 30.0)], (x < 20).astype(float)
    found = maximally_selected(x, time, event, resamples=0)
    assert found.higher
    assert (found.cut, found.below, found.share_below) == (20.0, 19.0, 0.5)
    assert not maximally_selected(-x, time, event, resamples=0).higher
    assert maximally_selected(x, response=(x >= 20).astype(float), resamples=0).higher


@pytest.mark.parametrize("levels", [0, 3])
def test_exact_law_of_a_response_equals_every_order(levels: int) -> None:
    rng = np.random.default_rng(6)
    n, k = 9, 4
    x = rng.integers(0, levels, n).astype(float) if levels else rng.normal(size=n)
    y = np.zeros(n)
    y[[1, 2, 5, 7]] = 1
    data = usable(x, response=y)
    found = maximally_selected(x, response=y, resamples=0)
    _, below = candidates(x)
    ordered = np.argsort(x, kind="stable")
    reached = youden_reached = 0
    biggest, _, p_youden = maximal_youden(data, span=(0.1, 0.9))
    for hits in itertools.combinations(range(n), k):
        z = np.zeros(n)
        z[list(hits)] = 1
        reached += np.abs(law.standardised(z, below)).max() >= found.statistic - 1e-9
        under = np.cumsum(z)[below - 1]
        youden_reached += np.abs((below - under) / (n - k) - under / k).max() >= biggest - 1e-9
    every = len(list(itertools.combinations(range(n), k)))
    assert found.p_exact == pytest.approx(reached / every, abs=1e-12)
    assert p_youden == pytest.approx(youden_reached / every, abs=1e-12)
    assert biggest == pytest.approx(
        np.abs((below - np.cumsum(y[ordered])[below - 1]) / (n - k) - np.cumsum(y[ordered])[below - 1] / k).max()
    )


def test_exact_law_agrees_with_permutation() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=150), (rng.random(150) < 0.3).astype(float)
    found = maximally_selected(x, response=y, resamples=9_999)
    assert found.p_permutation == pytest.approx(found.p_exact, abs=0.02)


def test_normal_law_is_between_one_cut_and_bonferroni() -> None:
    below = np.arange(10, 91)
    last = 1.0
    for b in (0.5, 1.5, 2.5, 3.5, 5.0, 7.0, 9.0):
        p = law.gauss(b, 100, below)
        assert law.normal_two_sided(b) <= p <= min(1.0, below.size * law.normal_two_sided(b)) + 1e-12
        assert p <= law.lausen_1994(b, 100, below) + 5e-3
        assert p < last
        last = p
    assert law.gauss(2.0, 100, below[:1]) == pytest.approx(law.normal_two_sided(2.0))
    assert law.gauss(2.0, 50_000, np.arange(5_000, 45_001)) == law.lausen_1994(2.0, 50_000, np.arange(5_000, 45_001))
    assert law.lausen_1994(law.critical(100, below), 100, below) == pytest.approx(0.05, abs=1e-6)


def test_what_cannot_be_computed_is_said() -> None:
    x, t, e = trial(8, 30)
    cases = {
        "same value": maximally_selected(np.ones(30), t, e),
        "no events": maximally_selected(x, t, np.zeros(30)),
        "no responders": maximally_selected(x, response=np.zeros(30)),
        "no non-responders": maximally_selected(x, response=np.ones(30)),
        "3 patients are too few": maximally_selected(x[:3], t[:3], e[:3]),
        "fewer than a tenth": maximally_selected(np.r_[0.0, np.ones(39)], np.arange(1.0, 41.0), np.ones(40)),
        "same log-rank score": maximally_selected(np.arange(10.0), np.full(10, 3.0), np.ones(10)),
    }
    for words, found in cases.items():
        assert words in found.note
        assert np.isnan(found.statistic)
        assert np.isnan(found.p_value)
    with pytest.raises(UnknownName, match="one endpoint"):
        maximally_selected(x, t, e, response=e)


def test_two_values_are_one_cut_and_need_no_correction() -> None:
    x, t, e = trial(9)
    found = maximally_selected((x > 0.3).astype(float), t, e, resamples=0)
    assert found.n_cuts == 1
    assert found.p_gauss == pytest.approx(found.p_uncorrected)


@pytest.mark.slow
def test_noise_is_found_as_often_as_it_may_be() -> None:
    """200 markers; `python benchmarks/null_cutoff.py` does 2,000. Binomial(200, .05) exceeds 20 once in 800 times."""
    found = rates(Setting(name="survival", patients=300, markers=200), seed=11)
    for name in CORRECTED:
        if name in found:
            assert found[name][0] <= 20, name
    assert found[NAIVE][0] > 50
    assert found[NAIVE_LOGRANK][0] > 8
    response = rates(Setting(name="response", patients=80, markers=200, endpoint="response"), seed=12)
    assert response["exact (response only)"][0] <= 20


def test_a_youden_search_in_one_direction_is_judged_by_its_own_best_cut() -> None:
    rng = np.random.default_rng(12)
    x = rng.normal(size=120)
    y = (rng.random(120) < 1 / (1 + np.exp(1.5 * x))).astype(float)  # responders have low values
    data = usable(x, response=y)
    either, low, high = (maximal_youden(data, span=(0.1, 0.9), direction=d) for d in ("either", "low", "high"))
    assert low == either
    assert low[2] < 1e-3
    assert high[0] < 0.05 < low[0]
    assert high[2] > 0.5

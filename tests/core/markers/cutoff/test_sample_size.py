"""Sample sizes: R's numbers, power by simulation and by enumeration, refusals in words."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import UnknownName
from core.markers.cutoff import sample_size


@pytest.fixture(scope="module")
def reference(references: Path) -> dict[str, Any]:
    return json.loads((references / "cutoff.json").read_text(encoding="utf-8"))["sizes"]  # type: ignore[no-any-return]


def test_proportion_equals_epir(reference: dict[str, Any]) -> None:
    for r in reference["proportion"]:
        found = sample_size.proportion(r["expected"], half_width=r["half_width"], share=r["share"])
        assert found.usable == math.ceil(r["n"])
        assert found.needed[0][1] == math.ceil(r["n"] * r["share"])
        assert found.doi


def test_exact_power_equals_binom_test(reference: dict[str, Any]) -> None:
    for r in reference["goal"]:
        power = sample_size.exact_power(np.array([r["n"]]), expected=r["expected"], goal=r["goal"], alpha=0.025)
        assert power[0] == pytest.approx(r["power"], abs=1e-9)
        assert r["lower"] > r["goal"]


def test_performance_goal_is_the_size_from_which_the_power_holds() -> None:
    found = sample_size.performance_goal(0.85, goal=0.7, share=0.4)
    n = found.needed[0][1]
    after = sample_size.exact_power(np.arange(n, n + 60), expected=0.85, goal=0.7, alpha=0.025)
    before = sample_size.exact_power(np.array([n - 1]), expected=0.85, goal=0.7, alpha=0.025)
    assert (after >= 0.8).all()
    assert before[0] < 0.8
    assert found.power >= 0.8
    assert found.usable == math.ceil(n / 0.4)


def test_events_equal_epir(reference: dict[str, Any]) -> None:
    for r in reference["schoenfeld"]:
        found = sample_size.hazard_ratio(r["ratio"], positive=r["positive"], event_rate=0.6, power=r["power"])
        assert found.needed[0][1] == math.ceil(r["events"])
        assert found.usable == math.ceil(r["events"] / 0.6)
        assert found.power >= r["power"] - 1e-9


def test_rates_equal_power_prop_test(reference: dict[str, Any]) -> None:
    for r in reference["proportions"]:
        found = sample_size.response_difference(r["first"], r["second"], positive=0.5, power=r["power"])
        assert [n for _, n in found.needed] == [math.ceil(r["n"])] * 2


def test_auc_equals_proc(reference: dict[str, Any]) -> None:
    for r in reference["auc"]:
        found = sample_size.auc(r["auc"], share=1 / (1 + r["kappa"]), power=r["power"], variance="obuchowski")
        assert found.needed[0][1] == math.ceil(r["cases"])
        other = sample_size.auc(r["auc"], share=1 / (1 + r["kappa"]), power=r["power"])
        assert other.needed[0][1] == pytest.approx(r["cases"], rel=0.25)
        assert other.power >= r["power"] - 1e-6


def test_unequal_groups_have_the_power_they_promise() -> None:
    found = sample_size.response_difference(0.45, 0.25, positive=0.3)
    rng = np.random.default_rng(0)
    n1, n2 = (n for _, n in found.needed)
    a, b = rng.binomial(n1, 0.45, 20_000) / n1, rng.binomial(n2, 0.25, 20_000) / n2
    pooled = (a * n1 + b * n2) / (n1 + n2)
    z = (a - b) / np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.8, abs=0.02)


def test_interaction_has_the_power_it_promises_and_costs_four_times() -> None:
    found = sample_size.interaction(0.5, positive=0.4, event_rate=0.7)
    main = sample_size.hazard_ratio(0.5, positive=0.4, event_rate=0.7)
    assert found.needed[0][1] == pytest.approx(4 * main.needed[0][1], abs=4)
    # exponential survival: log rates of the four groups, variance 1 / events each
    rng = np.random.default_rng(1)
    events = found.needed[0][1]
    share = np.array([0.4 * 0.5, 0.4 * 0.5, 0.6 * 0.5, 0.6 * 0.5])
    drawn = np.maximum(rng.multinomial(events, share, 20_000), 1)
    estimate = math.log(0.5) + rng.normal(size=20_000) * np.sqrt((1 / drawn).sum(axis=1))
    assert (np.abs(estimate) / np.sqrt((1 / drawn).sum(axis=1)) > 1.959964).mean() == pytest.approx(0.8, abs=0.025)


def test_predictive_value_counts_those_who_test_so() -> None:
    found = sample_size.predictive_value(0.5, half_width=0.1, positive=0.25)
    assert found.needed[0] == ("marker-positive patients", 97)
    assert found.usable == math.ceil(96.0365 / 0.25)
    assert "NPV" in sample_size.predictive_value(0.9, half_width=0.05, positive=0.75, what="NPV").question


def test_more_is_needed_for_less() -> None:
    wide, narrow = (sample_size.proportion(0.8, half_width=w, share=0.3).patients for w in (0.1, 0.05))
    assert narrow == pytest.approx(4 * wide, abs=8)
    assert (
        sample_size.hazard_ratio(0.8, positive=0.5, event_rate=0.5).patients
        > sample_size.hazard_ratio(0.6, positive=0.5, event_rate=0.5).patients
    )
    assert (
        sample_size.hazard_ratio(0.5, positive=0.5, event_rate=0.5).patients
        == sample_size.hazard_ratio(2.0, positive=0.5, event_rate=0.5).patients
    )
    found = sample_size.auc(0.7, share=0.3, unusable=0.2)
    assert found.patients == pytest.approx(found.usable / 0.8, abs=1.3)
    assert "20% of patients cannot be used" in found.assumptions
    assert sample_size.auc(0.75, share=0.3, null=0.6).patients > sample_size.auc(0.75, share=0.3).patients


def test_answers_are_sentences_with_a_source() -> None:
    found = sample_size.hazard_ratio(0.6, positive=0.4, event_rate=0.5)
    assert found.sentence.endswith(".")
    assert f"{found.patients:,} patients" in found.sentence
    assert found.doi == "10.2307/2531021"
    assert found.formula
    assert found.assumptions


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sample_size.proportion(1.0, half_width=0.1, share=0.3), "between 0 and 1"),
        (lambda: sample_size.proportion(0.8, half_width=float("nan"), share=0.3), "half width is nan"),
        (lambda: sample_size.performance_goal(0.7, goal=0.8, share=0.3), "must lie below"),
        (lambda: sample_size.performance_goal(0.8, goal=0.799, share=0.3), "too near"),
        (lambda: sample_size.hazard_ratio(1.0, positive=0.5, event_rate=0.5), "other than 1"),
        (lambda: sample_size.hazard_ratio(-2.0, positive=0.5, event_rate=0.5), "positive number"),
        (lambda: sample_size.response_difference(0.3, 0.3, positive=0.5), "no difference"),
        (lambda: sample_size.interaction(0.99, positive=0.1, event_rate=0.2), "200,000 patients"),
        (lambda: sample_size.auc(0.6, share=0.3, null=0.7), "must exceed"),
        (lambda: sample_size.auc(0.7, share=0.3, variance="best"), "no variance"),
        (lambda: sample_size.auc(0.7, share=0.3, null=0.6, variance="obuchowski"), "null AUC"),
        (lambda: sample_size.auc(0.7, share=0.3, unusable=1.0), "unusable"),
    ],
)
def test_nonsense_is_refused_in_words(call: Any, words: str) -> None:
    with pytest.raises(UnknownName, match=words):
        call()

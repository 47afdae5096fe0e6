"""Paired c-indices: the single index, strata, a bootstrap of the difference, and what does not exist."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.survival.concordance import concordance
from core.survival.paired_concordance import covariance, paired_concordance


def cohort(n: int = 150, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n)
    time = rng.exponential(np.exp(-risk))
    censor = rng.exponential(2.0, n)
    scores = np.column_stack((-risk + rng.normal(size=n) * 0.5, -risk + rng.normal(size=n) * 1.5))
    return scores, np.minimum(time, censor), time <= censor


def test_the_diagonal_is_the_single_index() -> None:
    scores, time, event = cohort()
    value, spread = covariance(scores, time, event)
    for j in range(2):
        known = concordance(pl.DataFrame({"os_months": time, "os_event": event, "s": scores[:, j]}), score="s")
        assert value[j] == pytest.approx(known.effect, abs=1e-12)
        low, high = known.ci95 or (0.0, 0.0)
        assert np.sqrt(spread[j, j]) == pytest.approx((high - low) / 2 / 1.959964, rel=1e-5)


def test_the_interval_of_the_difference_is_that_of_a_bootstrap() -> None:
    scores, time, event = cohort()
    found = paired_concordance(scores, time, event)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(400):
        i = rng.integers(0, time.size, time.size)
        value, _ = covariance(scores[i], time[i], event[i])
        drawn.append(value[0] - value[1])
    low, high = found.ci95 or (0.0, 0.0)
    assert (high - low) / 2 / 1.96 == pytest.approx(np.std(drawn), rel=0.15)
    assert 0.05 < found.p_value < 0.5
    assert found.events == event.sum()


@pytest.mark.parametrize("kind", ["whole", "strata"])
def test_reference_numbers(references: Path, kind: str) -> None:
    known = json.loads((references / "paired_concordance.json").read_text(encoding="utf-8"))
    data = {name: np.asarray(values) for name, values in known["data"].items()}
    stratum = data["s"].astype(np.int64) if kind == "strata" else None
    value, spread = covariance(np.column_stack((data["a"], data["b"])), data["time"], data["event"] == 1, stratum=stratum)
    np.testing.assert_allclose(value, known[kind]["concordance"], atol=1e-9)
    np.testing.assert_allclose(spread, known[kind]["variance"], atol=1e-11)


def test_strata_are_pairs_within() -> None:
    scores, time, event = cohort()
    stratum = (np.arange(time.size) % 3).astype(np.int64)
    value, _ = covariance(scores, time, event, stratum=stratum)
    right = every = 0.0
    for i in range(time.size):
        for j in range(time.size):
            if stratum[i] == stratum[j] and event[i] and time[i] < time[j]:
                every += 1
                right += scores[j, 0] > scores[i, 0]
    assert value[0] == pytest.approx(right / every, abs=1e-12)


def test_what_does_not_exist_is_said() -> None:
    scores, time, event = cohort(40)
    assert "does not vary" in paired_concordance(scores[:, [0, 0]], time, event).note
    assert "no events" in paired_concordance(scores, time, np.zeros(40, dtype=bool)).note
    backwards = paired_concordance(scores[:, ::-1], time, event)
    assert backwards.effect == pytest.approx(-(paired_concordance(scores, time, event).effect or 0))

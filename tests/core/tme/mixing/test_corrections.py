"""Batch corrections against R sva and harmonypy, and what they must leave alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import UnknownName
from core.tme.mixing import CORRECTIONS, LABELS, kbet
from core.tme.mixing.combat import combat
from core.tme.mixing.harmony import harmony
from core.tme.mixing.lisi import lisi, size, weights
from core.tme.mixing.measurement import corrected
from core.tme.mixing.standardisation import scaled, within
from core.tme.projection import nearest


@pytest.fixture(scope="module")
def stored(references: Path) -> dict[str, Any]:
    return dict(json.loads((references / "mixing.json").read_text()))


def three_kinds() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three kinds of patients in three cohorts of unlike make-up, shifted by amounts of their own; the stored reference's data."""
    rng = np.random.default_rng(3)
    n = 360
    batch = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    shares = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]])
    kind = np.array([rng.choice(3, p=q) for q in shares[batch]])
    centres = np.array([[3, 0, 0, 0, 1], [0, 3, 0, 1, 0], [0, 0, 3, 0, -1.0]])
    shift = np.array([[0, 0, 0, 0, 0], [1.5, 1.5, 1.5, 0, 1], [-1, 1, -1, 1.5, 0.0]])
    x = (centres[kind] + shift[batch] + rng.normal(size=(n, 5)) * 0.6).round(3)
    return x, batch, kind


def both(z: np.ndarray, batch: np.ndarray, kind: np.ndarray) -> np.ndarray:
    index, distance = nearest(z, 90)
    share = weights(distance[:, 1:], 30)
    return np.stack([lisi(index[:, 1:], share, batch), lisi(index[:, 1:], share, kind)], axis=1)


def test_combat_equals_sva(stored: dict[str, Any]) -> None:
    given = stored["combat"]
    ours = combat(np.array(given["x"]), np.array(given["batch"]))
    np.testing.assert_allclose(ours, np.array(given["corrected"]), atol=2e-6)


def test_lisi_equals_harmonypy(stored: dict[str, Any]) -> None:
    x, batch, kind = three_kinds()
    ours = both(scaled(x), batch, kind)
    np.testing.assert_allclose(ours[:12], stored["lisi"]["first"], atol=0.005)
    np.testing.assert_allclose(ours.mean(axis=0), stored["lisi"]["mean"], atol=5e-4)


def test_harmony_mixes_as_well_as_the_original_and_keeps_the_kinds(stored: dict[str, Any]) -> None:
    x, batch, kind = three_kinds()
    made = harmony(x, batch, seed=1)
    after = both(made, batch, kind).mean(axis=0)
    original = stored["harmony"]["lisi_after"]
    assert after[0] >= original[0] - 0.05
    assert after[1] <= original[1] + 0.01
    np.testing.assert_array_equal(made, harmony(x, batch, seed=1))


def test_lisi_is_the_inverse_simpson_index() -> None:
    index = np.array([[1, 2, 3, 4]])
    labels = np.array([0, 0, 0, 1, 1])
    assert lisi(index, np.full((1, 4), 0.25), labels)[0] == pytest.approx(2.0)
    assert lisi(index[:, :2], np.full((1, 2), 0.5), labels)[0] == pytest.approx(1.0)
    share = weights(np.random.default_rng(0).exponential(size=(20, 60)), 20)
    entropy = -(share * np.log(share)).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropy), 20, rtol=1e-4)
    assert size(30) == (9, 27)
    assert size(1000) == (30, 90)


def test_kbet_accepts_what_is_mixed_and_rejects_what_is_apart() -> None:
    rng = np.random.default_rng(4)
    batch = rng.choice(3, size=600, p=[0.5, 0.3, 0.2])
    mixed = rng.normal(size=(600, 4))
    k = kbet.size(batch)
    assert k == 50
    assert kbet.accepted(nearest(mixed, k)[0], batch).mean() > 0.85
    apart = mixed + batch[:, None] * 6.0
    assert kbet.accepted(nearest(apart, k)[0], batch).mean() == 0.0


def test_kbet_is_pearsons_test_of_each_neighbourhood() -> None:
    from scipy.stats import chisquare

    rng = np.random.default_rng(5)
    batch = np.repeat([0, 1], [60, 40])
    index = nearest(rng.normal(size=(100, 2)), 20)[0]
    counted = (batch[index] == 0).sum(axis=1)
    theirs = [chisquare([c, 20 - c], [12, 8]).pvalue >= 0.05 for c in counted]
    np.testing.assert_array_equal(kbet.accepted(index, batch), theirs)


@pytest.mark.parametrize("name", list(CORRECTIONS))
def test_every_correction_keeps_shape_and_takes_one_cohort(name: str) -> None:
    x, batch, _ = three_kinds()
    assert name in LABELS
    made = corrected(name, x, batch)
    assert made.shape == x.shape
    assert np.isfinite(made).all()
    alone = corrected(name, x[:60], np.zeros(60, dtype=np.int64))
    assert np.corrcoef(alone[:, 0], x[:60, 0])[0, 1] > 0.99
    constant = np.column_stack([x, np.ones(x.shape[0])])
    assert np.isfinite(corrected(name, constant, batch)).all()


def test_a_cohort_of_two_and_a_name_that_is_not_there() -> None:
    x, batch, _ = three_kinds()
    tiny = np.where(np.arange(batch.size) < 2, 3, batch)
    for name in CORRECTIONS:
        assert np.isfinite(corrected(name, x, tiny)).all()
    with pytest.raises(UnknownName, match="combat"):
        corrected("scanorama", x, batch)


def test_standardising_within_takes_the_cohorts_mean_and_scale_away() -> None:
    x, batch, _ = three_kinds()
    z = within(x, batch)
    for code in range(3):
        np.testing.assert_allclose(z[batch == code].mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(z[batch == code].std(axis=0, ddof=1), 1)

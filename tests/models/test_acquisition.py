"""Acquisition: the greedy choice is that of the full matrices, spreads over unlike patients, and learns faster than chance."""

from __future__ import annotations

import numpy as np
import pytest

from models import acquisition, heads
from models.wide import Feature

FEATURES = tuple(Feature(name=f"f{j}", parent=f"f{j}", modality="clinical", group="clinical") for j in range(4))
PENALTIES = {"clinical": 10.0, "deep": 50.0}
COHORT_PENALTY = heads.COHORT_PENALTY


def design(n: int, *, cohorts: tuple[str, ...], seed: int, spread: float = 1.0) -> heads.Design:
    rng = np.random.default_rng(seed)
    return heads.Design(
        wide=rng.normal(scale=spread, size=(n, 4)), known=(rng.random((n, 4)) < 0.9).astype(float), deep=rng.normal(size=(n, 3)),
        cohorts=tuple(cohorts[i % len(cohorts)] for i in range(n)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def taught() -> tuple[heads.Head, heads.Design]:
    found = design(160, cohorts=("a", "b"), seed=1)
    response = (np.random.default_rng(2).random(160) < 1 / (1 + np.exp(-found.wide[:, 0] * found.known[:, 0]))).astype(float)
    return heads.fit_response(found, response, features=FEATURES, penalties=PENALTIES), found


def test_gains_equal_those_of_the_full_matrices(taught: tuple[heads.Head, heads.Design]) -> None:
    head, known = taught
    asked = design(12, cohorts=("new",), seed=3)
    ranked = acquisition.rank(head, known, asked, features=FEATURES, penalties=PENALTIES, most=12)
    x, ridges = acquisition.columns(head, known, features=FEATURES, penalties=PENALTIES)
    z, _ = acquisition.columns(head, asked, features=FEATURES, penalties=PENALTIES)
    chance = 1 / (1 + np.exp(-head.score(known)))
    full = np.hstack([x, np.asarray(known.cohorts)[:, None] == np.array(["a", "b"]), np.zeros((160, 1))])
    new = np.hstack([z, np.zeros((12, 2)), np.ones((12, 1))])
    precision = (full * (chance * (1 - chance))[:, None]).T @ full + np.diag([*ridges, *[COHORT_PENALTY] * 3])
    p = 1 / (1 + np.exp(-head.score(asked)))
    for row, gain in zip(ranked.order, ranked.gain, strict=True):
        grown = precision + p[row] * (1 - p[row]) * np.outer(new[row], new[row])
        assert gain == pytest.approx((np.linalg.slogdet(grown)[1] - np.linalg.slogdet(precision)[1]) / 2, rel=1e-8)
        precision = grown
    assert sorted(ranked.order.tolist()) == list(range(12))
    assert (np.diff(ranked.gain) <= 1e-12).all()  # what is known makes everybody else less informative
    np.testing.assert_allclose(ranked.probability, p[ranked.order])


def test_a_twin_of_somebody_chosen_waits(taught: tuple[heads.Head, heads.Design]) -> None:
    head, known = taught
    few = design(6, cohorts=("new",), seed=4, spread=2.0)
    twice = few.take(np.array([0, 0, 0, 1, 2, 3, 4, 5]))
    first = acquisition.rank(head, known, twice, features=FEATURES, penalties=PENALTIES, most=8)
    alone = acquisition.rank(head, known, few, features=FEATURES, penalties=PENALTIES, most=6)
    place = [int(np.flatnonzero(first.order == row)[0]) for row in (0, 1, 2)]
    assert place == sorted(place)
    assert first.gain[place[1]] < first.gain[place[0]]
    assert acquisition.rank(head, known, few, features=FEATURES, penalties=PENALTIES, most=3).order.tolist() == alone.order[:3].tolist()

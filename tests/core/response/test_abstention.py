"""Abstention: leave-one-out distances by brute force, false alarms, shifts that are found, and the curve."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.pipeline.staging import Staging
from core.response import spaces as spaces_module
from core.response.abstention import FEWEST, _ledoit_wolf, _left_out, detector, neighbours, risk_coverage
from core.response.closer import patients
from core.response.closer.look import look
from core.response.roc import delong
from core.response.spaces import spaces
from data.store import Store


def cloud(n: int, p: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, p)) @ np.random.default_rng(99).normal(size=(p, p))


def test_leaving_one_out_equals_doing_it() -> None:
    x = cloud(40, 4)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    quick = _left_out(z, z.T @ z / 40, shrinkage=0.3, target=1.0)
    for i in range(40):
        others = np.delete(z, i, axis=0)
        middle = others.mean(axis=0)
        spread = 0.7 * (others - middle).T @ (others - middle) / 39 + (0.3 + 1e-9) * np.eye(4)
        d = z[i] - middle
        assert quick[i] == pytest.approx(np.sqrt(d @ np.linalg.inv(spread) @ d), rel=1e-9)
    near = neighbours(z, z, itself=True)
    first = np.sort(np.linalg.norm(z - z[0], axis=1))[1:11].mean()
    assert near[0] == pytest.approx(first, abs=1e-6)


def test_shrinkage_equals_scikit_learn() -> None:
    from sklearn.covariance import ledoit_wolf_shrinkage

    x = cloud(60, 8, seed=1)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    assert _ledoit_wolf(z, z.T @ z / 60) == pytest.approx(ledoit_wolf_shrinkage(z, assume_centered=True), rel=1e-9)


def test_one_in_twenty_of_the_same_population_is_an_alarm() -> None:
    alarms, small = [], []
    for seed in range(60):
        learnt = detector(cloud(150, seed=seed))
        alarms.append((learnt.strangeness(cloud(300, seed=1000 + seed)) > learnt.threshold).mean())
        small.append((learnt.p_value(cloud(50, seed=2000 + seed)) <= 0.05).mean())
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.02)
    assert np.mean(small) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("shift", ["mean", "spread", "turned", "far"])
def test_shifts_are_found(shift: str) -> None:
    rng = np.random.default_rng(5)
    train = rng.normal(size=(300, 4))
    train[:, 1] = train[:, 0] + 0.3 * train[:, 1]
    other = rng.normal(size=(300, 4))
    other[:, 1] = other[:, 0] + 0.3 * other[:, 1]
    if shift == "mean":
        other += 2.0
    elif shift == "spread":
        other *= 2.5
    elif shift == "turned":
        other[:, 1] *= -1  # each column alone looks the same
    else:
        other[:, 2] += 50
    learnt = detector(train)
    assert (learnt.strangeness(other) > learnt.threshold).mean() > 0.5


def test_too_few_or_constant_is_said() -> None:
    with pytest.raises(TooFewPatients, match=str(FEWEST)):
        detector(cloud(FEWEST - 1))
    with pytest.raises(TooFewPatients, match="varies"):
        detector(np.ones((30, 3)))
    constant = cloud(50)
    constant[:, 2] = 1.0
    assert np.isfinite(detector(constant).own).all()


def test_the_curve_starts_at_everybody_and_rises_where_the_strange_are_noise() -> None:
    rng = np.random.default_rng(8)
    strange = rng.random(600)
    y = rng.random(600) < 0.4
    score = np.where(strange < 0.7, y + rng.normal(size=600) * 0.5, rng.normal(size=600))
    table = risk_coverage(score, y, strange)
    assert table["kept"][0] == 1.0
    assert table["auc"][0] == pytest.approx(delong(score, y)[0])
    assert table["auc"][-1] > table["auc"][0] + 0.1
    assert table["n"].is_sorted(descending=True)
    assert (table["ci_low"] <= table["auc"]).all()
    halves = (np.arange(600) % 2).astype(np.int64)
    moved = risk_coverage(score + 9 * halves, y, strange, strata=halves)
    np.testing.assert_allclose(moved["auc"], risk_coverage(score, y, strange, strata=halves)["auc"])
    assert risk_coverage(score[:10], y[:10], strange[:10]).is_empty()


def test_the_page_says_with_whom_patients_are_compared(synthetic_store: Store) -> None:
    query = CohortQuery(("synthetic_a",))
    found = look(synthetic_store, query, kind="unlike", predictor="elastic_net")
    assert "by construction" in found.sentence
    assert "each compared with the other patients" in found.charts[0].caption
    judged = patients.judged(synthetic_store, query)
    left_out = next(v for v in judged.variants if v.protocol == "leave_one_cohort_out")
    for space in spaces(synthetic_store, judged, left_out):
        assert space.train is not None
        assert space.train.shape[1] == space.here.shape[1] >= 2
        assert np.isfinite(space.here).all()
        assert space.rows.size == space.here.shape[0]


def test_a_models_own_embedding_is_used_where_the_database_has_it(
    synthetic_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cohort-embedded.duckdb"
    shutil.copy(synthetic_path, path)
    database = Staging(path)
    everyone = database.sql("SELECT patient_id, study FROM patient ORDER BY rowid")
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(everyone.height, 6)) + 4.0 * (everyone["study"] == "synthetic_a").to_numpy()[:, None]
    rows = everyone.with_columns(pl.lit("model-0123").alias("space"), pl.Series("vector", vectors.astype(np.float32).tolist(), dtype=pl.List(pl.Float32)))
    database.append("embedding", rows)
    database.close()
    monkeypatch.setattr(spaces_module, "tier", lambda name: len(spaces_module.TIERS) - 1)
    store = Store(path)
    judged = patients.judged(store, CohortQuery(("synthetic_a",)))
    left_out = next(v for v in judged.variants if v.protocol == "leave_one_cohort_out")
    found = spaces(store, judged, left_out)
    store.close()
    assert [space.label for space in found] == ["the model's own embedding"]
    train = found[0].train
    assert train is not None
    learnt = detector(train)
    assert (learnt.strangeness(found[0].here) > learnt.threshold).mean() > 0.95

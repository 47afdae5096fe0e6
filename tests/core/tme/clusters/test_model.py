"""Cluster models: saved, read back, own patients in their own clusters, strangers flagged, damage told."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadModel, NotMeasured, TooFewPatients
from core.tme.clusters import Clustering, discover, model

NAMES = ("gep", "cyt", "f_tbrs", "cycle")


def table(n: int = 100, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.array([[0.0, 0, 0, 0], [5, 5, 0, 0], [0, 5, 5, 5]])
    return centres[rng.integers(3, size=n)] + rng.normal(size=(n, 4))


@cache
def clustered(method: str) -> Clustering:
    return discover(table(), methods=(method,), most=3)


@pytest.mark.parametrize("method", ["gaussian mixture", "k-means", "ward"])
def test_own_patients_come_back_to_their_clusters(method: str, tmp_path: Path) -> None:
    found = clustered(method)
    saved = model.save(model.fit(found, NAMES, trained_on="planted"), tmp_path)
    read = model.load(saved)
    assert saved.name.startswith("clusters-")
    assert read.name == saved.name
    given = model.assign(read, table(), NAMES)
    np.testing.assert_array_equal(given.labels, found.labels)
    np.testing.assert_allclose(given.confidence[given.confidence > 0.99], 1.0, atol=0.01)
    assert given.outside.mean() <= 0.02
    assert model.save(read, tmp_path) == saved


def test_columns_in_another_order_and_a_missing_one(tmp_path: Path) -> None:
    rule = model.fit(clustered("gaussian mixture"), NAMES)
    straight = model.assign(rule, table(), NAMES)
    turned = model.assign(rule, table()[:, ::-1], NAMES[::-1])
    np.testing.assert_array_equal(straight.labels, turned.labels)
    without = model.assign(rule, table()[:, :3], NAMES[:3])
    assert (without.labels == straight.labels).mean() > 0.9
    assert "cycle" in without.note


def test_strangers_are_outside_and_unknown_rows_unsorted() -> None:
    rule = model.fit(clustered("gaussian mixture"), NAMES)
    far = table()
    far[3] = 40.0
    far[4] = np.nan
    given = model.assign(rule, far, NAMES, own_scale=False)
    assert given.outside[3]
    assert given.labels[4] == -1
    assert not given.outside[4]


def test_other_features_are_refused_by_name() -> None:
    rule = model.fit(clustered("gaussian mixture"), NAMES)
    with pytest.raises(BadModel, match=r"gep, cyt, f_tbrs, cycle.*age, stage"):
        model.assign(rule, table()[:, :2], ("age", "stage"))
    with pytest.raises(TooFewPatients, match="8 patients"):
        model.assign(rule, table()[:8], NAMES)
    assert (model.assign(rule, table()[:8], NAMES, own_scale=False).labels >= 0).all()


def test_no_structure_gives_no_model() -> None:
    noise = discover(np.random.default_rng(7).normal(size=(60, 4)))
    with pytest.raises(NotMeasured, match="no structure"):
        model.fit(noise, NAMES)


@pytest.mark.parametrize("harm", ["cut", "flip", "card", "gone"])
def test_a_damaged_model_is_told(harm: str, tmp_path: Path) -> None:
    saved = model.save(model.fit(clustered("k-means"), NAMES), tmp_path)
    weights, card = saved / "weights.safetensors", saved / "card.json"
    blob = bytearray(weights.read_bytes())
    if harm == "cut":
        weights.write_bytes(blob[: len(blob) // 2])
    elif harm == "flip":
        blob[-5] ^= 1
        weights.write_bytes(blob)
    elif harm == "card":
        card.write_text(card.read_text().replace("gep", "gap"))
    else:
        card.unlink()
    with pytest.raises(BadModel, match=r"copy the folder again|no model"):
        model.load(saved)


def test_another_kind_of_model_is_refused() -> None:
    folder = next((Path(__file__).parents[4] / "models" / "assets").glob("multimodal-*"))
    with pytest.raises(BadModel, match="no cluster model"):
        model.load(folder)

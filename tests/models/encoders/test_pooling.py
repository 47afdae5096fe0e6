"""Pooling and the adapter: attention finds what tells slides apart, neighbours teach without labels, and both repeat."""

from __future__ import annotations

import numpy as np
import pytest

from models.card import ModelError
from models.encoders.pathology import neighbours, pooling


def bags(n: int, *, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Slides of which half hold three witness tiles, shifted in the first number."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    made = [rng.normal(size=(20, 6)).astype(np.float32) for _ in range(n)]
    for tiles, label in zip(made, labels, strict=True):
        tiles[:3, 0] += 4.0 * label
    return made, labels


def test_trained_attention_finds_the_witness_tiles() -> None:
    slides, labels = bags(40, seed=1)
    trained = pooling.train(slides, labels, seed=0, hidden=16)
    fresh, kinds = bags(10, seed=2)
    shares = [trained.pool(tiles).attention[:3].sum() for tiles, label in zip(fresh, kinds, strict=True) if label]
    assert np.mean(shares) > 0.6  # an even share is 0.15
    again = pooling.train(slides, labels, seed=0, hidden=16)
    np.testing.assert_array_equal(trained.w, again.w)


def test_attention_is_a_share_and_the_order_of_tiles_does_not_matter() -> None:
    tiles = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    attention = pooling.untrained(8, seed=1)
    found, turned = attention.pool(tiles), attention.pool(tiles[::-1])
    assert found.attention.sum() == pytest.approx(1, abs=1e-5)
    assert found.attention.min() > 0
    np.testing.assert_allclose(found.attention, turned.attention[::-1], rtol=1e-5)
    np.testing.assert_allclose(found.vector, turned.vector, atol=1e-6)
    np.testing.assert_allclose(found.vector, found.attention @ tiles, atol=1e-6)
    np.testing.assert_allclose(pooling.mean(tiles).vector, tiles.mean(0), atol=1e-6)


def test_attention_survives_storage_and_damage_is_named() -> None:
    attention = pooling.untrained(8, seed=1)
    back = pooling.from_tensors(attention.tensors())
    np.testing.assert_array_equal(back.v, attention.v)
    with pytest.raises(ModelError, match="lack w"):
        pooling.from_tensors({name: array for name, array in attention.tensors().items() if name != "w"})
    with pytest.raises(ModelError, match="u of the attention has shape"):
        pooling.from_tensors(attention.tensors() | {"u": np.ones((3, 3), np.float32)})


def test_what_cannot_be_pooled_is_refused() -> None:
    attention = pooling.untrained(8, seed=1)
    bad = np.ones((3, 8), np.float32)
    bad[1, 2] = np.nan
    for tiles, words in ((bad, "tile 1 holds NaN"), (np.ones((0, 8), np.float32), "at least one"), (np.ones((2, 7), np.float32), "8 numbers")):
        with pytest.raises(ModelError, match=words):
            attention.pool(tiles)
    with pytest.raises(ModelError, match="two kinds"):
        pooling.train([np.ones((3, 8), np.float32)] * 2, np.asarray([1, 1]), seed=0)


def patchwork(*, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings of tiles in four regions: two numbers say the region, thirty louder ones are noise of each tile alone."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(np.arange(16.0), np.arange(16.0)), -1).reshape(-1, 2)
    region = (places[:, 0] >= 8) * 2 + (places[:, 1] >= 8)
    signal = np.eye(4)[region][:, :2] * 2 - 1 + 0.3 * rng.normal(size=(256, 2))
    return np.concatenate([signal, rng.normal(size=(256, 30))], axis=1).astype(np.float32), places, region


def apart(projected: np.ndarray, region: np.ndarray) -> float:
    """Variance between regions over the whole, of the projection."""
    centred = projected - projected.mean(0)
    means = np.stack([centred[region == k].mean(0) for k in range(4)])
    return float((means[region] ** 2).sum() / (centred**2).sum())


def test_neighbours_teach_what_belongs_together() -> None:
    tiles, places, region = patchwork(seed=0)
    config = neighbours.Config(width=8, steps=150)
    before = neighbours.start(tiles, config=config, seed=0)
    learnt = neighbours.pretrain([(tiles, places)], seed=0, config=config)
    assert apart(learnt.project(tiles), region) > 2 * apart(before.project(tiles), region)
    assert learnt.losses[-1] < learnt.losses[0]
    again = neighbours.pretrain([(tiles, places)], seed=0, config=config)
    np.testing.assert_array_equal(learnt.weight, again.weight)
    back = neighbours.adapter_of(learnt.tensors())
    np.testing.assert_array_equal(back.project(tiles), learnt.project(tiles))


def test_nearest_tiles_are_never_the_tile_itself() -> None:
    places = np.asarray([[0, 0], [1, 0], [3, 0], [7, 0], [7, 0]], dtype=float)
    found = neighbours.nearest_tiles(places, 2)
    assert found[0].tolist() == [1, 2]
    assert all(row not in found[row] for row in range(5))


def test_too_few_tiles_to_learn_from_says_so() -> None:
    with pytest.raises(ModelError, match="more than 8 tiles"):
        neighbours.pretrain([(np.ones((5, 4), np.float32), np.ones((5, 2)))], seed=0)
    with pytest.raises(ModelError, match="places of 20 tiles"):
        neighbours.pretrain([(np.ones((20, 4), np.float32), np.ones((5, 2)))], seed=0)
    with pytest.raises(ModelError, match="lack weight"):
        neighbours.adapter_of({"centre": np.ones(3), "spread": np.ones(3)})

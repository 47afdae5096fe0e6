"""Discovery: noise has no clusters, planted ones are found, rows in another order change nothing else."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from core.errors import UnknownName
from core.tme.clusters import Clustering, discover
from core.tme.clusters.structure import structure

FAST = ("gaussian mixture", "k-means")


def planted(n: int = 120, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n)
    centres = np.array([[0.0, 0, 0, 0], [5, 5, 0, 0], [0, 5, 5, 5]])
    return centres[truth] + rng.normal(size=(n, 4)), truth


@cache
def found() -> Clustering:
    table = planted()[0]
    table[::10, 1] = np.nan
    table[5] = np.nan
    return discover(table, methods=FAST, most=3)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(one, other))


def test_planted_groups_are_found_with_gaps() -> None:
    clustering, truth = found(), planted()[1]
    assert clustering.k == 3
    assert clustering.p_structure < 0.05
    assert clustering.gap > 2
    known = clustering.labels >= 0
    assert known.sum() == 119
    assert not known[5]
    assert np.isnan(clustering.confidence[5])
    assert agreement(clustering.labels[known], truth[known]) > 0.95
    assert clustering.stable.all()
    assert clustering.consensus.min() > 0.9
    assert (np.diff(np.bincount(clustering.labels[known])) <= 0).all()
    assert clustering.candidates.filter("chosen").height == 1
    assert clustering.confidence[known].min() > 0.5 - 1e-9
    assert "1 patient has" in clustering.note


def test_rows_in_another_order_are_parted_alike() -> None:
    table, _ = planted()
    order = np.random.default_rng(1).permutation(120)
    one, other = (discover(t, methods=("k-means",), most=3) for t in (table, table[order]))
    assert one.k == other.k == 3
    assert agreement(one.labels[order], other.labels) == pytest.approx(1.0)


def test_same_seed_same_answer() -> None:
    table, _ = planted(60)
    one, other = (discover(table, methods=("k-means",), most=3, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.stability, other.stability)
    assert one.p_structure == other.p_structure


@pytest.mark.parametrize("kind", ["independent", "correlated", "heavy-tailed"])
def test_noise_has_no_structure(kind: str) -> None:
    rng = np.random.default_rng(7)
    table = rng.normal(size=(100, 4))
    if kind == "correlated":
        table = table @ rng.normal(size=(4, 4))
    if kind == "heavy-tailed":
        table = rng.standard_t(3, size=(100, 4))
    clustering = discover(table)
    assert clustering.k == 1
    assert clustering.method == "no structure"
    assert (clustering.labels == 0).all()
    assert "No structure is shown" in clustering.note
    assert not clustering.stable.any()


def test_correlation_alone_is_no_structure() -> None:
    rng = np.random.default_rng(8)
    table = rng.normal(size=(150, 1)) + 0.3 * rng.normal(size=(150, 4))
    tested = structure((table - table.mean(0)) / table.std(0), weight=np.ones(4))
    assert tested.nulls["null"].to_list() == ["elliptical", "unimodal", "permuted"]
    assert not tested.found


def test_four_groups_two_by_two_do_not_beat_shuffled_features_and_are_structure() -> None:
    rng = np.random.default_rng(9)
    table = np.where(rng.random((160, 2)) < 0.5, -3.0, 3.0) + rng.normal(size=(160, 2))
    tested = structure((table - table.mean(0)) / table.std(0), weight=np.ones(2))
    assert tested.gap_permuted < 2
    assert tested.found


def test_a_method_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownName, match="'dbscan'"):
        discover(planted()[0], methods=("dbscan",))

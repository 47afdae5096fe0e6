"""Spots: planted regions, niches, pairs and peaks are found; noise and small sections are said."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import NotMeasured, TooFewPatients
from core.spatial import colocalisation, infiltrate, lymphoid, neighbourhood, niches, spot_clusters
from core.spatial.spot_expression import MARKERS, logged, marker_scores

SIDE = 16
GENES = sorted({gene for genes in MARKERS.values() for gene in genes})


@pytest.fixture(scope="module")
def grid() -> np.ndarray:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    return np.column_stack([x.ravel(), y.ravel()]) * 200.0


@pytest.fixture(scope="module")
def planted(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of a section with tumour at the left, stroma at the right and a lymphoid aggregate in it; its truth."""
    rng = np.random.default_rng(0)
    truth = np.where(grid[:, 0] < 1500, 0, 1)
    truth[np.hypot(grid[:, 0] - 2400, grid[:, 1] - 1000) < 500] = 2
    mean = np.full((len(GENES), len(grid)), 2.0)
    for kind, sets in enumerate((("epithelial",), ("fibrous",), ("b_cells", "t_cells", "chemokines_12"))):
        rows = [GENES.index(gene) for name in sets for gene in MARKERS[name]]
        mean[np.ix_(rows, np.flatnonzero(truth == kind))] = 8.0
    return rng.poisson(mean).astype(np.float32), truth


def test_neighbours_are_the_eight_around_and_weights_add_up(grid: np.ndarray) -> None:
    assert neighbourhood.pitch(grid) == 200.0
    beside = neighbourhood.neighbours(grid)
    assert beside.sum(axis=1).max() == 8
    assert np.array_equal(beside, beside.T)
    assert not beside.diagonal().any()
    np.testing.assert_allclose(neighbourhood.kernel(grid, width=0.8).sum(axis=1), 1.0)
    assert np.array_equal(neighbourhood.kernel(grid, width=0.0), np.eye(len(grid)))


def test_a_section_of_few_spots_says_so() -> None:
    with pytest.raises(TooFewPatients, match=r"3 spots.*pick another section"):
        neighbourhood.pitch(np.zeros((3, 2)))


def test_depth_does_not_change_what_is_compared(planted: tuple[np.ndarray, np.ndarray]) -> None:
    counts, _ = planted
    deeper = counts.copy()
    deeper[:, 5] *= 3
    np.testing.assert_allclose(logged(counts)[:, 5], logged(deeper)[:, 5], rtol=0.02)
    empty = counts.copy()
    empty[:, 7] = 0
    assert np.isnan(logged(empty)[:, 7]).all()
    assert np.isfinite(logged(empty)[:, 8]).all()


def test_planted_regions_are_found_and_repeat(grid: np.ndarray, planted: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.metrics import adjusted_rand_score

    counts, truth = planted
    found, again = (spot_clusters.spot_clusters(counts, GENES, positions=grid, clusters=3, widths=(0.8,)) for _ in range(2))
    assert adjusted_rand_score(truth, found.labels) > 0.7
    assert np.array_equal(found.labels, again.labels)
    assert list(np.bincount(found.labels)) == sorted(np.bincount(found.labels), reverse=True)
    assert ((found.stability > 0) & (found.stability <= 1)).all()
    assert len(set(found.names)) == len(found.names)


def test_without_marker_genes_there_are_no_clusters(grid: np.ndarray) -> None:
    with pytest.raises(NotMeasured, match="marker genes"):
        spot_clusters.spot_clusters(np.ones((2, len(grid))), ["A", "B"], positions=grid)
    with pytest.raises(NotMeasured, match="at least three"):
        infiltrate.infiltrate(np.ones((2, len(grid))), ["A", "B"], positions=grid)
    with pytest.raises(NotMeasured, match="chemokines"):
        lymphoid.lymphoid(np.ones((2, len(grid))), ["A", "B"], positions=grid)


def test_the_infiltrate_is_found_better_with_its_neighbours(grid: np.ndarray, planted: tuple[np.ndarray, np.ndarray]) -> None:
    counts, truth = planted
    alone = infiltrate.auc(infiltrate.infiltrate(counts, GENES, positions=grid, width=0.0), truth == 2)
    smoothed, low, high = infiltrate.auc_in_blocks(infiltrate.infiltrate(counts, GENES, positions=grid), truth == 2, positions=grid)
    assert smoothed >= 0.95
    assert low <= smoothed <= high <= 1
    assert alone > 0.5
    assert np.isnan(infiltrate.auc(np.arange(4.0), np.zeros(4, dtype=bool)))


def test_an_aggregate_is_a_peak_and_noise_is_none(grid: np.ndarray, planted: tuple[np.ndarray, np.ndarray]) -> None:
    counts, truth = planted
    found = lymphoid.lymphoid(counts, GENES, positions=grid)
    assert truth[found.peaks[0]] == 2
    assert found.p_value[0] == pytest.approx(1 / (1 + found.permutations))
    noise = np.random.default_rng(1).poisson(3.0, counts.shape).astype(np.float32)
    called = [(lymphoid.lymphoid(noise[:, np.random.default_rng(seed).permutation(len(grid))], GENES, positions=grid, seed=seed, permutations=99).p_value < 0.05).any() for seed in range(20)]
    assert sum(called) <= 4


def test_two_types_side_by_side_are_found_and_independent_patterns_are_not(grid: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    weights = neighbourhood.kernel(grid, width=1.5)
    fields = weights @ rng.standard_normal((len(grid), 3))
    together = np.column_stack([fields[:, 0], fields[:, 0] + 0.2 * fields[:, 1], fields[:, 2]])
    frame = colocalisation.colocalisation(together, ["a", "b", "c"], positions=grid)
    q = {(one, two): value for one, two, value in frame.select("first", "second", "q_value").iter_rows()}
    assert q["a", "b"] < 0.05
    assert (frame["q_value"] >= frame["p_value"]).all()
    assert frame.equals(colocalisation.colocalisation(together, ["a", "b", "c"], positions=grid))
    false = 0
    for seed in range(20):
        pair = weights @ np.random.default_rng(100 + seed).standard_normal((len(grid), 2))
        false += colocalisation.colocalisation(pair, ["a", "b"], positions=grid, permutations=99, seed=seed)["p_value"][0] < 0.05
    assert false <= 4


def test_niches_follow_what_lies_around(grid: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    left = grid[:, 0] < 1500
    fractions = np.where(left[:, None], (0.8, 0.1, 0.1), (0.1, 0.2, 0.7)) + rng.uniform(0, 0.05, (len(grid), 3))
    fractions /= fractions.sum(axis=1, keepdims=True)
    around = niches.surroundings(fractions, grid)
    np.testing.assert_allclose(around.sum(axis=1), 1.0)
    both = np.vstack([around, around[:, ::-1]])
    found = niches.niches(both, ["Epithelial", "T-cells", "CAFs"], section=["one"] * len(grid) + ["two"] * len(grid))
    inner = np.tile(np.abs(grid[:, 0] - 1500) > 400, 2)
    rich = both[:, 0] > 0.45
    purity = [max(rich[inner & (found.labels == one)].mean(), 1 - rich[inner & (found.labels == one)].mean()) for one in range(len(found.names)) if (inner & (found.labels == one)).any()]
    assert min(purity) > 0.9
    assert found.composition.shape == (len(found.names), 3)


def test_every_marker_set_is_scored(planted: tuple[np.ndarray, np.ndarray]) -> None:
    counts, truth = planted
    scored = marker_scores(counts, GENES)
    assert set(scored) == set(MARKERS)
    assert scored["epithelial"][truth == 0].mean() > scored["epithelial"][truth == 1].mean()

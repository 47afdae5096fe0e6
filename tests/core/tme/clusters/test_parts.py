"""The parts of the clustering: mixture, k-means, stability, nulls, space."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import NotMeasured, TooFewPatients
from core.tme.clusters import centroid, methods, mixture, null, space, stability
from core.tme.clusters.discovery import silhouettes


def blobs(n: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    centres = np.array([[0.0, 0, 0], [6, 0, 0], [0, 6, 3]])
    return centres[truth] + rng.normal(size=(n, 3)), truth


def test_log_density_equals_scipy_and_bic_counts_parameters() -> None:
    from scipy.stats import multivariate_normal

    points, truth = blobs()
    fitted = mixture.fit(points, truth[None], k=3)
    joint = mixture.log_density(fitted, points)[0]
    for k in range(3):
        theirs = multivariate_normal(fitted.mean[0, k], fitted.covariance[0, k]).logpdf(points) + np.log(fitted.weight[0, k])
        np.testing.assert_allclose(joint[k], theirs, atol=1e-8)
    assert fitted.parameters == 3 * (3 + 6) + 2
    np.testing.assert_allclose(mixture.posterior(fitted, points).sum(axis=1), 1.0)
    loglik = np.logaddexp.reduce(joint, axis=0).sum()
    assert fitted.loglik[0] == pytest.approx(loglik, rel=1e-4)


def test_masked_rows_do_not_change_a_fit() -> None:
    points, truth = blobs()
    mask = np.ones((1, 90), dtype=bool)
    mask[0, :20] = False
    odd = points.copy()
    odd[:20] += 3.0
    one = mixture.fit(points, truth[None], rows=mask, k=3, steps=5)
    alone = centroid.fit(points, points[[20, 21, 22]][None], rows=mask)[0]
    other = centroid.fit(odd, points[[20, 21, 22]][None], rows=mask)[0]
    np.testing.assert_allclose(alone, other, atol=1e-5)
    np.testing.assert_allclose(one.mean[0], [points[20:][truth[20:] == k].mean(axis=0) for k in range(3)], atol=0.2)


def test_kmeans_inertia_equals_its_definition() -> None:
    points, _ = blobs()
    centres, inertia, labels = centroid.fit(points, centroid.seeds(points, 3, starts=4, rng=np.random.default_rng(1)))
    best = int(inertia.argmin())
    assert inertia[best] == pytest.approx(((points - centres[best][labels[best]]) ** 2).sum(), rel=1e-4)


def test_jaccard_and_consensus_of_known_refits() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    refits = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, -1]])
    overlap = stability.jaccard(labels, refits, k=2)
    np.testing.assert_allclose(overlap, [[1, 1], [2 / 3, 2 / 3]])
    matrix = stability.consensus(refits)
    assert matrix[0, 1] == 1.0
    assert matrix[0, 2] == 0.5
    assert matrix[3, 5] == 1.0
    np.testing.assert_allclose(stability.consensus_by_cluster(matrix, labels, k=2)[0], (1 + 0.5 + 0.5) / 3)
    assert 0.0 < stability.ambiguous(matrix) < 1.0


@pytest.mark.parametrize("name", methods.METHODS)
def test_every_method_finds_three_groups(name: str) -> None:
    points, truth = blobs(120)
    masks = stability.resamples(120, draws=3, size=120, rng=np.random.default_rng(2))
    plan = methods.Plan(methods=(name,), most=4, starts=4, restarts=2)
    part = next(p for p in methods.partitions(points, masks, plan) if p.k == 3)
    table = np.zeros((3, 3))
    np.add.at(table, (truth, part.labels), 1)
    assert table.max(axis=1).sum() >= 117
    assert ((part.refits >= 0) == masks).all()


def test_silhouette_equals_sklearn() -> None:
    from sklearn.metrics import silhouette_samples

    points, truth = blobs()
    np.testing.assert_allclose(silhouettes(points, truth), silhouette_samples(points, truth), atol=1e-8)


def test_nulls_keep_what_they_say() -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(size=(600, 3)) @ np.array([[1, 0.8, 0], [0, 0.6, 0], [0, 0, 1.0]])
    table[:, 2] = np.where(rng.random(600) < 0.5, -4, 4) + table[:, 2]
    shuffled = null.permuted(table, rng)
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(table, axis=0))
    cloud = null.elliptical(table, rng, freedom=1e6)
    np.testing.assert_allclose(np.cov(cloud.T), np.cov(table.T), atol=0.15 * np.cov(table.T).max())
    drawn = null.Unimodal(table).draw(rng)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.8, abs=0.08)
    middle = (np.abs(drawn[:, 2]) < 2).mean()
    assert middle > 0.2, "two modes are not kept"
    assert (np.abs(table[:, 2]) < 2).mean() < 0.1
    assert null.freedom(rng.standard_t(3, size=(2000, 1))) <= 5
    assert null.freedom(rng.normal(size=(2000, 3))) >= 15


def test_missing_values_are_told_from_the_others() -> None:
    rng = np.random.default_rng(4)
    shared = rng.normal(size=(200, 1))
    table = shared + 0.2 * rng.normal(size=(200, 4))
    gaps = table.copy()
    gaps[:40, 0] = np.nan
    learnt, known, z = space.learn(gaps)
    assert known.all()
    truth = (table[:40, 0] - learnt.centre[0]) / learnt.scale[0]
    assert np.corrcoef(z[:40, 0], truth)[0, 1] > 0.95


def test_tables_that_cannot_be_clustered_say_why() -> None:
    rng = np.random.default_rng(5)
    with pytest.raises(TooFewPatients, match="8 of 8 patients"):
        space.learn(rng.normal(size=(8, 3)))
    with pytest.raises(NotMeasured, match="no feature varies"):
        space.learn(np.ones((30, 3)))
    with pytest.raises(NotMeasured, match="no feature varies"):
        space.learn(np.full((30, 3), np.nan))
    table = rng.normal(size=(30, 3))
    table[4, 1] = np.inf
    with pytest.raises(NotMeasured, match="feature 2 of row 5 is infinite"):
        space.learn(table)

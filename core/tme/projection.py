"""UMAP: the two-dimensional picture of a feature space. A picture only: nothing is computed from its coordinates."""

from __future__ import annotations

import os
import warnings

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 15
EPOCHS_SMALL, EPOCHS_LARGE = 400, 200


def nearest(points: Floats, k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Exact k nearest neighbours by Euclidean distance, each row itself first: indices and distances, (n, k)."""
    n = points.shape[0]
    squared = (points**2).sum(axis=1)
    index, distance = np.empty((n, k), dtype=np.int64), np.empty((n, k), dtype=np.float32)
    for start in range(0, n, 1000):
        rows = np.arange(start, min(start + 1000, n))
        d2 = np.maximum(squared[rows, None] + squared - 2 * points[rows] @ points.T, 0.0)
        d2[np.arange(rows.size), rows] = -1.0
        part = np.argpartition(d2, k - 1, axis=1)[:, :k]
        order = np.take_along_axis(d2, part, axis=1).argsort(axis=1, kind="stable")
        index[rows] = np.take_along_axis(part, order, axis=1)
        distance[rows] = np.sqrt(np.maximum(np.take_along_axis(d2, index[rows], axis=1), 0.0))
    return index, distance


def project(points: Floats, *, seed: int = 0) -> Floats:
    """UMAP coordinates of the rows of `points`, (n, 2): exact neighbours, started from the first two components.

    McInnes 2018, doi 10.48550/arXiv.1802.03426. Single-threaded optimisation, so that a seed gives one answer.
    """
    n = points.shape[0]
    start = points[:, :2] if points.shape[1] >= 2 else np.column_stack([points[:, 0], np.zeros(n)])
    start = start / max(float(np.abs(start).max()), 1e-12) * 10.0
    if n < 8:
        return np.asarray(start, dtype=np.float64)
    os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap.umap_ import find_ab_params, fuzzy_simplicial_set, simplicial_set_embedding

        k = min(NEIGHBOURS, n - 1)
        index, distance = nearest(points, k)
        state = np.random.RandomState(seed)
        graph = fuzzy_simplicial_set(points, k, state, "euclidean", knn_indices=index, knn_dists=distance)[0]
        a, b = find_ab_params(1.0, 0.25)
        jitter = np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
        placed = simplicial_set_embedding(
            points.astype(np.float32),
            graph,
            n_components=2,
            initial_alpha=1.0,
            a=a,
            b=b,
            gamma=1.0,
            negative_sample_rate=5,
            n_epochs=EPOCHS_SMALL if n < 5000 else EPOCHS_LARGE,
            init=(start + jitter).astype(np.float32),
            random_state=state,
            metric="euclidean",
            metric_kwds={},
            densmap=False,
            densmap_kwds={},
            output_dens=False,
            parallel=False,
        )[0]
    return np.asarray(placed - placed.mean(axis=0), dtype=np.float64)

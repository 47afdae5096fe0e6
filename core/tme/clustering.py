"""Groups of rows by k-means, their number chosen by how well they survive resampling: for niches, which grade into each other.

For each k, rows are drawn with replacement, k-means is run afresh from new starts, and every group of the full data
is compared with its best match by Jaccard overlap (Hennig 2007, doi 10.1016/j.csda.2006.11.025). The largest k whose
groups all keep a mean overlap of .75 is taken; where none does, the k with the highest mean overlap. TME types of patients,
with their test for structure, are found by `core.tme.clusters`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.tme.clusters.stability import STABLE, jaccard

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_TYPES = 8
RESAMPLES = 25
RESAMPLE_ROWS = 2000
LARGE = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Types:
    """Groups of rows.

    Attributes
    ----------
    labels : (n,) 0..k-1, largest first. stability : (k,) mean Jaccard overlap over resamples.
    silhouette : (n,) of each row. candidates : k -> (lowest, mean) stability.
    """

    labels: Ints
    stability: Floats
    silhouette: Floats
    candidates: dict[int, tuple[float, float]]


def principal_components(
    standardised: Floats, *, weights: Floats | None = None, share: float = 0.9, most: int = 10
) -> Floats:
    """Scores (n, c) on the components that hold `share` of the variance, at most `most`; signs fixed.

    Values are cut off at three standard deviations (one outlier is no type) and nan is taken as 0; `weights`, (p,),
    multiply the features.
    """
    filled = np.clip(np.nan_to_num(standardised, nan=0.0), -3.0, 3.0)
    filled = filled if weights is None else filled * weights
    centred = filled - filled.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    vectors = vectors[:, ::-1]
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
    scores = centred @ vectors
    explained = (scores**2).sum(axis=0)
    kept = int(np.searchsorted(np.cumsum(explained) / max(explained.sum(), 1e-12), share) + 1)
    return np.asarray(scores[:, : min(kept, most, scores.shape[1])], dtype=np.float64)


def find_types(points: Floats, *, seed: int = 0) -> Types:
    """Group the rows of `points` into the most types that survive resampling.

    Parameters
    ----------
    points : (n, c) coordinates in feature space, n of at least 10. A type holds at least 3% of the rows, and 4.
    """
    from sklearn.metrics import silhouette_samples

    n = points.shape[0]
    smallest = max(4, round(0.03 * n))
    candidates: dict[int, tuple[float, float]] = {}
    kept: dict[int, tuple[Ints, Floats]] = {}
    for k in range(2, min(MAX_TYPES, n // 5) + 1):
        labels = kmeans(points, k, starts=8 if n < LARGE else 3, seed=seed)
        if np.bincount(labels, minlength=k).min() < smallest:
            continue
        stability = _stability(points, labels, seed=seed)
        candidates[k] = (float(stability.min()), float(stability.mean()))
        kept[k] = labels, stability
    if not kept:
        return Types(labels=np.zeros(n, dtype=np.int64), stability=np.ones(1), silhouette=np.zeros(n), candidates={})
    stable = [k for k, (lowest, _) in candidates.items() if lowest >= STABLE]
    k = max(stable) if stable else max(candidates, key=lambda c: candidates[c][1])
    labels, stability = kept[k]
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    place = np.empty(k, dtype=np.int64)
    place[order] = np.arange(k)
    labels = place[labels]
    width = np.asarray(silhouette_samples(points, labels), dtype=np.float64)
    return Types(labels=labels, stability=stability[order], silhouette=width, candidates=candidates)


def kmeans(points: Floats, k: int, *, starts: int, seed: int) -> Ints:
    """Labels (n,) of Lloyd's k-means (scikit-learn), the best of `starts` k-means++ starts."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        fitted = KMeans(n_clusters=k, n_init=starts, max_iter=60, random_state=seed).fit(points)
    return np.asarray(fitted.labels_, dtype=np.int64)


def _stability(points: Floats, labels: Ints, *, seed: int) -> Floats:
    """Mean Jaccard overlap of each group with its best match among those of resampled rows, (k,)."""
    rng = np.random.default_rng([seed, 7])
    n, k = points.shape[0], int(labels.max()) + 1
    refits = np.full((RESAMPLES, n), -1, dtype=np.int64)
    for draw in range(RESAMPLES):
        rows = np.unique(rng.integers(n, size=min(n, RESAMPLE_ROWS)))
        refits[draw, rows] = kmeans(points[rows], k, starts=3 if n < LARGE else 2, seed=seed + draw + 1)
    return np.asarray(np.nanmean(jaccard(labels, refits, k=k), axis=0), dtype=np.float64)

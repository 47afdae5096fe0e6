"""Stability: how much of every cluster is found again when patients are resampled, and how sure the pairs are.

Jaccard overlap by cluster: Hennig 2007, doi 10.1016/j.csda.2006.11.025. Consensus matrix: Monti 2003,
doi 10.1023/A:1023949509487. Share of ambiguous pairs (PAC): Senbabaoglu 2014, doi 10.1038/srep06207.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STABLE = 0.75
"""Mean Jaccard overlap under which a cluster is no stable group (Hennig 2007)."""
AMBIGUOUS = (0.1, 0.9)


def resamples(n: int, *, draws: int, size: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """The distinct rows of bootstrap samples of `size` rows, (draws, n): about 63% of the rows each where size is n."""
    inside = np.zeros((draws, n), dtype=bool)
    drawn = rng.integers(n, size=(draws, size))
    inside[np.arange(draws)[:, None], drawn] = True
    return inside


def jaccard(labels: Ints, refits: Ints, *, k: int) -> Floats:
    """Overlap of each cluster with its best match in every refit, (draws, k).

    Parameters
    ----------
    labels : (n,) 0..k-1. refits : (draws, n), -1 for rows that were not drawn. nan where none of a cluster was drawn.
    """
    overlaps = np.full((refits.shape[0], k), np.nan)
    most = int(refits.max()) + 1
    for draw, refit in enumerate(refits):
        inside = refit >= 0
        both = np.bincount(labels[inside] * most + refit[inside], minlength=k * most).reshape(k, most).astype(np.float64)
        union = both.sum(axis=1)[:, None] + both.sum(axis=0)[None, :] - both
        best = (both / np.maximum(union, 1.0)).max(axis=1)
        overlaps[draw] = np.where(both.sum(axis=1) > 0, best, np.nan)
    return overlaps


def consensus(refits: Ints) -> Floats:
    """Share of the draws with both rows in which both were in one cluster, (n, n); nan where never drawn together."""
    n = refits.shape[1]
    together, drawn = np.zeros((n, n), dtype=np.float32), np.zeros((n, n), dtype=np.float32)
    for refit in refits:
        member = (refit[:, None] == np.arange(int(refit.max()) + 1)[None, :]).astype(np.float32)
        together += member @ member.T
        inside = (refit >= 0).astype(np.float32)
        drawn += np.outer(inside, inside)
    with np.errstate(invalid="ignore"):
        return np.asarray(together / np.where(drawn > 0, drawn, np.nan), dtype=np.float64)


def ambiguous(matrix: Floats) -> float:
    """Share of pairs whose consensus is between .1 and .9 (PAC), 0 at best."""
    pairs = matrix[np.triu_indices(matrix.shape[0], 1)]
    pairs = pairs[np.isfinite(pairs)]
    return float(((pairs > AMBIGUOUS[0]) & (pairs < AMBIGUOUS[1])).mean()) if pairs.size else float("nan")


def consensus_by_cluster(matrix: Floats, labels: Ints, *, k: int) -> Floats:
    """Mean consensus of the pairs within each cluster, (k,); nan for a cluster of one row."""
    means = np.full(k, np.nan)
    off = ~np.eye(labels.size, dtype=bool)
    for cluster in range(k):
        own = np.ix_(labels == cluster, labels == cluster)
        pairs = matrix[own][off[own]]
        if np.isfinite(pairs).any():
            means[cluster] = np.nanmean(pairs)
    return means

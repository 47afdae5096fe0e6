"""Methods: each parts the rows of a table, and of its resamples, into several numbers of clusters.

Gaussian mixture (a covariance for each cluster, or one for all), k-means, Leiden (Traag 2019, doi 10.1038/s41598-019-41695-z) on the exact graph of
nearest neighbours, and Ward's hierarchical clustering (1963, doi 10.1080/01621459.1963.10500845).
A resample is fitted afresh, from starts of its own: begun where the fit of all rows ended, noise would look stable too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.tme.clusters import centroid, mixture
from core.tme.projection import nearest

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Masks = npt.NDArray[np.bool_]

MIXTURE, COMMON, KMEANS, LEIDEN, WARD = "gaussian mixture", "gaussian mixture, one shape", "k-means", "leiden", "ward"
METHODS = (MIXTURE, COMMON, KMEANS, LEIDEN, WARD)
MIXTURES = (MIXTURE, COMMON)
NEIGHBOURS = 15
RESOLUTIONS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.4)
SHORT, LONGER, SHARE = 8, 30, 4
"""Steps of every start, then of the best quarter; then the best one runs to its end (emEM, Biernacki 2003)."""
LEAST, LEAST_SHARE = 4, 0.03
TOGETHER = 1500
"""Rows up to which all resamples are fitted at once."""
MOST_PAIRED, MOST_PAIRED_RESAMPLE = 4000, 1500
"""Rows that Leiden and Ward look at, which compare all pairs; the others join the cluster of most of their nearest rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One way to part the rows: labels (n,) 0..k-1, and refits (draws, n), -1 for rows that were not drawn.

    bic : of the mixture that gave it; infinite for other methods.
    """

    method: str
    k: int
    labels: Ints
    refits: Ints
    bic: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is tried: methods, up to how many clusters, from how many starts (restarts: of each resample)."""

    methods: tuple[str, ...] = METHODS
    most: int = 8
    starts: int = 24
    restarts: int = 20
    seed: int = 0

    def counts(self, n: int) -> range:
        """Numbers of clusters to try on n rows."""
        return range(2, min(self.most, n // smallest(n)) + 1)


def smallest(n: int) -> int:
    """Rows that a cluster must hold: 3% of them, and 4."""
    return max(LEAST, round(LEAST_SHARE * n))


def partitions(points: Floats, masks: Masks, plan: Plan) -> list[Partition]:
    """Every partition of the plan whose clusters are large enough.

    Parameters
    ----------
    points : (n, c). masks : (draws, n) the rows of each resample.
    """
    found = [part for name in plan.methods for part in PARTERS[name](points, masks, plan)]
    least = smallest(points.shape[0])
    return [part for part in found if np.bincount(part.labels, minlength=part.k).min() >= least]


def fit_mixture(points: Floats, k: int, plan: Plan, *, common: bool = False) -> mixture.Mixture:
    """The most likely mixture over starts from k-means."""
    rng = np.random.default_rng([plan.seed, 12, k])
    return _climbed(points, np.ones((1, points.shape[0]), dtype=bool), k, starts=plan.starts, rng=rng, common=common)


def _climbed(
    points: Floats, masks: Masks, k: int, *, starts: int, rng: np.random.Generator, common: bool
) -> mixture.Mixture:
    """The most likely mixture of each resample, over starts from k-means of its own rows."""
    every = np.repeat(masks, starts, axis=0)
    begin = centroid.fit(points, centroid.seeds(points, k, starts=len(every), rng=rng), rows=every, steps=SHORT)[2]
    tried = mixture.fit(points, begin, rows=every, k=k, steps=SHORT, common=common)
    kept = max(1, starts // SHARE)
    order = np.argsort(-tried.loglik.reshape(-1, starts), axis=1, kind="stable")[:, :kept]
    chosen = (order + starts * np.arange(masks.shape[0])[:, None]).ravel()
    longer = mixture.fit(points, tried.take(chosen), rows=np.repeat(masks, kept, axis=0), steps=LONGER)
    return mixture.fit(points, longer.take(_best(longer.loglik, kept)), rows=masks)


def _kmeans(points: Floats, masks: Masks, plan: Plan) -> list[Partition]:
    found = []
    for k in plan.counts(points.shape[0]):
        rng = np.random.default_rng([plan.seed, 11, k])
        _, inertia, labels = centroid.fit(points, centroid.seeds(points, k, starts=plan.starts, rng=rng))
        refits = np.full(masks.shape, -1, dtype=np.int64)
        for draws, rows, part in _blocks(points, masks):
            restarts = max(1, plan.restarts // SHARE)
            every = np.repeat(part, restarts, axis=0)
            begin = centroid.seeds(points[rows], k, starts=len(every), rng=rng)
            _, spread, fitted = centroid.fit(points[rows], begin, rows=every)
            _write(refits, draws, rows, labels=np.where(part, fitted[_best(-spread, restarts)], -1))
        found.append(Partition(method=KMEANS, k=k, labels=labels[inertia.argmin()], refits=refits))
    return found


def _common(points: Floats, masks: Masks, plan: Plan) -> list[Partition]:
    return _mixture(points, masks, plan, common=True)


def _mixture(points: Floats, masks: Masks, plan: Plan, *, common: bool = False) -> list[Partition]:
    found = []
    n, p = points.shape
    for k in plan.counts(n):
        if n < 2 * (1 if common else k) * (p + 1):
            break
        rng = np.random.default_rng([plan.seed, 13, k])
        best = fit_mixture(points, k, plan, common=common)
        refits = np.full(masks.shape, -1, dtype=np.int64)
        for draws, rows, part in _blocks(points, masks):
            here = points[rows]
            ended = _climbed(here, part, k, starts=plan.restarts, rng=rng, common=common)
            _write(refits, draws, rows, labels=np.where(part, mixture.log_density(ended, here).argmax(axis=1), -1))
        labels = mixture.log_density(best, points)[0].argmax(axis=0)
        found.append(Partition(method=COMMON if common else MIXTURE, k=k, labels=labels, refits=refits, bic=float(mixture.bic(best, n)[0])))
    return found


def _blocks(points: Floats, masks: Masks) -> Iterator[tuple[slice, Ints, Masks]]:
    """Draws, the rows that they need, and their masks over those rows: all draws at once for few rows, else one by one."""
    if points.shape[0] <= TOGETHER:
        yield slice(None), np.arange(points.shape[0]), masks
        return
    for draw, mask in enumerate(masks):
        rows = np.flatnonzero(mask)
        yield slice(draw, draw + 1), rows, np.ones((1, rows.size), dtype=bool)


def _write(refits: Ints, draws: slice, rows: Ints, *, labels: Ints) -> None:
    block = refits[draws]
    block[:, rows] = labels
    refits[draws] = block


def _best(score: Floats, restarts: int) -> Ints:
    """Position of the best restart of each draw."""
    grid = score.reshape(-1, restarts)
    return np.asarray(grid.argmax(axis=1) + restarts * np.arange(grid.shape[0]), dtype=np.int64)


def _ward(points: Floats, masks: Masks, plan: Plan) -> list[Partition]:
    from scipy.cluster.hierarchy import fcluster, linkage

    counts = plan.counts(points.shape[0])
    everyone, drawn = _paired(points, masks, plan.seed)
    trees = [linkage(points[rows], method="ward") for rows in (everyone, *drawn)]
    found = []
    for k in counts:
        cuts = [np.asarray(fcluster(tree, k, criterion="maxclust"), dtype=np.int64) - 1 for tree in trees]
        if int(cuts[0].max()) + 1 == k:
            found.append(_joined(points, (everyone, *drawn), cuts, method=WARD))
    return found


def _leiden(points: Floats, masks: Masks, plan: Plan) -> list[Partition]:
    counts = plan.counts(points.shape[0])
    everyone, drawn = _paired(points, masks, plan.seed)
    whole = Graph(points[everyone])
    graphs: list[Graph] = []
    found: dict[int, Partition] = {}
    for resolution in RESOLUTIONS:
        labels = whole.communities(resolution, seed=plan.seed)
        k = int(labels.max()) + 1
        if k not in counts or k in found:
            continue
        graphs = graphs or [Graph(points[rows]) for rows in drawn]
        cuts = [labels, *(graph.communities(resolution, seed=plan.seed + i + 1) for i, graph in enumerate(graphs))]
        found[k] = _joined(points, (everyone, *drawn), cuts, method=LEIDEN)
    return list(found.values())


def _paired(points: Floats, masks: Masks, seed: int) -> tuple[Ints, list[Ints]]:
    """Rows to look at: of the whole table, and of each resample."""
    rng = np.random.default_rng([seed, 19])
    n = points.shape[0]
    everyone = np.arange(n) if n <= MOST_PAIRED else np.sort(rng.permutation(n)[:MOST_PAIRED])
    drawn = []
    for mask in masks:
        rows = np.flatnonzero(mask)
        drawn.append(rows if n <= MOST_PAIRED else np.sort(rng.permutation(rows)[:MOST_PAIRED_RESAMPLE]))
    return everyone, drawn


def _joined(points: Floats, rows: tuple[Ints, ...], cuts: list[Ints], *, method: str) -> Partition:
    n, k = points.shape[0], int(cuts[0].max()) + 1
    refits = np.full((len(rows) - 1, n), -1, dtype=np.int64)
    for draw, (own, cut) in enumerate(zip(rows[1:], cuts[1:], strict=True)):
        refits[draw, own] = cut
    labels = cuts[0] if rows[0].size == n else votes(points, points[rows[0]], cuts[0])[0]
    return Partition(method=method, k=k, labels=labels, refits=refits)


def votes(points: Floats, known: Floats, labels: Ints) -> tuple[Ints, Floats]:
    """Cluster of most of the 15 nearest known rows, and their share, (n,) each."""
    k = min(NEIGHBOURS, known.shape[0])
    squared = (known**2).sum(axis=1)
    blocks = []
    for start in range(0, points.shape[0], 1000):
        far = squared - 2.0 * points[start : start + 1000] @ known.T
        blocks.append(np.argpartition(far, k - 1, axis=1)[:, :k])
    index = np.concatenate(blocks)
    count = np.stack([(labels[index] == label).sum(axis=1) for label in range(int(labels.max()) + 1)], axis=1)
    return np.asarray(count.argmax(axis=1), dtype=np.int64), np.asarray(count.max(axis=1) / k, dtype=np.float64)


def shares(points: Floats, labels: Ints) -> Floats:
    """Share of each row's 15 nearest other rows that are in its cluster, (n,)."""
    k = min(NEIGHBOURS, points.shape[0] - 1)
    index = nearest(points, k + 1)[0][:, 1:]
    return np.asarray((labels[index] == labels[:, None]).mean(axis=1), dtype=np.float64)


class Graph:
    """The graph that joins every row to its 15 nearest rows, exactly."""

    def __init__(self, points: Floats) -> None:
        import igraph

        n = points.shape[0]
        k = min(NEIGHBOURS + 1, n)
        index = nearest(points, k)[0]
        edges = np.column_stack([np.repeat(index[:, 0], k - 1), index[:, 1:].ravel()])
        self._graph = igraph.Graph(n=n, edges=edges.tolist())

    def communities(self, resolution: float, *, seed: int) -> Ints:
        """Labels (n,) of the partition that Leiden finds at a resolution, largest first."""
        import random

        import igraph

        igraph.set_random_number_generator(random.Random(seed))  # noqa: S311  # a seed, no secret
        found = self._graph.community_leiden(objective_function="modularity", resolution=resolution, n_iterations=4)
        return by_size(np.asarray(found.membership, dtype=np.int64))


def by_size(labels: Ints) -> Ints:
    """Labels renumbered, the largest cluster first."""
    order = np.argsort(-np.bincount(labels), kind="stable")
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    return np.asarray(place[labels], dtype=np.int64)


PARTERS: Mapping[str, Callable[[Floats, Masks, Plan], list[Partition]]] = {
    MIXTURE: _mixture,
    COMMON: _common,
    KMEANS: _kmeans,
    LEIDEN: _leiden,
    WARD: _ward,
}

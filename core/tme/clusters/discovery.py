"""Discovery: the clusters of a table, chosen by stability, or that there are none.

1. Is there more than one group at all? `core.tme.clusters.structure`; if not, the answer is one cluster.
2. Every method and number of clusters is refitted on resampled patients (Hennig 2007, doi 10.1016/j.csda.2006.11.025). Only
   candidates whose every cluster is found again (mean Jaccard overlap of .75 or more) stay, where there are any.
3. Stability alone cannot decide between these: it favours few clusters, and any cut through a long cloud (Ben-David 2006,
   doi 10.1007/11776420_4). Those whose clusters, as Gaussians, describe the table best stay (BIC within 10 of the lowest,
   Kass and Raftery 1995, doi 10.1080/01621459.1995.10476572), and the most stable of them is taken.

No outcome, no published label and no coordinate of a picture is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import UnknownName
from core.tme.clusters import methods as parting
from core.tme.clusters import mixture
from core.tme.clusters.methods import COMMON, METHODS, MIXTURES, Partition, Plan
from core.tme.clusters.space import Space, learn
from core.tme.clusters.stability import STABLE, ambiguous, consensus, consensus_by_cluster, jaccard, resamples
from core.tme.clusters.structure import LEVEL, TABLES, Structure, structure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LARGE, MOST_DRAWN = 4000, 10_000
"""Rows above which there are fewer resamples; rows that a resample draws at most."""
DRAWS, DRAWS_LARGE = 20, 10
MOST_SHOWN = 400
ALIKE = 10.0
"""Difference of BIC under which two candidates describe the table alike."""
NONE = "no structure"

CANDIDATES: dict[str, pl.DataType] = {
    "method": pl.String(), "k": pl.Int64(), "lowest": pl.Float64(), "mean": pl.Float64(),
    "ambiguous": pl.Float64(), "silhouette": pl.Float64(), "bic": pl.Float64(), "smallest": pl.Int64(),
    "chosen": pl.Boolean(),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """The clusters of a table.

    Attributes
    ----------
    labels : (n,) 0..k-1, the largest cluster first; -1 where half of the features or more are missing.
    k : number of clusters; 1 = no structure. method : that found them, or 'no structure'.
    stability : (k,) mean Jaccard overlap with refits on resampled patients; nan for one cluster. A cluster under .75 is unstable.
    consensus : (k,) mean share of the resamples in which two patients of a cluster stay together.
    ambiguous : share of pairs that are together in more than 10% and less than 90% of the resamples (PAC).
    confidence : (n,) posterior of the patient's cluster, or share of the 15 nearest patients that are in it; nan where unknown.
    silhouette : (n,) nan where unknown. p_structure : of one group; gap : BIC gained over the nearer null, in its SD.
    candidates : columns CANDIDATES, one row a method and number of clusters; lowest, mean : overlap over its clusters.
    structure : the test in full. space : from features to coordinates. points : (m, c) of the rows that are known.
    fitted : the mixture, where the method is one. note : what a reader must know, in sentences.
    """

    labels: Ints
    k: int
    method: str
    stability: Floats
    consensus: Floats
    ambiguous: float
    confidence: Floats
    silhouette: Floats
    p_structure: float
    gap: float
    candidates: pl.DataFrame
    structure: Structure
    space: Space
    points: Floats
    fitted: mixture.Mixture | None
    note: str

    @property
    def stable(self) -> npt.NDArray[np.bool_]:
        """Which clusters hold under resampling, (k,); all false for one cluster."""
        return np.asarray(self.stability >= STABLE)


def discover(
    features: Floats, *, seed: int = 0, methods: Sequence[str] = METHODS, most: int = 8, weights: Floats | None = None
) -> Clustering:
    """Find the clusters of the rows of a table, or that there are none.

    Null hypothesis of `p_structure`: one group, with the table's correlations, tails and skewness.

    Parameters
    ----------
    features : (n, p), nan = missing, comparable between rows (standardise cohorts or batches on their own first).
    methods : of METHODS. most : clusters to look for. weights : (p,) by which standardised features count; 0 leaves one out.

    Raises
    ------
    NotMeasured, TooFewPatients
        An infinite value, no feature that varies, fewer than 15 rows with half of their features.
    UnknownName
        There is no such method.
    """
    for name in methods:
        if name not in METHODS:
            raise UnknownName(f"there is no clustering method '{name}'; choose of {', '.join(METHODS)}")
    space, known, z = learn(np.asarray(features, dtype=np.float64), weights=weights)
    points = space.project(z)
    tested = structure(z, weight=space.weight, seed=seed)
    if not tested.found or most < 2:
        return _one(known, points, space=space, tested=tested)
    n = points.shape[0]
    masks = _masks(n, draws=DRAWS if n <= LARGE else DRAWS_LARGE, seed=seed)
    plan = Plan(methods=tuple(methods), most=most, seed=seed)
    parts = parting.partitions(points, masks, plan)
    if not parts:
        return _one(known, points, space=space, tested=tested)
    overlaps = [np.nanmean(jaccard(part.labels, part.refits, k=part.k), axis=0) for part in parts]
    table = _table(points, list(zip(parts, overlaps, strict=True)))
    chosen = _choice(table)
    table = table.with_columns(chosen=pl.int_range(pl.len()) == chosen)
    return _many(parts[chosen], overlaps[chosen], _Found(known, points, space, tested, table, plan))


@dataclass(frozen=True, slots=True)
class _Found:
    known: npt.NDArray[np.bool_]
    points: Floats
    space: Space
    tested: Structure
    table: pl.DataFrame
    plan: Plan


def _masks(n: int, *, draws: int, seed: int) -> npt.NDArray[np.bool_]:
    rng = np.random.default_rng([seed, 7])
    return resamples(n, draws=draws, size=min(n, MOST_DRAWN), rng=rng)


def _choice(table: pl.DataFrame) -> int:
    """The most stable candidate among those of about the lowest BIC, of those with stable clusters only where there are any."""
    order = table.with_row_index("number")
    stable = order.filter(pl.col("lowest") >= STABLE)
    if not stable.is_empty():
        order = stable.filter(pl.col("bic") <= pl.col("bic").min() + ALIKE)
    return int(order.sort("mean", descending=True, maintain_order=True)["number"][0])


def _table(points: Floats, pairs: list[tuple[Partition, Floats]]) -> pl.DataFrame:
    shown = np.random.default_rng(31).permutation(points.shape[0])[:MOST_SHOWN]
    rows: list[dict[str, object]] = [
        {
            "method": part.method,
            "k": part.k,
            "lowest": float(overlap.min()),
            "mean": float(overlap.mean()),
            "ambiguous": ambiguous(consensus(part.refits[:, shown])),
            "silhouette": float(silhouettes(points[shown], part.labels[shown]).mean()),
            "bic": min(part.bic, mixture.describe(points, part.labels, k=part.k)),
            "smallest": int(np.bincount(part.labels, minlength=part.k).min()),
            "chosen": False,
        }
        for part, overlap in pairs
    ]
    return pl.DataFrame(rows, schema=CANDIDATES)


def _many(part: Partition, overlap: Floats, found: _Found) -> Clustering:
    points, known = found.points, found.known
    order = np.argsort(-np.bincount(part.labels, minlength=part.k), kind="stable")
    labels = parting.by_size(part.labels)
    fitted = None
    if part.method in MIXTURES:
        fitted = parting.fit_mixture(points, part.k, found.plan, common=part.method == COMMON).reordered(order)
        confidence = mixture.posterior(fitted, points)[np.arange(labels.size), labels]
    else:
        confidence = parting.shares(points, labels)
    shown = np.random.default_rng(37).permutation(points.shape[0])[: 2 * MOST_SHOWN]
    matrix = consensus(part.refits[:, shown])
    stability = overlap[order]
    whole = np.full(known.size, -1, dtype=np.int64)
    whole[known] = labels
    return Clustering(
        labels=whole,
        k=part.k,
        method=part.method,
        stability=stability,
        consensus=consensus_by_cluster(matrix, labels[shown], k=part.k),
        ambiguous=ambiguous(matrix),
        confidence=_spread(confidence, known),
        silhouette=_spread(silhouettes(points, labels), known),
        p_structure=found.tested.p_value,
        gap=found.tested.gap,
        candidates=found.table,
        structure=found.tested,
        space=found.space,
        points=points,
        fitted=fitted,
        note=_words(found, stability),
    )


def _one(known: npt.NDArray[np.bool_], points: Floats, *, space: Space, tested: Structure) -> Clustering:
    n = points.shape[0]
    missing = _left_out(known)
    return Clustering(
        labels=np.where(known, 0, -1).astype(np.int64),
        k=1,
        method=NONE,
        stability=np.full(1, np.nan),
        consensus=np.full(1, np.nan),
        ambiguous=float("nan"),
        confidence=np.where(known, 1.0, np.nan),
        silhouette=np.where(known, 0.0, np.nan),
        p_structure=tested.p_value,
        gap=tested.gap,
        candidates=pl.DataFrame(schema=CANDIDATES),
        structure=tested,
        space=space,
        points=points,
        fitted=None,
        note=f"No structure is shown: one group with the same correlations looks alike (p = {tested.p_value:.2g}, n = {n:,}). "
        f"That is no proof that there are no groups{', least of all among so few patients' if n < 100 else ''}.{missing}",
    )


def _words(found: _Found, stability: Floats) -> str:
    weak = int((stability < STABLE).sum())
    tested = found.tested
    unstable = f" {weak} of {stability.size} clusters are unstable (overlap under {STABLE:g})." if weak else ""
    return (
        f"One group with the same correlations is rejected (p = {tested.p_value:.2g}; {TABLES} tables at most for each of two nulls, "
        f"level {LEVEL:g}). Chosen among {found.table.height} candidates: stable ones first, then by BIC; no outcome was looked at.{unstable}{_left_out(found.known)}"
    )


def _left_out(known: npt.NDArray[np.bool_]) -> str:
    missing = int((~known).sum())
    have = "patient has" if missing == 1 else "patients have"
    return f" {missing:,} {have} fewer than half of the features and no cluster." if missing else ""


def _spread(values: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    whole = np.full(known.size, np.nan)
    whole[known] = values
    return whole


def silhouettes(points: Floats, labels: Ints) -> Floats:
    """Silhouette of each row (Rousseeuw 1987, doi 10.1016/0377-0427(87)90125-7), (n,); 0 where there is one cluster."""
    n, k = points.shape[0], int(labels.max()) + 1
    count = np.bincount(labels, minlength=k).astype(np.float64)
    if (count > 0).sum() < 2:
        return np.zeros(n)
    member = np.eye(k)[labels]
    squared = (points**2).sum(axis=1)
    width = np.empty(n)
    for start in range(0, n, 1000):
        rows = np.arange(start, min(start + 1000, n))
        away = np.sqrt(np.maximum(squared[rows, None] + squared - 2.0 * points[rows] @ points.T, 0.0))
        away[np.arange(rows.size), rows] = 0.0
        total = away @ member
        own = labels[rows]
        place = np.arange(rows.size)
        inside = total[place, own] / np.maximum(count[own] - 1.0, 1.0)
        mean = total / np.maximum(count, 1.0)
        mean[place, own] = np.inf
        mean[:, count == 0] = np.inf
        outside = mean.min(axis=1)
        width[rows] = np.where(count[own] > 1, (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-300), 0.0)
    return width

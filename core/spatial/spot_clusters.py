"""Spot clusters: groups of spots of one section by what tissue they are made of, smoothed over neighbours, agreed on by many fits.

Marker scores of the tissues of a breast (`core.spatial.spot_expression`) are smoothed over neighbouring spots at three widths. Gaussian
mixtures with 3 to 6 groups are fitted to each, and spots that the fits put together most often form the clusters (consensus
clustering after Monti 2003, doi 10.1023/A:1023949509487, whose fits differ by resampling; here all spots are in every fit, and width,
groups and start differ). No single width or start is chosen; the number of clusters cut from the votes is fixed, see `CLUSTERS`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import NotMeasured
from core.spatial.neighbourhood import kernel
from core.spatial.spot_expression import WORDS, marker_scores

Floats = npt.NDArray[np.float64]
TISSUES = ("epithelial", "gland", "fibrous", "adipose", "b_cells", "plasma_cells", "t_cells", "myeloid", "vessels", "proliferation")
WIDTHS = (0.5, 0.8, 1.2)
GROUPS = (3, 4, 5, 6)
STARTS = 2
CLUSTERS = 4
"""Clusters of a section, fixed for all: what a section shows is tumour, stroma, and one or two further tissues."""

LEAST_TISSUES = 3
UNNAMED = ("proliferation",)
"""What no cluster is named after: it is no tissue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotClusters:
    """Clusters of the n spots of a section.

    Attributes
    ----------
    labels : (n,) 0..k-1, largest first. names : (k,) by the tissue that stands out. stability : (k,) how often two spots of the
        cluster were put together by the fits. together : (n, n) the same for every two spots.
    """

    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    stability: Floats
    together: npt.NDArray[np.float32]


def spot_clusters(
    counts: npt.NDArray[np.floating], genes: Sequence[str], *, positions: Floats, clusters: int = CLUSTERS, widths: Sequence[float] = WIDTHS, seed: int = 0
) -> SpotClusters:
    """Group the spots of a section; no label is used.

    Parameters
    ----------
    counts : (g, n). genes : (g,) symbols. positions : (n, 2), µm. seed : same seed, same answer.

    Raises
    ------
    NotMeasured
        The section has marker genes of under three tissues. TooFewPatients : it has under 20 spots.
    """
    scored = marker_scores(counts, genes)
    used = [tissue for tissue in TISSUES if tissue in scored]
    if len(used) < LEAST_TISSUES:
        raise NotMeasured(f"spots are grouped by the marker genes of at least {LEAST_TISSUES} tissues; this section has those of {len(used)}: pick another section")
    values = np.column_stack([np.nan_to_num(scored[tissue], nan=float(np.nanmean(scored[tissue]))) for tissue in used])
    smoothed = [kernel(positions, width=width) @ values for width in widths]
    together = consensus(smoothed, seed=seed)
    labels = cut(together, clusters)
    order = np.argsort(-np.bincount(labels), kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    labels = place[labels]
    k = len(order)
    stability = np.array([_within(together[np.ix_(labels == one, labels == one)]) for one in range(k)])
    return SpotClusters(labels=labels, names=_names(smoothed[len(smoothed) // 2], labels, used), stability=stability, together=together)


def consensus(spaces: Sequence[Floats], *, groups: Sequence[int] = GROUPS, starts: int = STARTS, seed: int = 0) -> npt.NDArray[np.float32]:
    """How often fits put two spots together, (n, n): Gaussian mixtures in each space, of each number of groups, from several starts."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    n = len(spaces[0])
    found = np.zeros((n, n), dtype=np.float32)
    fits = 0
    for space in spaces:
        centred = space - space.mean(axis=0)
        for k in groups:
            for start in range(starts):
                mixture = GaussianMixture(
                    k, random_state=seed + start, reg_covar=max(1e-3 * float(centred.var(axis=0).mean()), 1e-9), tol=1e-2, max_iter=60, init_params="k-means++"
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)  # a fit that stops early is one vote of many
                    label = mixture.fit_predict(centred)
                found += label[:, None] == label
                fits += 1
    return found / np.float32(fits)


def cut(together: npt.NDArray[np.float32], clusters: int) -> npt.NDArray[np.int64]:
    """Clusters (n,) of 0.. by average linkage of the share of fits that part two spots."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    apart = np.clip(1.0 - together.astype(np.float64), 0.0, 1.0)
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(apart, checks=False), method="average")
    return np.asarray(fcluster(tree, clusters, criterion="maxclust"), dtype=np.int64) - 1


def _within(block: npt.NDArray[np.float32]) -> float:
    n = len(block)
    return float((block.sum() - n) / (n * (n - 1))) if n > 1 else 1.0


def _names(values: Floats, labels: npt.NDArray[np.int64], tissues: Sequence[str]) -> tuple[str, ...]:
    """The tissue that stands out most in each cluster, in standard deviations over the section; numbered where two agree."""
    spread = values.std(axis=0)
    z = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    z = np.where([tissue in UNNAMED for tissue in tissues], -np.inf, z)
    words = [WORDS[tissues[int(np.argmax(z[labels == one].mean(axis=0)))]] for one in range(int(labels.max()) + 1)]
    return tuple(word if words.count(word) == 1 else f"{word} {1 + words[:at].count(word)}" for at, word in enumerate(words))

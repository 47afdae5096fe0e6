"""Permutation: how many markers would look this good if the outcomes were dealt to the patients by chance.

Each marker's score statistic is its correlation with the residuals of the model without markers: for a survival time the
martingale residuals (so that the statistic is the log-rank test of a trend), for response observed minus expected.
Shuffling these residuals leaves the correlations between markers as they are, so that 20,000 correlated genes are
judged as they are. Westfall & Young 1993, ISBN 9780471557616; maximum statistic: doi 10.1093/biomet/78.2.301 (Therneau
1990 for the residuals, doi 10.1093/biomet/77.1.147).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.markers.scan.many import Floats, Ints, two_sided
from core.markers.scan.multiplicity import rejections
from core.markers.scan.residual import Layer, each_stratum

REFERENCE = "10.1093/biomet/77.1.147"
SHUFFLES = 500
AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Permutation:
    """Observed hits beside those of shuffled outcomes.

    Attributes
    ----------
    shuffles : how many. tested : markers with a statistic. threshold : p value that counts as a hit.
    observed : hits of the outcomes as they are. null : (shuffles,) hits of each shuffle.
    called, null_called : level -> hits by Benjamini-Hochberg at it, observed and in each shuffle.
    p_adjusted : (m,) family-wise p of each marker (maximum statistic). z : (m,) observed score statistics.
    p_any : share of shuffles with at least as many hits, the observed one counted among them.
    """

    shuffles: int
    tested: int
    threshold: float
    observed: int
    null: Ints
    called: dict[float, int]
    null_called: dict[float, Ints]
    p_adjusted: Floats
    z: Floats
    p_any: float


def permutation(
    layers: Sequence[Layer], *, threshold: float, levels: Sequence[float] = (0.05, 0.1), shuffles: int = SHUFFLES,
    seed: int = 0,
) -> Permutation:  # fmt: skip
    """Shuffle the outcomes of every cohort among its own patients and count the hits.

    Parameters
    ----------
    layers : one a cohort; statistics add up over cohorts. threshold : p value that counts as a hit. levels : false
        discovery rates. shuffles : how often. seed : of the random order.

    Null hypothesis: no marker is associated with the outcome in any cohort. With covariates the shuffled residuals are
    exchangeable only approximately.

    References
    ----------
    Therneau 1990, doi 10.1093/biomet/77.1.147.
    """
    rng = np.random.default_rng(seed)
    m = layers[0].x.shape[1]
    score, variance = np.zeros(m), np.zeros(m)
    shuffled = np.zeros((shuffles, m), dtype=np.float32)
    for layer in layers:
        for residual, x, own_variance in each_stratum(layer):
            score += residual @ x
            variance += own_variance
            orders = np.argsort(rng.random((shuffles, residual.size)), axis=1)
            step = max(1, AT_ONCE // max(m, 1))
            narrow = x.astype(np.float32)
            for start in range(0, shuffles, step):
                dealt = residual[orders[start : start + step]].astype(np.float32)
                shuffled[start : start + step] += dealt @ narrow
    tested = variance > 0
    scale = np.sqrt(np.where(tested, variance, np.nan))
    z = score / scale
    shuffled /= scale.astype(np.float32)
    most = np.nanmax(np.abs(shuffled), axis=1) if tested.any() else np.zeros(shuffles)
    ranked = np.sort(most)
    beaten = shuffles - np.searchsorted(ranked, np.abs(z).astype(np.float32), side="left")
    bar = _quantile(threshold)
    null = (np.abs(shuffled) >= bar).sum(axis=1).astype(np.int64)
    observed = int((two_sided(z[tested]) <= threshold).sum())
    called, null_called = {}, {}
    for level in levels:
        called[level] = int(rejections(two_sided(z)[None], level=level)[0])
        null_called[level] = _called(shuffled, int(tested.sum()), level)
    return Permutation(
        shuffles=shuffles, tested=int(tested.sum()), threshold=threshold, observed=observed, null=null, called=called,
        null_called=null_called, p_adjusted=np.where(tested, (1 + beaten) / (1 + shuffles), np.nan), z=z,
        p_any=float((1 + (null >= observed).sum()) / (1 + shuffles)),
    )  # fmt: skip


def _called(shuffled: npt.NDArray[np.float32], tested: int, level: float) -> Ints:
    """Hits by Benjamini-Hochberg in every shuffle; only the statistics that could count are turned into p values."""
    bar = _quantile(level)
    counts = np.zeros(shuffled.shape[0], dtype=np.int64)
    # no hit at all unless one of the k largest reaches the k-th bar: most shuffles end at the first look
    for row in range(shuffled.shape[0]):
        large = np.abs(shuffled[row])
        small = np.sort(two_sided(large[large >= bar].astype(np.float64)))
        passed = np.flatnonzero(small <= level * np.arange(1, small.size + 1) / max(tested, 1))
        counts[row] = passed[-1] + 1 if passed.size else 0
    return counts


def _quantile(p: float) -> float:
    """|z| with a two-sided p of `p`."""
    from statistics import NormalDist

    return -NormalDist().inv_cdf(p / 2)

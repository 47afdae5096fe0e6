"""Tests between groups for many cell types at once: Kruskal-Wallis, Dunn's pairs, and the effect sizes that go with them.

Kruskal & Wallis 1952, doi 10.1080/01621459.1952.10483441; Dunn 1964, doi 10.1080/00401706.1964.10490181; epsilon squared:
Tomczak & Tomczak 2014, Trends Sport Sci 1:19; Cliff's delta: Feng & Cliff 2004, doi 10.22237/jmasm/1099267560.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.markers.scan.multiplicity import benjamini_hochberg
from core.survival.rank_tests import holm

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST = 3
"""Patients with a value that a group needs to be tested; smaller groups are left out and said so."""
CORRECTIONS = {"holm": "Holm", "bh": "Benjamini-Hochberg"}
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class KruskalWallis:
    """One test a column.

    Attributes
    ----------
    statistic, p_value : (m,) H, corrected for ties, and its chi-squared p value; nan where no test can be made.
    effect : (m,) epsilon squared, 0 (groups alike) to 1 (groups apart entirely): H / (n - 1).
    q_value : (m,) Benjamini-Hochberg over the m columns.
    n, n_groups : (m,) patients and groups that were tested.
    """

    statistic: Floats
    p_value: Floats
    effect: Floats
    q_value: Floats
    n: Ints
    n_groups: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Every pair of groups of one column.

    Attributes
    ----------
    first, second : (p,) codes of the groups. n_first, n_second : (p,) patients with a value.
    z, p_value, p_adjusted : (p,) Dunn's statistic, its two-sided p value, and that corrected for the number of pairs.
    delta, low, high : (p,) Cliff's delta with its 95% interval: share of patient pairs in which the first group is
        higher minus the share in which it is lower, -1 to 1.
    correction : key of CORRECTIONS.
    """

    first: Ints
    second: Ints
    n_first: Ints
    n_second: Ints
    z: Floats
    p_value: Floats
    p_adjusted: Floats
    delta: Floats
    low: Floats
    high: Floats
    correction: str


def average_ranks(values: Floats) -> tuple[Floats, float]:
    """Ranks from 1 with ties sharing their mean, and the sum of t^3 - t over ties. values : (n,) without nan."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2.0)[inverse]
    size = counts.astype(np.float64)
    return ranks, float((size**3 - size).sum())


def _usable(values: Floats, codes: Ints) -> tuple[Floats, Ints, Ints, Ints]:
    """Values and groups (numbered from 0) of the patients of groups that are large enough; the groups' codes and sizes."""
    known = np.isfinite(values) & (codes >= 0)
    counts = np.bincount(codes[known], minlength=int(codes.max(initial=-1)) + 1)
    kept = np.flatnonzero(counts >= LEAST)
    number = np.full(counts.size + 1, -1)
    number[kept] = np.arange(kept.size)
    inside = known & (number[codes] >= 0)
    return values[inside], number[codes[inside]], kept, counts[kept]


def kruskal_wallis(values: Floats, codes: Ints) -> KruskalWallis:
    """Whether groups differ, for each of many columns.

    Null hypothesis: a column has the same distribution in every group. Nan values leave that column only.

    Parameters
    ----------
    values : (n, m), one row a patient. codes : (n,) group of each patient, -1 = none.

    References
    ----------
    doi 10.1080/01621459.1952.10483441. Equals R kruskal.test; epsilon squared as rcompanion::epsilonSquared.
    """
    from scipy.special import chdtrc

    m = values.shape[1]
    statistic, p, effect = np.full(m, np.nan), np.full(m, np.nan), np.full(m, np.nan)
    n, k = np.zeros(m, dtype=np.int64), np.zeros(m, dtype=np.int64)
    for column in range(m):
        own, group, kept, sizes = _usable(values[:, column], codes)
        n[column], k[column] = own.size, kept.size
        if kept.size < 2:
            continue
        ranks, ties = average_ranks(own)
        total = float(own.size)
        fair = 1.0 - ties / (total**3 - total)
        if fair <= 1e-12:  # every value is the same
            statistic[column], p[column], effect[column] = 0.0, 1.0, 0.0
            continue
        sums = np.bincount(group, weights=ranks, minlength=kept.size)
        h = (12.0 / (total * (total + 1.0)) * float((sums**2 / sizes).sum()) - 3.0 * (total + 1.0)) / fair
        statistic[column] = max(h, 0.0)
        p[column] = float(chdtrc(kept.size - 1, statistic[column]))
        effect[column] = statistic[column] / (total - 1.0)
    return KruskalWallis(
        statistic=statistic, p_value=p, effect=effect, q_value=benjamini_hochberg(p), n=n, n_groups=k
    )


def dunn(values: Floats, codes: Ints, *, correction: str = "holm") -> Pairs:
    """Every pair of groups of one column: Dunn's test on the ranks over all groups, and Cliff's delta.

    Null hypothesis of a pair: a patient of one group is as likely to be higher as lower than one of the other.

    Parameters
    ----------
    values : (n,). codes : (n,) group of each patient, -1 = none. correction : 'holm' or 'bh', over the pairs.

    Raises
    ------
    ValueError
        Another correction.

    References
    ----------
    doi 10.1080/00401706.1964.10490181. Equals FSA::dunnTest(two.sided = TRUE), p.adjust(method = "holm" or "BH").
    """
    from scipy.special import ndtr

    if correction not in CORRECTIONS:
        raise ValueError(f"correction '{correction}' is not known; use one of {', '.join(CORRECTIONS)}")
    own, group, kept, sizes = _usable(values, codes)
    first, second = np.triu_indices(kept.size, 1)
    n = float(own.size)
    if first.size:
        ranks, ties = average_ranks(own)
        means = np.bincount(group, weights=ranks, minlength=kept.size) / sizes
        spread = n * (n + 1.0) / 12.0 - ties / (12.0 * (n - 1.0))
        error = np.sqrt(spread * (1.0 / sizes[first] + 1.0 / sizes[second]))
        z = np.divide(means[first] - means[second], error, out=np.zeros(first.size), where=error > 0)
    else:
        z = np.empty(0)
    p = np.minimum(2.0 * ndtr(-np.abs(z)), 1.0)
    parts = [np.sort(own[group == g]) for g in range(kept.size)]
    deltas = np.array([cliffs_delta(parts[a], parts[b]) for a, b in zip(first, second, strict=True)]).reshape(-1, 3)
    return Pairs(
        first=kept[first],
        second=kept[second],
        n_first=sizes[first].astype(np.int64),
        n_second=sizes[second].astype(np.int64),
        z=z,
        p_value=p,
        p_adjusted=holm(p) if correction == "holm" else benjamini_hochberg(p),
        delta=deltas[:, 0],
        low=deltas[:, 1],
        high=deltas[:, 2],
        correction=correction,
    )


def cliffs_delta(first: Floats, second: Floats) -> tuple[float, float, float]:
    """Cliff's delta and its 95% interval: how much more often a value of the first sample is higher than lower.

    Parameters
    ----------
    first : (n1,). second : (n2,). Without nan.

    The variance is Cliff's consistent estimate, the interval the asymmetric one of Feng and Cliff, which stays inside
    -1 to 1; nan where a sample has fewer than two values.

    References
    ----------
    Feng & Cliff 2004, doi 10.22237/jmasm/1099267560 (equation 8); Cliff 1993, doi 10.1037/0033-2909.114.3.494.
    """
    n1, n2 = first.size, second.size
    if min(n1, n2) < 2:
        return float("nan"), float("nan"), float("nan")
    a, b = np.sort(first), np.sort(second)
    below = np.searchsorted(b, a, side="left")
    above = n2 - np.searchsorted(b, a, side="right")
    rows = (below - above) / n2
    columns = ((n1 - np.searchsorted(a, b, side="right")) - np.searchsorted(a, b, side="left")) / n1
    delta = float(rows.mean())
    if abs(delta) > 1.0 - 1e-12:
        smaller = float(min(n1, n2))
        bound = (smaller - Z95**2) / (smaller + Z95**2)
        return (delta, bound, 1.0) if delta > 0 else (delta, -1.0, -bound)
    untied = float((below + above).sum())
    spread = n2**2 * float(((rows - delta) ** 2).sum()) + n1**2 * float(((columns - delta) ** 2).sum())
    variance = (spread - (untied - n1 * n2 * delta**2)) / (n1 * n2 * (n1 - 1.0) * (n2 - 1.0))
    variance = max(variance, (1.0 - delta**2) / (n1 * n2 - 1.0))
    wide = Z95 * np.sqrt(variance) * np.sqrt((1.0 - delta**2) ** 2 + Z95**2 * variance)
    middle, under = delta - delta**3, 1.0 - delta**2 + Z95**2 * variance
    return delta, float((middle - wide) / under), float((middle + wide) / under)

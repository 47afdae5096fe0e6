"""Law of the maximum: how large the largest of many standardised two-sample statistics gets when a marker says nothing.

Each function takes the observed maximum and gives P(maximum at least as large) under the null hypothesis that marker and
outcome are independent. `below` are the patients under each cut; neighbouring cuts share most patients, so that their
statistics are correlated: corr = sqrt(i (n - j) / (j (n - i))) for i < j patients below.
"""

from __future__ import annotations

import math

import numpy as np

from core.survival.endpoint import Bools, Floats, Ints

MOST_COUNTED = 170
"""Patients up to which the score sums are counted exactly (beyond it the counts leave the range R can hold)."""
MOST_CELLS = 60_000_000
FAR = 8.0
SMALLEST = 1e-9
"""Under it a difference from 1 has lost its digits; the improved Bonferroni bound is as good there."""
BLOCK = 2_000_000
NEAR = 1e-10
"""Relative closeness at which two statistics are taken as equal."""


def normal_two_sided(b: float) -> float:
    """2 (1 - Phi(b)): the p value of one cut that was fixed beforehand."""
    return math.erfc(abs(b) / math.sqrt(2))


def lausen_schumacher(b: float, *, minprop: float, maxprop: float) -> float:
    """Asymptotic law over all cuts between two quantiles (Brownian bridge; the marker continuous).

    References
    ----------
    Miller & Siegmund 1982, doi 10.2307/2529881; Lausen & Schumacher 1992, doi 10.2307/2532740. Equals R maxstat
    pmethod = "Lau92".
    """
    if b < 1 or minprop <= 0 or maxprop >= 1:
        return 1.0 if b < 1 else float("nan")
    density = math.exp(-b * b / 2) / math.sqrt(2 * math.pi)
    span = math.log(maxprop * (1 - minprop) / ((1 - maxprop) * minprop))
    return min(1.0, max(0.0, 4 * density / b + density * (b - 1 / b) * span))


def lausen_1994(b: float, n: int, below: Ints) -> float:
    """Improved Bonferroni bound over the cuts that there are (Worsley 1982 with neighbouring cuts).

    References
    ----------
    Lausen, Sauerbrei & Schumacher 1994, in Dirschedl & Ostermann, Computational Statistics, 483-496; the bound:
    Worsley 1982, doi 10.1093/biomet/69.2.297. Equals R maxstat pmethod = "Lau94" where that is at most 1.
    """
    low, high = below[:-1].astype(np.float64), below[1:].astype(np.float64)
    t = np.sqrt(1 - low * (n - high) / ((n - low) * high))
    extra = (math.exp(-b * b / 2) / math.pi * (t - (b * b / 4 - 1) * t**3 / 6)).sum()
    return float(min(1.0, max(0.0, normal_two_sided(b) + extra)))


def critical(n: int, below: Ints, *, alpha: float = 0.05) -> float:
    """The maximum at which the improved Bonferroni bound is `alpha`; for a line in a figure.

    References
    ----------
    Worsley 1982, doi 10.1093/biomet/69.2.297.
    """
    low, high = 1.0, FAR
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if lausen_1994(middle, n, below) > alpha else (low, middle)
    return high


def gauss(b: float, n: int, below: Ints) -> float:
    """Exact law of the largest of the correlated normals that the statistics tend to.

    The correlation is that of a Markov chain, so that the rectangle probability is a chain of one-dimensional integrals
    (Gauss-Legendre); no simulation. Above 60 million kernel cells the improved Bonferroni bound is given instead.

    References
    ----------
    Hothorn & Lausen 2003, doi 10.1016/S0167-9473(02)00225-6. Equals R maxstat pmethod = "exactGauss", which integrates
    the same law by quasi-Monte Carlo.
    """
    if below.size == 0:
        return float("nan")
    if below.size == 1:
        return normal_two_sided(b)
    if b > FAR:
        return lausen_1994(b, n, below)
    low, high = below[:-1].astype(np.float64), below[1:].astype(np.float64)
    rho = np.sqrt(low * (n - high) / (high * (n - low)))
    spread = np.sqrt(1 - rho * rho)
    count = max(24, math.ceil(2.2 * b / float(spread.min())) + 8)
    if count * count * rho.size > MOST_CELLS:
        return lausen_1994(b, n, below)
    node, weight = np.polynomial.legendre.leggauss(count)
    node, weight = b * (node + 1) / 2, b * weight / 2
    root = math.sqrt(2 * math.pi)
    # the density is even, so that half the axis is enough: x and -x go to y together
    density = 2 * weight * np.exp(-node * node / 2) / root
    step = max(1, BLOCK // (count * count))
    for first in range(0, rho.size, step):
        r, s = rho[first : first + step, None, None], spread[first : first + step, None, None]
        y, x = node[None, :, None], node[None, None, :]
        kernel = np.exp(-(((y - r * x) / s) ** 2) / 2) + np.exp(-(((y + r * x) / s) ** 2) / 2)
        kernel *= weight[None, :, None] / (root * s)
        for each in kernel:
            density = each @ density
    p = float(min(1.0, max(0.0, 1 - density.sum())))
    return p if p > SMALLEST else lausen_1994(b, n, below)


def exact_binary(response: Bools, below: Ints, *, statistic: Floats, least: float) -> float:
    """Exact conditional law for a response: P(|statistic| >= least at some cut), every order of the patients equally likely.

    Parameters
    ----------
    response : (n,) bool. below : (m,) patients under each cut, ascending.
    statistic : (m, k + 1), |statistic| at each cut when 0 .. k responders are under it (k responders in all).
    least : the observed maximum.

    A walk over the patients in the order of the marker; a walk that reaches `least` at a cut is absorbed.

    References
    ----------
    Koziol 1991, Biometrics 47, 1557-1561; Boulesteix 2006, doi 10.1002/bimj.200510161.
    """
    n, k = response.size, int(response.sum())
    inside = np.zeros(k + 1)
    inside[0] = 1.0
    seen = np.arange(k + 1, dtype=np.float64)
    row = {int(m): i for i, m in enumerate(below)}
    absorbed = 0.0
    bound = least * (1 - NEAR)
    for patient in range(int(below[-1])):
        chance = np.clip((k - seen) / (n - patient), 0.0, 1.0)
        moved = inside * chance
        inside = inside - moved
        inside[1:] += moved[:-1]
        if patient + 1 in row:
            out = statistic[row[patient + 1]] >= bound
            absorbed += float(inside[out].sum())
            inside[out] = 0.0
    return min(1.0, absorbed)


def whole_scores(scores: Floats) -> Ints:
    """Scores as whole numbers, 0 to n where they are not whole already (as R maxstat's `iscores`)."""
    part = scores - np.floor(scores)
    if part.sum() == 0:
        return scores.astype(np.int64)
    if (part[part != 0] == 0.5).all():
        return np.rint(2 * scores).astype(np.int64)
    shifted = scores - scores.min()
    return np.asarray(np.rint(shifted * scores.size / shifted.max()), dtype=np.int64)


def hothorn_lausen(scores: Floats, below: Ints) -> float:
    """Exact conditional bound on the p value from the distribution of the score sums, scores rounded to whole numbers.

    Parameters
    ----------
    scores : (n,) in the order of the marker. below : (m,) patients under each cut, ascending.

    Returns
    -------
    float
        A bound on P(maximum > observed); nan above 170 patients, or where all scores are equal. As R computes it, the bound
        counts strictly larger maxima and takes every number of patients for a cut: with a tied marker or few patients it
        can lie under the true p value. `p_exact` and `p_permutation` do not.

    References
    ----------
    Hothorn & Lausen 2003, doi 10.1016/S0167-9473(02)00225-6; Streitberg & Roehmel 1986. Equals R maxstat pmethod = "HL".
    """
    n = scores.size
    if n > MOST_COUNTED or below.size == 0 or np.ptp(scores) == 0:
        return float("nan")
    y = whole_scores(scores).astype(np.float64)
    if np.ptp(y) == 0:
        return float("nan")
    b = float(np.abs(_standardised(y, below)).max())
    y = y - y.min()
    total, largest = int(y.sum()), int(y.max())
    counts = np.zeros((n + 1, total + 1))
    counts[0, 0] = 1.0
    top = 0
    for done, a in enumerate(np.sort(y).astype(np.int64)):
        piece = counts[: done + 1, : top + 1].copy()
        counts[1 : done + 2, a : top + a + 1] += piece
        top += int(a)
    if below.size == 1:
        only = int(below[0])
        share = counts[only] / counts[only].sum()
        centre = only / n * total
        off = abs(float(np.cumsum(y)[only - 1]) - centre)
        away = np.abs(np.arange(total + 1) - centre) >= off - 1e-9
        return float(min(1.0, share[away].sum())) if off > 0 else 1.0
    m = np.arange(1, n, dtype=np.float64)
    expected = m / n * total
    spread = np.sqrt(m * (n - m) / (n**2 * (n - 1)) * (n * (y**2).sum() - total**2))
    sums = np.arange(1, total + 1, dtype=np.float64)
    possible = counts[1:n, 1:]
    size = np.abs((sums[None, :] - expected[:, None]) / spread[:, None])
    size[possible == 0] = 0.0
    chance = possible / counts[1:n].sum(axis=1)[:, None]
    chance[size <= b] = 0.0
    beyond = chance.sum(axis=1)
    # those beyond the bound at one cut that are beyond it at the next whatever comes are counted once
    for i in range(int(below[0]) - 1, n - 2):
        out = np.flatnonzero(chance[i] > 0)
        for side, step in ((out[out + 1 < expected[i]], largest), (out[out + 1 > expected[i]], 0)):
            if side.size and side.max() + step < total:
                stays = side[size[i + 1, side + step] > b]
                beyond[i + 1] -= chance[i, stays].sum()
    return float(min(1.0, max(0.0, beyond[below - 1].sum())))


def permutation(scores: Floats, below: Ints, *, statistic: float, resamples: int, seed: int) -> float:
    """Share of random orders of the scores with a maximum at least as large, the observed order counted among them.

    References
    ----------
    Phipson & Smyth 2010, doi 10.2202/1544-6115.1585 (why the observed order counts). R maxstat pmethod = "condMC".
    """
    if resamples < 1 or below.size == 0:
        return float("nan")
    rng = np.random.default_rng(seed)
    n = scores.size
    step = max(1, BLOCK // n)
    hits, done = 0, 0
    while done < resamples:
        size = min(step, resamples - done)
        drawn = rng.permuted(np.broadcast_to(scores, (size, n)), axis=1)
        hits += int((np.abs(_standardised(drawn, below)).max(axis=1) >= statistic * (1 - NEAR)).sum())
        done += size
    return (1 + hits) / (1 + resamples)


def _standardised(scores: Floats, below: Ints) -> Floats:
    """(..., m) sums of the scores under each cut, less their mean, over their permutation standard deviation."""
    n = scores.shape[-1]
    total = scores.sum(axis=-1, keepdims=True)
    square = (scores**2).sum(axis=-1, keepdims=True)
    m = below.astype(np.float64)
    spread = np.sqrt(m * (n - m) / (n**2 * (n - 1)) * (n * square - total**2))
    return np.asarray((scores.cumsum(axis=-1)[..., below - 1] - m / n * total) / spread, dtype=np.float64)


standardised = _standardised
"""Signed statistic at each cut; positive = higher scores under the cut."""

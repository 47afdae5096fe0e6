"""Harmony-like correction: soft clusters that prefer mixed cohorts, and a linear shift of each cohort in each cluster.

Korsunsky 2019, doi 10.1038/s41592-019-0619-0, written anew: maximum-diversity soft k-means on directions, then ridge
regression of the features on the cohort within every cluster, repeated until the clusters no longer move.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.tme.mixing.standardisation import scaled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WIDTH = 0.1
"""sigma: softness of the clusters."""
DIVERSITY = 2.0
"""theta: how much a cluster wants every cohort in it."""
RIDGE = 1.0
"""lambda: pull of a cohort's shift towards 0, in patients."""
ROUNDS, INNER, BLOCK = 10, 20, 0.05
MOST_CLUSTERS, PATIENTS_A_CLUSTER = 100, 30
SETTLED, SETTLED_INNER = 1e-4, 1e-5


def harmony(x: Floats, batch: Ints, *, seed: int = 0) -> Floats:
    """Features, on a common unit, without the cohorts' shifts in each neighbourhood.

    Parameters
    ----------
    x : (n, p) features without missing values. batch : (n,) codes of the cohorts. seed : starts and order of updates.

    Unlike ComBat a shift may differ between kinds of patients. Clusters: one for 30 patients, at most 100. No label or
    outcome is seen. Settings are those of the original (sigma .1, theta 2, lambda 1); none was tried besides.

    References
    ----------
    Korsunsky 2019, doi 10.1038/s41592-019-0619-0.
    """
    data = scaled(x)
    codes, place = np.unique(batch, return_inverse=True)
    n = data.shape[0]
    k = int(min(max(round(n / PATIENTS_A_CLUSTER), 1), MOST_CLUSTERS))
    if codes.size < 2 or k < 2:
        return data
    rng = np.random.default_rng(seed)
    design = np.eye(codes.size)[place]
    share = design.mean(axis=0)
    corrected = data.copy()
    centres = _start(_directions(corrected), k, seed=seed)
    soft = _soften(2 * (1 - _directions(corrected) @ centres.T))
    last = np.inf
    for _ in range(ROUNDS):
        soft, value = _cluster(_directions(corrected), soft, design=design, share=share, rng=rng)
        corrected = _shifted(data, soft, design)
        if abs(last - value) < SETTLED * abs(last):
            break
        last = value
    return corrected


def _directions(x: Floats) -> Floats:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), dtype=np.float64)


def _start(z: Floats, k: int, *, seed: int) -> Floats:
    """Unit centres (k, p) of k-means on the directions."""
    from core.tme.clustering import kmeans

    labels = kmeans(z, k, starts=5, seed=seed)
    return _directions(np.stack([z[labels == c].mean(axis=0) if (labels == c).any() else z[c] for c in range(k)]))


def _soften(distance: Floats) -> Floats:
    share = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / WIDTH)
    return np.asarray(share / share.sum(axis=1, keepdims=True), dtype=np.float64)


def _cluster(z: Floats, soft: Floats, *, design: Floats, share: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
    """Soft membership (n, k) after maximum-diversity clustering of directions z (n, p), and the objective."""
    n = z.shape[0]
    soft = soft.copy()
    observed = soft.T @ design
    expected = np.outer(soft.sum(axis=0), share)
    last = np.inf
    for _ in range(INNER):
        centres = _directions(soft.T @ z)
        distance = 2 * (1 - z @ centres.T)
        near = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / WIDTH)
        for rows in np.array_split(rng.permutation(n), max(round(1 / BLOCK), 1)):
            observed -= soft[rows].T @ design[rows]
            expected -= np.outer(soft[rows].sum(axis=0), share)
            penalty = ((expected + 1) / (observed + 1)) ** DIVERSITY
            part = near[rows] * (design[rows] @ penalty.T)
            soft[rows] = part / part.sum(axis=1, keepdims=True)
            observed += soft[rows].T @ design[rows]
            expected += np.outer(soft[rows].sum(axis=0), share)
        entropy = WIDTH * (soft * np.log(np.maximum(soft, 1e-300))).sum()
        spread = WIDTH * DIVERSITY * (observed * np.log((observed + 1) / (expected + 1))).sum()
        value = float((soft * distance).sum() + entropy + spread)
        if abs(last - value) < SETTLED_INNER * abs(last):
            break
        last = value
    return soft, value


def _shifted(data: Floats, soft: Floats, design: Floats) -> Floats:
    """Features without each cluster's cohort shifts; the cluster's own mean stays."""
    full = np.column_stack([np.ones(data.shape[0]), design])
    pull = np.diag([0.0, *([RIDGE] * design.shape[1])])
    corrected = data.copy()
    for own in soft.T:
        weighted = full * own[:, None]
        slopes = np.linalg.solve(weighted.T @ full + pull + 1e-9 * np.eye(full.shape[1]), weighted.T @ data)
        slopes[0] = 0.0
        corrected -= weighted @ slopes
    return corrected

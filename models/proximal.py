"""Elastic-net logistic regression for many problems at once.

Problems that share a design matrix (folds, penalties, shuffled labels) are columns of one matrix, and are solved
together by accelerated proximal gradient with restart (Beck & Teboulle 2009, doi 10.1137/080716542; O'Donoghue & Candes
2015, doi 10.1007/s10208-013-9150-3).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def solve(
    design: Floats,
    labels: Floats,
    *,
    weights: Floats,
    penalties: Floats,
    l1_ratio: float,
    iterations: int = 400,
    tolerance: float = 1e-5,
) -> tuple[Floats, Floats]:
    """Minimise sum_i w_i logloss_i + penalty (l1_ratio |b|_1 + (1 - l1_ratio)/2 |b|_2^2), one problem a column.

    Parameters
    ----------
    design : (n, d). labels, weights : (n, k), each column of weights summing to 1. penalties : (k,).

    Returns
    -------
    coefficients (d, k), intercepts (k,); the intercept is not penalised.
    """
    n, d = design.shape
    k = labels.shape[1]
    augmented = np.hstack([design, np.ones((n, 1))])
    gram = augmented.T @ augmented
    smooth = 0.25 * float(np.linalg.eigvalsh(gram)[-1]) * weights.max(axis=0) + penalties * (1 - l1_ratio)
    step = 1.0 / smooth
    ridge = np.vstack([np.tile(penalties * (1 - l1_ratio), (d, 1)), np.zeros((1, k))])
    threshold = np.vstack([np.tile(penalties * l1_ratio, (d, 1)), np.zeros((1, k))]) * step
    rate = np.clip((weights * labels).sum(axis=0), 1e-6, 1 - 1e-6)
    current = np.zeros((d + 1, k))
    current[-1] = np.log(rate / (1 - rate))
    ahead, momentum = current, np.ones(k)
    for _ in range(iterations):
        error = weights * (_sigmoid(augmented @ ahead) - labels)
        moved = ahead - step * (augmented.T @ error + ridge * ahead)
        following = np.sign(moved) * np.maximum(np.abs(moved) - threshold, 0.0)
        change = following - current
        restart = ((ahead - following) * change).sum(axis=0) > 0
        grown = np.where(restart, 1.0, (1 + np.sqrt(1 + 4 * momentum**2)) / 2)
        ahead = following + np.where(restart, 0.0, (momentum - 1) / grown) * change
        current, momentum = following, grown
        if np.abs(change).max() < tolerance:
            break
    return current[:-1], current[-1]


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)), dtype=np.float64)

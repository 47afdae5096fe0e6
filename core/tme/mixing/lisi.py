"""LISI: how many kinds of label a patient's neighbourhood effectively holds.

Korsunsky 2019, doi 10.1038/s41592-019-0619-0. With cohorts as labels (iLISI) more is better mixed; with kinds of
microenvironment as labels (cLISI) 1 is best kept apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PERPLEXITY = 30
TOLERANCE, STEPS = 1e-5, 50


def size(n: int) -> tuple[int, int]:
    """Perplexity, and neighbours with the patient itself, that n patients allow: 30 and 90, fewer under 91 patients."""
    perplexity = max(min(PERPLEXITY, (n - 1) // 3), 1)
    return perplexity, min(3 * perplexity, n)


def weights(distance: npt.NDArray[np.floating], perplexity: float) -> Floats:
    """Weights of each patient's neighbours, (n, k), that add up to 1 and have this perplexity.

    Parameters
    ----------
    distance : (n, k) to the neighbours, without the patient itself.

    The weight falls exponentially with the distance, at a rate found by bisection for each patient.
    """
    d = np.asarray(distance, dtype=np.float64)
    target = np.log(perplexity)
    rate = np.ones(d.shape[0])
    low, high = np.zeros(d.shape[0]), np.full(d.shape[0], np.inf)
    for _ in range(STEPS):
        # the smallest distance is taken off, which changes no weight and keeps the sum from vanishing
        share = np.exp(-(d - d.min(axis=1, keepdims=True)) * rate[:, None])
        share /= share.sum(axis=1, keepdims=True)
        entropy = -(share * np.log(np.maximum(share, 1e-300))).sum(axis=1)
        off = entropy - target
        if (np.abs(off) <= TOLERANCE).all():
            break
        open_ = np.abs(off) > TOLERANCE
        wide = open_ & (off > 0)
        low = np.where(wide, rate, low)
        high = np.where(open_ & ~wide, rate, high)
        rate = np.where(open_, np.where(np.isinf(high), rate * 2, (low + high) / 2), rate)
    return np.asarray(share, dtype=np.float64)


def lisi(index: Ints, share: Floats, labels: Ints) -> Floats:
    """Inverse Simpson index of the labels around each patient, (n,): 1 (all alike) to the number of labels.

    Parameters
    ----------
    index : (n, k) neighbours without the patient itself. share : (n, k) from `weights`. labels : (n,) codes from 0.

    References
    ----------
    Korsunsky 2019, doi 10.1038/s41592-019-0619-0. Equals R lisi::compute_lisi to its tolerance.
    """
    around = labels[index]
    simpson = np.zeros(index.shape[0])
    for code in range(int(labels.max()) + 1):
        simpson += np.where(around == code, share, 0.0).sum(axis=1) ** 2
    return np.asarray(1.0 / np.maximum(simpson, 1e-300), dtype=np.float64)

"""Blocks: resampling spots in squares, as neighbours are alike and a single spot is no independent observation (Künsch 1989, doi 10.1214/aos/1176347265)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def blocks(positions: npt.NDArray[np.number], *, side: float) -> list[Ints]:
    """Rows of each square that has spots.

    Parameters
    ----------
    positions : (n, 2). side : of a square, in the unit of the positions.
    """
    block = np.unique(np.floor((positions - positions.min(axis=0)) / side), axis=0, return_inverse=True)[1].ravel()
    return [np.flatnonzero(block == one) for one in range(block.max() + 1)]


def drawn(positions: npt.NDArray[np.number], *, side: float, times: int, seed: int = 0) -> Floats:
    """How often each spot is in each resample, (times, n): as many squares as there are, drawn with replacement.

    Parameters
    ----------
    positions : (n, 2). side : of a square, in the unit of the positions. seed : same seed, same resamples.
    """
    members = blocks(positions, side=side)
    rng = np.random.default_rng(seed)
    made = np.zeros((times, len(positions)))
    for row in made:
        for one, often in enumerate(np.bincount(rng.integers(0, len(members), len(members)), minlength=len(members))):
            row[members[one]] = often
    return made


def correlations(one: Floats, two: Floats, *, weights: Floats) -> Floats:
    """Pearson correlation of each column with its partner in every resample, (times, t); nan where either does not vary.

    Parameters
    ----------
    one, two : (n, t); ranks give Spearman's rho with the ranks of the whole section held. weights : (times, n), from `drawn`.
    """
    a, b = one - one.mean(axis=0), two - two.mean(axis=0)
    share = weights / weights.sum(axis=1, keepdims=True)
    mean_a, mean_b = share @ a, share @ b
    between = share @ (a * b) - mean_a * mean_b
    spread = (share @ (a * a) - mean_a**2) * (share @ (b * b) - mean_b**2)
    known = spread > 1e-12
    found: Floats = np.where(known, between / np.sqrt(np.where(known, spread, 1.0)), np.nan)
    return found

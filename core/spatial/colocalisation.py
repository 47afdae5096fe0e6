"""Colocalisation: whether two cell types lie in neighbouring spots more, or less, often than their own patterns make likely.

The statistic is the bivariate Moran's I (Wartenberg 1985, doi 10.1111/j.1538-4632.1985.tb00849.x), in which a spot is not its own
neighbour. Neighbouring spots are alike, so shuffling spots would call everything significant: the null moves one pattern as a whole
over the section (random toroidal shift and reflection), which keeps how each type clusters and breaks only how the two lie to each
other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from core.spatial.neighbourhood import neighbours, pitch

Floats = npt.NDArray[np.float64]
PERMUTATIONS = 399


def colocalisation(
    fractions: Floats, names: Sequence[str], *, positions: Floats, seed: int = 0, permutations: int = PERMUTATIONS
) -> pl.DataFrame:
    """Every two cell types of a section: observed and expected association of neighbouring spots.

    Null hypothesis: the two patterns lie independently of each other. Two-sided permutation p, Benjamini-Hochberg over the pairs.

    Parameters
    ----------
    fractions : (n, k) proportions. names : (k,). positions : (n, 2), µm. seed : same seed, same answer.

    Returns
    -------
    first, second, observed, expected, z, p_value, q_value; one row a pair of types that vary in this section.
    """
    spread = fractions.std(axis=0)
    kept = np.flatnonzero(spread > 0)
    z = (fractions[:, kept] - fractions[:, kept].mean(axis=0)) / spread[kept]
    beside = neighbours(positions)
    degree = beside.sum()
    around = beside @ z
    observed = z.T @ around / max(degree, 1.0)
    drawn = np.empty((permutations, len(kept), len(kept)))
    for number, moved in enumerate(_moves(positions, permutations=permutations, seed=seed)):
        cross = z[moved].T @ around / max(degree, 1.0)
        drawn[number] = (cross + cross.T) / 2
    expected, sd = drawn.mean(axis=0), drawn.std(axis=0)
    extreme = np.abs(drawn - expected) >= np.abs(observed - expected)
    p = (1 + extreme.sum(axis=0)) / (1 + permutations)
    rows = [
        {
            "first": names[kept[i]], "second": names[kept[j]], "observed": observed[i, j], "expected": expected[i, j],
            "z": (observed[i, j] - expected[i, j]) / sd[i, j] if sd[i, j] > 0 else None, "p_value": p[i, j],
        }
        for i in range(len(kept)) for j in range(i + 1, len(kept))
    ]  # fmt: skip
    schema = {"first": pl.String, "second": pl.String, **dict.fromkeys(("observed", "expected", "z", "p_value"), pl.Float64)}
    frame = pl.DataFrame(rows, schema=schema)
    return frame.with_columns(q_value=pl.Series(_benjamini_hochberg(frame["p_value"].to_numpy()), dtype=pl.Float64))


def _moves(positions: Floats, *, permutations: int, seed: int) -> list[npt.NDArray[np.int64]]:
    """For each move of the pattern, the spot whose value comes to lie on each spot."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(seed)
    placed = positions - positions.min(axis=0)
    box = placed.max(axis=0) + pitch(positions)
    tree = cKDTree(placed, boxsize=box)
    moves = []
    for _ in range(permutations):
        turned = np.where(rng.random(2) < 0.5, placed, placed.max(axis=0) - placed)
        moves.append(np.asarray(tree.query((turned + rng.random(2) * box) % box)[1], dtype=np.int64))
    return moves


def _benjamini_hochberg(p: Floats) -> Floats:
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(q, 1.0)

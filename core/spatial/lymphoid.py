"""Lymphoid: where tertiary lymphoid structures may lie, from B cells, T cells and the 12 chemokines that go with them.

Chemokines: Coppola 2011, doi 10.1016/j.ajpath.2011.03.007. The peaks are candidates from expression: a tertiary lymphoid
structure is seen by a pathologist, and a spot is as wide as a small one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import NotMeasured
from core.spatial.neighbourhood import kernel, neighbours
from core.spatial.spot_expression import MARKERS, logged, mean_of

Floats = npt.NDArray[np.float64]
PARTS = ("b_cells", "t_cells", "chemokines_12")
WIDTH = 0.8
PERMUTATIONS = 499


@dataclass(frozen=True, slots=True, kw_only=True)
class Lymphoid:
    """Candidates of a section; n spots.

    Attributes
    ----------
    score : (n,) smoothed, in standard deviations of a single spot over the section. parts : (n, 3) B cells, T cells, chemokines,
        smoothed likewise. peaks : spots that are higher than all neighbours and above the section's mean in all three parts.
    p_value : (peaks,) how often spots in random order give a peak at least as high anywhere in the section.
    """

    score: Floats
    parts: Floats
    peaks: npt.NDArray[np.int64]
    p_value: Floats
    permutations: int


def lymphoid(
    counts: npt.NDArray[np.floating], genes: Sequence[str], *, positions: Floats, seed: int = 0, permutations: int = PERMUTATIONS
) -> Lymphoid:
    """Local maxima of B-cell, T-cell and chemokine expression.

    Null hypothesis: the spots' scores do not depend on where they lie. p is that of the section's maximum under random order of
    the spots, so it is corrected for the search over spots; it is one-sided and at least 1 / (1 + permutations).

    Parameters
    ----------
    counts : (g, n). genes : (g,) symbols. positions : (n, 2), µm. seed : same seed, same answer.

    Raises
    ------
    NotMeasured
        The section lacks the genes of one of the three parts.
    """
    values, rows = logged(counts), {gene: row for row, gene in enumerate(genes)}
    scored = {part: mean_of(values, rows, MARKERS[part], even=True) for part in PARTS}
    lacking = [part.replace("_", " ") for part, score in scored.items() if score is None]
    if lacking:
        raise NotMeasured(f"a lymphoid score needs {' and '.join(lacking)} genes, of which this section has fewer than three: pick another section")
    single = np.column_stack([_standard(np.nan_to_num(score, nan=float(np.nanmean(score)))) for score in scored.values() if score is not None])
    weights = kernel(positions, width=WIDTH)
    parts = weights @ single
    mean = single.mean(axis=1)
    score = weights @ mean
    beside = neighbours(positions) > 0
    highest = np.where(beside, score[None, :], -np.inf).max(axis=1)
    peaks = np.flatnonzero((score >= highest) & (parts > 0).all(axis=1))
    peaks = peaks[np.argsort(-score[peaks], kind="stable")]
    rng = np.random.default_rng(seed)
    tops = (weights @ np.column_stack([rng.permutation(mean) for _ in range(permutations)])).max(axis=0)
    p_value = (1 + (tops[None, :] >= score[peaks][:, None]).sum(axis=1)) / (1 + permutations)
    return Lymphoid(score=score, parts=parts, peaks=peaks, p_value=np.asarray(p_value, dtype=np.float64), permutations=permutations)


def _standard(values: Floats) -> Floats:
    spread = values.std()
    found: Floats = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return found

"""Infiltrate: how much lymphocyte and plasma-cell expression lies in and around a spot.

B-cell, plasma-cell and T-cell genes, each on an equal footing, because all three are what a pathologist counts (Salgado 2015, doi
10.1093/annonc/mdu450), smoothed over neighbours, because a spot of 100 µm catches few molecules of them. Six gene sets and five
widths were compared on the five her2st sections that have an infiltrate, so that its figures there are in-sample for that choice;
`benchmarks/tissue.py` prints all thirty, and what choosing on the other patients would have given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.errors import NotMeasured
from core.spatial.neighbourhood import kernel
from core.spatial.spot_expression import MARKERS, logged, mean_of

Floats = npt.NDArray[np.float64]
GENES = (*MARKERS["b_cells"], *MARKERS["plasma_cells"], *MARKERS["t_cells"])
LABEL = "immune infiltrate"
"""What pathologists call it in the table `spot`."""

WIDTH = 0.8
"""Of the smoothing, in pitches: a spot and the eight around it."""


def infiltrate(counts: npt.NDArray[np.floating], genes: Sequence[str], *, positions: Floats, width: float = WIDTH) -> Floats:
    """Immune-infiltrate score of each spot, (n,); compares spots of one section, no amount of cells.

    Parameters
    ----------
    counts : (g, n). genes : (g,) symbols. positions : (n, 2), µm. width : of the smoothing, in pitches; 0 = the spot alone.

    Raises
    ------
    NotMeasured
        Under three of the 41 genes were seen in the section.
    """
    values = logged(counts)
    found = mean_of(values, {gene: row for row, gene in enumerate(genes)}, GENES, even=True)
    if found is None:
        raise NotMeasured("the immune-infiltrate score needs at least three of its lymphocyte and plasma-cell genes; this section has fewer: pick another section")
    weights = kernel(positions, width=width)
    known = np.isfinite(found)
    share = weights[:, known].sum(axis=1)
    smoothed: Floats = np.divide(weights[:, known] @ found[known], share, out=np.full(len(found), np.nan), where=share > 0)
    return smoothed


def auc_in_blocks(score: Floats, label: npt.NDArray[np.bool_], *, positions: Floats, seed: int = 0) -> tuple[float, float, float]:
    """AUC of a score for a label with a 95% interval: spots resampled in square blocks of five pitches, as neighbours are alike.

    Parameters
    ----------
    score, label : (n,). positions : (n, 2), µm. seed : of 500 resamples. The estimand is the chance that a labelled spot scores
    higher than another of the section. Returns (auc, low, high); nan without both kinds of spots.
    """
    from core.spatial.blocks import blocks
    from core.spatial.neighbourhood import pitch

    members = blocks(positions, side=5 * pitch(positions))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(500):
        rows = np.concatenate([members[one] for one in rng.integers(0, len(members), len(members))])
        drawn.append(auc(score[rows], label[rows]))
    known = np.asarray(drawn)[np.isfinite(drawn)]
    low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
    return auc(score, label), float(low), float(high)


def auc(score: Floats, label: npt.NDArray[np.bool_]) -> float:
    """Chance that a labelled spot scores higher than another, ties half; nan without both kinds."""
    from scipy.stats import rankdata

    positive = int(label.sum())
    if positive in (0, len(label)):
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[label].sum() - positive * (positive + 1) / 2) / (positive * (len(label) - positive)))

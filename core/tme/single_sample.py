"""Rank-based single-sample scores of gene sets.

The score looks at one sample alone: it does not change when other samples join the cohort. It is the
rank score of Foroutan et al. 2018 (doi 10.1186/s12859-018-2435-4) for a set whose genes are expected up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def ranks(values: npt.NDArray[np.floating]) -> Array:
    """Rank of each gene within its sample, 1 = lowest; ties take the lowest rank of the tie.

    Parameters
    ----------
    values : (g, s) expression on any monotone scale; nan = not measured.

    Returns
    -------
    (g, s) float64; nan where not measured.
    """
    columns = np.ascontiguousarray(values.T)
    result = np.full(columns.shape, np.nan)
    for column, row in zip(columns, result, strict=True):
        measured = np.flatnonzero(~np.isnan(column))
        known = column[measured]
        order = np.argsort(known)
        ordered = known[order]
        starts = np.empty(ordered.size, dtype=bool)
        starts[:1] = True
        np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
        first = np.flatnonzero(starts)
        row[measured[order]] = np.repeat(first + 1.0, np.diff(np.append(first, ordered.size)))
    return result.T


def singscore(rank: Array, sets: Sequence[npt.NDArray[np.int64]]) -> Array:
    """Centred rank score of each gene set in each sample.

    The mean rank of the set's measured genes is placed between the lowest and the highest mean rank that a
    set of that size could have: -0.5 = all at the bottom of the sample, 0 = as a random set, 0.5 = all at the top.

    Parameters
    ----------
    rank : (g, s) from `ranks`.
    sets : rows of each set's genes.

    Returns
    -------
    (len(sets), s) float64 in [-0.5, 0.5]; nan where no gene of the set was measured or the set is the whole assay.

    References
    ----------
    Foroutan et al., BMC Bioinformatics 2018, doi 10.1186/s12859-018-2435-4.
    """
    measured = ~np.isnan(rank)
    n = measured.sum(axis=0).astype(np.float64)
    scores = np.full((len(sets), rank.shape[1]), np.nan)
    for number, rows in enumerate(sets):
        size = measured[rows].sum(axis=0).astype(np.float64)
        usable = (size > 0) & (size < n)
        total = np.nansum(rank[rows], axis=0)
        low = (size + 1.0) / 2.0
        high = n - (size - 1.0) / 2.0
        scores[number, usable] = ((total / np.where(size > 0, size, 1.0) - low) / np.where(usable, high - low, 1.0))[
            usable
        ] - 0.5
    return scores

"""Rank difference: many genes between a group and the rest at once, and what outlines drawn anywhere on the map would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import TooFewPatients
from core.markers.scan.discrimination import midranks
from core.markers.scan.multiplicity import benjamini_hochberg

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

BLOCK = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class RankDifference:
    """One test a gene.

    Attributes
    ----------
    auc : (g,) probability that a patient of the group has more of it than one of the rest, ties one half. p_value : (g,)
        Wilcoxon-Mann-Whitney, two-sided, normal approximation corrected for ties; nan for a constant gene. q_value : (g,)
        Benjamini-Hochberg. called : genes with q below the level. null_called : (r,) the same for each patch of `patches`.
    """

    auc: Floats
    p_value: Floats
    q_value: Floats
    called: int
    null_called: npt.NDArray[np.int64]


def rank_difference(values: Floats, member: Bools, *, patches: Bools | None = None, level: float = 0.05) -> RankDifference:
    """Compare every gene between a group and the rest.

    Parameters
    ----------
    values : (g, n), none missing. member : (n,) who is in the group. patches : (r, n) other groups to compare the count with.

    Null hypothesis, gene by gene: its values have the same distribution in the group and in the rest.

    Raises
    ------
    TooFewPatients
        A side is empty.

    References
    ----------
    Mann & Whitney 1947, doi 10.1214/aoms/1177730491. Equals R wilcox.test(exact = FALSE, correct = FALSE).
    """
    if not member.any() or member.all():
        raise TooFewPatients("a comparison needs patients inside and outside the group; draw another outline")
    groups = member[None, :] if patches is None else np.vstack([member, patches])
    sizes = groups.sum(axis=1).astype(np.float64)
    n = member.size
    areas, scores = np.empty((values.shape[0], len(groups))), np.empty((values.shape[0], len(groups)))
    for start in range(0, values.shape[0], BLOCK):
        part = slice(start, start + BLOCK)
        ranks = midranks(np.asarray(values[part], dtype=np.float64))
        pairs = sizes * (n - sizes)
        over = ranks @ groups.T.astype(np.float64) - sizes * (sizes + 1) / 2
        spread = ((ranks - (n + 1) / 2) ** 2).sum(axis=1)[:, None] / (n * (n - 1.0))
        with np.errstate(invalid="ignore", divide="ignore"):
            areas[part] = over / pairs
            scores[part] = (over - pairs / 2) / np.sqrt(pairs * spread)
    p = _two_sided(scores)
    q = benjamini_hochberg(p[:, 0])
    null = np.array([int((benjamini_hochberg(column) < level).sum()) for column in p.T[1:]], dtype=np.int64)
    return RankDifference(auc=areas[:, 0], p_value=p[:, 0], q_value=q, called=int((q < level).sum()), null_called=null)


def patches(places: Floats, size: int, *, count: int = 100, seed: int = 0) -> Bools:
    """Groups that an outline drawn anywhere would hold: around patients at random, the nearest on the picture.

    Parameters
    ----------
    places : (n, 2). size : patients in each. count : patches; fewer where there are fewer patients.
    """
    n = places.shape[0]
    centres = np.random.default_rng(seed).choice(n, min(count, n), replace=False)
    result = np.zeros((centres.size, n), dtype=bool)
    for row, centre in enumerate(centres):
        d2 = ((places - places[centre]) ** 2).sum(axis=1)
        result[row, np.argpartition(d2, size - 1)[:size]] = True
    return result


def _two_sided(z: Floats) -> Floats:
    from scipy.special import erfc

    return np.asarray(erfc(np.abs(z) / np.sqrt(2.0)), dtype=np.float64)

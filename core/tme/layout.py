"""Layout: how far a two-dimensional picture can be trusted - trustworthiness and the share of true neighbours that it keeps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.cohort.provenance import titles
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.tme import spaces
from data.store import Store

Floats = npt.NDArray[np.float64]

NEIGHBOURS = 15
MOST_EXACT = 5_000
"""Points up to which every pair is compared; of more, so many are drawn, once for both spaces."""
BLOCK = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Faithfulness:
    """How a picture stands to the feature space that it shows.

    Attributes
    ----------
    trustworthiness : 1 = nobody is among the k nearest in the picture who is not in the feature space; 0.5 about chance.
    kept : share of the k nearest neighbours in the feature space that are among the k nearest in the picture.
    chance : the share that a random picture keeps, k / (n - 1). n : points compared. of : points of the picture. k : neighbours.
    """

    trustworthiness: float
    kept: float
    chance: float
    n: int
    of: int
    k: int


def faithfulness(points: Floats, picture: Floats, *, k: int = NEIGHBOURS, seed: int = 0) -> Faithfulness:
    """Compare the neighbours of every point in its feature space and in its picture.

    Parameters
    ----------
    points : (n, p) feature space. picture : (n, 2). k : neighbours; fewer where n is small (k < n / 2).

    Estimand: trustworthiness T(k) = 1 - 2 / (n k (2n - 3k - 1)) sum of (rank in the feature space - k) over those among the k
    nearest in the picture who are not in the feature space; and the mean share of neighbours kept. Above 5,000 points both are taken
    from a seeded sample of 5,000, neighbours within the sample.

    Raises
    ------
    TooFewPatients
        Fewer than six points.

    References
    ----------
    Venna & Kaski 2001, doi 10.1007/3-540-44668-0_68. Equals sklearn.manifold.trustworthiness.
    """
    of = points.shape[0]
    if of < 6:
        raise TooFewPatients(f"{of} patients are too few to judge a picture; 6 are needed")
    if of > MOST_EXACT:
        drawn = np.sort(np.random.default_rng(seed).choice(of, MOST_EXACT, replace=False))
        points, picture = points[drawn], picture[drawn]
    n = points.shape[0]
    k = min(k, (n - 1) // 2)
    penalty, hits = 0, 0
    squares = [(values, (values**2).sum(axis=1)) for values in (points - points.mean(axis=0), picture - picture.mean(axis=0))]
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n))
        truth, shown = (_distances(values, square, rows) for values, square in squares)
        near = np.argpartition(shown, k - 1, axis=1)[:, :k]
        true = np.argpartition(truth, k - 1, axis=1)[:, :k]
        for j in range(k):
            distance = np.take_along_axis(truth, near[:, j : j + 1], axis=1)
            rank = (truth < distance).sum(axis=1) + 1
            penalty += int(np.maximum(rank - k, 0).sum())
        hits += int((near[:, :, None] == true[:, None, :]).sum())
    trust = 1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * penalty
    return Faithfulness(trustworthiness=trust, kept=hits / (n * k), chance=k / (n - 1), n=n, of=of, k=k)


def _distances(values: Floats, square: Floats, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Squared distances of some rows to all, (r, n), float32; a point is infinitely far from itself."""
    d2 = square[rows, None] + square - 2.0 * values[rows] @ values.T
    d2[np.arange(rows.size), rows] = np.inf
    return d2.astype(np.float32)


def judged(store: Store, query: CohortQuery, *, space: str = spaces.SPACE, layout: str = spaces.UMAP) -> str:
    """The line under a picture: trustworthiness and the share of true neighbours kept, study by study, with n.

    Raises
    ------
    TooFewPatients
        No study has six patients in the space.
    """
    parts, known, least = [], titles(store), 0
    for study in query.studies:
        name = spaces.stored_name(store, study, space)
        if not name:
            continue
        whole = spaces.placed(store, CohortQuery((study,)), space=space, layout=layout)
        if whole.height < 6:
            continue
        points = spaces.vectors(store, study, name)[1]
        found = faithfulness(points, whole.select("x", "y").to_numpy())
        least = max(least, found.k)
        size = f"n = {found.n:,}" + (f", drawn at random from {found.of:,}" if found.n < found.of else "")
        who = f"{known.get(study, study).partition(':')[0].strip()}: " if len(query.studies) > 1 else ""
        parts.append(
            f"{who}trustworthiness {words.ratio(found.trustworthiness)}, {words.percent(found.kept)} of the {found.k} nearest neighbours kept "
            f"(chance {words.percent(found.chance)}; {size})"
        )
    if not parts:
        raise TooFewPatients("no study of this cohort has six patients on the map; pick a larger study")
    return (
        f"How far the picture can be trusted, {spaces.NAMES[layout]} against {spaces.WORDS.get(space, space)}: {'; '.join(parts)}. "
        "Measured on all patients of a study, whatever the filters."
    )

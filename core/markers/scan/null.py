"""Null: how many markers a cohort's scan would find if the outcomes were dealt to its patients by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.cohort.query import CohortQuery
from core.markers.scan.effects import columns
from core.markers.scan.matrix import KINDS
from core.markers.scan.permutation import SHUFFLES, Permutation, permutation
from core.markers.scan.residual import layer
from core.markers.scan.scan import LEVELS, read
from data.store import Store

THRESHOLD = 0.001


def null(
    store: Store, query: CohortQuery, *, outcome: str = "response", kinds: Sequence[str] = KINDS, split: str = "sd",
    covariates: Sequence[str] = (), threshold: float = THRESHOLD, shuffles: int = SHUFFLES, seed: int = 0,
) -> tuple[Permutation, tuple[str, ...]]:  # fmt: skip
    """Shuffle the outcomes of a scan.

    Parameters
    ----------
    outcome, kinds, split, covariates : as in `scan`. threshold : p value that counts as a hit. shuffles, seed : of the
        permutation.

    Returns
    -------
    The permutation, and the markers in the order of its arrays.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `scan`.
    """
    _, parts = read(store, query, outcome=outcome, kinds=kinds, split=split, covariates=covariates)
    place: dict[str, int] = {}
    for _, markers in parts:
        for name in markers.markers:
            place.setdefault(name, len(place))
    layers = []
    for one, markers in parts:
        design, _ = columns(markers.x, markers.binary, split=split)
        if len(parts) == 1:
            x = design
        else:
            x = np.full((design.shape[0], len(place)), np.nan)
            x[:, [place[name] for name in markers.markers]] = design
        layers.append(layer(one, x))
    return permutation(layers, threshold=threshold, levels=LEVELS, shuffles=shuffles, seed=seed), tuple(place)

"""Folds for cross-fitting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def stratified_folds(
    response: npt.NDArray[np.bool_], *, groups: Sequence[str] | None = None, folds: int = 5, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Fold number of each patient, (n,): equal shares of responders, one group never split over two folds.

    A group counts as responding when any of its members does.
    """
    keys = np.asarray(groups if groups is not None else np.arange(response.size).astype(str))
    names, member = np.unique(keys, return_inverse=True)
    responds = np.zeros(names.size, dtype=bool)
    np.logical_or.at(responds, member, response)
    rng = np.random.default_rng(seed)
    assigned = np.empty(names.size, dtype=np.int64)
    offset = 0
    for outcome in (True, False):
        own = rng.permutation(np.flatnonzero(responds == outcome))
        assigned[own] = (np.arange(own.size) + offset) % folds
        offset += own.size
    return assigned[member]

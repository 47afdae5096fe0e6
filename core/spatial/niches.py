"""Niches: kinds of surroundings, from the mean cell-type proportions of a spot and its neighbours.

All sections of a study are grouped together, so that a niche means the same in each (as in Schürch 2020, doi
10.1016/j.cell.2020.07.005), each less its own mean: proportions differ between sections as a whole, and without that the niches
would be the sections. k-means, the number of niches and their stability by resampling, as in core.tme.clustering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.spatial.neighbourhood import neighbours
from core.tme.clustering import find_types

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Niches:
    """Niches of n spots of all sections.

    Attributes
    ----------
    labels : (n,) 0..k-1, largest first. names : (k,) by the cell types that are more than the section's mean. stability : (k,) mean Jaccard
        overlap over resamples of the spots. composition : (k, c) mean proportions in the niche's surroundings.
    """

    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    stability: Floats
    composition: Floats


def surroundings(fractions: Floats, positions: Floats) -> Floats:
    """Mean proportions (n, c) of each spot and its neighbours; spots of one section."""
    weights = neighbours(positions) + np.eye(len(positions))
    found: Floats = weights @ fractions / weights.sum(axis=1, keepdims=True)
    return found


def niches(around: Floats, names: Sequence[str], *, section: Sequence[str], seed: int = 0) -> Niches:
    """Group surroundings into niches.

    Parameters
    ----------
    around : (n, c) from `surroundings`, all sections. names : (c,) cell types. section : (n,) of each spot. Square roots of the
        proportions are grouped, less their section's mean, so that rare types count. Spots of one section resemble each other, so stability over spots flatters.
    """
    centred = np.sqrt(np.clip(around, 0, None))
    own = np.asarray(section)
    for one in np.unique(own):
        centred[own == one] -= centred[own == one].mean(axis=0)
    found = find_types(centred, seed=seed)
    k = len(found.stability)
    spread = centred.std(axis=0)
    composition = np.array([around[found.labels == one].mean(axis=0) for one in range(k)])
    beyond = np.array([centred[found.labels == one].mean(axis=0) for one in range(k)]) / np.where(spread > 0, spread, 1.0)
    words = []
    for row in beyond:
        top = [int(at) for at in np.argsort(-row, kind="stable")[:2] if row[at] > 0.5] or [int(np.argmax(row))]
        words.append(" and ".join(names[at] for at in top))
    made = tuple(word if words.count(word) == 1 else f"{word} {1 + words[:at].count(word)}" for at, word in enumerate(words))
    return Niches(labels=found.labels, names=made, stability=found.stability, composition=composition)

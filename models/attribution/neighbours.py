"""Neighbours: is there anybody like this? Distance to the nearest patients against the cohort's own distances.

Distances are in standard deviations with correlations taken out (Mahalanobis 1936, shrunk), so that two features that go
together in the cohort and part in a made-up patient put that patient far from everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import ModelError

Floats = npt.NDArray[np.float64]

SHRINKAGE = 0.2
"""Share of no correlation in the correlations that are taken out: few patients cannot tell many of them."""
OFF = 0.95
"""A point farther from its neighbours than this share of the cohort is from theirs is off the manifold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifold:
    """A cohort as a cloud of points.

    Attributes
    ----------
    points : (n, f) standardised and decorrelated, an unknown value at the mean. mean, spread : (f,). turn : (f, f) what
        decorrelates. k : neighbours.
    own : (n,) each patient's mean distance to the k nearest others, sorted.
    """

    points: Floats
    mean: Floats
    spread: Floats
    turn: Floats
    k: int
    own: Floats

    def percentile(self, rows: Floats, *, leave_out: npt.NDArray[np.int64]) -> Floats:
        """Share of the cohort that lies nearer to its neighbours than each of (m, f) points does, (m,).

        leave_out : (m,) the patient that each point was made from, who is no neighbour of it.
        """
        distance = _nearest(_standard(rows, self.mean, self.spread) @ self.turn, self.points, k=self.k, leave_out=leave_out)
        return np.asarray(np.searchsorted(self.own, distance, side="left") / self.own.size, dtype=np.float64)


def manifold(cohort: Floats, *, k: int = 5) -> Manifold:
    """The cohort's cloud.

    Parameters
    ----------
    cohort : (n, f), nan = unknown. k : neighbours.

    Raises
    ------
    ModelError
        Fewer than k + 2 patients.
    """
    if cohort.shape[0] < k + 2:
        raise ModelError(f"{cohort.shape[0]} patients are too few to ask for {k} neighbours of each")
    known = np.isfinite(cohort)
    counted = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, cohort, 0.0)
    mean = filled.sum(axis=0) / counted
    spread = np.sqrt((np.where(known, cohort - mean, 0.0) ** 2).sum(axis=0) / counted)
    z = _standard(cohort, mean, spread)
    shrunk = (1 - SHRINKAGE) * (z.T @ z) / cohort.shape[0] + SHRINKAGE * np.eye(z.shape[1])
    size, axis = np.linalg.eigh(shrunk)
    turn = axis @ np.diag(1.0 / np.sqrt(np.maximum(size, 1e-9))) @ axis.T
    points = z @ turn
    own = np.sort(_nearest(points, points, k=k, leave_out=np.arange(cohort.shape[0])))
    return Manifold(points=points, mean=mean, spread=spread, turn=turn, k=k, own=own)


def _standard(rows: Floats, mean: Floats, spread: Floats) -> Floats:
    known = np.isfinite(rows) & (spread > 1e-12)
    return np.where(known, (np.where(known, rows, 0.0) - mean) / np.where(spread > 1e-12, spread, 1.0), 0.0)


def _nearest(rows: Floats, points: Floats, *, k: int, leave_out: npt.NDArray[np.int64]) -> Floats:
    """Mean distance of each row to its k nearest points, one of them left out."""
    made = np.empty(rows.shape[0])
    square = (points**2).sum(axis=1)
    for begin in range(0, rows.shape[0], 512):
        part = slice(begin, min(begin + 512, rows.shape[0]))
        block = rows[part]
        distance = np.maximum((block**2).sum(axis=1)[:, None] + square - 2 * block @ points.T, 0.0)
        distance[np.arange(block.shape[0]), leave_out[part]] = np.inf
        made[part] = np.sqrt(np.partition(distance, k - 1, axis=1)[:, :k]).mean(axis=1)
    return made

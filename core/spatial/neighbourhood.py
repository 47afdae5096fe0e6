"""Neighbourhood: which spots lie beside each other, and the mean of a value around each spot."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.errors import TooFewPatients

Floats = npt.NDArray[np.float64]
FEWEST_SPOTS = 20
REACH = 1.6
"""Neighbours lie within this many pitches: the eight around a spot of a square grid, the six of a hexagonal one."""


def pitch(positions: Floats) -> float:
    """Distance between neighbouring spots: the median distance to the nearest one.

    Parameters
    ----------
    positions : (n, 2), µm.

    Raises
    ------
    TooFewPatients
        Under 20 spots.
    """
    from scipy.spatial import cKDTree

    if len(positions) < FEWEST_SPOTS:
        raise TooFewPatients(f"this section has {len(positions)} spots; at least {FEWEST_SPOTS} are needed to say what lies beside what: pick another section")
    distances, _ = cKDTree(positions).query(positions, k=2)
    return float(np.median(distances[:, 1]))


def neighbours(positions: Floats, *, reach: float = REACH) -> npt.NDArray[np.float64]:
    """Which spots lie within `reach` pitches of each other, (n, n) of 0 and 1; no spot is its own neighbour."""
    from scipy.spatial.distance import cdist

    found: Floats = (cdist(positions, positions) <= reach * pitch(positions)).astype(np.float64)
    np.fill_diagonal(found, 0.0)
    return found


def kernel(positions: Floats, *, width: float) -> Floats:
    """Gaussian weights of each spot's surroundings, (n, n), rows add up to 1.

    Parameters
    ----------
    width : standard deviation, in pitches; 0 = the spot alone. Weights end at three widths.
    """
    from scipy.spatial.distance import cdist

    if width <= 0:
        return np.eye(len(positions))
    far = cdist(positions, positions) / pitch(positions)
    weights = np.where(far <= 3 * width, np.exp(-((far / width) ** 2) / 2), 0.0)
    found: Floats = weights / weights.sum(axis=1, keepdims=True)
    return found

"""k-means (Lloyd 1982, doi 10.1109/TIT.1982.1056489) of many resamples of one table at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS = 60


def fit(points: Floats, start: Floats, *, rows: npt.NDArray[np.bool_] | None = None, steps: int = STEPS) -> tuple[Floats, Floats, Ints]:
    """Move centres until no row changes its cluster.

    Parameters
    ----------
    points : (n, p). start : (m, k, p) centres. rows : (m, n) which rows each is fitted to, default all. steps : at most so many.

    Returns
    -------
    Centres (m, k, p), sum of squared distances of the rows fitted (m,), labels of all rows (m, n).
    """
    m, k, p = start.shape
    table = points.astype(np.float32)
    inside = np.ones((m, points.shape[0]), dtype=bool) if rows is None else rows
    squared = (points**2).sum(axis=1)
    centres = start.copy()
    labels = np.full((m, points.shape[0]), -1, dtype=np.int64)
    active = np.arange(m)
    one = np.arange(k)[None, :, None]
    for _ in range(steps):
        near = _nearness(centres[active], table)
        found = near.argmax(axis=1)
        moved = (found != labels[active]).any(axis=1)
        labels[active] = found
        active = active[moved]
        if not active.size:
            break
        member = ((found[moved][:, None, :] == one) & inside[active][:, None, :]).astype(np.float32)
        sums = (member.reshape(-1, points.shape[0]) @ table).reshape(-1, k, p).astype(np.float64)
        count = member.sum(axis=2, dtype=np.float64)
        centres[active] = np.where(count[..., None] > 0, sums / np.maximum(count, 1.0)[..., None], centres[active])
    near = np.take_along_axis(_nearness(centres, table), labels[:, None, :], axis=1)[:, 0]
    inertia = ((squared - 2.0 * near) * inside).sum(axis=1, dtype=np.float64)
    return centres, np.asarray(inertia, dtype=np.float64), labels


def seeds(points: Floats, k: int, *, starts: int, rng: np.random.Generator) -> Floats:
    """Centres to start from by k-means++ (Arthur and Vassilvitskii 2007), (starts, k, p)."""
    n = points.shape[0]
    centres = np.empty((starts, k, points.shape[1]))
    centres[:, 0] = points[rng.integers(n, size=starts)]
    far = ((points[None] - centres[:, :1]) ** 2).sum(axis=2)
    for number in range(1, k):
        reach = np.cumsum(far, axis=1)
        drawn = rng.random(starts) * reach[:, -1]
        chosen = np.minimum((reach < drawn[:, None]).sum(axis=1), n - 1)
        centres[:, number] = points[chosen]
        far = np.minimum(far, ((points[None] - centres[:, number][:, None]) ** 2).sum(axis=2))
    return centres


def _nearness(centres: Floats, table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """x.c - |c|^2 / 2 of every row and centre, (m, k, n): the larger, the nearer."""
    m, k, p = centres.shape
    near: npt.NDArray[np.float32] = (centres.reshape(m * k, p).astype(np.float32) @ table.T).reshape(m, k, -1)
    near -= (0.5 * (centres**2).sum(axis=2)).astype(np.float32)[..., None]
    return near

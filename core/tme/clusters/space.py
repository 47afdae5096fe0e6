"""Space: the features of a table made comparable, complete and few enough to cluster in.

Every feature is standardised; beyond three standard deviations it grows as a logarithm only, so that one outlier is no
cluster. A missing value is what the patient's other values say (the conditional mean of a normal with the cohort's
covariance). More than ten features are turned into the components that hold 90% of their variance, at most ten and at
most one for every 12 patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import NotMeasured, TooFewPatients

Floats = npt.NDArray[np.float64]

LEAST_ROWS = 15
LEAST_KNOWN = 0.5
"""Share of the features that a patient needs to be placed."""
KNEE = 3.0
MOST_COMPONENTS, SHARE, ROWS_A_COMPONENT = 10, 0.9, 12
RIDGE, ROUNDS = 0.05, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """From features to coordinates.

    Attributes
    ----------
    used : (p,) which features count. centre, scale, weight : (q,) of those used; a cohort may bring its own centre and scale.
    covariance : (q, q) of the standardised features, for missing values. axes : (q, c) components; offset : (c,).
    """

    used: npt.NDArray[np.bool_]
    centre: Floats
    scale: Floats
    weight: Floats
    covariance: Floats
    axes: Floats
    offset: Floats

    def place(self, features: Floats, *, own_scale: bool = False) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Which rows are known well enough (n,), and the coordinates of those (m, c).

        Parameters
        ----------
        features : (n, p), nan = missing. own_scale : standardise by these rows instead of those of the training.
        """
        table = features[:, self.used]
        known = enough(table)
        if not known.any():
            return known, np.empty((0, self.axes.shape[1]))
        table = table[known]
        centre, scale = (self.centre, self.scale)
        if own_scale:
            centre, scale = moments(table)
        z = complete((table - centre) / scale, self.covariance)
        return known, self.project(z)

    def project(self, z: Floats) -> Floats:
        """Coordinates (n, c) of complete standardised features (n, q)."""
        return np.asarray((soften(z) * self.weight) @ self.axes - self.offset, dtype=np.float64)


def learn(features: Floats, *, weights: Floats | None = None) -> tuple[Space, npt.NDArray[np.bool_], Floats]:
    """Learn a space from a table.

    Parameters
    ----------
    features : (n, p), nan = missing. weights : (p,) by which the standardised features count; 0 leaves one out.

    Returns
    -------
    The space, which rows are known well enough (n,), and their complete standardised features (m, q).

    Raises
    ------
    NotMeasured
        A value is infinite, or no feature varies. TooFewPatients: fewer than 15 rows are known well enough.
    """
    if features.ndim != 2:
        raise NotMeasured(f"clusters need a table of patients by features; this has {features.ndim} dimension(s)")
    if np.isinf(features).any():
        row, column = np.argwhere(np.isinf(features))[0]
        raise NotMeasured(f"feature {column + 1} of row {row + 1} is infinite; mark it as missing or correct it")
    weight = np.ones(features.shape[1]) if weights is None else np.asarray(weights, dtype=np.float64)
    used = varying(features) & (weight > 0)
    if not used.any():
        raise NotMeasured("no feature varies between these patients: every column is constant or missing; bring others")
    known = enough(features[:, used])
    if known.sum() < LEAST_ROWS:
        raise TooFewPatients(
            f"{int(known.sum())} of {features.shape[0]} patients have half of the {int(used.sum())} features or more; clusters need "
            f"{LEAST_ROWS}: add patients, or leave out features that few have"
        )
    used &= varying(np.where(known[:, None], features, np.nan))
    table = features[known][:, used]
    centre, scale = moments(table)
    z = (table - centre) / scale
    covariance = covariance_of(z)
    z = complete(z, covariance)
    axes, offset = components(soften(z) * weight[used])
    space = Space(used=used, centre=centre, scale=scale, weight=weight[used], covariance=covariance, axes=axes, offset=offset)
    return space, known, z


def enough(table: Floats) -> npt.NDArray[np.bool_]:
    """Rows (n,) with at least half of their values."""
    return np.asarray(np.isfinite(table).mean(axis=1) >= LEAST_KNOWN) if table.shape[1] else np.zeros(table.shape[0], dtype=bool)


def varying(table: Floats) -> npt.NDArray[np.bool_]:
    """Columns (p,) with at least two different values."""
    low = np.where(np.isfinite(table), table, np.inf).min(axis=0, initial=np.inf)
    high = np.where(np.isfinite(table), table, -np.inf).max(axis=0, initial=-np.inf)
    measured = high >= low
    low, high = np.where(measured, low, 0.0), np.where(measured, high, 0.0)
    return np.asarray(high - low > 1e-12 * np.maximum(np.abs(low), np.abs(high)))


def moments(table: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of every column, (p,) each, of the known values; 1 where nothing varies."""
    known = np.isfinite(table)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, table, 0.0).sum(axis=0) / count
    scale = np.sqrt((np.where(known, table - centre, 0.0) ** 2).sum(axis=0) / count)
    return centre, np.where(scale > 0, scale, 1.0)


def soften(z: Floats) -> Floats:
    """Standardised values that grow as a logarithm beyond three."""
    size = np.abs(z)
    return np.asarray(np.sign(z) * np.where(size > KNEE, KNEE + np.log1p(np.maximum(size - KNEE, 0.0)), size))


def covariance_of(z: Floats) -> Floats:
    """Covariance (q, q) of standardised features with gaps: filled, estimated, filled again."""
    filled = np.nan_to_num(z, nan=0.0)
    covariance = np.asarray(filled.T @ filled / z.shape[0])
    if np.isfinite(z).all():
        return covariance
    for _ in range(ROUNDS):
        filled = complete(z, covariance)
        covariance = np.asarray(filled.T @ filled / z.shape[0])
    return covariance


def complete(z: Floats, covariance: Floats) -> Floats:
    """Standardised features without gaps: each missing value is its conditional mean given the row's known ones."""
    known = np.isfinite(z)
    if known.all():
        return z
    filled = z.copy()
    patterns, place = np.unique(known, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        if pattern.all():
            continue
        rows = np.flatnonzero(place.ravel() == number)
        gaps = ~pattern
        if not pattern.any():
            filled[rows] = 0.0
            continue
        inner = covariance[np.ix_(pattern, pattern)] + RIDGE * np.eye(int(pattern.sum()))
        filled[np.ix_(rows, gaps)] = z[np.ix_(rows, pattern)] @ np.linalg.solve(inner, covariance[np.ix_(pattern, gaps)])
    return filled


def components(table: Floats) -> tuple[Floats, Floats]:
    """Axes (q, c) and offset (c,) of a complete table: itself where it is narrow, else its principal components."""
    n, q = table.shape
    most = int(np.clip(n // ROWS_A_COMPONENT, 2, MOST_COMPONENTS))
    if q <= most:
        axes = np.eye(q)
    else:
        centred = table - table.mean(axis=0)
        _, spread, vectors = np.linalg.svd(centred, full_matrices=False)
        share = np.cumsum(spread**2) / max(float((spread**2).sum()), 1e-300)
        count = min(int(np.searchsorted(share, SHARE) + 1), most)
        axes = vectors[:count].T
        largest = axes[np.abs(axes).argmax(axis=0), np.arange(count)]
        axes = axes * np.where(largest < 0, -1.0, 1.0)
        axes = axes / max(float((centred @ axes[:, 0]).std()), 1e-12)
    return np.ascontiguousarray(axes), np.asarray((table @ axes).mean(axis=0))

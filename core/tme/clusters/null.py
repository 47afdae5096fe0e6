"""Nulls: tables like the one at hand, without groups.

Which null is right? Features measured on tumours are correlated, skewed and heavy-tailed without there being any group.

- `elliptical`: one multivariate t with the table's covariance, and tails as heavy as the table's (SigClust, Liu 2008,
  doi 10.1198/016214508000000454, has a normal there). One cloud, however elongated, is then no structure.
- `unimodal`: every feature keeps its own shape, skewed or heavy-tailed, but with one mode (the nearest unimodal distribution,
  Hartigan 1985, doi 10.1214/aos/1176346577), and the features keep their rank correlations (normal copula).
- `permuted`: every feature is shuffled. Shown as the gap to chance, never as the test: it breaks the correlations, so that
  correlated noise can beat it; and it keeps features that have two modes, so that four groups laid out two by two do not.

Structure must beat the first two, whichever is closer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FREEDOMS = (2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 30.0, 1e6)
MODES, KNOTS = 21, 200
FEW_VALUES = 0.2
"""Distinct values a row under which a feature counts as discrete, and keeps its distribution as it is."""


def permuted(table: Floats, rng: np.random.Generator) -> Floats:
    """Every column shuffled on its own."""
    return np.asarray(rng.permuted(table, axis=0), dtype=np.float64)


def elliptical(table: Floats, rng: np.random.Generator, *, freedom: float) -> Floats:
    """One multivariate t with the mean and covariance of the rows, (n, p)."""
    centre = table.mean(axis=0)
    drawn = _gaussian(table - centre, rng)
    if freedom < FREEDOMS[-1]:
        drawn *= np.sqrt((freedom - 2.0) / rng.chisquare(freedom, size=table.shape[0]))[:, None]
    return np.asarray(drawn + centre, dtype=np.float64)


def freedom(points: Floats) -> float:
    """Degrees of freedom of the multivariate t that fits the rows best (maximum likelihood on a grid); 1e6 = normal."""
    from scipy.special import gammaln

    n, p = points.shape
    centred = points - points.mean(axis=0)
    covariance = centred.T @ centred / n + 1e-9 * np.eye(p)
    squared = (centred @ np.linalg.inv(covariance) * centred).sum(axis=1)
    fits = []
    for nu in FREEDOMS:
        scale = nu - 2.0
        constant = gammaln((nu + p) / 2) - gammaln(nu / 2) - p / 2 * np.log(scale)
        fits.append(float((constant - (nu + p) / 2 * np.log1p(squared / scale)).sum()))
    return FREEDOMS[int(np.argmax(fits))]


class Unimodal:
    """The normal copula of a table with the nearest unimodal distribution of each feature."""

    def __init__(self, table: Floats) -> None:
        from scipy.special import ndtri
        from scipy.stats import rankdata

        n = table.shape[0]
        normal = ndtri((rankdata(table, axis=0) - 0.5) / n)
        self._normal = normal - normal.mean(axis=0)
        self._spread = np.maximum(self._normal.std(axis=0), 1e-9)
        self._quantiles = [nearest_unimodal(column) for column in table.T]

    def draw(self, rng: np.random.Generator) -> Floats:
        """One table (n, p)."""
        from scipy.special import ndtr

        level = ndtr(_gaussian(self._normal, rng) / self._spread)
        columns = []
        for j, (value, share) in enumerate(self._quantiles):
            if share is None:
                rank = np.minimum((level[:, j] * value.size).astype(np.int64), value.size - 1)
                columns.append(value[rank])
            else:
                columns.append(np.interp(level[:, j], share, value))
        return np.column_stack(columns).astype(np.float64)


def nearest_unimodal(values: Floats) -> tuple[Floats, Floats | None]:
    """The distribution with one mode that is nearest to the values in the largest difference of cumulative shares.

    Returns
    -------
    Knots: values and cumulative shares, both rising; the mode may hold many equal values. A feature with few distinct
    values (counts, grades) keeps them all: its sorted values and None.
    """
    distinct, count = np.unique(values, return_counts=True)
    if distinct.size < FEW_VALUES * values.size or distinct.size < 5:
        return np.sort(values), None
    above = np.cumsum(count) / values.size
    below = above - count / values.size
    if distinct.size > KNOTS:
        chosen = np.unique(np.concatenate([np.linspace(0, distinct.size - 1, KNOTS).round().astype(np.int64), [int(count.argmax())]]))
        distinct, above, below = distinct[chosen], above[chosen], below[chosen]
    modes = np.unique(np.append(np.linspace(0, distinct.size - 1, MODES).round().astype(np.int64), int((above - below).argmax())))
    best, gap = (distinct, above), np.inf
    for mode in modes:
        left = _hull(distinct[: mode + 1], below[: mode + 1], convex=True)
        right = _hull(distinct[mode:], above[mode:], convex=False)
        away = max(float(np.abs(left - below[: mode + 1]).max()), float(np.abs(right - above[mode:]).max()))
        if away < gap:
            best, gap = (np.concatenate([distinct[: mode + 1], distinct[mode:]]), np.concatenate([left, right])), away
    return best


def _hull(x: Floats, y: Floats, *, convex: bool) -> Floats:
    """Greatest convex minorant, or least concave majorant, of the points, at the points."""
    sign = 1.0 if convex else -1.0
    xs, ys = x.tolist(), (sign * y).tolist()
    kept: list[int] = []
    for i in range(len(xs)):
        while len(kept) >= 2:
            a, b = kept[-2], kept[-1]
            if (ys[b] - ys[a]) * (xs[i] - xs[a]) < (ys[i] - ys[a]) * (xs[b] - xs[a]):
                break
            kept.pop()
        kept.append(i)
    return np.asarray(np.interp(x, x[kept], y[kept]), dtype=np.float64)


def _gaussian(centred: Floats, rng: np.random.Generator) -> Floats:
    """Normal rows with the covariance of the centred rows."""
    n, p = centred.shape
    if p <= n:
        root = np.linalg.cholesky(centred.T @ centred / n + 1e-9 * np.eye(p))
        return np.asarray(rng.standard_normal((n, p)) @ root.T, dtype=np.float64)
    return np.asarray(rng.standard_normal((n, n)) @ centred / np.sqrt(n), dtype=np.float64)

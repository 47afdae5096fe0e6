"""Natural cubic spline through scattered points, with its band: the smooth of a residual plot."""

from __future__ import annotations

import numpy as np

from core.survival.endpoint import Floats

POINTS = 40


def basis(x: Floats, knots: Floats) -> Floats:
    """Natural cubic spline basis with an intercept, one column a knot: (n,), (k,) ascending -> (n, k).

    Linear outside the outer knots. Hastie, Tibshirani & Friedman 2009, chapter 5.2.1.
    """
    low, span = knots[0], knots[-1] - knots[0]
    u, k = (x - low) / span, (knots - low) / span

    def ramp(j: int) -> Floats:
        top = np.maximum(u - k[j], 0) ** 3 - np.maximum(u - k[-1], 0) ** 3
        return np.asarray(top / (k[-1] - k[j]), dtype=np.float64)

    return np.stack([np.ones_like(u), u, *(ramp(j) - ramp(k.size - 2) for j in range(k.size - 2))], axis=1)


def band(x: Floats, y: Floats, *, variance: float, df: int = 4) -> tuple[Floats, Floats, Floats]:
    """Least-squares natural spline and twice its standard error, as R draws over scaled Schoenfeld residuals.

    Parameters
    ----------
    x : (n,) float. y : (n,) float, nan = not used. variance : of one y. df : columns of the spline, its intercept one.

    Returns
    -------
    at, fitted, half : (40,) float each, over the range of x; none where x has too few distinct values for the spline.

    References
    ----------
    Grambsch & Therneau 1994, doi 10.1093/biomet/81.3.515. Equals R plot(cox.zph).
    """
    keep = np.isfinite(y)
    nothing = np.zeros(0)
    if x.size == 0 or np.unique(x[keep]).size < df:
        return nothing, nothing, nothing
    at = np.linspace(x.min(), x.max(), POINTS)
    both = np.concatenate((at, x))
    inner = np.quantile(both, np.arange(1, df - 1) / (df - 1))
    knots = np.concatenate(([both.min()], inner, [both.max()]))
    if (np.diff(knots) <= 0).any():
        return nothing, nothing, nothing
    left, right = basis(x[keep], knots), basis(at, knots)
    q, r = np.linalg.qr(left)
    if np.abs(np.diag(r)).min() <= 1e-9 * np.abs(np.diag(r)).max():
        return nothing, nothing, nothing
    turn = np.linalg.solve(r.T, right.T)
    variance = variance if variance >= 0 else float("nan")
    return at, turn.T @ (q.T @ y[keep]), 2 * np.sqrt(variance * (turn * turn).sum(axis=0))

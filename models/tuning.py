"""Tuning: scaling, and the penalty of a ridge or an elastic net by inner folds; all of it learnt from the patients given, no others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.card import ModelError
from models.outcome import Outcome
from models.proximal import solve
from models.ridge import Bools, Floats, Ints, Linear, rotate

INNER_FOLDS = 5
GRID = tuple(float(v) for v in np.geomspace(0.03, 60.0, 8))
"""Penalties that are tried, on features of unit variance divided by the root of their number."""
KNOWN_SHARE = 0.2
MOST_AXES = 100
L1_RATIO, SPARSE_PENALTIES = 0.5, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Standardisation learnt from training patients; a missing value becomes their mean, 0.

    Attributes
    ----------
    used : (q,) columns that enough of them have and that vary. mean, spread : (q,).
    """

    used: Ints
    mean: Floats
    spread: Floats

    def apply(self, x: Floats) -> Floats:
        """(n, p) -> (n, q) without nan."""
        z = (x[:, self.used] - self.mean) / self.spread
        return np.where(np.isfinite(z), z, 0.0)


def learn_scale(x: Floats, *, known_share: float = KNOWN_SHARE) -> Scale:
    """Scale of (n, p) training features, nan = missing."""
    known = np.isfinite(x)
    n = known.sum(axis=0)
    filled = np.where(known, x, 0.0)
    mean = filled.sum(axis=0) / np.maximum(n, 1)
    spread = np.sqrt(np.where(known, (x - mean) ** 2, 0.0).sum(axis=0) / np.maximum(n, 1))
    used = np.flatnonzero((n >= max(3.0, known_share * x.shape[0])) & (spread > 1e-9))
    return Scale(used=used.astype(np.int64), mean=mean[used], spread=spread[used])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """A ridge with its penalty chosen by inner folds.

    Attributes
    ----------
    scale, linear : scores of new patients are linear.score(scale.apply(x)).
    inner : (n,) scores of the training patients by inner models that had not seen them, at the chosen penalty.
    penalty : chosen. loss : (penalties tried,) held-out loss of each.
    """

    scale: Scale
    linear: Linear
    inner: Floats
    penalty: float
    loss: Floats

    def score(self, x: Floats) -> Floats:
        """(n,) log-odds or log hazards of (n, p) features, nan = missing."""
        return self.linear.score(self.scale.apply(x))


def tune(
    x: Floats, outcome: Outcome, *, folds: Ints | None = None, seed: int = 0, most: int = MOST_AXES
) -> Tuned:
    """Ridge on all features alike, its penalty by inner folds.

    Parameters
    ----------
    x : (n, p), nan = missing. folds : (n,) inner fold of each patient; drawn with the seed where None.
    most : principal axes of the training features kept, where there are more features: a ridge shrinks the rest to nearly 0.
    """
    scale = learn_scale(x)
    z = scale.apply(x)
    q = z.shape[1]
    fold = outcome.folds(INNER_FOLDS, seed=seed) if folds is None else folds
    if q == 0:
        flat = Linear(coefficients=np.zeros(0), intercept=0.0)
        return Tuned(scale=scale, linear=flat, inner=np.zeros(outcome.n), penalty=np.inf, loss=np.zeros(0))
    turned = rotate(z, np.ones(q), most=most)
    design = turned.z / np.sqrt(q)
    inner, loss = inner_scores(design, outcome, fold)
    best = int(loss.argmin())
    fitted = outcome.ridge(design, np.full(design.shape[1], GRID[best]))
    linear = Linear(coefficients=turned.back @ fitted.coefficients / np.sqrt(q), intercept=fitted.intercept)
    return Tuned(scale=scale, linear=linear, inner=inner[:, best], penalty=GRID[best], loss=loss)


def tune_sparse(x: Floats, outcome: Outcome, *, folds: Ints | None = None, seed: int = 0) -> Tuned:
    """Elastic net of response on all features alike, its penalty by inner folds: for few columns of which some say nothing.

    Parameters: see `tune`. Half of the penalty is absolute, half squared.

    Raises
    ------
    ModelError
        The outcome is survival.
    """
    if outcome.response is None:
        raise ModelError("the elastic net is fitted to response; use a ridge-Cox model for survival")
    y = outcome.response
    scale = learn_scale(x)
    z = scale.apply(x)
    n, q = z.shape
    fold = outcome.folds(INNER_FOLDS, seed=seed) if folds is None else folds
    if q == 0:
        flat = Linear(coefficients=np.zeros(0), intercept=0.0)
        return Tuned(scale=scale, linear=flat, inner=np.zeros(n), penalty=np.inf, loss=np.zeros(0))
    largest = float(np.abs(z.T @ (y - y.mean())).max()) / (n * L1_RATIO)
    grid = max(largest, 1e-6) * np.geomspace(0.7, 0.01, SPARSE_PENALTIES)
    numbers = np.unique(fold)
    held = np.repeat(fold[:, None] == numbers, grid.size, axis=1)
    weights = (~held).astype(np.float64)
    weights /= weights.sum(axis=0)
    tried, constants = solve(
        z, np.tile(y[:, None], (1, held.shape[1])), weights=weights, penalties=np.tile(grid, numbers.size), l1_ratio=L1_RATIO
    )
    scores = np.where(held, z @ tried + constants, 0.0).reshape(n, numbers.size, grid.size).sum(axis=1)
    loss = (np.logaddexp(0.0, scores) - y[:, None] * scores).sum(axis=0)
    best = int(loss.argmin())
    coefficients, constant = solve(
        z, y[:, None], weights=np.full((n, 1), 1.0 / n), penalties=grid[[best]], l1_ratio=L1_RATIO
    )
    linear = Linear(coefficients=coefficients[:, 0], intercept=float(constant[0]))
    return Tuned(scale=scale, linear=linear, inner=scores[:, best], penalty=float(grid[best]), loss=loss)


def inner_scores(design: Floats, outcome: Outcome, fold: Ints) -> tuple[Floats, Floats]:
    """Scores of every patient by the inner models that did not see it, (n, penalties), and the loss of each penalty.

    design : (n, r), scaled so that one penalty suits all columns.
    """
    ones = np.ones(design.shape[1])
    scores, loss = np.zeros((outcome.n, len(GRID))), np.zeros(len(GRID))
    for number in np.unique(fold):
        held: Bools = fold == number
        part = outcome.take(~held)
        start: Linear | None = None
        for k in reversed(range(len(GRID))):
            start = part.ridge(design[~held], GRID[k] * ones, start=start)
            eta = start.score(design)
            scores[held, k] = eta[held]
            loss[k] += outcome.loss(eta, held)
    return scores, loss

"""Counterfactual: the smallest change of one patient's measurements that takes a prediction to the other side of a threshold.

The size of a change is the sum over features of |change| in standard deviations of the cohort (Wachter 2018, arXiv
1711.00399, with the L1 norm), within the range that the cohort shows. It describes the model; it is no advice on treatment.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from models.card import ModelError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

MARGIN = 1e-3
"""Log-odds by which the threshold is passed."""
MOST_TRIED = 24
"""Features, strongest first, of which every small set is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What the cohort shows of each feature, (f,): standard deviation, 1% and 99%; spread 0 = may not be changed."""

    spread: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The smallest change found.

    Attributes
    ----------
    x : (f,) the patient after it (nan where not known). sd : (f,) change of each feature, standard deviations, signed.
    output : log-odds after it. flips : whether that is beyond the threshold; where not, this is as far as the cohort's
        range allows. exact : whether no smaller change exists in this model (linear), or it is the smallest that a search found.
    """

    x: Floats
    sd: Floats
    output: float
    flips: bool
    exact: bool

    @property
    def size(self) -> float:
        """Sum of |change| in standard deviations."""
        return float(np.abs(self.sd).sum())


def observed_range(values: Floats, *, mutable: Bools | None = None) -> Range:
    """Standard deviation, 1% and 99% of each column of (n, f); nan = unknown.

    mutable : (f,) features that may change; a column with fewer than ten known values, or that does not vary, may not.
    """
    known = np.isfinite(values)
    spread, low, high = (np.zeros(values.shape[1]) for _ in range(3))
    for j in range(values.shape[1]):
        column = values[known[:, j], j]
        if column.size < 10 or (mutable is not None and not mutable[j]):
            continue
        spread[j] = column.std(ddof=1)
        low[j], high[j] = np.quantile(column, (0.01, 0.99))
    spread[spread < 1e-9] = 0.0
    return Range(spread=spread, low=low, high=high)


def linear(x: Floats, slopes: Floats, *, output: float, threshold: float, within: Range, most: int = 3) -> Change:
    """The smallest change that takes output = constant + x @ slopes across the threshold, in closed form.

    Features are used up in the order of log-odds per standard deviation (a continuous knapsack, so that no smaller sum of
    changes exists); where that takes more than `most` features, every set of `most` out of the strongest 24 is tried.

    Parameters
    ----------
    x : (f,), nan = unknown, which stays so. slopes : (f,) log-odds per unit. output, threshold : log-odds.

    Raises
    ------
    ModelError
        Widths that do not fit together.
    """
    if not x.shape == slopes.shape == within.spread.shape:
        raise ModelError(f"a patient {x.shape}, slopes {slopes.shape} and a range {within.spread.shape} do not fit together")
    upwards = output < threshold
    gap = threshold - output + MARGIN if upwards else output - threshold + MARGIN
    free = np.isfinite(x) & (within.spread > 0) & (slopes != 0)
    strength = np.where(free, np.abs(slopes) * within.spread, 0.0)
    towards = np.sign(slopes) * (1.0 if upwards else -1.0)
    with np.errstate(invalid="ignore"):
        room = np.where(towards > 0, within.high - x, x - within.low)
    room = np.where(free, np.maximum(room, 0.0) / np.where(within.spread > 0, within.spread, 1.0), 0.0)
    order = np.flatnonzero((strength > 0) & (room > 0))
    order = order[np.argsort(-strength[order], kind="stable")]
    taken = _fill(order, strength, room, gap=gap)
    if (taken > 0).sum() > most:
        taken = _few(order[:MOST_TRIED], strength, room, gap=gap, most=most)
    sd = towards * taken
    after = output + float(slopes[taken > 0] @ (sd * within.spread)[taken > 0])
    flips = bool(after >= threshold) if upwards else bool(after < threshold)
    exact = int((strength > 0).sum()) <= MOST_TRIED or int((taken > 0).sum()) < most
    return Change(x=np.where(taken > 0, x + sd * within.spread, x), sd=sd, output=after, flips=flips, exact=exact)


def _fill(order: Ints, strength: Floats, room: Floats, *, gap: float) -> Floats:
    """Standard deviations taken of each feature, strongest first, until the gap is closed or nothing is left."""
    taken = np.zeros(strength.size)
    left = gap
    for j in order:
        if left <= 0:
            break
        taken[j] = min(room[j], left / strength[j])
        left -= taken[j] * strength[j]
    return taken


def _few(order: Ints, strength: Floats, room: Floats, *, gap: float, most: int) -> Floats:
    """The same of the best set of `most` features: the one that closes the gap with least, else the one that gets furthest."""
    sets = order[_sets(order.size, most)]
    left, steps = np.full(sets.shape[0], gap), np.zeros(sets.shape)
    for column in range(most):
        j = sets[:, column]
        steps[:, column] = np.minimum(room[j], np.maximum(left, 0.0) / strength[j])
        left = left - steps[:, column] * strength[j]
    closed = left <= 1e-9
    best = int(np.where(closed, steps.sum(axis=1), np.inf).argmin()) if closed.any() else int(left.argmin())
    taken = np.zeros(strength.size)
    taken[sets[best]] = steps[best]
    return taken


@cache
def _sets(size: int, most: int) -> Ints:
    """Positions of every set of `most` out of `size`, in order, (c, most)."""
    return np.asarray(list(combinations(range(size), most)), dtype=np.int64)

"""Search: the smallest change that flips any model's prediction, found by trying; see `models.attribution.counterfactual`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.attribution.counterfactual import MARGIN, Change, Range
from models.card import ModelError

Floats = npt.NDArray[np.float64]

GRID = 25
STARTS = 4
HALVINGS = 24


def search(function: Callable[[Floats], Floats], x: Floats, *, threshold: float, within: Range, most: int = 3) -> Change:
    """The smallest change that a search over up to `most` features finds.

    From each of the best first features it goes on greedily over a grid of values (in either direction, so that the model
    need not be monotone), then draws every changed feature back towards the patient as far as the prediction stays flipped.

    Parameters
    ----------
    function : (m, f) -> (m,) log-odds; a nan is passed on as it is. x : (f,), nan = unknown, which stays so.
    threshold : log-odds; at or above it is the upper side. within : what may change and how far.

    Raises
    ------
    ModelError
        Widths that do not fit together, or an output that is not finite.
    """
    if x.shape != within.spread.shape:
        raise ModelError(f"a patient {x.shape} and a range {within.spread.shape} do not fit together")
    output = float(function(x[None])[0])
    if not np.isfinite(output):
        raise ModelError("the model's output for this patient is not a number; no change can be sought")
    upwards = output < threshold
    sign = 1.0 if upwards else -1.0
    goal = threshold + sign * MARGIN
    free = np.flatnonzero(np.isfinite(x) & (within.spread > 0))
    best = Change(x=x.copy(), sd=np.zeros(x.size), output=output, flips=False, exact=False)
    if not free.size:
        return best
    firsts = _moves(function, x, x, free=free, within=within)
    for start in _promising(firsts, sign=sign, goal=goal):
        current, result = firsts[0][start], float(firsts[1][start])
        for _ in range(most - 1):
            if sign * result >= sign * goal:
                break
            changed = np.flatnonzero(_differs(current, x))
            places, results, costs = _moves(function, x, current, free=np.setdiff1d(free, changed), within=within)
            if not results.size:
                break
            flipped = sign * results >= sign * goal
            pick = int(np.where(flipped, costs, np.inf).argmin()) if flipped.any() else int((sign * results).argmax())
            if not flipped.any() and sign * results[pick] <= sign * result:
                break
            current, result = places[pick], float(results[pick])
        flips = sign * result >= sign * goal
        if flips:
            current, result = _drawn_back(function, x, current, sign=sign, goal=goal, within=within)
        found = Change(x=current, sd=_sd(current, x, within), output=result, flips=flips, exact=False)
        better = (found.flips, -found.size) > (best.flips, -best.size) if found.flips or best.flips else sign * found.output > sign * best.output
        best = found if better else best
    return best


def _moves(
    function: Callable[[Floats], Floats], x: Floats, current: Floats, *, free: npt.NDArray[np.int64], within: Range
) -> tuple[Floats, Floats, Floats]:
    """Every single-feature move on the grid: (places (m, f), outputs (m,), sizes of the whole change (m,))."""
    places = np.repeat(current[None], free.size * GRID, axis=0)
    for position, j in enumerate(free):
        low, high = min(within.low[j], x[j]), max(within.high[j], x[j])
        places[position * GRID : (position + 1) * GRID, j] = np.linspace(low, high, GRID)
    outside = ((places < within.low) | (places > within.high)) & _differs(places, x)
    places = places[~outside.any(axis=1)]
    results = np.asarray(function(places), dtype=np.float64) if places.size else np.empty(0)
    costs = np.abs(_sd(places, x, within)).sum(axis=1)
    return places, results, costs


def _promising(moves: tuple[Floats, Floats, Floats], *, sign: float, goal: float) -> list[int]:
    """Where to start: the cheapest moves that flip, the furthest moves, and the most gain for the change."""
    _, results, costs = moves
    if not results.size:
        return []
    flipped = np.flatnonzero(sign * results >= sign * goal)
    chosen = list(flipped[np.argsort(costs[flipped], kind="stable")][:STARTS])
    gained = sign * results
    chosen += list(np.argsort(-gained, kind="stable")[:STARTS])
    rate = (gained - gained.min()) / np.maximum(costs, 0.1)
    chosen += list(np.argsort(-rate, kind="stable")[:STARTS])
    return list(dict.fromkeys(int(c) for c in chosen))


def _drawn_back(
    function: Callable[[Floats], Floats], x: Floats, found: Floats, *, sign: float, goal: float, within: Range
) -> tuple[Floats, float]:
    """Each changed feature as near to the patient's own as keeps the prediction flipped, least efficient first."""
    current = found.copy()
    changed = np.flatnonzero(_differs(current, x))
    without = np.repeat(current[None], changed.size, axis=0)
    without[np.arange(changed.size), changed] = x[changed]
    loss = sign * (float(function(current[None])[0]) - np.asarray(function(without)))
    rate = loss / np.maximum(np.abs(_sd(current, x, within))[changed], 1e-9)
    for j in changed[np.argsort(rate, kind="stable")]:
        inner, outer = x[j], current[j]
        if not within.low[j] <= inner <= within.high[j]:  # the way back ends at the cohort's range
            inner = float(np.clip(inner, within.low[j], within.high[j]))
        trial = current.copy()
        trial[j] = x[j]
        if sign * float(function(trial[None])[0]) >= sign * goal:
            current = trial
            continue
        for _ in range(HALVINGS):
            trial[j] = (inner + outer) / 2
            if sign * float(function(trial[None])[0]) >= sign * goal:
                outer = trial[j]
            else:
                inner = trial[j]
        current[j] = outer
    return current, float(function(current[None])[0])


def _differs(places: Floats, x: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isfinite(x) & (np.abs(np.nan_to_num(places) - np.nan_to_num(x)) > 1e-12))


def _sd(places: Floats, x: Floats, within: Range) -> Floats:
    moved = np.where(_differs(places, x), np.nan_to_num(places) - np.nan_to_num(x), 0.0)
    return np.asarray(np.divide(moved, within.spread, out=np.zeros(moved.shape), where=within.spread > 0), dtype=np.float64)

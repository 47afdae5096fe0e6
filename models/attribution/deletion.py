"""Deletion and insertion: does the output move when the features that an explanation names are taken away or put back?

Comprehensiveness and sufficiency (DeYoung 2020, doi 10.18653/v1/2020.acl-main.408) with the output's log-odds, against a
random order of the same features. For an additive model SHAP values are right by construction, and the figures say how
concentrated its predictions are; for any other model they test the explanation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import ModelError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Change of the output, log-odds, absolute.

    Attributes
    ----------
    k : (m,) features taken. deletion : (n, m) distance from the full output without the k strongest features.
    insertion : (n, m) distance that is left with the k strongest alone.
    random_deletion, random_insertion : (r, n, m) the same in r random orders.
    """

    k: npt.NDArray[np.int64]
    deletion: Floats
    insertion: Floats
    random_deletion: Floats
    random_insertion: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times the explained order does better than a random one, with a 95% bootstrap interval over patients."""

    value: float
    low: float
    high: float
    n: int


def additive(shap: Floats, base: Floats) -> Callable[[Bools], Floats]:
    """The output of an additive model when only some features are kept: base + the sum of what is kept."""

    def output(keep: Bools) -> Floats:
        return np.asarray(base + (shap * keep).sum(axis=1), dtype=np.float64)

    return output


def curves(output: Callable[[Bools], Floats], shap: Floats, *, steps: int = 20, orders: int = 20, seed: int = 0) -> Curves:
    """Deletion and insertion by each patient's own |SHAP|, and in random orders.

    Parameters
    ----------
    output : (n, f) which features are kept, the others at the background -> (n,) log-odds.
    shap : (n, f). Features that are 0 for everybody are no part of either order: a random order that wastes steps on
        features that the model does not use would be beaten for nothing.
    steps : at most so many values of k. orders : random orders, another one for each patient.

    Raises
    ------
    ModelError
        Fewer than two features are used.
    """
    n, f = shap.shape
    used = np.flatnonzero(np.abs(shap).max(axis=0, initial=0.0) > 0)
    if used.size < 2 or n == 0:
        raise ModelError(f"deletion needs two features that the model uses; it uses {used.size}")
    k = np.unique(np.round(np.linspace(1, used.size, min(steps, used.size))).astype(np.int64))
    full = output(np.ones((n, f), dtype=bool))
    ranked = used[np.argsort(-np.abs(shap[:, used]), axis=1, kind="stable")]
    rng = np.random.default_rng([seed, 23])
    made_deletion, made_insertion = np.zeros((orders + 1, n, k.size)), np.zeros((orders + 1, n, k.size))
    for number in range(orders + 1):
        order = ranked if number == 0 else used[rng.permuted(np.tile(np.arange(used.size), (n, 1)), axis=1)]
        for column, size in enumerate(k):
            chosen = np.zeros((n, f), dtype=bool)
            np.put_along_axis(chosen, order[:, :size], values=True, axis=1)
            made_deletion[number, :, column] = np.abs(full - output(~chosen))
            made_insertion[number, :, column] = np.abs(full - output(chosen | ~_within(f, used)))
    return Curves(
        k=k, deletion=made_deletion[0], insertion=made_insertion[0], random_deletion=made_deletion[1:],
        random_insertion=made_insertion[1:],
    )  # fmt: skip


def ratio(found: Curves, *, kind: str = "deletion", seed: int = 0) -> Ratio:
    """The area under a curve in the explained order over that in a random order (deletion), or the other way round (insertion).

    Above 1: the explanation names what moves the output. Areas leave out the last k, at which both orders are the same.
    """
    ours, theirs = (found.deletion, found.random_deletion) if kind == "deletion" else (found.insertion, found.random_insertion)
    inner = slice(None, -1) if found.k.size > 1 else slice(None)
    top, bottom = ours[:, inner].mean(axis=1), theirs[:, :, inner].mean(axis=(0, 2))
    if kind != "deletion":
        top, bottom = bottom, top
    n = top.size
    draws = np.random.default_rng([seed, 29]).multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES)
    sums, whole = draws @ top, draws @ bottom
    spread = np.divide(sums, whole, out=np.full(RESAMPLES, np.nan), where=whole > 0)
    low, high = np.nanquantile(spread, (0.025, 0.975)) if np.isfinite(spread).any() else (np.nan, np.nan)
    value = float(top.sum() / bottom.sum()) if bottom.sum() > 0 else float("nan")
    return Ratio(value=value, low=float(low), high=float(high), n=n)


def _within(f: int, used: npt.NDArray[np.int64]) -> Bools:
    made = np.zeros(f, dtype=bool)
    made[used] = True
    return made

"""Pairs of rows of two patient tables: on how many columns each pair agrees, and how often chance makes it agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int16]
Columns = dict[str, Floats]
Kind = float | None
"""None = an exact match; a number = a near match that may differ on that share of the compared columns."""

LEAST, LEAST_NUMBERS = 4, 2
"""Columns known in both rows, and numbers among them, that a match takes."""
SHARES = (0.2, 0.1, 0.0)
"""Shares of the compared columns on which a near match may disagree, loosest first."""
MOST_PAIRS_OF_ONE = 4_000_000
BLOCK = 256
ROUNDING = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """How columns are compared: the columns, which are numbers, the unit of their last decimal, the tolerance."""

    used: tuple[str, ...]
    numbers: frozenset[str]
    units: dict[str, float]
    tolerance: float


def coded(a: pl.DataFrame, b: pl.DataFrame, *, used: Sequence[str], numbers: Sequence[str]) -> tuple[Columns, Columns]:
    """Each column as floats, nan = unknown; words as codes that both frames share."""
    left, right = {}, {}
    for name in used:
        if name in numbers:
            left[name], right[name] = (_floats(f[name]) for f in (a, b))
            continue
        words = [f[name].cast(pl.String) for f in (a, b)]
        code = {w: float(i) for i, w in enumerate(sorted({*words[0].drop_nulls(), *words[1].drop_nulls()}))}
        left[name], right[name] = (
            np.array([code.get(w, np.nan) if w is not None else np.nan for w in side.to_list()]) for side in words
        )
    return left, right


def _floats(series: pl.Series) -> Floats:
    values = series.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def units(a: pl.DataFrame, b: pl.DataFrame, numbers: Sequence[str]) -> dict[str, float]:
    """One unit of the last decimal that the coarser cohort records, a number column."""
    return {name: 10.0 ** -min(_decimals(_floats(f[name])) for f in (a, b)) for name in numbers}


def _decimals(values: Floats) -> int:
    """Decimals that most values (95%) need, at most 6."""
    known = values[np.isfinite(values)]
    for digits in range(ROUNDING):
        if (np.abs(known - np.round(known, digits)) < 0.5e-6).mean() >= 0.95:
            return digits
    return ROUNDING


class Agreement(NamedTuple):
    """Of each pair of rows: columns known in both, numbers among them, columns equal, columns that nearly agree."""

    compared: Counts
    numbers: Counts
    equal: Counts
    alike: Counts

    def matches(self, kind: Kind) -> Bools:
        """Pairs that match by this kind."""
        enough = (self.compared >= LEAST) & (self.numbers >= LEAST_NUMBERS)
        if kind is None:
            return np.asarray(enough & (self.equal == self.compared))
        return np.asarray(enough & (self.compared - self.alike <= _free(self.compared, kind)))


def _free(compared: Counts, share: float) -> Counts:
    """Columns on which a pair may disagree, of so many compared: a table of the few numbers that there are."""
    table = np.floor(np.arange(int(compared.max(initial=0)) + 1) * share + 1e-9).astype(np.int16)
    return np.asarray(table[compared])


def agreement(
    left: Columns, right: Columns, rule: Rule, *, among: Bools | None = None, tally: Floats | None = None
) -> Agreement:
    """Agreement of every row of left with every row of right, (rows of left, rows of right).

    tally : (3, columns), added to: pairs known, equal and nearly agreeing of each column, where `among` holds.
    """
    shape = next(iter(left.values())).size, next(iter(right.values())).size
    compared, numbers, equal, alike = (np.zeros(shape, dtype=np.int16) for _ in range(4))
    for c, name in enumerate(rule.used):
        x, y = left[name][:, None], right[name][None, :]
        gap = np.abs(x - y)
        known = ~np.isnan(gap)
        compared += known
        same = gap < 0.5 * 10.0**-ROUNDING
        equal += same
        if tally is not None and among is not None:
            tally[:2, c] += (known & among).sum(), (same & among).sum()
        if name in rule.numbers:
            numbers += known
            close = rule.tolerance * np.maximum(np.abs(x), np.abs(y))
            # a hair above one unit, so that 0.30 against 0.31 is within it
            same = gap <= np.fmax(close, rule.units[name] * (1 + 1e-9))
        alike += same
        if tally is not None and among is not None:
            tally[2, c] += (same & among).sum()
    return Agreement(compared, numbers, equal, alike)


def best_matches(left: Columns, right: Columns, *, rule: Rule, share: float) -> dict[int, tuple[int, bool, int, int]]:
    """Row of right -> (row of left, exact, agreed, compared): its best match, exact before near, then most agreed."""
    found: dict[int, tuple[int, bool, int, int]] = {}
    for start in range(0, next(iter(right.values())).size, BLOCK):
        pairs = agreement(left, {name: v[start : start + BLOCK] for name, v in right.items()}, rule)
        exact = pairs.matches(None)
        near = exact | pairs.matches(share)
        alike, compared = pairs.alike.astype(np.int64), pairs.compared.astype(np.int64)
        rank = np.where(near, exact * 10_000 + alike * 100 - (compared - alike), -1)
        top = rank.argmax(axis=0)
        for j in np.flatnonzero(near.any(axis=0)):
            i = int(top[j])
            found[start + int(j)] = (i, bool(exact[i, j]), int(pairs.alike[i, j]), int(pairs.compared[i, j]))
    return found


def by_chance(left: Columns, right: Columns, rule: Rule) -> dict[Kind, tuple[float, bool]]:
    """Rows of right that chance alone would match, for an exact match and each of SHARES.

    The rate a pair is the geometric mean over the two cohorts of the rate among different patients of one cohort (which
    bounds the rate between cohorts of different composition). A cohort of which no two patients match gives no rate:
    there the product of the columns' own rates stands in, as if the columns were independent; the flag is then False.
    """
    sides = [_Within.of(side, rule) for side in (left, right)]
    n_a, n_b = (next(iter(side.values())).size for side in (left, right))
    chance: dict[Kind, tuple[float, bool]] = {}
    for kind in (None, *SHARES):
        rates = [side.rate(kind) for side in sides]
        rate = float(np.sqrt(rates[0][0] * rates[1][0]))
        chance[kind] = (float(n_b * -np.expm1(-rate * n_a)), rates[0][1] and rates[1][1])
    return chance


@dataclass(frozen=True, slots=True)
class _Within:
    """Pairs of different patients of one cohort: how many match, how often each column agrees, who has which columns."""

    found: dict[Kind, int]
    pairs: int
    equal: Floats
    alike: Floats
    patterns: Bools
    counts: Ints
    numbers: Bools

    @classmethod
    def of(cls, side: Columns, rule: Rule) -> _Within:
        n = next(iter(side.values())).size
        # every k-th patient of a very large cohort: the same ones each time
        step = max(1, math.ceil(n / math.sqrt(MOST_PAIRS_OF_ONE)))
        some = {name: side[name][::step] for name in rule.used}
        size = next(iter(some.values())).size
        found: dict[Kind, int] = dict.fromkeys((None, *SHARES), 0)
        tally = np.zeros((3, len(rule.used)))
        for start in range(0, size, BLOCK):
            block = {name: v[start : start + BLOCK] for name, v in some.items()}
            rest = {name: v[start:] for name, v in some.items()}  # earlier rows have met this block already
            later = np.arange(start, size)[:, None] > np.arange(start, min(start + BLOCK, size))[None, :]
            pairs = agreement(rest, block, rule, among=later, tally=tally)
            exact = pairs.matches(None) & later
            for kind in found:
                found[kind] += int((exact if kind is None else exact | (pairs.matches(kind) & later)).sum())
        known = np.column_stack([np.isfinite(v) for v in some.values()])
        patterns, counts = np.unique(known, axis=0, return_counts=True)
        # a column that no pair has, or on which no pair agrees: half a pair, so that no rate is exactly 0
        rates = (tally[1:] + 0.5) / (tally[0] + 1)
        numbers = np.array([name in rule.numbers for name in rule.used])
        return cls(found, size * (size - 1) // 2, rates[0], rates[1], patterns, counts, numbers)

    def rate(self, kind: Kind) -> tuple[float, bool]:
        """Matches a pair, and whether that was counted rather than multiplied up from the columns."""
        if self.pairs == 0:
            return 1.0, False
        if self.found[kind]:
            return self.found[kind] / self.pairs, True
        chance, share = (self.equal, 0.0) if kind is None else (self.alike, kind)
        masks, weights = _shared_patterns(self.patterns, self.counts)
        enough = (masks.sum(axis=1) >= LEAST) & (masks[:, self.numbers].sum(axis=1) >= LEAST_NUMBERS)
        free = np.floor(masks.sum(axis=1) * share + 1e-9).astype(np.int64)
        rate = (weights * enough * _at_most(free, masks=masks, chance=chance)).sum() / weights.sum()
        # no match among the pairs: 3 / pairs bounds their rate (rule of three)
        return float(min(rate, 3 / self.pairs)), False


def _shared_patterns(patterns: Bools, counts: Ints) -> tuple[Bools, Floats]:
    """Which columns two random rows have both, and how often."""
    both = (patterns[:, None, :] & patterns[None, :, :]).reshape(-1, patterns.shape[1])
    weights = np.outer(counts, counts).ravel().astype(np.float64)
    masks, place = np.unique(both, axis=0, return_inverse=True)
    summed = np.bincount(place.ravel(), weights=weights, minlength=masks.shape[0])
    return masks, summed.astype(np.float64)


def _at_most(free: Ints, *, masks: Bools, chance: Floats) -> Floats:
    """P(at most `free` of the masked columns disagree), each column on its own: (rows of masks,)."""
    most = int(free.max(initial=0))
    ways = np.zeros((masks.shape[0], most + 1))  # P(so many disagreements so far)
    ways[:, 0] = 1.0
    for c in range(masks.shape[1]):
        agree = np.where(masks[:, c], chance[c], 1.0)[:, None]
        following = ways * agree
        following[:, 1:] += ways[:, :-1] * (1 - agree)
        ways = following
    return np.asarray((ways * (np.arange(most + 1)[None, :] <= free[:, None])).sum(axis=1), dtype=np.float64)

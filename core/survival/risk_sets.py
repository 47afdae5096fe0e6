"""Risk sets: who is at risk at each distinct time of an event, with ties, late entry and strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.survival.endpoint import Bools, Floats, Ints
from core.survival.ties import merged, merged_intervals

CANCELLED = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskSets:
    """Rows sorted by stratum and time, and where each event time finds its risk set among them.

    n rows are used, in s strata; k distinct times of an event (counted in each stratum), d events.

    Attributes
    ----------
    rows : (n,) int, where each sorted row was in the arrays given; rows whose entry is not before their time are absent.
    time, entry : (n,) float, nearly tied times made equal; entry is -inf where observed from the start. event : (n,) bool.
    stratum : (n,) int, 0 .. s-1, ascending. bounds : (s + 1,) int, first row of each stratum, then n.
    death_time : (k,) float. death_stratum : (k,) int. death_bounds : (s + 1,) int, first death time of each stratum.
    first : (k,) int, first row of the stratum whose time is at or after the death time.
    entry_order : (n,) int, rows by stratum and entry, or None where everyone is observed from the start.
    first_late : (k,) int, first place in `entry_order` whose entry is at or after the death time.
    dying : (d,) int, rows with an event, sorted. tie : (d,) int, index of their death time. tie_start : (k,) int, first
    of each tie in `dying`. share : (d,) float, Efron's l / m for l = 0 .. m-1 within each tie of m.
    before, until : (n,) int, number of death times up to and including the row's entry, and its time, over all strata
    before it as well: the row is at risk at death times before <= k < until.
    """

    rows: Ints
    time: Floats
    entry: Floats
    event: Bools
    stratum: Ints
    bounds: Ints
    death_time: Floats
    death_stratum: Ints
    death_bounds: Ints
    first: Ints
    entry_order: Ints | None
    first_late: Ints
    dying: Ints
    tie: Ints
    tie_start: Ints
    share: Floats
    before: Ints
    until: Ints

    def at_risk(self, v: Floats) -> Floats:
        """Sum of v over each risk set: (m, n) or (n,) -> (m, k) or (k,); v[0], or v itself, is not negative."""
        total = _tails(v, self.bounds)[..., self.first + self.death_stratum]
        if self.entry_order is None:
            return np.asarray(total, dtype=np.float64)
        late = _tails(v[..., self.entry_order], self.bounds)[..., self.first_late + self.death_stratum]
        left = total - late
        # where those not yet entered outweigh those at risk by far, the difference is rounding: sum over the set itself
        whole, rest = (total, left) if v.ndim == 1 else (total[0], left[0])
        for k in np.flatnonzero(rest <= CANCELLED * whole):
            s = self.death_stratum[k]
            rows = np.arange(self.first[k], self.bounds[s + 1])
            left[..., k] = v[..., rows[self.entry[rows] < self.death_time[k]]].sum(axis=-1)
        return np.asarray(left, dtype=np.float64)

    def over_ties(self, v: Floats) -> Floats:
        """Sum of v over those who die at each death time: (m, n) or (n,) -> (m, k) or (k,)."""
        if self.dying.size == self.tie_start.size:
            return np.asarray(v[..., self.dying], dtype=np.float64)
        return np.asarray(np.add.reduceat(v[..., self.dying], self.tie_start, axis=-1), dtype=np.float64)

    def efron(self, v: Floats) -> Floats:
        """Sum of v over the risk set of each event, tied deaths counted with weight 1 - share: -> (..., d)."""
        total = self.at_risk(v)
        if self.dying.size == self.tie_start.size:
            return total
        return np.asarray(total[..., self.tie] - self.share * self.over_ties(v)[..., self.tie], dtype=np.float64)

    def per_death(self, u: Floats) -> Floats:
        """Sum of u over the events of each death time: (..., d) -> (..., k)."""
        if self.dying.size == self.tie_start.size:
            return u
        return np.asarray(np.add.reduceat(u, self.tie_start, axis=-1), dtype=np.float64)

    def while_at_risk(self, u: Floats) -> Floats:
        """Sum of u over the death times at which each row is at risk: (..., k) -> (..., n)."""
        heads = _heads(u, self.death_bounds)
        return np.asarray(
            heads[..., self.until + self.stratum] - heads[..., self.before + self.stratum], dtype=np.float64
        )


def _tails(v: Floats, bounds: Ints) -> Floats:
    """Sums from each place to the end of its stratum, with a 0 after each stratum: (..., n) -> (..., n + s)."""
    out = np.zeros((*v.shape[:-1], v.shape[-1] + bounds.size - 1))
    for s, (a, b) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        np.cumsum(v[..., a:b][..., ::-1], axis=-1, out=out[..., a + s : b + s][..., ::-1])
    return out


def _heads(v: Floats, bounds: Ints) -> Floats:
    """Sums from the start of each stratum up to before each place, and its total: (..., n) -> (..., n + s)."""
    out = np.zeros((*v.shape[:-1], v.shape[-1] + bounds.size - 1))
    for s, (a, b) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        np.cumsum(v[..., a:b], axis=-1, out=out[..., a + s + 1 : b + s + 1])
    return out


def risk_sets(time: Floats, event: Bools, *, entry: Floats | None = None, strata: Ints | None = None) -> RiskSets:
    """Sort the rows and find the risk set of each event.

    Parameters
    ----------
    time : (n,) float. event : (n,) bool. entry : (n,) float, when observation began; nan = from the start. A row is at
        risk at t when entry < t <= time; a row whose entry is not before its time never is, and is left out.
    strata : (n,) int, or None for one stratum.

    Nearly tied times are made equal first, over all strata, as R's coxph does (timefix = TRUE).
    """
    n = time.size
    late = np.full(n, -np.inf) if entry is None else np.where(np.isnan(entry), -np.inf, entry)
    truncated = bool(np.isfinite(late).any())
    time, late = merged_intervals(late, time)[::-1] if truncated else (merged(time), late)
    codes = np.zeros(n, dtype=np.int64) if strata is None else strata
    order = np.lexsort((time, codes)) if strata is not None else np.argsort(time, kind="stable")
    if truncated:
        order = order[late[order] < time[order]]
    time, late, event, codes = time[order], late[order], event[order], codes[order]
    n = time.size
    change = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    bounds = np.concatenate(([0], change, [n])).astype(np.int64) if n else np.zeros(1, dtype=np.int64)
    stratum = np.zeros(n, dtype=np.int64)
    stratum[change] = 1
    stratum = stratum.cumsum()
    # one ascending key over (stratum, time): the rank of the time, shifted by stratum
    values, rank = np.unique(time, return_inverse=True)
    width = values.size + 1
    key = stratum * width + rank
    dying = np.flatnonzero(event)
    deaths, tie_start, tie_size = np.unique(key[dying], return_index=True, return_counts=True)
    tie = np.repeat(np.arange(deaths.size), tie_size)
    first_late: Ints = np.zeros(deaths.size, dtype=np.int64)
    entry_order: Ints | None = None
    before = np.searchsorted(deaths, stratum * width, side="left")
    if truncated:
        entry_rank = np.searchsorted(values, late, side="left")  # first time at or after the entry
        entry_key = stratum * width + entry_rank
        same = np.isin(late, values)
        # at risk from the first death time strictly after the entry
        after = entry_key + same
        entry_order = np.argsort(after, kind="stable").astype(np.int64)
        before = np.searchsorted(deaths, after, side="left")
        first_late = np.asarray(np.searchsorted(after[entry_order], deaths, side="right"), dtype=np.int64)
    death_stratum = deaths // width
    return RiskSets(
        rows=order.astype(np.int64), time=time, entry=late, event=event, stratum=stratum, bounds=bounds,
        death_time=values[deaths % width] if deaths.size else np.zeros(0), death_stratum=death_stratum,
        death_bounds=np.searchsorted(death_stratum, np.arange(bounds.size)).astype(np.int64),
        first=np.asarray(np.searchsorted(key, deaths, side="left"), dtype=np.int64),
        entry_order=entry_order, first_late=first_late, dying=dying, tie=tie, tie_start=tie_start,
        share=(np.arange(dying.size) - tie_start[tie]) / tie_size[tie],
        before=before.astype(np.int64), until=np.searchsorted(deaths, key, side="right").astype(np.int64),
    )  # fmt: skip

"""Weights by the inverse probability of not being censored, and how their estimation adds to an estimate's error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.survival.endpoint import Bools, Floats, Ints
from core.survival.ties import merged

REFERENCE = "10.1002/sim.5958"


@dataclass(frozen=True, slots=True, kw_only=True)
class Censoring:
    """The Kaplan-Meier estimate G of staying uncensored; at a tie, events come before censorings.

    Attributes
    ----------
    time : (n,) float, nearly tied times made equal. event : (n,) bool.
    times : (m,) float, distinct times. place : (n,) int, index of each time among them.
    before, after : (m,) float, G just before and at each distinct time.
    at_risk : (m,) float, patients at risk of censoring: those with a later time, or censored at it. censored : (m,).
    """

    time: Floats
    event: Bools
    times: Floats
    place: Ints
    before: Floats
    after: Floats
    at_risk: Floats
    censored: Floats

    def at(self, t: float) -> float:
        """G(t)."""
        seen = int(np.searchsorted(self.times, t, side="right"))
        return float(self.after[seen - 1]) if seen else 1.0

    def known(self, t: float) -> tuple[Bools, Bools]:
        """Who had the event by t, and who was still observed without it after t."""
        return (self.time <= t) & self.event, self.time > t

    def weights(self, t: float) -> Floats:
        """(n,) 1 / G(T-) of those with the event by t, 1 / G(t) of those observed after t, 0 of those censored before."""
        cases, controls = self.known(t)
        w = np.zeros(self.time.size)
        w[cases] = 1 / self.before[self.place[cases]]
        if controls.any():
            w[controls] = 1 / self.at(t)
        return w

    def influence(self, weighted: Floats, t: float) -> Floats:
        """What estimating G adds to each patient's influence on the mean of `weighted`, terms proportional to weights(t).

        Parameters
        ----------
        weighted : (n,) float, 0 for those of unknown state at t.
        """
        n = self.time.size
        cases, controls = self.known(t)
        sums = np.bincount(self.place[cases], weights=weighted[cases], minlength=self.times.size)
        later = (sums[::-1].cumsum()[::-1] - sums + weighted[controls].sum()) / n
        reached = self.times <= t
        share = np.where(reached & (self.at_risk > 0), n * later / np.maximum(self.at_risk, 1.0), 0.0)
        compensator = np.concatenate(([0.0], np.cumsum(share * self.censored / np.maximum(self.at_risk, 1.0))))
        # who has the event at a time was not at risk of censoring at it
        through = self.place + np.where(self.event, 0, 1)
        return np.asarray(np.where(self.event, 0.0, share[self.place]) - compensator[through], dtype=np.float64)


def censoring(time: Floats, event: Bools) -> Censoring:
    """Kaplan-Meier estimate of staying uncensored.

    Parameters
    ----------
    time : (n,) float, observed from the start. event : (n,) bool.

    References
    ----------
    Blanche, Dartigues & Jacqmin-Gadda 2013, doi 10.1002/sim.5958.
    """
    time = merged(time)
    times, place = np.unique(time, return_inverse=True)
    d = np.asarray(np.bincount(place, weights=event, minlength=times.size), dtype=np.float64)
    c = np.asarray(np.bincount(place, weights=~event, minlength=times.size), dtype=np.float64)
    leaving = np.concatenate(([0.0], np.cumsum(d + c)[:-1]))
    at_risk = time.size - leaving - d
    stay = np.where(c > 0, (at_risk - c) / np.maximum(at_risk, 1.0), 1.0)
    after = np.asarray(np.cumprod(stay), dtype=np.float64)
    return Censoring(
        time=time, event=event, times=times, place=place.astype(np.int64), before=np.concatenate(([1.0], after[:-1])),
        after=after, at_risk=at_risk, censored=c,
    )  # fmt: skip

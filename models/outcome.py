"""Outcome: what a simple model is fitted to, response or survival, behind one face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models import ridge
from models.card import ModelError
from models.folds import stratified_folds
from models.ridge import Bools, Floats, Ints, Linear


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Response of n patients, or their survival.

    Attributes
    ----------
    response : (n,) 0 or 1, or None. time, event : (n,) months and True = event, or None.
    """

    response: Floats | None = None
    time: Floats | None = None
    event: Bools | None = None

    def __post_init__(self) -> None:
        if (self.response is None) == (self.time is None) or (self.time is None) != (self.event is None):
            raise ModelError("an outcome is either a response, or a time with its event")
        for values in (self.response, self.time):
            if values is not None and not np.isfinite(values).all():
                raise ModelError("an outcome holds no unknown values; leave those patients out")

    @property
    def n(self) -> int:
        """Patients."""
        return int(self.happened.size)

    @property
    def happened(self) -> Bools:
        """(n,) responded, or had the event."""
        found = self.response if self.response is not None else self.event
        return np.asarray(found, dtype=bool)

    def take(self, rows: npt.NDArray[Any]) -> Outcome:
        """The chosen patients."""
        if self.response is not None:
            return Outcome(response=self.response[rows])
        time, event = self._survival()
        return Outcome(time=time[rows], event=event[rows])

    def folds(self, count: int, *, seed: int) -> Ints:
        """(n,) fold of each patient, equal shares of responders (events); fewer folds where those are few."""
        rare = int(min(self.happened.sum(), (~self.happened).sum())) if self.response is not None else int(self.happened.sum())
        return stratified_folds(self.happened, folds=max(2, min(count, rare)), seed=seed)

    def ridge(self, x: Floats, penalties: Floats, *, start: Linear | None = None) -> Linear:
        """Ridge of this outcome on (n, p) features: logistic or Cox."""
        if self.response is not None:
            return ridge.logistic(x, self.response, penalties=penalties, start=start)
        time, event = self._survival()
        return ridge.cox(x, time, event, penalties=penalties, start=start)

    def loss(self, eta: Floats, held: Bools) -> float:
        """What the held-out patients cost under (n,) scores of a model fitted to the others.

        Response: log loss. Survival: what they add to the negative log partial likelihood (Verweij & van Houwelingen 1993,
        doi 10.1002/sim.4780122407).
        """
        if self.response is not None:
            y = self.response[held]
            return float((np.logaddexp(0.0, eta[held]) - y * eta[held]).sum())
        time, event = self._survival()
        return _likelihood(time[~held], event[~held], eta[~held]) - _likelihood(time, event, eta)

    def _survival(self) -> tuple[Floats, Bools]:
        if self.time is None or self.event is None:
            raise ModelError("this outcome is a response, not survival")
        return self.time, self.event


def _likelihood(time: Floats, event: Bools, eta: Floats) -> float:
    if not event.any():
        return 0.0
    risk = ridge.risk_sets(time, event)
    return risk.log_likelihood(eta[risk.order])

"""Walk: the order in which patients enter and leave the risk set, from the last time to the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.markers.scan.many import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The order in which patients enter and leave the risk set, from the last time to the first.

    Attributes
    ----------
    steps : a step an event time of a stratum: (rows that join, rows that leave because they were not yet seen, rows that
        have the event); `fresh` marks the first step of a stratum, where the risk set starts empty.
    """

    steps: tuple[tuple[Ints, Ints, Ints], ...]
    fresh: tuple[bool, ...]


def walk(time: Floats, event: Bools, *, entry: Floats | None = None, strata: Ints | None = None) -> Walk:
    """Plan the walk through the risk sets; a patient is at risk in (entry, time]."""
    steps: list[tuple[Ints, Ints, Ints]] = []
    fresh: list[bool] = []
    codes = np.zeros(time.size, dtype=np.int64) if strata is None else strata
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        backwards = rows[np.argsort(-time[rows], kind="stable")]
        late = rows[np.argsort(-entry[rows], kind="stable")] if entry is not None else rows[:0]
        joined = gone = 0
        for t in np.unique(time[rows][event[rows]])[::-1]:
            until = int(np.searchsorted(-time[backwards], -t, side="right"))
            past = int(np.searchsorted(-entry[late], -t, side="right")) if entry is not None else 0
            dying = backwards[joined:until]
            steps.append((dying, late[gone:past], dying[(time[dying] == t) & event[dying]]))
            fresh.append(joined == 0)
            joined, gone = until, past
    return Walk(steps=tuple(steps), fresh=tuple(fresh))

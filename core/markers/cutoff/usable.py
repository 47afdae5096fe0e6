"""Usable: the patients of a cut-off search that have the marker and the endpoint, and the cuts that can be tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.survival.endpoint import Bools, Floats, Ints
from core.survival.ties import merged

Primary = Literal["survival", "response"]
FEWEST = 5
"""Patients under whom no cut is searched for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """The patients of a search.

    Attributes
    ----------
    marker : (n,) float, finite. time : (n,) float, months, nearly tied ones made equal, nan = unknown; event : (n,) bool. response : (n,) float,
        1 responder, 0 not, nan unknown. rows : (n,) int, their rows in what was given. total : rows given.
    primary : the endpoint that every one of them has. notes : what was left out beyond plain missing values.
    """

    marker: Floats
    time: Floats
    event: Bools
    response: Floats
    rows: Ints
    total: int
    primary: Primary
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        return int(self.marker.size)

    @property
    def n_missing(self) -> int:
        return self.total - self.n

    @property
    def surviving(self) -> Bools:
        """(n,) bool, whose survival is known."""
        return np.isfinite(self.time)

    @property
    def evaluable(self) -> Bools:
        """(n,) bool, whose response is known."""
        return np.isfinite(self.response)


def usable(
    marker: npt.ArrayLike,
    *,
    time: npt.ArrayLike | None = None,
    event: npt.ArrayLike | None = None,
    response: npt.ArrayLike | None = None,
    primary: Primary | None = None,
) -> Usable:
    """Take the patients with a finite marker and a known primary endpoint.

    Parameters
    ----------
    marker : (n,) float. time : (n,) float, months. event : (n,) 0, 1. response : (n,) 0, 1. nan = unknown, in each; an
        infinite marker, and a time that is negative or infinite, count as unknown and are said.
    primary : the endpoint that is searched on; survival where a time is given, else response.

    Raises
    ------
    NotMeasured
        Neither a time with its event nor a response is given, or nobody has the marker.
    TooFewPatients
        Nobody has the marker and the endpoint.
    UnknownName
        An event or a response is neither 0 nor 1, or lengths differ.
    """
    x = _floats(marker)
    n = x.size
    if (time is None) != (event is None):
        raise NotMeasured("a time needs its event column, and an event its time; give both")
    t = np.full(n, np.nan) if time is None else _floats(time)
    e = np.full(n, np.nan) if event is None else _binary(event, "an event")
    y = np.full(n, np.nan) if response is None else _binary(response, "a response")
    if not n == t.size == e.size == y.size:
        raise UnknownName("marker, time, event and response must have one value a patient each; their lengths differ")
    if time is None and response is None:
        raise NotMeasured("a cut is searched against an endpoint; give a time with its event, or a response")
    notes = []
    for bad, what in (
        (np.isinf(x), "an infinite marker value"),
        (np.isinf(t), "an infinite time"),
        (t < 0, "a negative time"),
    ):
        if count := int(bad.sum()):
            notes.append(
                f"{count} patient{'s have' if count > 1 else ' has'} {what} and {'are' if count > 1 else 'is'} left out"
            )
    known_time = np.isfinite(t) & (np.nan_to_num(t, nan=-1.0) >= 0) & np.isfinite(e)
    t = np.where(known_time, t, np.nan)
    wanted: Primary = primary or ("survival" if time is not None else "response")
    keep = np.isfinite(x) & (known_time if wanted == "survival" else np.isfinite(y))
    if not np.isfinite(x).any():
        raise NotMeasured("the marker is not known for any patient; choose another marker or cohort")
    if not keep.any():
        what = "a survival time" if wanted == "survival" else "an evaluable response"
        raise TooFewPatients(f"no patient has both the marker and {what}; choose another endpoint or cohort")
    rows = np.flatnonzero(keep)
    return Usable(
        marker=x[rows],
        time=merged(t[rows]),
        event=np.nan_to_num(e[rows]) > 0,
        response=y[rows],
        rows=rows,
        total=n,
        primary=wanted,
        notes=tuple(notes),
    )


def candidates(marker: Floats, *, minprop: float = 0.1, maxprop: float = 0.9) -> tuple[Floats, Ints]:
    """Every cut that leaves from `minprop` to `maxprop` of the patients below it.

    Parameters
    ----------
    marker : (n,) float, finite.

    Returns
    -------
    cuts : (m,) float, observed values, ascending; a patient at the cut is in the upper group. below : (m,) int,
        patients under each. The range is that of R maxstat: from max(1, floor(n minprop)) to floor(n maxprop) patients.

    Raises
    ------
    UnknownName
        The proportions are not 0 <= minprop < maxprop <= 1.
    """
    if not 0 <= minprop < maxprop <= 1:
        raise UnknownName(f"cuts from {minprop:g} to {maxprop:g} of the patients make no range; give 0.1 and 0.9")
    values, first = np.unique(np.sort(marker), return_index=True)
    n = marker.size
    inside = (first >= max(1, int(np.floor(n * minprop)))) & (first <= int(np.floor(n * maxprop)))
    return values[inside], first[inside].astype(np.int64)


def why_no_cut(marker: Floats) -> str:
    """Why `candidates` found none, as the end of a sentence."""
    values = np.unique(marker)
    if values.size == 1:
        return f"every patient has the same value ({values[0]:.4g})"
    if marker.size < FEWEST:
        return f"{marker.size} patients are too few"
    return "every cut leaves fewer than a tenth of the patients on one side"


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64).ravel()


def _binary(values: npt.ArrayLike, what: str) -> Floats:
    x = _floats(values)
    bad = np.isfinite(x) & (x != 0) & (x != 1)
    if bad.any():
        raise UnknownName(f"{what} is 0 or 1, not {x[bad][0]:g}; recode the column")
    return np.where(np.isfinite(x), x, np.nan)

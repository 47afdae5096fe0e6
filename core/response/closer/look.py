"""One closer look at a time: which answer a page asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.response.closer import LOOKS
from core.response.closer.benefit import benefit
from core.response.closer.beside import beside
from core.response.closer.change import change
from core.response.closer.choice import choice
from core.response.closer.decided import decided
from core.response.closer.discrimination import discrimination
from core.response.closer.everywhere import everywhere
from core.response.closer.patients import POOLED
from core.response.closer.reliability import reliability
from core.response.closer.subgroups import subgroups
from core.response.closer.unlike import unlike
from data.store import Store

_ANSWERS: Mapping[str, Callable[..., Answer]] = {
    "discrimination": discrimination,
    "recommended": choice,
    "beside": beside,
    "calibration": reliability,
    "decided": decided,
    "benefit": benefit,
    "transport": everywhere,
    "unlike": unlike,
    "subgroups": subgroups,
    "change": change,
}

FITTED = frozenset({"calibration", "decided"})
"""Looks that something can be fitted for on another cohort."""


def look(
    store: Store, query: CohortQuery, *, kind: str, predictor: str = "", cohort: str = POOLED, fitted: str = ""
) -> Answer:
    """The answer of one look; only this one is computed.

    Raises
    ------
    UnknownName
        There is no such look.
    EmptyCohort, NotMeasured, TooFewPatients
        As the look says.
    """
    if kind not in _ANSWERS:
        raise UnknownName(f"there is no look '{kind}'; there are {', '.join(LOOKS)}")
    extra = {"fitted": fitted} if kind in FITTED else {}
    return _ANSWERS[kind](store, query, predictor=predictor, cohort=cohort, **extra)

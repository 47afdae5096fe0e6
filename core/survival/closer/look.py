"""Look: what a second look says, and the words that all of them share."""

from __future__ import annotations

from dataclasses import dataclass

from core.answer import Answer
from core.errors import TooFewPatients
from core.figures import words
from core.survival.closer.compared import Compared, be
from data.schema import ENDPOINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Answer):
    """A second look: its answer in a sentence, its charts, and remarks, each a short paragraph under them."""

    remarks: tuple[str, ...] = ()


def require_groups(found: Compared) -> None:
    """Check that there is something to look at.

    Raises
    ------
    TooFewPatients
        Fewer than two groups have the endpoint, fewer than five patients do, or nobody had an event.
    """
    shown, what = found.shown, ENDPOINTS[found.endpoint].lower()
    if len(found.labels) < 2:
        raise TooFewPatients(f"all patients with {what} are in one group, so there is nothing to compare; choose another split or filter")
    if shown.height < 5:
        raise TooFewPatients(f"{words.count(shown.height, 'patient')} with {what} {be(shown.height)} too few for this; relax a filter")
    if not shown[f"{found.endpoint}_event"].any():
        raise TooFewPatients(f"nobody has had an event yet, so nothing can be said about {what}; choose another endpoint or cohort")


def about(found: Compared) -> str:
    """The comparison in words, for titles: "overall survival by TMB, published cut"."""
    start = f", from {found.landmark:g} months on" if found.landmark else ""
    return f"{words.inside(ENDPOINTS[found.endpoint])} by {found.by}{start}"

"""Exception hierarchy.

CohortError
├── DataError
│   ├── SourceUnavailable
│   ├── SourceCorrupt
│   ├── SchemaError
│   ├── IngestError
│   ├── BuildError
│   └── StoreError
│       ├── NoDatabase
│       └── QueryTooSlow
├── UnknownName
├── BadSetting
├── BadLink
├── EmptyCohort
├── LedgerError
├── Refused
├── SlideError
├── BadModel
└── NotMeasured
    ├── TooFewPatients
    └── NotAProbability

Only `pages.shared.ui.guard` and `core.__main__` turn a CohortError into words for a
person. Anything else is a bug and must crash loudly.
"""

from __future__ import annotations

from collections.abc import Sequence

from data.errors import (
    BuildError,
    CohortError,
    DataError,
    IngestError,
    NoDatabase,
    QueryTooSlow,
    SchemaError,
    SourceCorrupt,
    SourceUnavailable,
    StoreError,
    UnknownName,
)


class BadSetting(CohortError):
    """An environment variable holds a value that cannot be used."""


class BadLink(CohortError):
    """A shared link or saved cohort cannot be read."""


class EmptyCohort(CohortError):
    """No patient matches; the message says which filter to relax."""


class LedgerError(CohortError):
    """The ledger of locked cut-offs was tampered with, or cannot be written."""


class Refused(CohortError):
    """A validation that would not be one; the message says which rule it breaks and what to do instead."""


class BadModel(CohortError):
    """A trained model cannot be read, trained or used here; the message says why and what to do."""


class SlideError(CohortError):
    """A slide picture cannot be read, shows no tissue, or does not say how large a pixel is."""


class NotMeasured(CohortError):
    """This cohort lacks what the question needs; the message says which study has it, `elsewhere` lists them all."""

    def __init__(self, message: str, *, elsewhere: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.elsewhere = tuple(elsewhere)


class TooFewPatients(NotMeasured):
    """There are too few patients or events for the statistic asked for."""


class NotAProbability(NotMeasured):
    """A score that is no probability is never drawn as one."""


__all__ = [
    "BadLink",
    "BadModel",
    "BadSetting",
    "BuildError",
    "CohortError",
    "DataError",
    "EmptyCohort",
    "IngestError",
    "LedgerError",
    "NoDatabase",
    "NotAProbability",
    "NotMeasured",
    "QueryTooSlow",
    "Refused",
    "SchemaError",
    "SlideError",
    "SourceCorrupt",
    "SourceUnavailable",
    "StoreError",
    "TooFewPatients",
    "UnknownName",
]

"""Errors of the data floor; `core.errors` draws the whole hierarchy.

Every message names the offending value and the remedy, because the message is
what a person reads: on a page through `pages.shared.ui.guard`, on the command
line as one sentence.
"""

from __future__ import annotations


class CohortError(Exception):
    """Anything that a person can put right. Children name the value and the remedy."""


class DataError(CohortError):
    """Files and tables."""


class SourceUnavailable(DataError):
    """A study's file could not be had: no network, no mirror, not on the server."""


class SourceCorrupt(DataError):
    """A file is there, but its checksum or its structure is not what was published."""


class SchemaError(DataError):
    """A table does not fit `data.schema`: unknown, missing or wrongly typed column."""


class IngestError(DataError):
    """A user's own cohort cannot be taken in."""


class BuildError(DataError):
    """The database cannot be built here and now: folder, disk, another build, nothing to build from."""


class StoreError(DataError):
    """The cohort database cannot be opened or asked."""


class NoDatabase(StoreError):
    """No cohort database has been built yet."""


class QueryTooSlow(StoreError):
    """A query ran past its time limit and was stopped."""


class UnknownName(CohortError):
    """A study, column, gene, predictor or filter that the database does not have."""

"""The served database, for the commands that read it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from core.errors import UnknownName
from core.settings import Settings
from data.store import Store


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The database that is served now.

    Raises
    ------
    NoDatabase, StoreError
        There is none yet, or it cannot be opened.
    """
    store = Store.open_current(settings.database_dir, query_seconds=settings.query_seconds)
    try:
        yield store
    finally:
        store.close()


def known_studies(store: Store, asked: Sequence[str] | None) -> list[str]:
    """The studies asked for, or all of them.

    Raises
    ------
    UnknownName
        One is not in the database.
    """
    names: list[str] = store.sql("SELECT study FROM study ORDER BY rowid")["study"].to_list()
    for study in asked or ():
        if study not in names:
            raise UnknownName(f"there is no study '{study}' in the database; there are {', '.join(names)}")
    return [name for name in names if not asked or name in asked]

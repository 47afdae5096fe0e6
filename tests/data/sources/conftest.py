"""Loads a published study once a session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from data.sources import source
from data.sources.source import Files, Source, StudyTables


@pytest.fixture(scope="session")
def published_files(mirror_files: Callable[[Source], Files]) -> Callable[[str], Files]:
    """Study -> its files in the mirror."""
    return lambda study: mirror_files(source(study))


@pytest.fixture(scope="session")
def published(published_files: Callable[[str], Files]) -> Callable[[str], StudyTables]:
    """Study -> what its loader makes of the published files (once a session)."""
    return cache(lambda study: source(study).load(published_files(study)))

"""Loads a published study once a session, from the mirror folder only."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from data.fetch import mirror_path
from data.sources import source
from data.sources.source import Files, StudyTables


@cache
def _files(study: str, mirror: Path) -> Files:
    return Files({unquote(file.url): mirror_path(mirror, file.url) for file in source(study).files})


@cache
def _tables(study: str, mirror: Path) -> StudyTables:
    return source(study).load(_files(study, mirror))


@pytest.fixture(scope="session")
def mirror_folder() -> Path:
    folder = os.environ.get("TMESCOPE_MIRROR", "").strip()
    if not folder:
        pytest.skip("needs the published study files: set TMESCOPE_MIRROR")
    return Path(folder)


@pytest.fixture(scope="session")
def published(mirror_folder: Path) -> Callable[[str], StudyTables]:
    """Study -> what its loader makes of the published files (cached)."""
    return lambda study: _tables(study, mirror_folder)


@pytest.fixture(scope="session")
def published_files(mirror_folder: Path) -> Callable[[str], Files]:
    """Study -> its files in the mirror."""
    return lambda study: _files(study, mirror_folder)

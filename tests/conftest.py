"""Fixtures that several rooms share: the published study files, where a folder of them is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from data.sources.source import Files, Source

REFERENCES = Path(__file__).parent / "references"


@pytest.fixture(scope="session")
def references() -> Path:
    """The folder of stored reference numbers and small files."""
    return REFERENCES


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of published files, HOST/PATH of each URL; the test is skipped where TMESCOPE_MIRROR names none."""
    named = os.environ.get("TMESCOPE_MIRROR", "")
    if not named or not Path(named).is_dir():
        pytest.skip("TMESCOPE_MIRROR names no folder of study files")
    return Path(named)


@pytest.fixture(scope="session")
def mirror_files(mirror: Path) -> Callable[[Source], Files]:
    """Gives the local copies of a source's files: `mirror_files(SOURCE)`."""

    def files(source: Source) -> Files:
        return Files({unquote(remote.url): local_copy(mirror, remote.url) for remote in source.files})

    return files


def local_copy(mirror: Path, url: str) -> Path:
    """Where a mirror holds the file of a URL: HOST/PATH, percent-decoded."""
    parts = urlsplit(url)
    return mirror / parts.netloc / unquote(parts.path).lstrip("/")

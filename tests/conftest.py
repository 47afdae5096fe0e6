"""Fixtures that several rooms share: the published study files, where a folder of them is named."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from core.settings import Settings
from data.sources.source import Files, Source
from data.store import Store

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


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run, one for all of its processes."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process of the run at a time; the others wait and find the work done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def real_settings(mirror: Path) -> Settings:
    """Settings of a database with every published study, brought up to date once for all tests (slow the first time)."""
    settings = replace(Settings.from_env(), mirror=mirror)
    with alone(settings.data_dir):
        subprocess.run([sys.executable, "-m", "core", "build"], cwd=REFERENCES.parents[1], env=os.environ, check=True)
    return settings


@pytest.fixture(scope="session")
def real_store(real_settings: Settings) -> Iterator[Store]:
    """The database of every published study."""
    store = Store.open_current(real_settings.database_dir)
    yield store
    store.close()


@pytest.fixture(scope="session")
def synthetic_data_dir(run_folder: Path) -> Path:
    """A data folder whose database holds the embedded synthetic studies alone, as a first run without a network builds it."""
    named = os.environ.get("TMESCOPE_TEST_SYNTHETIC", "")
    if named:
        return Path(named)
    folder = run_folder / "synthetic-data"
    environment = {**os.environ, "TMESCOPE_DATA": str(folder), "TMESCOPE_MIRROR": "", "TMESCOPE_OFFLINE": "1"}
    with alone(folder):
        subprocess.run([sys.executable, "-m", "core", "build"], cwd=REFERENCES.parents[1], env=environment, check=True)
    return folder

"""Ingested cohorts on disk: `<uploads>/<study>/`, each a study folder as `data.study_folder` writes and reads it.

A folder is written aside and renamed into place. The version before stays aside until the new one is known to be
good, and comes back when it is not.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from data import study_folder
from data.errors import IngestError, SourceCorrupt

ASIDE = ".aside"


def stored_studies(upload_dir: Path) -> list[str]:
    """Names of the ingested studies, in alphabetical order."""
    if not upload_dir.is_dir():
        return []
    _repair(upload_dir)
    return sorted(
        path.name
        for path in upload_dir.iterdir()
        if not path.name.startswith(".") and (path / study_folder.ABOUT).is_file()
    )


def stored_version(upload_dir: Path, study: str) -> str | None:
    """Version of an ingested study, or None where there is none that can be read."""
    if study not in stored_studies(upload_dir):
        return None
    try:
        return study_folder.read(upload_dir / study).version
    except SourceCorrupt:
        return None


@contextmanager
def replaced(upload_dir: Path, study: str, write: Callable[[Path], object]) -> Iterator[Path]:
    """Put a new version of a study in place; inside the block it is served, and an error in the block undoes it.

    Parameters
    ----------
    write : makes the folder whose path it is given.

    Raises
    ------
    IngestError
        The folder cannot be written, or another ingest is running.
    """
    target, aside = upload_dir / study, upload_dir / ASIDE / study
    fresh = upload_dir / ASIDE / f"new-{study}"
    with _alone(upload_dir):
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            write(fresh)
            shutil.rmtree(aside, ignore_errors=True)
            if target.exists():
                target.rename(aside)
            fresh.rename(target)
        except OSError as error:
            _repair(upload_dir)
            raise _unwritable(upload_dir, error) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        try:
            yield target
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            _repair(upload_dir)
            raise
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _alone(upload_dir: Path) -> Iterator[None]:
    """One ingest at a time; the lock falls when its holder dies."""
    try:
        (upload_dir / ASIDE).mkdir(parents=True, exist_ok=True)
        handle = os.open(upload_dir / ASIDE / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(upload_dir, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IngestError(f"another ingest is writing to {upload_dir}; wait until it ends") from None
        _repair(upload_dir)
        yield
    finally:
        os.close(handle)


def _unwritable(upload_dir: Path, error: OSError) -> IngestError:
    reason = error.strerror or type(error).__name__
    return IngestError(f"the study cannot be written to {upload_dir} ({reason}); make room, or make it writable")


def _repair(upload_dir: Path) -> None:
    """Bring back the version before, where a swap was cut off between its two renames."""
    for aside in (upload_dir / ASIDE).glob("*"):
        target = upload_dir / aside.name
        if aside.is_dir() and not aside.name.startswith("new-") and not target.exists():
            aside.rename(target)

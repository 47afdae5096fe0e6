"""One build at a time: a lock that the kernel lets go of when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from data.errors import BuildError


@contextlib.contextmanager
def build_lock(folder: Path) -> Iterator[None]:
    """Hold `folder`/build.lock. A lock left by a dead process is taken over.

    Raises
    ------
    BuildError
        Another process is building here, or the folder cannot be written.
    """
    path = folder / "build.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise BuildError(
            f"the folder {folder} cannot be written ({error.strerror}); make it writable, or name another one in "
            "TMESCOPE_DATA"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            raise BuildError(
                f"another build is running in {folder} (process {holder}); wait until it ends, or end it, and start again"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)

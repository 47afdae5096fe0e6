"""Get a source's files: from a mirror folder, else from an earlier download, else from the network; always verified.

`https://HOST/PATH` lies at `MIRROR/HOST/PATH`, percent-decoded. Downloads are kept in the same layout, so the
download folder of a connected machine can be carried to an air-gapped one and named as its mirror.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from data.errors import BuildError, SourceCorrupt, SourceUnavailable
from data.sources.source import Files, RemoteFile, Source

Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes so far, bytes in all)."""

CHUNK = 1 << 16
ATTEMPTS = 3
TIMEOUT_SECONDS = (5.0, 60.0)
PROBE_SECONDS = 4.0


def silent(name: str, done: int, total: int) -> None:
    """Report nothing."""


def decoded(url: str) -> str:
    """HOST/PATH of a URL, percent-decoded."""
    parts = urlsplit(url)
    return f"{parts.netloc}{unquote(parts.path)}"


def mirror_path(folder: Path, url: str) -> Path:
    """Where a mirror keeps the file of a URL."""
    return folder / decoded(url)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class Verified:
    """Remembers which files were verified, by size and modification time, so that they are hashed once."""

    def __init__(self, index: Path) -> None:
        self._index, self._lock = index, threading.Lock()
        self._known: dict[str, list[Any]] = {}
        try:
            raw = json.loads(index.read_text(encoding="utf-8"))
            self._known = {str(key): list(value) for key, value in raw.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self._known = {}

    def checksum(self, path: Path) -> str:
        """SHA-256 of a file, from memory where the file has not changed since."""
        key, stat = str(path.resolve()), path.stat()
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[:2] == [stat.st_size, stat.st_mtime_ns]:
            return str(known[2])
        found = sha256_of(path)
        with self._lock:
            self._known[key] = [stat.st_size, stat.st_mtime_ns, found]
            self._save()
        return found

    def _save(self) -> None:
        self._index.parent.mkdir(parents=True, exist_ok=True)
        draft = self._index.with_name(f"{self._index.name}.{os.getpid()}")
        draft.write_text(json.dumps(self._known), encoding="utf-8")
        draft.replace(self._index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where files may come from.

    Attributes
    ----------
    downloads : folder that keeps what was downloaded. verified : remembers what was verified.
    mirror : folder of files at the path of their URL, or None. offline : never open a connection.
    """

    downloads: Path
    verified: Verified
    mirror: Path | None = None
    offline: bool = False
    unreachable: dict[str, str] = field(default_factory=dict)
    """Hosts that did not answer in this run: they are asked once, not once a file."""


def fetch(source: Source, *, places: Places, progress: Progress = silent) -> Files:
    """Local, verified copies of all of a source's files.

    Raises
    ------
    SourceUnavailable
        A file is neither in the mirror nor downloaded, and cannot be downloaded.
    SourceCorrupt
        A file is there, but is not the one that was published.
    """
    return Files({unquote(file.url): fetch_file(file, places=places, progress=progress) for file in source.files})


def fetch_file(file: RemoteFile, *, places: Places, progress: Progress = silent) -> Path:
    """A local, verified copy of one pinned file; a size of 0 means that only its checksum is known.

    Raises
    ------
    SourceUnavailable
        It is neither in the mirror nor downloaded, and cannot be downloaded.
    SourceCorrupt
        It is there, but is not the one that was published.
    """
    if places.mirror is not None:
        if not places.mirror.is_dir():
            raise SourceUnavailable(
                f"the mirror folder {places.mirror} does not exist; correct TMESCOPE_MIRROR, or unset it to download"
            )
        path = mirror_path(places.mirror, file.url)
        if path.is_file():
            verify(path, file, verified=places.verified, remedy="copy it to the mirror again")
            return path
    path = mirror_path(places.downloads, file.url)
    if path.is_file():
        verify(path, file, verified=places.verified, remedy="delete it, and build again to download it again")
        return path
    where = f" (it belongs at {mirror_path(places.mirror, file.url)})" if places.mirror is not None else ""
    if places.offline:
        raise SourceUnavailable(
            f"{path.name} is not on this machine{where} and TMESCOPE_OFFLINE is set; copy it into a mirror folder and "
            "name that in TMESCOPE_MIRROR, or allow the network"
        )
    problem = _unreachable(file.url, places)
    if problem:
        raise SourceUnavailable(
            f"{path.name} is not on this machine{where}, and {urlsplit(file.url).netloc} cannot be reached ({problem}); connect to the network, or "
            "name a mirror folder in TMESCOPE_MIRROR"
        )
    download(file, path, progress=progress)
    return path


def verify(path: Path, file: RemoteFile, *, verified: Verified, remedy: str) -> None:
    """Compare size and SHA-256 with what was published.

    Raises
    ------
    SourceCorrupt
        They differ.
    """
    size = path.stat().st_size
    if file.size_bytes and size != file.size_bytes:
        raise SourceCorrupt(f"{path} has {size:,} bytes; the published file has {file.size_bytes:,}: {remedy}")
    found = verified.checksum(path)
    if found != file.sha256:
        raise SourceCorrupt(
            f"{path} has the SHA-256 {found[:16]}..., the published file has {file.sha256[:16]}...: {remedy}"
        )


def _unreachable(url: str, places: Places) -> str:
    """Why the host does not answer, or "" when it does. Each host is asked once a run."""
    import requests

    parts = urlsplit(url)
    if parts.netloc in places.unreachable:
        return places.unreachable[parts.netloc]
    answer = [f"no answer in {PROBE_SECONDS:g} s"]

    def ask() -> None:
        try:
            requests.head(f"{parts.scheme}://{parts.netloc}/", timeout=PROBE_SECONDS, allow_redirects=False)
            answer[0] = ""
        except requests.RequestException as error:
            answer[0] = type(error).__name__

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS + 0.5)
    places.unreachable[parts.netloc] = answer[0]
    return answer[0]


def download(file: RemoteFile, path: Path, *, progress: Progress = silent) -> None:
    """Download to `path`, resuming from `path`.part where an earlier attempt was cut.

    Raises
    ------
    SourceUnavailable
        The server refuses or the connection keeps failing.
    SourceCorrupt
        What the server sends is not the published file.
    """
    import logging

    import pooch

    pooch.get_logger().setLevel(logging.ERROR)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=lambda url, output, _pooch: _resume(file, (Path(output), _part(path)), progress=progress),
        )
    except ValueError as error:  # the checksum: what lies in .part is of no use
        _part(path).unlink(missing_ok=True)
        raise SourceCorrupt(
            f"{path.name} from {urlsplit(file.url).netloc} does not have the published SHA-256 {file.sha256[:16]}...; "
            "build again later, or copy a good file into a mirror folder and name that in TMESCOPE_MIRROR"
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise BuildError(
                f"the disk of {path.parent} is full; free {file.size_bytes / 1e6:.0f} MB, or name another folder in "
                "TMESCOPE_DATA"
            ) from error
        raise


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _resume(file: RemoteFile, places: tuple[Path, Path], *, progress: Progress) -> None:
    """Fill the .part file, over several connections if need be, and put it where pooch checks it."""
    import requests

    output, part = places
    problem = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(0.5 * attempt)
        try:
            if _stream(file, part, progress=progress):
                part.replace(output)
                return
            problem = "the connection was cut"
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            problem = f"the server answers {status}"
            if 400 <= status < 500 and status != 429:
                break
        except requests.RequestException as error:
            problem = type(error).__name__
    raise SourceUnavailable(
        f"{unquote(file.url).rsplit('/', 1)[-1]} cannot be downloaded from {urlsplit(file.url).netloc} ({problem}); "
        "build again to go on from where it stopped, or name a mirror folder in TMESCOPE_MIRROR"
    )


def _stream(file: RemoteFile, part: Path, *, progress: Progress) -> bool:
    """One connection; True when the file is complete."""
    import requests

    done = part.stat().st_size if part.is_file() else 0
    if done == file.size_bytes and done:
        return True
    if 0 < file.size_bytes < done:
        part.unlink()
        done = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    with requests.get(file.url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        response.raise_for_status()
        goes_on = response.status_code == requests.codes.partial_content
        done = done if goes_on else 0
        name = unquote(file.url).rsplit("/", 1)[-1]
        rest = int(response.headers.get("Content-Length") or 0)
        whole = file.size_bytes or (done + rest if rest else 0)  # 0 = the server does not say either
        with part.open("ab" if goes_on else "wb") as handle:
            for chunk in response.iter_content(CHUNK):
                handle.write(chunk)
                done += len(chunk)
                progress(name, done, whole)
                if 0 < whole < done:
                    raise ValueError("more bytes than published")
    return done == whole or not whole

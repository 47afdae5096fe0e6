"""Files come from the mirror, else from an earlier download, else from the network, and are always verified."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from data import fetch as fetching
from data.errors import SourceCorrupt, SourceUnavailable
from data.fetch import Places, Verified, fetch, fetch_file, mirror_path
from data.sources.source import RemoteFile, Source, StudyTables

BODY = bytes(range(256)) * 4000


class Server(http.server.ThreadingHTTPServer):
    """Serves one body; knows Range; can cut a connection or send something else."""

    body: bytes = BODY
    cut_after: int | None = None
    status: int | None = None
    requests: list[str | None]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.requests.append(wanted)
        if self.server.status is not None:
            self.send_error(self.server.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        part = self.server.body[start:]
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if self.server.cut_after is not None:
            part, self.server.cut_after = part[: self.server.cut_after], None
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.requests = []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching.time, "sleep", lambda _: None)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(downloads=tmp_path / "downloads", verified=Verified(tmp_path / "cache" / "verified.json"))


def remote(url: str, body: bytes = BODY) -> RemoteFile:
    return RemoteFile(url=url, sha256=hashlib.sha256(body).hexdigest(), size_bytes=len(body), licence="CC0")


def a_source(*files: RemoteFile) -> Source:
    def load(_: object) -> StudyTables:
        return StudyTables(tables={})

    return Source(
        study="one", title="One", citation="", doi="", licence="", cancer="", treatment="", load=load, files=files
    )


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/folder/a%20%28file%29.csv"


def test_downloads_and_keeps(server: Server, places: Places) -> None:
    seen: list[tuple[str, int, int]] = []
    source = a_source(remote(url(server)))
    files = fetch(source, places=places, progress=lambda *told: seen.append(told))
    path = files.path("a (file).csv")
    assert path.read_bytes() == BODY
    assert path == mirror_path(places.downloads, url(server))
    assert seen[-1] == ("a (file).csv", len(BODY), len(BODY))
    fetch(source, places=places)
    assert len(server.requests) == 1


def test_goes_on_where_it_was_cut(server: Server, places: Places) -> None:
    server.cut_after = 300_000
    files = fetch(a_source(remote(url(server))), places=places)
    assert files.path(".csv").read_bytes() == BODY
    assert server.requests[0] is None
    assert server.requests[1] is not None
    assert 0 < int(server.requests[1].removeprefix("bytes=").rstrip("-")) <= 300_000


def test_goes_on_in_a_later_run(server: Server, places: Places) -> None:
    part = mirror_path(places.downloads, url(server)).with_name("a (file).csv.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY[:1000])
    fetch(a_source(remote(url(server))), places=places)
    assert server.requests == ["bytes=1000-"]
    assert not part.exists()


def test_a_corrupt_body_is_refused_and_not_kept(server: Server, places: Places) -> None:
    server.body = BODY[:-1] + b"x"
    with pytest.raises(SourceCorrupt, match=r"a \(file\).csv .* SHA-256"):
        fetch(a_source(remote(url(server))), places=places)
    assert [path for path in places.downloads.rglob("*") if path.is_file()] == []
    server.body = BODY
    assert fetch(a_source(remote(url(server))), places=places).path(".csv").is_file()


def test_more_bytes_than_published_stop_the_download(server: Server, places: Places) -> None:
    server.body = BODY * 50
    with pytest.raises(SourceCorrupt):
        fetch(a_source(remote(url(server))), places=places)
    assert [path for path in places.downloads.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_names_file_host_and_remedy(server: Server, places: Places, status: int) -> None:
    server.status = status
    with pytest.raises(SourceUnavailable, match=rf"a \(file\).csv .*127.0.0.1.*{status}.*TMESCOPE_MIRROR"):
        fetch(a_source(remote(url(server))), places=places)
    assert len(server.requests) == (1 if status == 404 else fetching.ATTEMPTS)


def test_an_unreachable_host_is_asked_once(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    asked: list[str] = []

    def head(address: str, **_: object) -> None:
        asked.append(address)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", head)
    for name in ("a", "b"):
        with pytest.raises(SourceUnavailable, match="cannot be reached"):
            fetch(a_source(remote(f"https://nowhere.invalid/{name}")), places=places)
    assert asked == ["https://nowhere.invalid/"]


def in_mirror(folder: Path, address: str, body: bytes) -> Path:
    path = mirror_path(folder, address)
    path.parent.mkdir(parents=True)
    path.write_bytes(body)
    return path


def with_mirror(places: Places, folder: Path, *, offline: bool = True) -> Places:
    folder.mkdir(exist_ok=True)
    return Places(downloads=places.downloads, verified=places.verified, mirror=folder, offline=offline)


def test_the_mirror_comes_first(server: Server, places: Places, tmp_path: Path) -> None:
    path = in_mirror(tmp_path / "mirror", url(server), BODY)
    assert fetch(a_source(remote(url(server))), places=with_mirror(places, tmp_path / "mirror")).path(".csv") == path
    assert server.requests == []


@pytest.mark.parametrize("damage", [BODY[:-1], b"x" + BODY[1:]])
def test_a_damaged_mirror_file_is_named(server: Server, places: Places, tmp_path: Path, damage: bytes) -> None:
    in_mirror(tmp_path / "mirror", url(server), damage)
    with pytest.raises(SourceCorrupt, match=r"a \(file\).csv has .* copy it to the mirror again"):
        fetch(a_source(remote(url(server))), places=with_mirror(places, tmp_path / "mirror"))


def test_offline_says_where_the_file_belongs(server: Server, places: Places, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"belongs at .*mirror.*TMESCOPE_OFFLINE"):
        fetch(a_source(remote(url(server))), places=with_mirror(places, tmp_path / "mirror"))
    assert server.requests == []


def test_a_mirror_that_does_not_exist(server: Server, places: Places, tmp_path: Path) -> None:
    lost = Places(downloads=places.downloads, verified=places.verified, mirror=tmp_path / "lost")
    with pytest.raises(SourceUnavailable, match="does not exist; correct TMESCOPE_MIRROR"):
        fetch(a_source(remote(url(server))), places=lost)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    seen: list[Path] = []
    original: Callable[[Path], str] = fetching.sha256_of

    def counting(path: Path) -> str:
        seen.append(path)
        return original(path)

    monkeypatch.setattr(fetching, "sha256_of", counting)
    return seen


def test_a_verified_file_is_hashed_once(tmp_path: Path, hashed: list[Path]) -> None:
    path, index = tmp_path / "file", tmp_path / "cache" / "verified.json"
    path.write_bytes(b"one")
    first = Verified(index).checksum(path)
    assert Verified(index).checksum(path) == first
    assert len(hashed) == 1
    path.write_bytes(b"two!")
    assert Verified(index).checksum(path) == hashlib.sha256(b"two!").hexdigest()
    index.write_text("[damaged")
    assert Verified(index).checksum(path) == hashlib.sha256(b"two!").hexdigest()
    assert len(hashed) == 3


def test_a_file_whose_size_is_unknown_is_judged_by_its_checksum(server: Server, places: Places) -> None:
    unsized = replace(remote(url(server)), size_bytes=0)
    assert fetch_file(unsized, places=places).read_bytes() == BODY
    assert fetch_file(unsized, places=places).read_bytes() == BODY
    assert len(server.requests) == 1
    server.body = BODY[:-1] + b"!"
    other = replace(unsized, url=unsized.url.replace("file", "other"))
    with pytest.raises(SourceCorrupt, match="SHA-256"):
        fetch_file(other, places=places)


def test_an_unsized_file_goes_on_where_it_was_cut(server: Server, places: Places) -> None:
    server.cut_after = 300_000
    assert fetch_file(replace(remote(url(server)), size_bytes=0), places=places).read_bytes() == BODY
    assert len(server.requests) == 2

"""Nothing leaves the machine: the server is started behind a proxy that hears every call, and asked as a stranger would."""

from __future__ import annotations

import socket
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.browser.conftest import serve

pytestmark = pytest.mark.browser


def opens_socket(address: str, *, origin: str) -> bool:
    """Whether a page of this origin may open the app's WebSocket."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}:{port}\r\nOrigin: {origin}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        return b" 101 " in line.recv(200)


def test_the_server_calls_nobody(synthetic_data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    ear = socket.create_server(("127.0.0.1", 0))
    ear.settimeout(0.5)
    done = threading.Event()

    def listen() -> None:
        while not done.is_set():
            try:
                call, _ = ear.accept()
            except TimeoutError:
                continue
            heard.append(call.recv(200))
            call.close()

    thread = threading.Thread(target=listen)
    thread.start()
    proxy = f"http://127.0.0.1:{ear.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    try:
        with serve(synthetic_data_dir, tmp_path / "log") as address:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            opener.open(address, timeout=10).close()
            assert not opens_socket(address, origin="http://elsewhere.example")
            assert opens_socket(address, origin=address)
    finally:
        done.set()
        thread.join()
        ear.close()
    assert heard == []


def test_the_server_listens_on_this_machine_alone() -> None:
    import tomllib

    config = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["server"]["address"] == "127.0.0.1"
    assert config["browser"]["gatherUsageStats"] is False

"""The container file copies what exists, and its command starts the app."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


def copied() -> list[str]:
    paths: list[str] = []
    for line in LINES:
        if line.startswith("COPY "):
            paths += [part for part in line.split()[1:-1] if not part.startswith("--")]
    return paths


@pytest.mark.parametrize("path", copied())
def test_copied_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_everything_the_app_imports_is_copied() -> None:
    rooms = {path.removeprefix("./") for path in copied()}
    assert {"app.py", "core", "data", "models", "pages", ".streamlit"} <= rooms


def test_runs_as_an_ordinary_user_with_a_volume_and_a_health_check() -> None:
    text = "\n".join(LINES)
    assert re.search(r"^USER (?!root)\w+", text, flags=re.MULTILINE)
    assert "VOLUME /data" in text
    assert "TMESCOPE_DATA=/data" in text
    assert "HEALTHCHECK" in text
    assert "/_stcore/health" in text
    assert text.index("USER tmescope") < text.index("CMD [")


@pytest.mark.slow
def test_the_command_starts_the_app(tmp_path: Path) -> None:
    """Without network and mirror, on an empty volume: it builds the synthetic studies and serves."""
    command = json.loads(next(line for line in LINES if line.startswith("CMD")).removeprefix("CMD"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if name != "TMESCOPE_MIRROR"},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TMESCOPE_DATA": str(tmp_path),
        "TMESCOPE_OFFLINE": "1",
        "PORT": str(port),
    }
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as answer:
                    assert answer.read() == b"ok"
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.5)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)

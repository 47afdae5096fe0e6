"""Fixtures of the browser tests: the app as a server, and a Chromium that may talk to nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from core.settings import Settings
from data.store import Store

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")
SECONDS = 60
DRAWN = "[...document.querySelectorAll('[data-testid=stPlotlyChart]')].every(e => e.querySelector('.main-svg'))"


@contextmanager
def serve(data_dir: Path, log: Path) -> Iterator[str]:
    """Run the app on a free port, with a ledger of its own unless the data folder is a temporary one; gives its address."""
    ledger = data_dir / "ledger" if log.parent == data_dir else log.parent / "ledger"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.address", "127.0.0.1"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=out, env={**os.environ, "TMESCOPE_DATA": str(data_dir), "TMESCOPE_LEDGER": str(ledger)}
        )
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + SECONDS
            while True:
                try:
                    with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                        break
                except OSError as error:
                    if isinstance(error, urllib.error.HTTPError):
                        error.close()  # it holds the connection
                    if time.monotonic() > deadline or process.poll() is not None:
                        raise RuntimeError(f"the app did not start: {log.read_text(encoding='utf-8')[-2000:]}") from None
                    time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium on this computer")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def frame(real_store: Store) -> Callable[[str], object]:
    """`frame(sql)` as a pandas frame: the tables as they are, for computing what the screen should show."""
    return lambda sql: real_store.sql(sql).to_pandas()


@pytest.fixture(scope="session")
def synthetic_app(synthetic_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on the synthetic studies."""
    with serve(synthetic_data_dir, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture(scope="session")
def real_app(real_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app on every published study."""
    with serve(real_settings.data_dir, tmp_path_factory.mktemp("server") / "log") as address:
        yield address


@pytest.fixture
def tab(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """`tab(url)` opens an address and waits until the page has said its answer, or why it has none."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    outside: list[str] = []
    page = context.new_page()
    page.on("request", lambda r: outside.append(r.url) if r.url.startswith("http") and "127.0.0.1" not in r.url else None)

    def opened(url: str) -> Page:
        page.goto(url)
        settled(page)
        return page

    yield opened
    context.close()
    assert not outside, f"the app asked for {outside[:3]}"


def settled(page: Page) -> None:
    """Wait until the page has been drawn and the server is idle."""
    page.wait_for_selector(".answer, .state", timeout=SECONDS * 1000)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=SECONDS * 1000)
    page.wait_for_function(DRAWN, timeout=SECONDS * 1000)
    page.wait_for_timeout(150)


def words(page: Page) -> str:
    """Everything that can be read on the page, on one line."""
    return " ".join(page.inner_text('[data-testid="stMain"]').replace("\u00a0", " ").split())


def reads(page: Page, text: str) -> bool:
    """Whether a text comes to be read on the page; a figure below the first screen may be drawn after the script has ended."""
    deadline = time.monotonic() + 20
    while text not in words(page):
        if time.monotonic() > deadline:
            return False
        page.wait_for_timeout(250)
    return True


def healthy(page: Page) -> None:
    """No exception box, no traceback, no dialog."""
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.locator('[role="dialog"]').count() == 0
    said = words(page)
    assert "Traceback" not in said
    assert "encountered an error" not in said

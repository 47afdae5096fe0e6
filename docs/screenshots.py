"""Screenshots of the real pages on the built database: python docs/screenshots.py [--all FOLDER].

Without --all, the pictures of the README. With it, every page at 1280, 1920 and 768 px, light and dark.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
PAGES = {
    "overview": "",
    "map": "map",
    "composition": "composition",
    "tissue": "tissue?section=her2st:C2",
    "cells": "cells",
    "slides": "slides",
    "survival": "survival",
    "attribution": "attribution",
    "scan": "scan",
    "cutoff": "cutoff",
    "performance": "performance",
    "quality": "quality",
    "model": "model?model=multimodal",
    "about": "about",
}
BEST = {"performance": "loris", "tissue": "her2st", "cells": "lung_mif", "composition": "liu2019"}
"""Study of a page's picture in the README, where it is not the default."""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@contextmanager
def server() -> Iterator[str]:
    """The app on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.address=127.0.0.1"]
    environment = {**os.environ, "TMESCOPE_LEDGER": tempfile.mkdtemp(prefix="tmescope-ledger-")}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def take(browser: Browser, url: str, *, file: Path, width: int, dark: bool, full: bool) -> None:
    """One page, when it has settled."""
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", device_scale_factor=1
    )
    page.goto(url, wait_until="networkidle")
    page.wait_for_selector("h1, h2", timeout=60_000)
    page.wait_for_function("!document.querySelector('[data-testid=stSkeleton],[data-testid=stStatusWidget]')", timeout=90_000)
    page.wait_for_timeout(1500)
    file.parent.mkdir(parents=True, exist_ok=True)
    if full:
        inner = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight || 900")
        page.set_viewport_size({"width": width, "height": min(int(inner) + 20, 6000)})
        page.wait_for_timeout(1200)
    page.screenshot(path=str(file))
    page.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page, width and theme into this folder")
    parser.add_argument("--study", default="imvigor210")
    parser.add_argument("--widths", type=int, nargs="+", default=[1280, 1920, 768])
    parser.add_argument("--themes", nargs="+", default=["light", "dark"])
    parser.add_argument("--pages", nargs="+", default=list(PAGES), choices=list(PAGES))
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is missing; install it (Debian, Ubuntu: apt-get install chromium)")
    with server() as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for name in arguments.pages:
            study = BEST.get(name, arguments.study) if arguments.all is None else arguments.study
            url = f"{address}/{PAGES[name]}{'&' if '?' in PAGES[name] else '?'}study={quote(study)}"
            if arguments.all is None:
                take(browser, url, file=PICTURES / f"{name}.png", width=1440, dark=False, full=False)
                continue
            for width in arguments.widths:
                for theme in arguments.themes:
                    file = arguments.all / f"{arguments.study}-{name}-{width}-{theme}.png"
                    take(browser, url, file=file, width=width, dark=theme == "dark", full=True)
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

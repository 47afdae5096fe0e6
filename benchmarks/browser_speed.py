"""How long a reader waits: first page, every page's rerun after a widget change, and the server's memory.

Starts the app on the database of TMESCOPE_DATA, drives a headless Chromium, and prints a table. `--study` names the cohort.
First page: from the request to the answer and the first drawn figure, on a warm server, each time in a new browser profile.
Rerun: from the key press or click to the changed words on the page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
LIMITS = {"first page": 3000.0, "rerun p95": 500.0, "memory": 700.0}
CHANGED = "([selector, before]) => [...document.querySelectorAll(selector)].map(e => e.innerText).join('|') !== before"


def start(port: int, *, data: Path | None = None) -> subprocess.Popen[bytes]:
    """The app as a server of its own, on the data of a folder (None: as TMESCOPE_DATA says)."""
    chosen = {} if data is None else {"TMESCOPE_DATA": str(data)}
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.address", "127.0.0.1"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, **chosen, "TMESCOPE_LEDGER": tempfile.mkdtemp(prefix="tmescope-ledger-")},  # looking is not trying
    )  # fmt: skip
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).close()
            return process
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the app did not start")


def memory(pid: int) -> float:
    """Resident memory of the server, MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return float(line.split()[1]) / 1024
    return float("nan")


def first_page(browser: Browser, address: str) -> float:
    """Milliseconds until answer and figure are there, in a new profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    begin = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".answer")
    page.wait_for_selector(".js-plotly-plot .main-svg")
    took = 1000 * (time.perf_counter() - begin)
    context.close()
    return took


def timed(page: Page, selector: str, act: Callable[[], None]) -> float:
    """Milliseconds from an action to changed words."""
    before = page.evaluate("s => [...document.querySelectorAll(s)].map(e => e.innerText).join('|')", selector)
    begin = time.perf_counter()
    act()
    page.wait_for_function(CHANGED, arg=[selector, before], polling=10, timeout=20_000)
    took = 1000 * (time.perf_counter() - begin)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    page.wait_for_timeout(250)
    return took


def listbox(page: Page, label: str, round_: int) -> Callable[[], None]:
    """Open a list and move its mark, down in even rounds and up in odd ones; what is returned takes the option."""
    page.get_by_label(label, exact=True).first.click()
    page.wait_for_timeout(120)
    page.keyboard.press("ArrowUp" if round_ % 2 else "ArrowDown")
    page.wait_for_timeout(120)
    return lambda: page.keyboard.press("Enter")


def reruns(page: Page, name: str, rounds: int) -> list[float]:
    """Move one control of a page back and forth."""
    took = []
    for i in range(rounds):
        if name == "cohort":
            page.get_by_role("slider").first.focus()
            took.append(timed(page, ".n", lambda: page.keyboard.press("ArrowRight")))
        elif name == "map":
            took.append(timed(page, ".figure-title", listbox(page, "Colour by", i)))
        elif name == "survival":
            split = ("Median", "Tertiles", "Quartiles")[i % 3]
            took.append(timed(page, ".figure-title", lambda s=split: page.get_by_role("radio", name=s).click()))
        elif name == "attribution":
            took.append(timed(page, ".figure-title", listbox(page, "Feature", i)))
        elif name == "performance":
            took.append(timed(page, ".figure-title", listbox(page, "Predictor", i)))
        elif name == "scan":
            effect = ("By rank", "Per 1 SD")[i % 2]
            took.append(timed(page, ".answer", lambda s=effect: page.get_by_role("radio", name=s).click()))
        elif name == "cutoff":
            side = ("Low", "High")[i % 2]
            took.append(timed(page, ".answer", lambda s=side: page.get_by_role("radio", name=s).click()))
        elif name == "quality":
            scope = ("All studies", "This study")[i % 2]
            took.append(timed(page, ".answer", lambda s=scope: page.get_by_role("radio", name=s).click()))
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="imvigor210")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start(port)
    address = f"http://127.0.0.1:{port}"
    table = Table("what", "median", "p95", "worst", "limit", title=f"Browser speed, {options.study}, {os.cpu_count()} cores")
    kept = True
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            cold = first_page(browser, f"{address}/?study={options.study}")
            warm = [first_page(browser, f"{address}/?study={options.study}") for _ in range(5)]
            table.add_row("first page, first reader", f"{cold:,.0f} ms", "", "", "")
            table.add_row("first page, warm server", f"{statistics.median(warm):,.0f} ms", "", f"{max(warm):,.0f} ms", "3,000 ms")
            kept &= statistics.median(warm) < LIMITS["first page"]
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            for name in ("cohort", "map", "survival", "attribution", "scan", "cutoff", "performance", "quality"):
                page.goto(f"{address}/{'' if name == 'cohort' else name}?study={options.study}")
                page.wait_for_selector(".js-plotly-plot .main-svg")
                page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
                page.wait_for_timeout(800)
                took = sorted(reruns(page, name, options.rounds))
                p95 = took[min(len(took) - 1, round(0.95 * (len(took) - 1)))]
                kept &= p95 < LIMITS["rerun p95"]
                table.add_row(f"rerun, {name}", f"{statistics.median(took):,.0f} ms", f"{p95:,.0f} ms", f"{took[-1]:,.0f} ms", "500 ms")
            page.goto(f"{address}/about")
            page.wait_for_selector(".answer")
            browser.close()
        used = memory(server.pid)
        kept &= used < LIMITS["memory"]
        table.add_row("server memory after all pages", f"{used:,.0f} MB", "", "", "700 MB")
    finally:
        server.terminate()
        server.wait(timeout=20)
    Console(width=110).print(table)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()

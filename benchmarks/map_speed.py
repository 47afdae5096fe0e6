"""How fast the TME map is with 50,000 and 1,000,000 points: drawing, panning, zooming, and from an outline to its group.

Makes synthetic studies in a scratch folder (nobody in them is real), times the core, and with `--browser` drives a headless Chromium
on the 50,000. Prints each figure beside its aim. `--folder` keeps the databases for the next run.

First drawing, in the browser, ends when the answer and the drawn map are there. In a new browser profile it begins with the request, and
most of it is what every page costs there: the same page of 200 patients is timed beside it. In an app that is open, it begins with the
click on "TME map" (another page before it) or on the cohort of 50,000 (the map of 200 before it): that is the map's own share.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.browser_speed import FLAGS, start
from core.cohort.query import CohortQuery
from core.tme import group, zoom
from core.tme.atlas import atlas
from core.tme.layout import judged
from core.tme.map import positions
from data import staging
from data.schema import TABLES
from data.store import Store

STUDY, SMALL, FEW = "synthetic_map", "synthetic_few", 200
TITLES, SIZES = {STUDY: "Synthetic map", SMALL: "Synthetic few"}, {STUDY: 50_000, SMALL: FEW}
TYPES = ("T-cell inflamed", "TGF-β stroma", "Immune-low", "Myeloid", "Proliferative")
DIMENSIONS = 8
DRAWN = """([words, study]) => [...document.querySelectorAll('.answer')].some(e => e.innerText.includes(words)) &&
    [...document.querySelectorAll('.js-plotly-plot')].some(e => e.querySelector('.main-svg .nsewdrag') && e.layout?.meta?.studies?.[0] === study)"""
QUERY = CohortQuery((STUDY,))


def make(folder: Path, n: int, *, seed: int = 0) -> Path:
    """A database with one synthetic study of n patients on a map, and one of 200; made once."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cohort-synthetic.duckdb"
    if (folder / "current").exists():
        return path
    path.unlink(missing_ok=True)
    staging.create(path)
    database = duckdb.connect(str(path))
    for study, size in ((STUDY, n), (SMALL, FEW)):
        _fill(database, study, size=size, seed=seed)
    database.close()
    (folder / "current").write_text(path.name, encoding="utf-8")
    return path


def _fill(database: duckdb.DuckDBPyConnection, study: str, *, size: int, seed: int) -> None:
    rng, n = np.random.default_rng(seed), size
    kind = rng.integers(0, len(TYPES), n)
    centres = rng.normal(scale=4, size=(len(TYPES), DIMENSIONS))
    points = (centres[kind] + rng.normal(size=(n, DIMENSIONS))).astype(np.float32)
    places = points @ np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)[2][:2].T
    ids = [f"{study}:{i:07d}" for i in range(n)]
    time_, both = rng.exponential(14, n), {"patient_id": ids, "study": study}
    _append(database, "study", pl.DataFrame({"study": [study], "title": [TITLES[study]], "synthetic": [True], "uploaded": [False], "status": ["built"]}))
    _append(
        database, "patient",
        pl.DataFrame(
            {
                **both, "cohort": study, "source_id": ids, "cancer_type": "Melanoma", "response": rng.random(n) < 0.2 + 0.1 * (kind == 0),
                "os_months": np.minimum(time_, 40), "os_event": time_ < 40, "tmb_per_mb": rng.lognormal(1.5, 1, n),
            }
        ),
    )  # fmt: skip
    _append(
        database, "embedding",
        pl.DataFrame(
            {
                **both, "space": "tme_signatures", "vector": pl.Series(points, dtype=pl.Array(pl.Float32, DIMENSIONS)).cast(pl.List(pl.Float32)),
                "umap_1": places[:, 0].astype(np.float64), "umap_2": places[:, 1].astype(np.float64),
            }
        ),
    )  # fmt: skip
    _append(
        database, "cluster",
        pl.DataFrame(
            {
                **both, "space": "tme_signatures", "cluster": kind + 1, "name": np.array(TYPES, dtype=object)[kind],
                "stability": np.where(kind == 4, 0.6, 0.9), "silhouette": 0.3,
            }
        ),
    )  # fmt: skip
    if n <= 100_000:
        for j in range(3):
            _append(
                database, "signature_score",
                pl.DataFrame({**both, "assay": "rna", "signature": ("gep", "cyt", "f_tbrs")[j], "score": points[:, j].astype(np.float64), "z": points[:, j].astype(np.float64), "coverage": 1.0}),
            )


def _append(database: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    database.register("incoming", TABLES[table].conform(frame).to_arrow())
    database.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM incoming')
    database.unregister("incoming")


def clocked(act: Callable[[], object], rounds: int = 1) -> tuple[float, float]:
    """Milliseconds of an act, by the clock and of the processor; medians of the rounds."""
    took = []
    for _ in range(rounds):
        begin, busy = time.perf_counter(), time.process_time()
        act()
        took.append((1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - busy)))
    return statistics.median(t[0] for t in took), statistics.median(t[1] for t in took)


def descendants() -> float:
    """Processor milliseconds that everything started from here has used so far: the server and the browser."""
    parent, used = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parent[int(folder.name)], used[int(folder.name)] = int(fields[1]), sum(map(int, fields[11:13]))
    mine, found = {os.getpid()}, 0
    while len(mine) > found:
        found = len(mine)
        mine |= {pid for pid, above in parent.items() if above in mine}
    return 1000 * sum(used[pid] for pid in mine if pid in used and pid != os.getpid()) / os.sysconf("SC_CLK_TCK")


def core_times(path: Path, n: int, table: Table) -> bool:
    """Time the core on one study; whether every aim was met."""
    store = Store(path, query_seconds=60)
    first = clocked(lambda: atlas(store, QUERY, drag="lasso").charts[0].figure.to_json())
    chart = atlas(store, QUERY).charts[0]
    x, y = chart.figure.layout.xaxis.range, chart.figure.layout.yaxis.range
    cut = zoom.boxed(STUDY, [x[0] + 0.3 * (x[1] - x[0]), x[0] + 0.7 * (x[1] - x[0])], [y[0] + 0.3 * (y[1] - y[0]), y[0] + 0.7 * (y[1] - y[0])])
    views = [cut, zoom.moved(cut, right=1), zoom.moved(cut, up=1), zoom.out(cut), zoom.moved(cut, right=-1), zoom.moved(cut, up=-1)]
    spent = [clocked(lambda v=v: atlas(store, QUERY, view=v).charts[0].figure.to_json()) for v in views]
    angle = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    where = positions(store, QUERY).filter(pl.col("cluster") == 1).select(pl.col("x", "y").median()).row(0)
    middle, reach = (float(where[0]), float(where[1])), min(x[1] - x[0], y[1] - y[0]) / 6

    def outlined(share: float) -> str:
        corners = "_".join(f"{v:.6g}" for a in angle for v in (middle[0] + share * reach * math.cos(a), middle[1] + share * reach * math.sin(a)))
        return group.drawn(store, QUERY, corners=corners, study=STUDY)

    made = outlined(1.5)
    shares = iter((0.8, 1.0, 1.2))  # each another outline: equal ones are remembered
    outline = clocked(lambda: group.summary(store, QUERY, chosen=outlined(next(shares))), 3)
    redrawn = clocked(lambda: atlas(store, QUERY, chosen=made, drag="lasso").charts[0].figure.to_json(), 3)
    trust = clocked(lambda: judged(store, QUERY))
    size = len(chart.figure.to_json()) / 1e6
    large = n > 100_000
    rows = (
        ("first drawing, read and drawn (core)", first, 2000.0 if not large else None),
        ("pan and zoom, median (core)", (statistics.median(t[0] for t in spent), statistics.median(t[1] for t in spent)), 300.0),
        ("pan and zoom, worst (core)", (max(t[0] for t in spent), max(t[1] for t in spent)), 300.0),
        ("outline to its group, all points (core)", outline, 1000.0),
        ("map with the outline (core)", redrawn, 300.0),
        ("trustworthiness, once (core)", trust, None),
    )
    for what, value, aim in rows:
        table.add_row(f"{n:,}: {what}", f"{value[0]:,.0f} ms", f"{value[1]:,.0f} ms", f"{aim:,.0f} ms" if aim else "")
    table.add_row(f"{n:,}: sent to the browser", f"{size:.2f} MB", "", "")
    store.close()
    return all(aim is None or value[0] < aim for _, value, aim in rows)


def browser_times(folder: Path, table: Table, *, rounds: int) -> bool:
    """First drawing and outline to group in a Chromium, on a warm server."""
    from playwright.sync_api import Page, sync_playwright

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start(port, data=folder.parent)
    address = f"http://127.0.0.1:{port}"

    def drawn(page: Page, study: str) -> None:
        page.wait_for_function(DRAWN, arg=[f"{SIZES[study]:,} patients", study], polling=10, timeout=60_000)

    def opened(page: Page, study: str) -> None:
        page.goto(f"{address}/map?study={study}")
        drawn(page, study)

    def settled(page: Page) -> None:
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=60_000)
        page.wait_for_timeout(1000)

    def busily(act: Callable[[], object]) -> tuple[float, float]:
        busy = descendants()
        return clocked(act)[0], descendants() - busy

    def walked(page: Page) -> tuple[float, float]:
        page.goto(f"{address}/?study={STUDY}")
        page.wait_for_selector(".answer", timeout=60_000)
        settled(page)
        page.evaluate("window.marked = true")  # gone if the page were loaded anew
        took = busily(lambda: (page.get_by_role("link", name="TME map").first.click(), drawn(page, STUDY)))
        if not page.evaluate("window.marked === true"):
            raise SystemExit("the click loaded the whole app anew: this is no page of an open app")
        return took

    def picked(page: Page) -> tuple[float, float]:
        opened(page, SMALL)
        settled(page)
        box = page.get_by_role("combobox").first
        box.click()
        option = page.get_by_role("option").filter(has_text=TITLES[STUDY])
        option.wait_for()
        return busily(lambda: (option.click(), drawn(page, STUDY)))

    def outlined(page: Page, size: float) -> tuple[float, float]:
        box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box() or {"x": 0, "y": 0, "width": 1, "height": 1}
        middle, reach = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2), size * min(box["width"], box["height"])
        before = page.inner_text('[data-testid="stMain"]')
        page.mouse.move(middle[0] + reach, middle[1])
        page.mouse.down()
        for i in range(1, 41):
            page.mouse.move(middle[0] + reach * math.cos(2 * math.pi * i / 40), middle[1] + reach * math.sin(2 * math.pi * i / 40))
        begin, busy = time.perf_counter(), descendants()
        page.mouse.up()
        page.wait_for_function(
            "old => { const e = [...document.querySelectorAll('.definition')].map(e => e.innerText).find(t => t.includes('outlined on')); return e && !old.includes(e) }",
            arg=before, polling=10, timeout=60_000,
        )  # fmt: skip
        return 1000 * (time.perf_counter() - begin), descendants() - busy

    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            spent: dict[str, list[tuple[float, float]]] = {"new": [], "few": [], "page": [], "cohort": [], "group": []}
            for number in range(rounds + 1):
                for kind in ("new", "few"):
                    context = browser.new_context(viewport={"width": 1280, "height": 1000})
                    page = context.new_page()
                    spent[kind].append(busily(lambda page=page, study=STUDY if kind == "new" else SMALL: opened(page, study)))
                    if kind == "new":
                        settled(page)
                        spent["group"].append(outlined(page, 0.36 + 0.02 * number))
                    else:
                        settled(page)
                        spent["page"].append(walked(page))
                        spent["cohort"].append(picked(page))
                    context.close()
                    time.sleep(0.7)  # so that what the old page used is not counted with the next
            browser.close()
    finally:
        server.terminate()
        server.wait(timeout=20)
    rows = (
        ("first drawing, open app, by a click to the page", _median(spent["page"][1:]), 2000.0),
        ("first drawing, open app, by a click on the cohort", _median(spent["cohort"][1:]), 2000.0),
        ("first drawing, new profile, first reader of the server", spent["new"][0], None),
        ("first drawing, new profile, warm server", _median(spent["new"][1:]), None),
        ("of it the app's own start-up: the page of 200 patients", _median(spent["few"][1:]), None),
        ("outline to its group, first", spent["group"][0], None), ("outline to its group", _median(spent["group"][1:]), 1000.0),
    )  # fmt: skip
    for what, value, aim in rows:
        table.add_row(f"50,000 browser: {what}", f"{value[0]:,.0f} ms", f"{value[1]:,.0f} ms", f"{aim:,.0f} ms" if aim else "")
    return all(aim is None or value[0] < aim for _, value, aim in rows)


def _median(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="*", default=[50_000, 1_000_000])
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="tmescope-map-"))
    load = os.getloadavg()[0]
    table = Table("what", "by the clock", "processor", "aim", title=f"Map speed, synthetic points, {os.cpu_count()} cores, load {load:.1f} before")
    kept = True
    for n in options.sizes:
        kept &= core_times(make(folder / str(n) / "database", n), n, table)
    if options.browser:
        table.add_section()
        kept &= browser_times(folder / "50000" / "database", table, rounds=options.rounds)
    table.caption = f"load {os.getloadavg()[0]:.1f} after"
    Console(width=120).print(table)
    if options.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()

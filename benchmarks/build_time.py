"""How long the database takes to build from the study files, and how much memory.

Figures to hold: all real studies in under 180 s with a peak under 4 GB (all processes together) on two
cores; a second build with nothing changed in under 3 s. Builds into a temporary folder.
Run: python benchmarks/build_time.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path


def resident_mb(pid: int) -> float:
    """Resident memory of a process and all its children, in MB (Linux /proc)."""
    children: dict[int, list[int]] = {}
    resident: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            pages = int((entry / "statm").read_text().split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        resident[int(entry.name)] = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    total, todo = 0.0, [pid]
    while todo:
        current = todo.pop()
        total += resident.get(current, 0.0)
        todo += children.get(current, [])
    return total


def build(environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and peak MB of one build."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "core", "build"], env=environment, stdout=subprocess.DEVNULL)
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            peak = max(peak, resident_mb(process.pid))
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    if process.wait() != 0:
        raise SystemExit("the build failed; run python -m core build to see why")
    thread.join()
    return time.perf_counter() - start, peak


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "TMESCOPE_DATA": folder}
        first, peak = build(environment)
        again = min(build(environment)[0] for _ in range(3))
    print(f"{'what':34s} {'measured':>10s} {'limit':>8s}")
    print(f"{'first build, all studies':34s} {first:8.1f} s {'180 s':>8s}")
    print(f"{'peak memory, all processes':34s} {peak:7.0f} MB {'4000 MB':>8s}")
    print(f"{'second build, nothing changed':34s} {again:8.2f} s {'3 s':>8s}")
    return int(first > 180 or peak > 4000 or again > 3)


if __name__ == "__main__":
    raise SystemExit(main())

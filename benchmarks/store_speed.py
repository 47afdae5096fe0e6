"""How fast the database answers, on the database that `python -m core build` made.

Figures to hold: filter + aggregate over all LORIS and TCGA patients p95 under 30 ms; one gene over
all cohorts p95 under 50 ms. Run: python benchmarks/store_speed.py [--runs 200]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cohort.query import CohortQuery, Filter
from core.settings import Settings
from data.store import Store


def milliseconds(call: Callable[[], object], runs: int) -> tuple[float, float]:
    """Median and 95th percentile of `runs` calls, after five that are not counted."""
    for _ in range(5):
        call()
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1]


def aggregate(store: Store, age: float) -> object:
    """Patients of LORIS and TCGA over an age, by cohort: n, median TMB, deaths, median survival time."""
    query = CohortQuery(("loris", "tcga"), (Filter("age_years", "ge", age), Filter("os_months", "known")))
    where, params = query.where()
    return store.sql(
        f"""SELECT cohort, count(*) AS n, median(tmb_per_mb) AS tmb, count(*) FILTER (os_event) AS deaths,
                   avg(response::INT) AS rate, median(os_months) AS os
            FROM patient WHERE {where} GROUP BY cohort ORDER BY n DESC""",
        params,
    )


def measure(store: Store, runs: int) -> list[tuple[str, float, float, float]]:
    ages = iter(range(10**9))
    genes = ["CD8A", "CXCL9", "GZMB", "PRF1", "TGFB1", "CD274", "IFNG", "STAT1"]
    return [
        ("filter + aggregate, LORIS + TCGA", *milliseconds(lambda: aggregate(store, 20 + next(ages) % 50), runs), 30),
        ("one gene over all cohorts", *milliseconds(lambda: store.gene(genes[next(ages) % len(genes)]), runs), 50),
        (
            "one patient table (IMvigor210)",
            *milliseconds(lambda: store.patients(CohortQuery(("imvigor210",)).where()), runs),
            50,
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    settings = Settings.from_env()
    rows = measure(Store.open_current(settings.database_dir), arguments.runs)
    print(f"{'question':40s} {'median ms':>10s} {'p95 ms':>8s} {'limit':>6s}")
    for name, median, p95, limit in rows:
        print(f"{name:40s} {median:10.1f} {p95:8.1f} {limit:6.0f}")
    return int(any(p95 > limit for _, _, p95, limit in rows))


if __name__ == "__main__":
    raise SystemExit(main())

"""How often pure noise looks like a marker once its best cut is taken: type-I error of every correction, and of none.

    python benchmarks/null_cutoff.py [--markers 2000] [--patients 300] [--seed 1]

Each marker is drawn independently of a censored survival time (and of a response); its best cut between the 10th and the
90th percentile is searched by the same functions as the app. Printed: share of markers with p < .05, with its 95%
Wilson interval, beside the naive p of the log-rank test at the best cut. Ends with an error where a corrected share
exceeds 6%.
"""

from __future__ import annotations

import argparse
import sys
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.markers.cutoff.curve import cutoff_curve
from core.markers.cutoff.maxstat import MaxStat, maximally_selected
from core.response.rate import wilson

ALPHA = 0.05
MOST = 0.06
CORRECTED = {
    "Lausen-Schumacher 1992": "p_lausen_schumacher",
    "Lausen 1994, improved Bonferroni": "p_lausen_1994",
    "Hothorn-Lausen, normal limit": "p_gauss",
    "Hothorn-Lausen, counted to n = 170": "p_hothorn_lausen",
    "permutation": "p_permutation",
    "exact (response only)": "p_exact",
}
NAIVE = "uncorrected: one cut, searched"
NAIVE_LOGRANK = "uncorrected: log-rank at the best cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One kind of noise: how markers are drawn, against what, and how many patients."""

    name: str
    patients: int
    markers: int
    endpoint: str = "survival"
    levels: int = 0


def draws(setting: Setting, seed: int) -> Iterator[tuple[MaxStat, float]]:
    """The search of each noise marker, and the smallest log-rank p over all its cuts."""
    rng = np.random.default_rng(seed)
    n = setting.patients
    for number in range(setting.markers):
        marker = rng.normal(size=n)
        if setting.levels:
            marker = rng.integers(0, setting.levels, n).astype(np.float64)
        if setting.endpoint == "response":
            response = (rng.random(n) < 0.3).astype(np.float64)
            found = maximally_selected(marker, response=response, resamples=0)
            yield found, np.nan
            continue
        time, censored = rng.exponential(20, n), rng.uniform(3, 48, n)
        event = (time <= censored).astype(np.float64)
        observed = np.minimum(time, censored)
        found = maximally_selected(marker, observed, event, resamples=999, seed=number)
        # the smallest log-rank p of the whole curve is what an unwary reader would quote; every fifth marker, to save time
        naive = (
            np.nan
            if number % 5
            else float(cutoff_curve(marker, time=observed, event=event).table["p_uncorrected"].to_numpy().min())
        )
        yield found, naive


def rates(setting: Setting, *, seed: int = 1) -> dict[str, tuple[int, int]]:
    """(markers with p < .05, markers) of every correction."""
    counts = {name: [0, 0] for name in (*CORRECTED, NAIVE, NAIVE_LOGRANK)}
    for found, naive in draws(setting, seed):
        for name, p in (
            *((name, getattr(found, field)) for name, field in CORRECTED.items()), (NAIVE, found.p_uncorrected), (NAIVE_LOGRANK, naive),
        ):  # fmt: skip
            if np.isfinite(p):
                counts[name][0] += p < ALPHA
                counts[name][1] += 1
    return {name: (int(hits), n) for name, (hits, n) in counts.items() if n}


def main() -> int:
    """Print the table; 1 where a corrected share is over 6%."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markers", type=int, default=2_000)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    n, m = chosen.patients, chosen.markers
    settings = (
        Setting(name=f"continuous marker, censored survival, n {n}", patients=n, markers=m),
        Setting(name=f"continuous marker, response 30%, n {n}", patients=n, markers=m // 2, endpoint="response"),
        Setting(name=f"marker of 6 values, censored survival, n {n}", patients=n, markers=m // 4, levels=6),
        Setting(name="continuous marker, censored survival, n 60", patients=60, markers=m // 4),
    )
    worst = 0.0
    for setting in settings:
        start = clock.process_time()
        found = rates(setting, seed=chosen.seed)
        print(f"\n{setting.name}: {setting.markers:,} markers, {clock.process_time() - start:.0f} s of processor time")
        for name, (hits, total) in found.items():
            low, high = wilson(hits, total)
            print(f"  {name:<40} {hits / total:6.1%}  (95% CI {low:.1%} to {high:.1%}; {hits} of {total})")
            # the requirement is on the setting asked for; the others have fewer markers and wider intervals
            if name in CORRECTED and setting is settings[0]:
                worst = max(worst, hits / total)
    print(f"\nlargest corrected type-I error, {settings[0].name}: {worst:.1%} (at most {MOST:.0%} allowed)")
    return int(worst > MOST)


if __name__ == "__main__":
    raise SystemExit(main())

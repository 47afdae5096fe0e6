"""How fast and how exact the biomarker scan is: beside a loop over lifelines and a loop over statsmodels, in one run.

Figures to hold: 20,000 genes x 350 patients, log-rank under 1 s and univariable Cox (Efron) under 5 s on 2 cores; p values
equal to the loop over lifelines to 1e-8. The loops are timed on a sample of the genes and extrapolated; the largest
difference of a p value is taken over the same sample, once on the times as they are and once with ties and missing values.
Run: python benchmarks/scan_speed.py [--genes 20000] [--patients 350] [--sample 100] [--runs 5]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.markers.scan.device import best
from core.markers.scan.engine import cox_many, logrank_many
from core.markers.scan.split import upper_half

TIGHT = {"precision": 1e-20, "r_precision": 1e-18, "step_size": 1.0}
"""lifelines stops early by default; this lets it run until the estimate no longer moves."""


def data(genes: int, patients: int, *, tied: bool, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, events and an expression matrix with 100 true effects; whole months and 5% missing values where `tied`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(patients, genes))
    effect = np.zeros(genes)
    effect[: min(100, genes)] = rng.normal(0, 0.12, min(100, genes))
    months = rng.exponential(14, patients) * np.exp(-x @ effect)
    censored = rng.uniform(4, 40, patients)
    event = months <= censored
    months = np.minimum(months, censored)
    if tied:
        months = np.ceil(months)
        x[rng.random(x.shape) < 0.05] = np.nan
    return months, event, x


def fastest(call: Callable[[], object], runs: int) -> float:
    """Seconds of the fastest of some runs."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def lifelines_cox(months: np.ndarray, event: np.ndarray, x: np.ndarray) -> np.ndarray:
    """p values of the loop over CoxPHFitter (Wald, as its summary prints)."""
    import pandas as pd
    from lifelines import CoxPHFitter

    result = []
    for column in x.T:
        known = np.isfinite(column)
        frame = pd.DataFrame({"t": months[known], "e": event[known], "x": column[known]})
        result.append(CoxPHFitter().fit(frame, "t", "e", fit_options=TIGHT).summary["p"].iloc[0])
    return np.asarray(result)


def lifelines_logrank(months: np.ndarray, event: np.ndarray, x: np.ndarray) -> np.ndarray:
    """p values of the loop over logrank_test."""
    from lifelines.statistics import logrank_test

    result = []
    for column in x.T:
        known = np.isfinite(column)
        t, e, high = months[known], event[known], upper_half(column[known, None])[:, 0]
        result.append(logrank_test(t[high], t[~high], e[high], e[~high]).p_value)
    return np.asarray(result)


def statsmodels_cox(months: np.ndarray, event: np.ndarray, x: np.ndarray) -> np.ndarray:
    """p values of the loop over PHReg with Efron's ties."""
    from statsmodels.duration.hazard_regression import PHReg

    result = []
    for column in x.T:
        known = np.isfinite(column)
        model = PHReg(months[known], column[known, None], status=event[known].astype(int), ties="efron")
        result.append(model.fit(gtol=1e-12).pvalues[0])
    return np.asarray(result)


def ours_logrank(months: np.ndarray, event: np.ndarray, x: np.ndarray) -> np.ndarray:
    """p values of the scan, the medians included."""
    known = np.isfinite(x)
    whole = bool(known.all())
    return logrank_many(months, event, upper_half(x), known=None if whole else known).p_value


def ours_cox(months: np.ndarray, event: np.ndarray, x: np.ndarray) -> np.ndarray:
    """p values of the scan."""
    return cox_many(months, event, x).p_value


def main() -> int:
    """Measure, print, and fail where a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--patients", type=int, default=350)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    months, event, x = data(args.genes, args.patients, tied=False)
    sample = x[:, : args.sample]
    print(
        f"{args.genes:,} genes x {args.patients} patients, {int(event.sum())} events; device {best()}; {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.1f}; best of {args.runs}; loops timed on {sample.shape[1]} genes and extrapolated"
    )
    ok = True
    peers = {
        "log-rank, median split": (ours_logrank, {"lifelines": lifelines_logrank}, 1.0),
        "Cox (Efron), per SD": (ours_cox, {"lifelines": lifelines_cox, "statsmodels": statsmodels_cox}, 5.0),
    }
    tied = data(args.sample, args.patients, tied=True)
    for name, (ours, loops, limit) in peers.items():
        seconds = fastest(lambda ours=ours: ours(months, event, x), args.runs)
        ok &= seconds <= limit
        print(f"{name}: ours {seconds:.3f} s (at most {limit:g} s)")
        for peer, loop in loops.items():
            start = time.perf_counter()
            theirs = loop(months, event, sample)
            whole = (time.perf_counter() - start) * args.genes / sample.shape[1]
            plain = float(np.nanmax(np.abs(theirs - ours(months, event, sample))))
            rough = float(np.nanmax(np.abs(loop(*tied) - ours(*tied))))
            ok &= max(plain, rough) <= 1e-8 or peer != "lifelines"
            print(
                f"  {peer} loop: {whole:.0f} s extrapolated, {whole / seconds:,.0f} times ours; "
                f"largest difference of a p value {plain:.1e}, with ties and missing values {rough:.1e}"
            )
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())

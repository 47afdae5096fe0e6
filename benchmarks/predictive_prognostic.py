"""Is the planted predictive marker called predictive, the prognostic one prognostic, the decoy neither?

    python benchmarks/predictive_prognostic.py [seeds]

Draws the three randomised synthetic trials anew for each seed, takes the observed genes (never the planted truth), and asks
`core.markers.cutoff.effect_modification` for its verdict on overall and on progression-free survival, by the rule that is fixed there. Prints how
often each verdict was given, with Wilson intervals, four ways: the three markers in one model (the decoy is correlated with
both others, so that only this one asks what it adds), the planted scores in the same model (what power allows without
measurement error), each marker alone, and one trial alone (240 patients).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.markers.cutoff.effect_modification import RULE, interactions
from core.response.rate import wilson
from data.sources.simulate import DESIGNS
from data.sources.simulated_patients import draw_cohort
from data.sources.simulated_tissue import PLANTED_GENES, expression

ENDPOINTS = {"os": "Overall survival (the planted hazard)", "pfs": "Progression-free survival (the same effects, and more events)"}
ORDER = ("predictive", "prognostic", "decoy")
WANTED = {"predictive": "predictive", "prognostic": "prognostic", "decoy": "neither"}
VERDICTS = ("predictive", "prognostic", "predictive and prognostic", "neither", "not estimable")


def trial(seed: int) -> pl.DataFrame:
    """The three trials of one seed: study, cancer type, arm, survival, and the three genes standardised within a study."""
    parts = []
    for place, design in enumerate(DESIGNS):
        drawn = replace(design, seed=10_000 * seed + 101 * (place + 1))
        rng = np.random.default_rng(drawn.seed)
        cohort = draw_cohort(drawn, rng)
        matrix = expression(cohort, rng)
        columns = {}
        for role, gene in PLANTED_GENES.items():
            row = matrix.values[list(matrix.genes).index(gene)].astype(np.float64)
            if matrix.unit == "counts":  # per million of the patient's own counts, on a log scale
                row = np.log2((row + 0.5) / matrix.values.sum(axis=0, dtype=np.float64) * 1e6)
            columns[role] = (row - row.mean()) / row.std()
        table = cohort.table.select("study", "cancer_type", "arm", "os_months", "os_event", "pfs_months", "pfs_event")
        truth = cohort.truth.select(pl.col(ORDER).name.suffix("_truth"))
        parts.append(pl.concat([table, truth], how="horizontal").with_columns([pl.Series(name, values) for name, values in columns.items()]))
    return pl.concat(parts)


def verdicts(frame: pl.DataFrame, *, endpoint: str, adjusted: bool = True, truth: bool = False) -> Mapping[str, str]:
    """The verdict on each planted gene."""
    strata = frame.select(pl.format("{}|{}", "study", "cancer_type")).to_series().rank("dense").cast(pl.Int64).to_numpy()
    found = interactions(
        frame[f"{endpoint}_months"].to_numpy(), frame[f"{endpoint}_event"].cast(pl.Float64).to_numpy(), frame.select([f"{name}_truth" if truth else name for name in ORDER]).to_numpy(),
        arm=(frame["arm"] == "ICB").cast(pl.Float64).to_numpy(), names=ORDER, strata=strata, adjusted=adjusted,
    )  # fmt: skip
    return {f.marker: f.verdict for f in found}


def measure(seeds: int, *, endpoint: str) -> dict[str, dict[str, Counter[str]]]:
    """Verdicts over the seeds, by way of asking and planted role."""
    ways = ("together", "truth", "alone", "one trial, together")
    counts: dict[str, dict[str, Counter[str]]] = {way: {role: Counter() for role in ORDER} for way in ways}
    for seed in range(1, seeds + 1):
        frame = trial(seed)
        one = frame.filter(pl.col("study") == DESIGNS[0].study)
        asked = (
            verdicts(frame, endpoint=endpoint), verdicts(frame, endpoint=endpoint, truth=True),
            verdicts(frame, endpoint=endpoint, adjusted=False), verdicts(one, endpoint=endpoint),
        )  # fmt: skip
        for way, found in zip(ways, asked, strict=True):
            for role, said in found.items():
                counts[way][role][said] += 1
    return counts


def main() -> None:
    """Print the rates."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(f"{seeds} seeds; rule: {RULE}")
    heads = {
        "together": "Three trials (600 patients), the three markers in one model, stratified by study and cancer type",
        "truth": "The same with the planted scores themselves instead of the genes that measure them: what power allows",
        "alone": "The genes again, each marker in a model of its own (Holm over three)",
        "one trial, together": "One trial (240 patients), the three markers in one model",
    }
    for endpoint, words in ENDPOINTS.items():
        print(f"\n== {words}")
        _print(measure(seeds, endpoint=endpoint), heads, seeds=seeds)


def _print(found: Mapping[str, Mapping[str, Counter[str]]], heads: Mapping[str, str], *, seeds: int) -> None:
    for way, by_role in found.items():
        print(f"\n{heads[way]}")
        for role, counted in by_role.items():
            right = counted[WANTED[role]]
            low, high = wilson(right, seeds)
            others = ", ".join(f"{v} {counted[v]}" for v in VERDICTS if counted[v] and v != WANTED[role])
            print(f"  {role:<11} {PLANTED_GENES[role]:<7} called {WANTED[role]:<10} {right / seeds:5.0%} (95% CI {low:.0%} to {high:.0%})   else: {others or '-'}")


if __name__ == "__main__":
    main()

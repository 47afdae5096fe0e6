"""One chart of every figure of the survival page's closer looks, from simulated curves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from core import figures
from core.figures import Chart, Provenance

GROUPS = ("TMB ≥ 10", "TMB < 10")
NUMBERS = pl.DataFrame(
    {
        "group": ["", "", "Stage (against Stage I)", "Stage (against Stage I)"],
        "label": ["TMB ≥ 10 against TMB < 10", "Age, per 10 years", "Stage II", "Stage III"], "n": [100, 240, 80, 60],
        "alone": [0.6, 1.1, 1.5, 40.0], "alone_low": [0.4, 0.9, 0.9, 5.0], "alone_high": [0.9, 1.3, 2.4, 300.0],
        "alone_p": [0.01, 0.3, 0.1, 0.0004], "adjusted": [0.5, 1.0, None, 0.01], "adjusted_low": [0.3, 0.8, None, 0.001],
        "adjusted_high": [0.8, 1.2, None, 0.1], "adjusted_p": [0.003, 0.99, None, 0.002],
    }
)  # fmt: skip


def steps(value: str, *, falling: bool) -> pl.DataFrame:
    """A curve of each group with a band, the last limits unknown."""
    time = np.arange(1.0, 31.0)
    parts = []
    for group, rate in zip(GROUPS, (0.02, 0.05), strict=True):
        y = np.exp(-rate * time) if falling else 1 - np.exp(-rate * time)
        low, high = np.clip(y - 0.1, 0.001, 1), np.clip(y + 0.1, 0, 1)
        part = pl.DataFrame({"group": group, "time": time, value: y, "ci_low": low, "ci_high": high})
        parts.append(part.with_columns(pl.when(pl.col("time") < 29).then(pl.col("ci_low", "ci_high"))))
    return pl.concat(parts)


def _schoenfeld(provenance: Provenance) -> Chart:
    rng = np.random.default_rng(3)
    time = np.sort(rng.exponential(10, 80))
    tests = pl.DataFrame({"term": ["a", "b"], "label": ["A against C", "B against C"], "log_hazard_ratio": [-0.5, 0.2], "p_value": [0.04, 0.6]})
    points = pl.concat([pl.DataFrame({"term": t, "time": time, "value": rng.normal(size=80)}) for t in "ab"])
    grid = np.linspace(0.1, float(time.max()), 40)
    line = pl.concat(
        [pl.DataFrame({"term": t, "time": grid, "value": -0.5 + grid / 60, "low": -1 + grid / 60, "high": grid / 60}) for t in "ab"]
    )
    return figures.schoenfeld(points, line, tests, provenance=provenance)


def _restricted_mean(provenance: Provenance) -> Chart:
    rows = [
        ("group", GROUPS[0], 100, 15.0, 13.5, 16.5, None), ("group", GROUPS[1], 140, 11.0, 9.0, 13.0, None),
        ("difference", "TMB ≥ 10 against TMB < 10", 240, 4.0, 1.5, 6.5, 0.002), ("ratio", "TMB ≥ 10 against TMB < 10", 240, 1.36, 1.1, 1.7, 0.003),
        ("ratio", "a group without an estimate", 0, None, None, None, None),
    ]  # fmt: skip
    names = {"what": pl.String, "label": pl.String, "n": pl.Int64, "estimate": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64, "p_value": pl.Float64}
    return figures.restricted_mean(pl.DataFrame(rows, schema=names, orient="row"), provenance=provenance, horizon=24.0)


def _incidence(provenance: Provenance) -> Chart:
    one = steps("incidence", falling=False)
    table = pl.concat([one.select("group", pl.lit(c).alias("cause"), "time", "incidence", "ci_low", "ci_high") for c in ("Of the cancer", "Of another cause")])
    tests = pl.DataFrame({"cause": ["Of the cancer", "Of another cause"], "name": ["Gray's test"] * 2, "p_value": [0.01, float("nan")]})
    return figures.incidence(table, tests, provenance=provenance, end=28.0)


def _accuracy(provenance: Provenance) -> Chart:
    ranks = pl.DataFrame(
        {"time": [6.0, 12.0, 24.0], "auc": [0.62, 0.66, None], "ci_low": [0.5, 0.56, None], "ci_high": [0.74, 0.76, None], "cases": [20, 40, 60], "controls": [80, 50, 0]}
    )
    errors = pl.DataFrame(
        {"time": [6.0, 12.0, 24.0], "brier": [0.15, 0.21, None], "ci_low": [0.12, 0.18, None], "ci_high": [0.18, 0.24, None], "brier_null": [0.16, 0.24, None]}
    )
    return figures.accuracy_over_time(ranks, errors, provenance=provenance, label="TMB")


KINDS: dict[str, Callable[[Provenance], Chart]] = {
    "cox_forest": lambda p: figures.cox_forest(NUMBERS, provenance=p),
    "schoenfeld": _schoenfeld,
    "restricted_mean": _restricted_mean,
    "incidence": _incidence,
    "accuracy_over_time": _accuracy,
    "adjusted_curves": lambda p: figures.adjusted_curves(
        steps("survival", falling=True), steps("survival", falling=True), provenance=p, ends=dict.fromkeys(GROUPS, 28.0)
    ),
}

"""Response statistics of 200 random data sets against R (pROC, epiR, metafor, stats): the largest difference a quantity.

    python benchmarks/response_against_r.py [--sets 200] [--seed 1]

Needs Rscript with pROC, epiR, metafor and jsonlite. Data sets have 6 to 400 patients, ties, rare responders, separated
scores and constant scores. Exit code 1 where a difference is above 1e-6, or where only one of the two has a value.
Differences are absolute, or relative where R's value is above 1; counts must be equal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from core.errors import CohortError  # noqa: E402
from core.pooling import random_effects  # noqa: E402
from core.response import recalibration  # noqa: E402
from core.response.audit import heterogeneity  # noqa: E402
from core.response.calibration import calibrate  # noqa: E402
from core.response.confusion import confusion  # noqa: E402
from core.response.decision_curve import decision_curve  # noqa: E402
from core.response.exact import fisher  # noqa: E402
from core.response.paired import compare  # noqa: E402
from core.response.precision_recall import curve as precision_curve  # noqa: E402
from core.response.rate import response_rate  # noqa: E402
from core.response.roc import curve as roc_curve  # noqa: E402
from core.response.roc import delong, standard_error  # noqa: E402

LIMIT = 1e-6
THRESHOLDS = (0.1, 0.25, 0.5, 0.8)


def data_set(rng: np.random.Generator) -> dict[str, Any]:
    """One random cohort with two scores, a probability, groups and a meta-analysis beside it."""
    n = int(rng.choice([6, 10, 25, 60, 150, 400]))
    y = rng.random(n) < rng.choice([0.1, 0.3, 0.5, 0.8])
    if y.all() or not y.any():
        y[rng.integers(n)] ^= True
    effect, digits = rng.choice([-1.0, 0.0, 0.6, 1.5, 8.0]), int(rng.choice([0, 1, 6]))
    a = np.round(rng.normal(size=n) + effect * y, digits) + 0.0
    b = np.round(0.7 * a + rng.normal(size=n), digits) + 0.0
    if rng.random() < 0.05:
        a[:] = 1.0
    p = 1 / (1 + np.exp(-(rng.normal() + rng.choice([0.3, 1.0, 2.0]) * np.clip(rng.normal(size=n) + 0.8 * y, -3, 3))))
    k = int(rng.choice([2, 3, 5, 8, 20]))
    se = rng.uniform(0.05, 0.6, k) * rng.choice([0.01, 1.0, 50.0])
    estimate = rng.normal() + rng.choice([0.0, 0.5, 2.0]) * se.mean() * rng.normal(size=k) + se * rng.normal(size=k)
    if rng.random() < 0.2:
        estimate[0] = np.nan
    return {
        "y": y.astype(int).tolist(), "a": a.tolist(), "b": b.tolist(), "p": np.round(p, 6).tolist(), "cut": float(np.quantile(a, rng.uniform(0.1, 0.9))),
        "g": [str(v) for v in rng.choice(["a", "b", "c"], n)], "estimate": [None if v != v else v for v in estimate.tolist()], "se": se.tolist(),
    }  # fmt: skip


def ours(d: dict[str, Any]) -> dict[str, Any]:
    """The same quantities by the project's functions."""
    import polars as pl

    y, a, b, p = (np.array(d[name], dtype=float) for name in "yabp")
    found: dict[str, Any] = {}

    def interval(name: str, value: float, ends: tuple[float, float] | None) -> None:
        low, high = ends or (np.nan, np.nan)
        found.update({name: value, f"{name}_low": low, f"{name}_high": high})

    area = roc_curve(a, y).auc
    interval("auc", area.effect, area.ci95)
    found["auc_se"] = standard_error(a, y)
    test = compare(a, b, y > 0.5)
    found |= {"paired_difference": test.effect, "paired_z": test.statistic, "paired_p": test.p_value}
    average = precision_curve(a, y).average_precision
    low, high = average.ci95 or (np.nan, np.nan)
    found |= {"average_precision": average.effect, "ap_low": low, "ap_high": high}
    two = confusion(a, y, cut=d["cut"])
    found |= {name: getattr(two, name) for name in ("tp", "fp", "fn", "tn")}
    whole = min(two.tp, two.fp, two.fn, two.tn) > 0
    for name in (
        "sensitivity",
        "specificity",
        "ppv",
        "npv",
        "accuracy",
        *(("lr_positive", "lr_negative", "youden") if whole else ()),
    ):
        value, low, high = getattr(two, name)
        interval(name, value, (low, high))
    found["fisher_p"] = fisher(np.array([[two.tp, two.fp], [two.fn, two.tn]]))
    right = calibrate(p, y)
    found |= {
        "brier": right.brier,
        "brier_null": right.brier_null,
        "brier_low": right.brier_ci95[0],
        "observed_expected": right.observed_expected.effect,
    }
    for name, finding in (("intercept", right.intercept), ("slope", right.slope)):
        low, high = finding.ci95 or (np.nan, np.nan)
        found |= {name: finding.effect, f"{name}_se": (high - low) / 2 / 1.959963984540054}
    try:
        fit = recalibration.fit(p, y)
        found |= {
            "recalibration_intercept": fit.intercept,
            "recalibrated_brier": float(((fit.apply(p) - y) ** 2).mean()),
        }
    except CohortError:  # fewer than ten patients or two of a class: refused, where R fits anyway
        found |= dict.fromkeys(("recalibration_intercept", "recalibrated_brier"))
    table = decision_curve(p, y, thresholds=THRESHOLDS)
    found |= {
        "net_benefit": table["net_benefit"].to_list(),
        "net_benefit_low": table["ci_low"].to_list(),
        "treat_all": table["treat_all"].to_list(),
    }
    frame = pl.DataFrame({"response": y > 0.5, "g": d["g"]})
    if len(set(d["g"])) > 2:
        rate, trend = response_rate(frame, by="g").test, response_rate(frame, by="g", trend=True).test
        found |= {"chisq": rate.statistic, "chisq_p": rate.p_value, "trend": trend.statistic, "trend_p": trend.p_value}
    levels = [np.array(d["g"]) == g for g in sorted(set(d["g"]))]
    parts = [delong(a[m], y[m] > 0.5) for m in levels if 1 < y[m].sum() < m.sum() - 1]
    parts = [(v, w) for v, w in parts if w > 1e-12]
    if len(parts) > 1:
        q, _, p_value = heterogeneity(*(np.array(column) for column in zip(*parts, strict=True)))
        found |= {"auc_q": q, "auc_q_p": p_value}
    estimate = np.array([np.nan if v is None else v for v in d["estimate"]])
    if np.isfinite(estimate).sum() > 1:
        pooled = random_effects(estimate, d["se"])
        interval("pooled", float(pooled.estimate), tuple(float(x) for x in pooled.ci95))
        found |= {
            "pooled_se": float(pooled.se), "pooled_p": float(pooled.p_value), "tau2": float(pooled.tau2), "i2": float(pooled.i2), "q": float(pooled.q),
            "q_p": float(pooled.p_heterogeneity), "prediction_low": float(pooled.prediction_interval[0]),
            "prediction_high": float(pooled.prediction_interval[1]), "k": int(pooled.k),
        }  # fmt: skip
    return found


def difference(one: Any, two: Any) -> float:
    """Largest difference of two values or lists, relative above 1; infinite where only one is a number."""
    x, y = (np.atleast_1d(np.array(v, dtype=float)) for v in (one, two))
    if (np.isnan(x) != np.isnan(y)).any():
        return float("inf")
    gap = np.abs(x - y) / np.maximum(1.0, np.abs(y))
    return float(np.nanmax(gap, initial=0.0))


def main() -> int:
    """Run both, print a line a quantity, return 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    sets = [data_set(rng) for _ in range(options.sets)]
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "in.json", Path(folder) / "out.json"
        given.write_text(json.dumps(sets), encoding="utf-8")
        subprocess.run(["Rscript", str(Path(__file__).with_suffix(".R")), str(given), str(answer)], check=True)
        theirs = json.loads(answer.read_text(encoding="utf-8"))
    worst: dict[str, tuple[float, int, int]] = {}
    for i, (d, r) in enumerate(zip(sets, theirs, strict=True)):
        mine = ours(d)
        for name, value in r.items():
            if name in mine and mine[name] is None:
                continue
            gap = difference(mine.get(name, np.nan), np.nan if value is None else value)
            before, where, count = worst.get(name, (-1.0, 0, 0))
            worst[name] = (gap, i, count + 1) if gap > before else (before, where, count + 1)
    print(f"{options.sets} random data sets, seed {options.seed}; largest difference from R")
    for name, (gap, where, count) in worst.items():
        print(
            f"  {name:<24}{gap:10.2e}   {count:4d} sets, worst in set {where}{'   <-- above 1e-6' if gap > LIMIT else ''}"
        )
    largest = max(gap for gap, _, _ in worst.values())
    print(f"largest of all: {largest:.2e} (limit {LIMIT:g})")
    return int(largest > LIMIT)


if __name__ == "__main__":
    sys.exit(main())

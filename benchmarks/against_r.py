"""Survival against R: 200 random data sets, every number of `python -m core survival` beside R's survival and cmprsk.

    python benchmarks/against_r.py [--sets 200] [--seed 1] [--keep FOLDER]

Writes CSV files, asks R once (Rscript with survival, cmprsk and jsonlite), runs the command's own function on each file
(and the command itself on some), compares every number, prints the largest difference of each quantity (relative where the
number is above 1; of a Cox coefficient, in standard errors) and exits with 1 when one is above 1e-6, when a median or a
count is not exact, or when one side has a number and the other has none.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time as clock
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

LIMIT = 1e-6
SIZES = (1, 2, 3, 4, 5, 7, 10, 15, 25, 40, 60, 100, 160, 250, 350, 500)
EXACT = {"median", "at_risk", "n_risk", "n", "n_events", "events", "censored", "df", "cause"}
WORDS = {"group", "a", "b"}
PARTS = ("n", "events", "km", "medians", "follow_up", "rmst", "at", "tests", "pairwise", "cox", "cox_group", "ph_test", "incidence", "gray")


def make_set(i: int, seed: int) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Options and columns of one data set; the index walks through the kinds so that each is met often."""
    rng = np.random.default_rng([seed, i])
    n = int(SIZES[i % len(SIZES)]) if i < 2 * len(SIZES) else int(rng.integers(1, 501))
    k = int(rng.integers(1, 5))
    group = rng.integers(0, k, n)
    if i % 7 == 3 and n > 3:
        group[group == k - 1] = 0
        group[0] = k - 1  # a group of one patient
    x1, x2 = rng.normal(size=n).round(3), rng.integers(0, 2, n)
    x3 = rng.choice(["low", "mid", "top"], n)
    hazard = 0.08 * np.exp(0.5 * (group == 0) + 0.4 * x1 - 0.3 * x2)
    event_time = rng.weibull(rng.uniform(0.7, 1.5), n) / hazard
    censor_time = rng.uniform(0, rng.uniform(5, 60), n)
    time, event = np.minimum(event_time, censor_time), (event_time <= censor_time).astype(int)
    how = i % 6
    time = time.round((0, 1, 6, 15, 0, 2)[how])
    if how == 1:
        time = time * (1 + 1e-12 * rng.integers(-5, 6, n)) + 1e-10 * rng.integers(0, 3, n)  # nearly tied
    if i % 5 == 2:
        time[rng.random(n) < 0.1] = 0.0
    if i % 11 == 4:
        event[group == k - 1] = 0
    if i % 23 == 6:
        event[:] = 0
    if i % 29 == 8:
        event[:] = 1
    late = i % 4 == 1
    entry = (rng.uniform(0, 1, n) * np.minimum(time * 1.02, 12)).round(3 if how == 3 else 1)
    if how == 1:
        entry = entry + 0.05
    cause = event * rng.integers(1, 4 if i % 3 else 3, n)
    strata = rng.choice(["s", "t", "u"], n)
    columns: dict[str, list[Any]] = {
        "time": [repr(float(t)) for t in time], "event": event.tolist(), "group": ["abcd"[g] for g in group],
        "entry": [repr(float(e)) for e in entry], "strata": strata.tolist(), "x1": x1.tolist(), "x2": x2.tolist(),
        "x3": x3.tolist(), "cause": cause.tolist(),
    }  # fmt: skip
    if i % 9 == 5 and n > 4:
        for name in ("time", "group", "x1", "x3", "strata"):
            columns[name] = ["" if rng.random() < 0.04 else v for v in columns[name]]
    covariates = [[], ["x1"], ["x1", "x2"], ["x1", "x2", "x3"]][int(rng.integers(0, 4))]
    end = float(np.max(time)) if n else 1.0
    options = {
        "file": f"{i:03d}.csv", "entry": late, "strata": bool(i % 3 == 2), "group": bool(k > 1 or i % 2), "covariates": covariates,
        "interval": "log" if i % 2 else "log-log", "rho": float(rng.choice([0.0, 0.5, 1.0])), "gamma": float(rng.choice([0.0, 0.5, 1.0])),
        "at": sorted({round(float(t), 2) for t in rng.uniform(0, end * 1.1, 3)}), "endpoint": "competing" if i % 5 == 0 else "survival",
        "horizon": round(float(rng.uniform(0.3, 1.1)) * end, 3) if i % 3 == 0 and end > 0.1 else None,
        "landmark": round(float(np.quantile(time, 0.3)), 3) + 0.0137 if i % 13 == 7 and how != 1 else None,
    }  # fmt: skip
    return {key: value for key, value in options.items() if value is not None}, columns


def write(folder: Path, sets: int, seed: int) -> list[dict[str, Any]]:
    """The CSV files and sets.json."""
    made = []
    for i in range(sets):
        options, columns = make_set(i, seed)
        rows = [",".join(columns), *(",".join(str(v) for v in row) for row in zip(*columns.values(), strict=True))]
        (folder / options["file"]).write_text("\n".join(rows) + "\n", encoding="utf-8")
        made.append(options)
    (folder / "sets.json").write_text(json.dumps(made), encoding="utf-8")
    return made


def arguments(options: dict[str, Any], folder: Path) -> list[str]:
    """The command line of one data set."""
    competing = options["endpoint"] == "competing"
    words = ["survival", str(folder / options["file"]), "--time", "time", "--event", "cause" if competing else "event",
             "--interval", options["interval"], "--endpoint", options["endpoint"], "--rho", str(options["rho"]),
             "--gamma", str(options["gamma"]), "--at", ",".join(str(t) for t in options["at"])]  # fmt: skip
    for flag in ("group", "strata", "entry"):
        words += [f"--{flag}", flag] if options[flag] else []
    for flag in ("horizon", "landmark"):
        words += [f"--{flag}", str(options[flag])] if flag in options else []
    if options["covariates"] and not competing:
        words += ["--covariates", ",".join(options["covariates"])]
    return words


class Differences:
    """The largest difference of each quantity, how many numbers were compared, and what is wrong."""

    def __init__(self) -> None:
        self.largest: dict[str, float] = defaultdict(float)
        self.where: dict[str, str] = {}
        self.compared: dict[str, int] = defaultdict(int)
        self.wrong: list[str] = []

    def number(self, name: str, pair: tuple[Any, Any], at: tuple[str, float]) -> None:
        """Compare two numbers; `at` is where, and the scale of the difference (0 = relative where above 1)."""
        ours, theirs = pair
        where, scale = at
        if ours is None or theirs is None:
            if ours is not theirs:
                self.wrong.append(f"{where}: ours {ours}, R {theirs}")
            return
        self.compared[name] += 1
        if name.rsplit(".", 1)[-1] in EXACT:
            if float(f"{ours:.15g}") != float(f"{theirs:.15g}"):
                self.wrong.append(f"{where}: ours {ours!r}, R {theirs!r} (must be exact)")
            difference = abs(ours - theirs)
        else:
            difference = abs(ours - theirs) / (scale or max(1.0, abs(theirs)))
        if difference > self.largest[name] or name not in self.where:
            self.largest[name], self.where[name] = difference, where

    def walk(self, name: str, pair: tuple[Any, Any], where: str) -> None:
        """Compare two documents that have the same shape."""
        ours, theirs = pair
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for key, value in theirs.items():
                if key in WORDS:
                    if ours[key] != value:
                        self.wrong.append(f"{where}.{key}: ours {ours[key]}, R {value}")
                elif key not in {"ph_test", "no_maximum"}:
                    self.walk(f"{name}.{key}", (ours.get(key), value), f"{where}.{key}")
        elif isinstance(theirs, list) and isinstance(ours, list):
            if len(ours) != len(theirs):
                self.wrong.append(f"{where}: ours {len(ours)}, R {len(theirs)} entries")
                return
            for j, (a, b) in enumerate(zip(ours, theirs, strict=True)):
                if name.endswith(".terms"):
                    self.term(name, (a, b), f"{where}[{j}]")
                else:
                    self.walk(name, (a, b), f"{where}[{j}]")
        elif isinstance(theirs, dict | list) or isinstance(ours, dict | list):
            if ours or theirs:
                self.wrong.append(f"{where}: ours {str(ours)[:60]}, R {str(theirs)[:60]}")
        else:
            self.number(name, (ours, theirs), (where, 0.0))

    def term(self, name: str, pair: tuple[Any, Any], where: str) -> None:
        """Compare a Cox coefficient in standard errors; one without a maximum of the likelihood is none for us."""
        ours, theirs = pair
        if ours["coef"] is None:
            if theirs["coef"] is not None and theirs["se"] and theirs["se"] < 20:
                self.wrong.append(f"{where}: ours none, R {theirs['coef']} (se {theirs['se']})")
            return
        if theirs["coef"] is None:
            self.wrong.append(f"{where}: ours {ours['coef']}, R none")
            return
        se = theirs["se"]
        self.number(f"{name}.coef", (ours["coef"], theirs["coef"]), (where, se))
        for key in ("hazard_ratio", "ci_low", "ci_high"):
            self.number(f"{name}.log {key}", (math.log(ours[key]), math.log(theirs[key])), (f"{where}.{key}", se))
        for key in ("se", "z", "p_value"):
            self.number(f"{name}.{key}", (ours[key], theirs[key]), (f"{where}.{key}", 0.0))


def ours_of(words: list[str], *, real: bool) -> dict[str, Any]:
    """The document of the command: its own function, or the command itself in a process."""
    if real:
        done = subprocess.run([sys.executable, "-m", "core", *words, "--json"], capture_output=True, text=True, cwd=ROOT, check=True)
        return dict(json.loads(done.stdout))
    from core.__main__ import parser
    from core.commands import report, survival

    return dict(json.loads(report.to_json(survival.analysis(parser("survival").parse_args(words)))))


def unstable(document: dict[str, Any]) -> bool:
    """Whether a model has a coefficient without a maximum: then R's other numbers of it are where it stopped."""
    return any(term["coef"] is None for term in (document or {"terms": []})["terms"])


def compare_one(options: dict[str, Any], pair: tuple[dict[str, Any], dict[str, Any]], found: Differences) -> None:
    """Every part of one data set: our document and R's."""
    ours, theirs = pair
    if "error" in theirs:
        found.wrong.append(f"{options['file']}: R stopped: {theirs['error']}")
        return
    main_model = ours.get("cox")
    for part in PARTS:
        a, b = ours.get(part), theirs.get(part)
        where = f"{options['file']} {part}"
        if part in {"cox", "cox_group"} and not b:
            if a is not None and any(t["coef"] is not None for t in a["terms"]):
                found.wrong.append(f"{where}: ours has a model, R none")
        elif part in {"cox", "cox_group"} and a is not None and unstable(a):
            keys = ("n", "events") if b["no_maximum"] else ("terms", "n", "events", "no_maximum")  # R did not converge
            found.walk(part, ({k: a.get(k) for k in keys}, {k: b[k] for k in keys}), where)
        elif part == "ph_test" and (unstable(main_model) or not b):
            continue
        elif part != "gray" or b or any(test["statistic"] is not None for test in a or ()):
            found.walk(part, (a, b), where)


def compare(folder: Path, made: list[dict[str, Any]], every: int) -> Differences:
    """Every data set against r.json."""
    answers = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    print(f"{answers['R']}; survival {answers['survival']}, cmprsk {answers['cmprsk']}")
    found = Differences()
    for i, (options, theirs) in enumerate(zip(made, answers["sets"], strict=True)):
        ours = {} if "error" in theirs else ours_of(arguments(options, folder), real=i % every == every - 1)
        compare_one(options, (ours, theirs), found)
    return found


REFERENCES = (2, 3, 5, 6, 7, 8, 11, 13, 17, 20, 23, 25, 37, 45, 46, 77, 140, 191)
"""Data sets of seed 1 whose numbers are stored for the tests."""


def store(target: Path) -> None:
    """Write the options and rows of some data sets for tests/references/survival_command.R, which adds R's numbers."""
    with tempfile.TemporaryDirectory() as spare:
        made = write(Path(spare), max(REFERENCES) + 1, 1)
        sets = [{"options": made[i], "csv": (Path(spare) / made[i]["file"]).read_text(encoding="utf-8")} for i in REFERENCES]
    target.write_text(json.dumps({"sets": sets}), encoding="utf-8")


def main() -> int:
    """Write, ask R, compare, print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sets", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--every", type=int, default=20, help="run the command itself on every such set")
    options.add_argument("--keep", type=Path, help="write the files here and leave them")
    options.add_argument("--store", type=Path, help="only write the data sets of the tests' references to this file")
    args = options.parse_args()
    if args.store:
        store(args.store)
        return 0
    with tempfile.TemporaryDirectory() as spare:
        folder = args.keep or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        made = write(folder, args.sets, args.seed)
        start = clock.perf_counter()
        subprocess.run(["Rscript", str(Path(__file__).with_suffix(".R")), str(folder)], check=True)
        asked = clock.perf_counter() - start
        start = clock.perf_counter()
        found = compare(folder, made, args.every)
        print(f"{args.sets} data sets: R {asked:.1f} s, ours {clock.perf_counter() - start:.1f} s")
    print(f"{'quantity':42} {'numbers':>9} {'largest difference':>19}  where")
    for name in sorted(found.largest):
        print(f"{name:42} {found.compared[name]:9,} {found.largest[name]:19.2e}  {found.where[name] if found.largest[name] > 1e-9 else ''}")
    for line in found.wrong[:40]:
        print("WRONG", line)
    worst = max(found.largest.values(), default=0.0)
    print(f"{sum(found.compared.values()):,} numbers compared; largest difference {worst:.2e} (limit {LIMIT:g}); {len(found.wrong)} disagreements")
    return int(worst > LIMIT or bool(found.wrong))


if __name__ == "__main__":
    sys.exit(main())

"""Conformal sets at 90%: coverage over simulated data sets, and of LORIS calibrated on one cohort and tested on others.

    TMESCOPE_DATA=... python benchmarks/conformal_coverage.py

Simulated: 500 data sets whose probabilities are wrong on purpose (three times too extreme), 300 patients calibrate, 300 are
tested, 30% respond. Then one threshold for both classes and one a class, in each class. Real: recalibrated LORIS, thresholds
from Chowell_train (whose patients trained it), tested on Chowell_test, MSK1 and the study's other cohorts; then the elastic net
on IMvigor210, each patient calibrated on the other folds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cohort.query import CohortQuery
from core.errors import CohortError
from core.response.closer.patients import judged
from core.response.closer.reliability import fitting
from core.response.conformal import LEVEL, calibrated, coverage, covered, crossed, kind
from core.settings import Settings
from data.store import Store
from models.folds import stratified_folds

SETS, HALF = 500, 300
TESTED = ("Chowell_test", "MSK1", "Ravi", "Vanguri", "Shim")


def simulated() -> None:
    """Mean coverage over data sets, and how many data sets lie under 85%."""
    found: dict[tuple[bool, str], list[float]] = {}
    for seed in range(SETS):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=2 * HALF)
        y = rng.random(2 * HALF) < 1 / (1 + np.exp(-(x - 1)))
        p = 1 / (1 + np.exp(-(3 * x - 1)))
        for by_class in (True, False):
            sets = calibrated(p[:HALF], y[:HALF], by_class=by_class).sets(p[HALF:])
            good, test = covered(sets, y[HALF:]), y[HALF:]
            for who, rows in (("all", np.ones(HALF, dtype=bool)), ("responders", test), ("non-responders", ~test)):
                found.setdefault((by_class, who), []).append(float(good[rows].mean()))
            found.setdefault((by_class, "decided"), []).append(float((kind(sets) < 2).mean()))
    print(f"{SETS} simulated data sets, {HALF} calibrate, {HALF} tested, promised {LEVEL:.0%}")
    for by_class in (True, False):
        told = "  ".join(f"{who} {np.mean(found[by_class, who]):.3f}" for who in ("all", "responders", "non-responders", "decided"))
        print(f"  {'one threshold a class' if by_class else 'one threshold for all':<24} {told}")


def line(name: str, sets: np.ndarray, y: np.ndarray) -> str:
    """Coverage of all and of each class, and the share decided."""
    parts = [
        f"{r['who']} {r['coverage']:.3f} ({r['ci_low']:.3f} to {r['ci_high']:.3f}, n {r['n']})" for r in coverage(sets, y).iter_rows(named=True)
    ]
    decided = coverage(sets, y).row(0, named=True)
    return f"  {name:<34} {'  '.join(parts)}  decided {decided['decided']:.3f}, rightly {decided['right']:.3f}"


def real(store: Store) -> None:
    """LORIS from cohort to cohort, the elastic net within one."""
    p, y, trained = fitting(store, "loris_recalibrated", "loris/Chowell_train")
    print(f"recalibrated LORIS calibrated on Chowell_train (n = {p.size}{', which trained it' if trained else ''})")
    for cohort in TESTED:
        found = judged(store, CohortQuery(("loris",)), cohort=f"loris/{cohort}")
        frame = found.frame.drop_nulls("probability|loris_recalibrated|external")
        q, z = frame["probability|loris_recalibrated|external"].to_numpy(), frame["response"].to_numpy()
        for by_class in (True, False):
            print(line(f"{cohort}, {'one a class' if by_class else 'one for all'}", calibrated(p, y, by_class=by_class).sets(q), z))
    frame = judged(store, CohortQuery(("imvigor210",))).frame.drop_nulls("probability|elastic_net|out_of_fold")
    q, z = frame["probability|elastic_net|out_of_fold"].to_numpy(), frame["response"].to_numpy()
    print("elastic net, cross-fitted on IMvigor210, calibrated on the other folds")
    for by_class in (True, False):
        print(line("one a class" if by_class else "one for all", crossed(q, z, folds=stratified_folds(z, folds=10), by_class=by_class), z))


def main() -> None:
    """Simulated, then real where the database has the studies."""
    start = time.perf_counter()
    simulated()
    print(f"  {time.perf_counter() - start:.1f} s")
    try:
        store = Store.open_current(Settings.from_env().database_dir)
        real(store)
        store.close()
    except CohortError as error:
        print(f"no real studies here: {error}")


if __name__ == "__main__":
    main()

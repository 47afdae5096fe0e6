"""LORIS with a locked cut-off: derived on Chowell_train, locked, validated once on Chowell_test and on MSK1.

    TMESCOPE_DATA=... python benchmarks/loris_cutoff.py

Beside the locked numbers stands what choosing the cut-off on each test set would have claimed. Then the recalibration fitted on
Chowell_train, tested on the other two: Brier score and expected calibration error beside the raw score and the prevalence null.
Last, ICB x LORIS and ICB x TMB >= 10 as interaction hazard ratios for overall survival, stratified by cancer type, of Chowell_test
and MSK1 against MSK_nonICB, arms that were not randomised. The ledger is a temporary one. On Chowell_train the published score is
in-sample, which is allowed for deriving a cut-off only.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.cohort.query import CohortQuery, Filter
from core.markers import marker as markers
from core.markers.cutoff.effect_modification import Modification
from core.markers.cutoff.ledger import Ledger
from core.markers.cutoff.lock import Choice, lock
from core.markers.cutoff.performance import Performance, performance_from
from core.markers.cutoff.treatment import CONFOUNDED, compared, modified
from core.markers.cutoff.validation import labels, validate
from core.response.recalibration import fit, tested
from core.settings import Settings
from data.store import Store

MARKER = "predictor:loris"
MEASURES = ("sensitivity", "specificity", "ppv", "npv", "youden", "positive_rate")


def cohort(*names: str) -> CohortQuery:
    """Cohorts of the LORIS study."""
    return CohortQuery(("loris",), (Filter("cohort", "in", names),))


def line(name: str, found: Performance) -> str:
    """Measures of one cut on one cohort."""
    parts = []
    for key in MEASURES:
        value, low, high = found.measure(key)
        parts.append(f"{value:.3f} ({low:.2f}-{high:.2f})")
    return f"  {name:<34} cut {found.cut:.4f}  n {found.n:>4}  positives {found.positives:>3}  " + "  ".join(parts)


def effects(found: Modification) -> str:
    """Interaction and the effects behind it."""
    rows = []
    for part in (found.interaction, found.in_control, found.in_treated, found.arm_low, found.arm_high):
        low, high = part.ci95 or (np.nan, np.nan)
        rows.append(f"    {part.name:<38} HR {part.effect:.2f} ({low:.2f} to {high:.2f})  p {part.p_value:.2g}  n {part.n}, {part.events} deaths")
    return "\n".join(rows)


def main() -> None:
    """Print the three tables."""
    settings = Settings.from_env()
    store = Store.open_current(settings.database_dir)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "ledger")
        train = cohort("Chowell_train")
        made = lock(store, train, Choice(marker=MARKER), ledger=ledger, intended_use="Benchmark: select patients for ICB")
        print(f"Locked {MARKER} at {made.content['cut']:.6f} (largest Youden's J, Chowell_train, in-sample score), hash {made.short}")
        print(f"{'':74}" + "  ".join(f"{key:<19}" for key in MEASURES))
        print(line("Chowell_train, apparent", performance_from(made.content["performance"])))
        corrected = made.content["optimism"]["youden"]["corrected"]
        print(f"  Youden's J on Chowell_train less its optimism (bootstrap): {corrected:.3f}")
        frames = {}
        for name in ("Chowell_test", "MSK1"):
            found = validate(store, cohort(name), ledger=ledger, lock=made.hash)
            frames[name] = labels(store, cohort(name), ledger=ledger, lock=made.hash)[0]
            print(line(f"{name}, locked", found.performance))
            if found.retuned.performance is not None:
                print(line(f"{name}, RE-TUNED, do not report", found.retuned.performance))
            again = validate(store, cohort(name), ledger=ledger, lock=made.hash)
            print(f"    asked again: {'the stored result' if again.repeated else 'A SECOND LOOK'} (record {again.record.number})")
        print(f"  {ledger.verify().sentence}")
        _recalibration(store, train, frames)
        _interactions(store, float(made.content["cut"]))
    store.close()


def _recalibration(store: Store, train: CohortQuery, frames: dict[str, object]) -> None:
    derivation = markers.values(store, train, MARKER, in_sample=True).select("patient_id", "value")
    outcomes = store.patients(train.where(), columns=("patient_id", "response")).join(derivation, on="patient_id")
    fitted = fit(outcomes["value"].to_numpy(), outcomes["response"].cast(float).to_numpy())
    print(f"\nRecalibration on Chowell_train: intercept {fitted.intercept:.3f}, slope {fitted.slope:.3f}, n {fitted.n}")
    for name, frame in frames.items():
        found = tested(fitted, frame["value"].to_numpy(), frame["response"].cast(float).to_numpy())  # type: ignore[index]
        raw, new = found.raw, found.recalibrated
        low, high = found.brier_change.ci95 or (np.nan, np.nan)
        print(
            f"  {name:<13} n {found.n}  Brier raw {raw.brier:.4f}, recalibrated {new.brier:.4f} (change {found.brier_change.effect:+.4f}, {low:+.4f} to {high:+.4f}), "
            f"prevalence null {raw.brier_null:.4f}, training prevalence {found.brier_fitted_prevalence:.4f}  ECE raw {raw.ece:.3f}, recalibrated {new.ece:.3f}"
        )


def _interactions(store: Store, cut: float) -> None:
    treated = cohort("Chowell_test", "MSK1")
    print("\nICB (Chowell_test, MSK1) against MSK_nonICB, overall survival, Cox stratified by cancer type")
    print(f"  {CONFOUNDED}")
    for name, marker, at in (("LORIS at the locked cut", MARKER, cut), ("LORIS per 1 SD", MARKER, None), ("TMB at 10 / Mb", "clinical:tmb_per_mb", 10.0)):
        found = modified(compared(store, treated, marker=marker).frame, name=name, cut=at)
        print(f"  {name}: {found.verdict}\n{effects(found)}")


if __name__ == "__main__":
    main()

"""Whether the TME types of one cohort, written as rules, tell response and survival apart in other cohorts.

    python benchmarks/rule_transfer.py [--home imvigor210] [--studies liu2019 riaz2017 vanallen2015]

Each type of the home cohort is learnt as a rule of at most three conditions on signatures that all the cohorts have, and
the rule is applied to the others, features standardised within each. Printed: the rule with its cross-validated
fidelity, the odds ratio of response and the hazard ratio of death in every cohort (the home one is in-sample), and both
pooled by random effects, with p corrected for all types and both endpoints together (Holm). There is no figure to
reach: what is asked for is the effect, held or not. Needs the database of `python -m core build`.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from core.figures import words
from core.pooling import Pooled
from core.settings import Settings
from core.survival.rank_tests import holm
from core.tme.rule import Rule, Transfer, learn, transfer
from core.tme.signature_frame import shared_signatures, signature_frame
from data.store import Store


def rules(store: Store, home: str, *, studies: Sequence[str], seed: int) -> list[Rule]:
    """One rule a type of the home cohort, on signatures that all the studies have."""
    names = shared_signatures(signature_frame(store, (home, *studies)))
    types = store.sql("SELECT patient_id, cluster, name FROM cluster WHERE study = $s AND space = 'tme_signatures' ORDER BY cluster", {"s": home})
    frame = signature_frame(store, (home,)).join(types, on="patient_id", how="inner", maintain_order="left")
    found = []
    for code, name in types.unique("cluster", keep="first", maintain_order=True).select("cluster", "name").iter_rows():
        member = (frame["cluster"] == code).to_numpy()
        found.append(learn(frame, member, names=names, seed=seed, name=f"{name} (type {code})"))
    return found


def printed(rule: Rule, found: Transfer) -> None:
    """A rule and its effects, as lines."""
    print(f"\n{rule.sentence}")
    print(f"  {'cohort':<26}{'inside/all':>12}  {'response, OR (95% CI)':<28}{'deaths':>7}  {'OS, HR (95% CI)'}")
    for row in found.table.iter_rows(named=True):
        odds = _said(row["odds_ratio"], row["or_low"], row["or_high"]) or row["response_note"]
        hazard = _said(row["hazard_ratio"], row["hr_low"], row["hr_high"]) or row["os_note"]
        label = row["label"] + (" (in-sample)" if row["home"] else "")
        print(f"  {label:<26}{row['n_in']:>6} / {row['n']:<4} {odds:<28} {row['deaths'] or '':>7}  {hazard}")


def pooled(name: str, effect: Pooled | None, p: float) -> None:
    """One pooled effect as a line."""
    if effect is None:
        print(f"  {name:<10} not estimable")
        return
    low, high = effect.ci95
    print(
        f"  {name:<10} {_said(math.exp(float(effect.estimate)), math.exp(low), math.exp(high))}, {int(effect.k)} cohorts, I² "
        f"{words.percent(float(effect.i2))}, p {float(effect.p_value):.3f}, corrected for all types and endpoints {p:.3f}"
    )


def _said(value: float | None, low: float | None, high: float | None) -> str:
    return "" if value is None or low is None or high is None else f"{words.ratio(value)} ({words.interval((low, high))})"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", default="imvigor210")
    parser.add_argument("--studies", nargs="+", default=["liu2019", "riaz2017", "vanallen2015"])
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    store = Store.open_current(Settings.from_env().database_dir)
    found = rules(store, chosen.home, studies=chosen.studies, seed=chosen.seed)
    moved = [transfer(store, rule, studies=(chosen.home, *chosen.studies), home=chosen.home) for rule in found]
    effects = [effect for one in moved for effect in (one.response, one.os)]
    corrected = holm(np.array([math.nan if e is None else float(e.p_value) for e in effects]))
    for i, (rule, one) in enumerate(zip(found, moved, strict=True)):
        printed(rule, one)
        pooled("response", one.response, float(corrected[2 * i]))
        pooled("OS", one.os, float(corrected[2 * i + 1]))
    held = int(np.nansum(corrected < 0.05))
    print(f"\n{held} of {int(np.isfinite(corrected).sum())} pooled effects differ from 1 at p < .05, corrected.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

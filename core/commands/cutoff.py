"""python -m core cutoff: derive a cut-off, lock it, validate it once on other patients, and show the ledger.

derive, lock and interaction count as tries and are noted in the ledger; validate reads outcomes only for a lock that came
first, and gives back the result that stands where there is one.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from typing import Any

from core.cohort.query import CohortQuery, Filter
from core.commands.database import known_studies, opened
from core.commands.report import Report
from core.errors import UnknownName
from core.figures import words
from core.markers import marker as markers
from core.markers.cutoff import checklist, comparator, treatment, validation
from core.markers.cutoff import lock as locking
from core.markers.cutoff.derivation import DIRECTIONS, ENDPOINTS, RULES, Derivation
from core.markers.cutoff.effect_modification import RULE, Modification
from core.markers.cutoff.ledger import Ledger, Record
from core.settings import Settings
from data.store import Store

ACTIONS = {
    "derive": "choose a cut-off on a derivation cohort (noted as tried)",
    "lock": "the same, and lock it: --use says what for",
    "validate": "read the outcomes of other patients once, for --lock HASH",
    "ledger": "list everything tried, locked and validated, and check the chain",
    "interaction": "predictive or prognostic: treatment by marker, controls of the same study added",
    "checklist": "REMARK and STARD items of --lock HASH",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    about = "; ".join(f"{name}: {text}" for name, text in ACTIONS.items())
    parser.add_argument("action", choices=tuple(ACTIONS), help=about)
    parser.add_argument("--study", metavar="STUDY")
    parser.add_argument("--cohort", metavar="COHORT[,COHORT]", help="cohorts of the study; all of them unless given")
    parser.add_argument("--marker", metavar="KIND:NAME", help="such as predictor:loris, clinical:tmb_per_mb, gene:CD274")
    parser.add_argument("--endpoint", choices=tuple(ENDPOINTS), help="response unless said otherwise; os for interaction")
    parser.add_argument("--rule", choices=tuple(RULES), help="youden (response), else maxstat; given where --cut is")
    parser.add_argument("--direction", default="high", choices=tuple(DIRECTIONS), help="positive is high or low")
    parser.add_argument("--cut", type=float, metavar="X", help="a cut fixed beforehand")
    parser.add_argument("--seed", type=int, default=1, help="of permutations and bootstrap")
    parser.add_argument("--use", default="", metavar="TEXT", help="lock: what the test is meant to decide, and for whom")
    parser.add_argument("--who", default="", metavar="NAME", help="lock: who locks it")
    parser.add_argument("--lock", default="", metavar="HASH", help="validate, checklist: a lock's hash, 8 characters or more")
    parser.add_argument("--comparator", metavar="KIND:NAME", help="validate: agreement with another assay at its published cut")
    parser.add_argument("--comparator-cut", type=float, metavar="X", help="or at this one")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """One action."""
    ledger = Ledger(settings.ledger_dir)
    if args.action == "ledger":
        return _ledger(ledger)
    action: Mapping[str, Callable[[Store, argparse.Namespace, Ledger], Report]] = {
        "derive": _derive, "lock": _lock, "validate": _validate, "interaction": _interaction, "checklist": _checklist,
    }  # fmt: skip
    with opened(settings) as store:
        return action[args.action](store, args, ledger)


def _needed(args: argparse.Namespace, *options: str) -> None:
    for name in options:
        if not getattr(args, name):
            raise UnknownName(f"cutoff {args.action} needs --{name}; see python -m core cutoff --help")


def _query(store: Store, args: argparse.Namespace) -> CohortQuery:
    _needed(args, "study")
    known_studies(store, [args.study])
    if not args.cohort:
        return CohortQuery((args.study,))
    asked = tuple(c.strip() for c in args.cohort.split(",") if c.strip())
    there = store.sql("SELECT DISTINCT cohort FROM patient WHERE study = $s ORDER BY 1", {"s": args.study})["cohort"].to_list()
    for name in asked:
        if name not in there:
            raise UnknownName(f"study {args.study} has no cohort '{name}'; it has {', '.join(there)}")
    return CohortQuery((args.study,), (Filter("cohort", "in", asked),))


def _choice(args: argparse.Namespace) -> locking.Choice:
    _needed(args, "marker")
    endpoint = args.endpoint or "response"
    rule = args.rule or ("given" if args.cut is not None else "youden" if endpoint == "response" else "maxstat")
    return locking.Choice(
        marker=args.marker, endpoint=endpoint, rule=rule, direction=args.direction, cut=args.cut, seed=args.seed
    )


def _derive(store: Store, args: argparse.Namespace, ledger: Ledger) -> Report:
    query = _query(store, args)
    found, record = locking.derived(store, query, _choice(args), ledger=ledger)
    return Report(
        title=locking.proposal(found, query, state=ledger.state()), document={**_facts(found), "record": _record(record)},
        notes=[n[:1].upper() + n[1:] for n in found.notes],
    )  # fmt: skip


def _facts(found: Derivation) -> dict[str, Any]:
    optimism = locking.simple(found.optimism)
    return {
        "marker": found.marker, "label": found.label, "endpoint": found.endpoint, "rule": found.rule, "direction": found.direction,
        "cut": found.cut, "below": found.below, "cut_ci": list(found.cut_ci), "n": found.n, "n_missing": found.n_missing,
        "events": found.events, "positives": found.positives, "n_cuts": found.n_cuts, "p_corrected": found.p_corrected,
        "p_uncorrected": found.p_uncorrected, "p_method": found.p_method, "at_cut": dict(found.at_cut),
        "in_sample": found.in_sample, "optimism": optimism, "notes": list(found.notes),
    }  # fmt: skip


def _record(record: Record) -> dict[str, Any]:
    return {"number": record.number, "time": record.time, "kind": record.kind, "hash": record.hash}


def _lock(store: Store, args: argparse.Namespace, ledger: Ledger) -> Report:
    record = locking.lock(store, _query(store, args), _choice(args), ledger=ledger, intended_use=args.use, who=args.who)
    c = record.content
    return Report(
        title=f"Locked: {c['label']} {'at or above' if c['direction'] == 'high' else 'below'} {words.number(c['cut'])}; hash {record.hash}",
        document={**_record(record), "content": dict(record.content)},
        notes=[f"{words.count(c['tried']['count'], 'candidate')} tried before it. Validate: python -m core cutoff validate --lock {record.short} --study …"],
    )  # fmt: skip


def _validate(store: Store, args: argparse.Namespace, ledger: Ledger) -> Report:
    _needed(args, "lock")
    query = _query(store, args)
    found = validation.validate(store, query, ledger=ledger, lock=args.lock)
    document: dict[str, Any] = {
        "record": _record(found.record), "lock": _record(found.lock), "repeated": found.repeated, "cut": found.performance.cut,
        "cohort": found.record.content["cohort_words"], "overlap": found.record.content["overlap"], "notes": found.record.content["notes"],
        "performance": found.performance.document(), "derivation": found.lock.content["performance"],
        "retuned_do_not_report": found.record.content["retuned"],
    }  # fmt: skip
    tables = [("At the locked cut-off", found.performance.measures.drop("key")), ("Survival, positive against negative", found.performance.survival)]
    if found.retuned.performance is not None:
        claimed = found.retuned.performance.measures.drop("key")
        tables.append((f"MUST NOT BE REPORTED: what re-tuning to {words.number(found.retuned.cut)} on these patients would have claimed", claimed))
    if args.comparator:
        agreed = comparator.against(store, found.cohort, lock=found.lock, comparator=args.comparator, cut=args.comparator_cut)
        tables.append((f"Agreement with {markers.label(args.comparator)}", agreed.table()))
        document["agreement"] = {"n": agreed.n, "n_missing": agreed.n_missing, "measures": agreed.table().to_dicts(), "note": agreed.note}
    return Report(title=validation.told(found), tables=tables, notes=list(found.performance.notes), document=document)


def _ledger(ledger: Ledger) -> Report:
    state = ledger.state()
    return Report(
        title=state.sentence, tables=[("", locking.ledger_table(state))], notes=[*state.problems, *state.torn], failed=bool(state.problems),
        document={
            "holds": not state.problems, "problems": list(state.problems), "torn": list(state.torn), "head": state.head,
            "records": [{**_record(r), "previous": r.previous, "content": dict(r.content)} for r in state.records],
        },
    )  # fmt: skip


def _interaction(store: Store, args: argparse.Namespace, ledger: Ledger) -> Report:
    _needed(args, "marker")
    query, outcome = _query(store, args), args.endpoint or "os"
    if outcome == "response":
        raise UnknownName("an interaction is asked of os or pfs: controls have no response to immunotherapy")
    data = treatment.compared(store, query, marker=args.marker, outcome=outcome)
    found = treatment.modified(data.frame, name=markers.label(args.marker), cut=args.cut, outcome=outcome)
    treatment.noted(store, query, (args.marker, outcome, args.direction), cut=args.cut, ledger=ledger, added=data.added)
    notes = [*found.notes, *([] if data.randomised else [treatment.CONFOUNDED]), f"Rule fixed beforehand: {RULE}"]
    return Report(
        title=f"{found.marker} ({found.by}): {found.verdict}", notes=notes,
        tables=[("Effects", found.table()), ("Patients and events", found.counts)],
        document={**_modification(found), "randomised": data.randomised, "controls_added": data.added, "notes": notes},
    )  # fmt: skip


def _modification(found: Modification) -> dict[str, Any]:
    parts = ("interaction", "in_control", "in_treated", "arm_low", "arm_high")
    effects = {}
    for name in parts:
        f = getattr(found, name)
        low, high = f.ci95 or (math.nan, math.nan)
        effects[name] = {"hazard_ratio": f.effect, "ci_low": low, "ci_high": high, "p_value": f.p_value, "n": f.n, "events": f.events, "note": f.note}
    return {
        "marker": found.marker, "per": found.by, "verdict": found.verdict, "p_interaction_holm": found.p_interaction,
        "p_control_holm": found.p_control, "counts": found.counts.to_dicts(), **effects,
    }  # fmt: skip


def _checklist(store: Store, args: argparse.Namespace, ledger: Ledger) -> Report:
    _needed(args, "lock")
    known = checklist.known_of(store, args.lock, ledger=ledger)
    tables = {name: checklist.items(name, known) for name in checklist.GUIDELINES}
    missing = {name: int((table["status"] == "missing").sum()) for name, table in tables.items()}
    said = "; ".join(f"{checklist.GUIDELINES[name]}: {n} of {tables[name].height} items are missing" for name, n in missing.items())
    return Report(
        title=said, tables=[(checklist.GUIDELINES[name], table) for name, table in tables.items()],
        document={name: table.to_dicts() for name, table in tables.items()},
    )  # fmt: skip

"""python -m core scan: every marker of a study against response or survival."""

from __future__ import annotations

import argparse

import numpy as np

from core.cohort.query import CohortQuery, Filter
from core.commands.database import known_studies, opened
from core.commands.report import Report
from core.errors import UnknownName
from core.markers.scan.effects import SPLITS
from core.markers.scan.matrix import KINDS
from core.markers.scan.null import null
from core.markers.scan.outcome import OUTCOMES
from core.markers.scan.scan import LEVELS, scan
from core.settings import Settings

SHOWN = ("label", "contrast", "effect", "ci_low", "ci_high", "p_value", "q_value", "n", "n_missing")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--study", required=True, nargs="+", metavar="STUDY", help="several are pooled by meta-analysis")
    parser.add_argument("--cohort", nargs="+", metavar="COHORT", help="these cohorts alone")
    parser.add_argument("--outcome", default="response", choices=tuple(OUTCOMES), help="response unless said otherwise")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--split", default="sd", choices=tuple(SPLITS), help="per 1 SD, by rank, or halves at the median")
    parser.add_argument("--covariates", default="", metavar="COLUMNS", help="patient columns to adjust for, with commas")
    parser.add_argument("--top", type=int, default=25, metavar="N", help="markers to list; 0 = all")
    parser.add_argument("--shuffles", type=int, default=0, metavar="N", help="also shuffle the outcomes so many times")
    parser.add_argument("--seed", type=int, default=0, help="of the shuffles")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """The markers with the smallest p values; in the document also counts, the test and the shuffles."""
    held = tuple(name for name in args.covariates.split(",") if name)
    if args.top < 0 or args.shuffles < 0:
        raise UnknownName("--top and --shuffles count markers and shuffles; give 0 or more")
    with opened(settings) as store:
        known_studies(store, args.study)
        filters = (Filter("cohort", "in", tuple(args.cohort)),) if args.cohort else ()
        query = CohortQuery(tuple(args.study), filters)
        options = {"outcome": args.outcome, "kinds": tuple(args.kinds), "split": args.split, "covariates": held}
        found = scan(store, query, **options)
        shuffled = null(store, query, **options, shuffles=args.shuffles, seed=args.seed)[0] if args.shuffles else None
    listed = found.table.head(args.top) if args.top else found.table
    called = {f"{level:g}": found.called(level).height for level in LEVELS}
    notes = [
        f"Test: {found.test}; {found.measure} with 95% interval; Benjamini-Hochberg over {found.tested:,} tests",
        f"Called at a false discovery rate of 5%: {called['0.05']:,}, of 10%: {called['0.1']:,}; exploratory",
    ]
    permutation = None
    if shuffled is not None:
        permutation = {
            "shuffles": shuffled.shuffles, "threshold": shuffled.threshold, "observed": shuffled.observed,
            "null_median": float(np.median(shuffled.null)), "share_at_least_observed": shuffled.p_any,
            "share_calling": {f"{level:g}": float((hits > 0).mean()) for level, hits in shuffled.null_called.items()},
        }  # fmt: skip
        notes.append(
            f"Shuffled outcomes: {permutation['null_median']:g} markers with p < {shuffled.threshold:g} (median of {shuffled.shuffles:,}), observed "
            f"{shuffled.observed:,} (score test)"
        )
    return Report(
        title=f"{found.tested:,} markers against {OUTCOMES[args.outcome].lower()}, n = {found.found.n:,}, {found.found.events:,} "
        f"{'responders' if found.measure == 'OR' else 'events'}",
        tables=[("", listed.select(SHOWN))],
        notes=[*notes, *(f"left out, too small: {name}" for name in found.found.small)],
        document={
            "studies": list(args.study), "outcome": args.outcome, "split": args.split, "kinds": list(args.kinds), "covariates": list(held),
            "test": found.test, "measure": found.measure, "n": found.found.n, "events": found.found.events, "tested": found.tested,
            "cohorts": [{"study": c.study, "cohort": c.cohort, "n": len(c.patients), "events": int(c.event.sum())} for c in found.found.cohorts],
            "called": called, "permutation": permutation, "notes": notes, "markers": listed.to_dicts(),
        },
    )  # fmt: skip

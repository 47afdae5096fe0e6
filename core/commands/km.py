"""python -m core km: survival above and below a cut of a marker, or between the groups of a column."""

from __future__ import annotations

import argparse
import difflib

import polars as pl

from core import survival
from core.cohort.frame import patients
from core.cohort.query import CohortQuery, Filter
from core.commands.database import known_studies, opened
from core.commands.report import Report
from core.errors import NotMeasured, UnknownName
from core.finding import Finding
from core.settings import Settings
from data.schema import ENDPOINTS, PATIENT
from data.store import Store

GROUP = "group"
GROUPING = frozenset({"number", "category", "flag"})
"""Kinds of column that patients can be grouped by before their outcome is known."""
NOT_GROUPING = {
    "id": "an id",
    "time": "a time of follow-up, itself an outcome",
    "event": "an event, itself an outcome",
    "text": "free text",
    "list": "a list",
}
MOST_LEVELS, MOST_LISTED = 12, 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--study", required=True, metavar="STUDY")
    parser.add_argument("--cohort", metavar="COHORT", help="one cohort of the study")
    parser.add_argument(
        "--by", required=True, metavar="COLUMN", help="a patient column, such as tmb_per_mb or phenotype"
    )
    parser.add_argument("--cut", type=float, metavar="X", help="number to cut at: at or above it against below it")
    parser.add_argument("--endpoint", default="os", choices=tuple(ENDPOINTS), help="os unless said otherwise")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Groups with n, events, median and interval; the hazard ratio with its interval; the log-rank test."""
    if args.by not in PATIENT.dtypes:
        near = difflib.get_close_matches(args.by, _choices(), n=4, cutoff=0.3) or ["tmb_per_mb", "phenotype", "sex"]
        raise UnknownName(f"there is no patient column '{args.by}'; did you mean {' or '.join(near)}?")
    with opened(settings) as store:
        known_studies(store, [args.study])
        kind = PATIENT.column(args.by).kind
        if kind not in GROUPING:
            raise UnknownName(
                f"'{args.by}' is {NOT_GROUPING.get(kind, kind)}, which makes no groups of patients; choose a column that "
                f"{args.study} has, such as {', '.join(_sensible(store, args.study)[:MOST_LISTED]) or 'another'}"
            )
        frame = _cohort(store, args)
    if frame[args.by].null_count() == frame.height:
        raise NotMeasured(
            f"{PATIENT.column(args.by).label} is not known for any patient of {args.study}; choose another"
        )
    grouped, by, cut = _grouped(frame, args.by, args.cut)
    curves = survival.kaplan_meier(grouped, outcome=args.endpoint, by=by)
    test = survival.logrank(grouped, outcome=args.endpoint, by=by)
    ratios = survival.hazard_ratio(grouped, outcome=args.endpoint, by=by)
    present = curves.labels
    versus = [
        {"group": group, "reference": present[-1], **_ratio(finding)}
        for group, finding in zip(present[:-1], ratios, strict=False)
    ]
    medians = curves.medians()
    return Report(
        title=f"{curves.outcome_label} of {args.study} by {PATIENT.column(args.by).label}, n = {curves.n:,}",
        tables=[("Median survival, months", medians), ("Hazard ratio (Cox, Efron)", pl.DataFrame(versus))],
        notes=[
            f"Log-rank test: chi-square {test.statistic:.3g}, p = {test.p_value:.2g}",
            f"{curves.n_missing:,} patients lack the marker or the endpoint and are left out",
        ],
        document={
            "study": args.study,
            "cohort": args.cohort,
            "endpoint": args.endpoint,
            "by": args.by,
            "cut": cut,
            "n": curves.n,
            "n_missing": curves.n_missing,
            "groups": medians.to_dicts(),
            "hazard_ratio": versus[0] if len(versus) == 1 else None,
            "hazard_ratios": versus,
            "logrank": {"statistic": test.statistic, "p_value": test.p_value},
        },
    )


def _cohort(store: Store, args: argparse.Namespace) -> pl.DataFrame:
    filters: tuple[Filter, ...] = ()
    if args.cohort:
        names = store.sql("SELECT DISTINCT cohort FROM patient WHERE study = $s ORDER BY 1", {"s": args.study})[
            "cohort"
        ]
        if args.cohort not in names.to_list():
            raise UnknownName(f"study {args.study} has no cohort '{args.cohort}'; it has {', '.join(names.to_list())}")
        filters = (Filter("cohort", "in", (args.cohort,)),)
    columns = list(dict.fromkeys(["patient_id", f"{args.endpoint}_months", f"{args.endpoint}_event", args.by]))
    return patients(store, CohortQuery((args.study,), filters), columns=columns)


def _grouped(frame: pl.DataFrame, by: str, cut: float | None) -> tuple[pl.DataFrame, str, float | None]:
    """The frame, its column of groups (the last one is the reference), and the cut that made them."""
    if PATIENT.column(by).kind == "number":
        made = survival.split(frame, by, method="median" if cut is None else "cut", cut=cut)
        return made.onto(frame, name=GROUP), GROUP, made.cuts[0]
    if cut is not None:
        raise UnknownName(f"'{by}' is not a number, so it cannot be cut at {cut:g}; leave --cut out")
    return frame, by, None


def _ratio(finding: Finding) -> dict[str, object]:
    low, high = finding.ci95 or (None, None)
    return {"hr": finding.effect, "ci_low": low, "ci_high": high, "p_value": finding.p_value, "note": finding.note}


def _choices() -> list[str]:
    return [column.name for column in PATIENT.columns if column.kind in GROUPING]


def _sensible(store: Store, study: str) -> list[str]:
    """Columns of which a study has at least two values, and not too many for curves."""
    frame = store.table("patient", study=study)
    counts = {name: frame[name].drop_nulls().n_unique() for name in _choices()}
    return [n for n, k in counts.items() if k > 1 and (k <= MOST_LEVELS or PATIENT.column(n).kind == "number")]

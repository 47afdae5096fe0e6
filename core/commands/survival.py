"""python -m core survival: survival analysis of any table, with every number that R's survival package would give."""

from __future__ import annotations

import argparse

import polars as pl

from core.commands import survival_parts as parts
from core.commands.report import Report
from core.commands.survival_rows import read_rows
from core.commands.table_file import listed
from core.errors import UnknownName
from core.settings import Settings
from core.survival.rank_tests import GAMMA, RHO


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("file", metavar="FILE.csv", help="a table with a header row")
    parser.add_argument("--time", required=True, metavar="T", help="column of times, from 0 on, in any unit")
    parser.add_argument("--event", required=True, metavar="E", help="column of events: 1 and 0, yes and no, or 2 and 1")
    parser.add_argument("--group", metavar="G", help="column of groups to compare")
    parser.add_argument("--strata", metavar="S", help="columns within whose combinations tests and models compare")
    parser.add_argument("--entry", metavar="T0", help="column of entry times (left truncation)")
    parser.add_argument("--covariates", metavar="x1,x2", help="columns of the Cox model; the group where none are named")
    parser.add_argument("--interval", default="log-log", choices=("log-log", "log"), help="scale of the curves' limits")
    parser.add_argument("--horizon", type=float, metavar="X", help="horizon of the restricted mean; shortest follow-up unless given")
    parser.add_argument("--at", metavar="t1,t2", help="times at which survival is read")
    parser.add_argument("--landmark", type=float, metavar="t", help="keep those at risk after t and count time from it")
    parser.add_argument("--endpoint", default="survival", choices=("survival", "competing"),
                        help="competing: E holds 0 = censored, 1, 2, ... = the event that came first")  # fmt: skip
    parser.add_argument("--rho", type=float, default=RHO, metavar="r", help=f"Fleming-Harrington exponent of S ({RHO:g})")
    parser.add_argument("--gamma", type=float, default=GAMMA, metavar="g", help=f"Fleming-Harrington exponent of 1 - S ({GAMMA:g})")
    parser.add_argument("--transform", default="km", choices=("km", "rank", "identity", "log"),
                        help="of time, in the test of proportional hazards")  # fmt: skip


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Curves, medians, follow-up, restricted means, tests, Cox models and the test of proportional hazards."""
    document = analysis(args)
    return Report(
        title=f"{args.file}: n = {document['n']:,}, {document['events']:,} events, {document['n_missing']:,} rows left out",
        tables=_tables(document),
        notes=[str(note) for note in _list(document["notes"])],
        document=document,
    )


def analysis(args: argparse.Namespace) -> parts.Part:
    """The whole document; a part that cannot be computed is None, and `notes` says why.

    Raises
    ------
    NotMeasured, UnknownName
        The file or a column is not there, or holds what is not a number or an event.
    """
    times = _times(args.at)
    rows = read_rows(args)
    notes: list[str] = list(rows.notes)
    competing = args.endpoint == "competing"
    curves = parts.curves(rows, args.interval, notes)
    n = int(rows.used.sum())
    left_out = int(rows.landmark["n_left_out"]) if rows.landmark else 0  # type: ignore[call-overload]
    document: parts.Part = {
        "file": str(args.file), "endpoint": args.endpoint, "n": n, "n_missing": int(rows.used.size) - n - left_out,
        "events": int((rows.cause[rows.used] > 0).sum()), "interval": args.interval, "landmark": rows.landmark,
        "km": parts.km(curves), "medians": parts.medians(curves), "follow_up": parts.follow_up(rows, args.interval),
        "at": parts.attempt("survival at chosen times", notes, lambda: parts.at(curves, times, notes)),
        "rmst": parts.attempt("rmst", notes, lambda: parts.rmst(curves, args.horizon, notes)),
    }  # fmt: skip
    if competing:
        document["incidence"] = parts.attempt("incidence", notes, lambda: parts.incidence(rows, args.interval))
        document["gray"] = parts.attempt("Gray's test", notes, lambda: parts.gray(rows, notes))
        if not rows.grouped:
            notes.append("no --group: no test")
        if rows.covariates.width:
            notes.append("--covariates are not used with competing events")
        return _signed(document, notes)
    exponents = (args.rho, args.gamma)
    document["tests"] = parts.attempt("tests", notes, lambda: parts.tests(rows, exponents, notes))
    document["pairwise"] = parts.attempt("pairwise tests", notes, lambda: parts.pairwise(rows, notes))
    of_group = of_covariates = None
    if rows.grouped:
        of_group = parts.attempt("Cox model of the group", notes, lambda: parts.model(rows, of_group=True))
    else:
        notes.append("no --group: no test between groups")
    if rows.covariates.width:
        of_covariates = parts.attempt("Cox model", notes, lambda: parts.model(rows, of_group=False))
    main = of_covariates if rows.covariates.width else of_group
    if not rows.covariates.width and not rows.grouped:
        notes.append("no --covariates and no --group: no Cox model")
    for what, fitted in (("Cox model", of_covariates), ("Cox model of the group", of_group)):
        notes += parts.told(what, fitted)
    document["cox"] = parts.cox(main)
    document["cox_group"] = parts.cox(of_group)
    document["ph_test"] = parts.attempt(
        "proportional hazards", notes, lambda: parts.hazards(main, args.transform, notes)
    )
    return _signed(document, notes)


def _signed(document: parts.Part, notes: list[str]) -> parts.Part:
    """The document with its notes, each once; a table's times have no unit here (but its labels keep theirs)."""
    labels = [str(curve["group"]) for curve in _list(document["km"]) if isinstance(curve, dict)]
    kept = sorted((label for label in labels if " months" in label), key=len, reverse=True)
    plain = []
    for note in notes:
        for k, label in enumerate(kept):
            note = note.replace(label, f"\0{k}\0")
        note = note.replace(" months", "")
        for k, label in enumerate(kept):
            note = note.replace(f"\0{k}\0", label)
        plain.append(note)
    document["notes"] = list(dict.fromkeys(plain))
    return document


def _times(text: str | None) -> list[float]:
    """The times of --at."""
    times = []
    for word in listed(text):
        try:
            times.append(float(word))
        except ValueError as error:
            raise UnknownName(f"--at takes numbers separated by commas, not '{word}'") from error
    return times


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _tables(document: parts.Part) -> list[tuple[str, pl.DataFrame]]:
    """The document as tables for people; the curves themselves are in the JSON."""
    found: list[tuple[str, object]] = [("Median, Brookmeyer-Crowley interval", document["medians"])]
    follow_up, means, tests, model = (document.get(key) for key in ("follow_up", "rmst", "tests", "cox"))
    if isinstance(follow_up, dict):
        found.append(("Median follow-up, reverse Kaplan-Meier", [{k: v for k, v in follow_up.items() if k not in {"groups", "method"}}]))
    found.append(("Survival at chosen times", document["at"]))
    if isinstance(means, dict):
        found.append((f"Restricted mean up to {means['horizon']:.4g}", means["groups"]))
        found.append(("Difference of restricted means, a - b", means["differences"]))
        found.append(("Ratio of restricted means, a / b", means["ratios"]))
    if isinstance(tests, dict):
        found.append(
            ("Tests of equal survival", [{"test": name.replace("_", " "), **answer} for name, answer in tests.items() if answer])
        )
    found.append(("Pairwise log-rank tests, Holm", document.get("pairwise")))
    if isinstance(model, dict):
        found.append((f"Cox model (Efron), n = {model['n']}, {model['events']} events", model["terms"]))
        found.append(("Tests of the model", [{"test": name.replace("_", " "), **answer} for name, answer in model["tests"].items()]))
    found.append(("Proportional hazards", document.get("ph_test")))
    found.append(("Gray's test", document.get("gray")))
    return [(heading, _frame(rows)) for heading, rows in found if isinstance(rows, list) and rows]


def _frame(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.selectors.float().fill_nan(None))

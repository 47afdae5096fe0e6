"""python -m core response: how well scores of any table separate responders, at which cut, and whether they are right."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl

from core.commands import table_file
from core.commands.report import Report
from core.errors import NotMeasured, TooFewPatients
from core.finding import Finding
from core.response.alarms import of_auc, of_events
from core.response.calibration import Calibration, calibrate
from core.response.confusion import MEASURES, Confusion, confusion
from core.response.decision_curve import decision_curve
from core.response.outcome import Floats
from core.response.paired import compare
from core.response.paired import standard_error as paired_error
from core.response.precision_recall import by_chance
from core.response.precision_recall import curve as precision_curve
from core.response.rate import wilson
from core.response.roc import best_cut, standard_error
from core.response.roc import curve as roc_curve
from core.settings import Settings

POSITIVE = frozenset({"responder", "response", "cr", "pr", "cr/pr", "r"})
NEGATIVE = frozenset({"non-responder", "nonresponder", "no response", "sd", "pd", "sd/pd", "nr"})
"""Words of a label besides yes and no; RECIST as everywhere: CR or PR against SD or PD."""
THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
MOST_GROUPS = 50
DEFINITIONS = {
    "slope": "logistic regression of response on the log-odds of the probability; slope_intercept is its intercept",
    "intercept": "calibration in the large: the log-odds as offset, slope held at 1",
    "ece": "mean over patients of |observed rate - mean probability| in bins of about equal size: 10, or as many as leave 10 patients each",
    "ece_expected": "its mean by chance were the probabilities right",
    "brier_null": "the observed response rate given to everybody",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("file", metavar="FILE.csv", help="a table with a header, one row a patient")
    parser.add_argument(
        "--label", required=True, metavar="Y", help="column of response: 1/0, yes/no, or CR, PR, SD, PD"
    )
    parser.add_argument(
        "--score", required=True, metavar="S1,S2", help="columns of scores, higher = more likely to respond"
    )
    parser.add_argument(
        "--cut",
        type=float,
        metavar="X",
        help="2x2 measures at this cut, at or above = positive; else at the best cut here",
    )
    parser.add_argument("--group", metavar="G", help="also within each group of this column")


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """AUC, average precision, 2x2 measures and calibration of each score; paired tests between scores."""
    frame = table_file.read_table(args.file)
    names = table_file.listed(args.score)
    if not names:
        raise NotMeasured("--score names no column; give one or more, separated by commas")
    table_file.columns(frame, [args.label], option="--label")
    table_file.columns(frame, names, option="--score")
    if args.group:
        table_file.columns(frame, [args.group], option="--group")
    if args.cut is not None and not np.isfinite(args.cut):
        raise NotMeasured(f"--cut is {args.cut}, which divides nobody; give a finite number in the unit of the score")
    response = labels(frame, args.label)
    scores, notes = _scores(frame, names)
    if table_file.is_one_two(frame, args.label):
        notes.insert(0, f"{args.label} is coded 1 and 2: 2 is read as a responder, 1 as a non-responder.")
    document: dict[str, object] = {"file": Path(args.file).name, "label": args.label}
    document |= judged(scores, response, cut=args.cut, notes=notes)
    document["notes"] = notes = list(dict.fromkeys(notes))
    if args.group:
        document["group"] = args.group
        document["groups"] = _grouped(frame, args.group, scores=scores, response=response, cut=args.cut)
    return Report(
        title=f"{document['n']:,} patients of {document['file']}, {document['responders']:,} responders",
        tables=_tables(document),
        notes=[str(note) for note in notes],
        document=document,
    )


def labels(frame: pl.DataFrame, name: str) -> Floats:
    """(n,) 1 = responder, 0 = not, nan = missing.

    Raises
    ------
    NotMeasured
        A value is neither a yes or no nor a RECIST category; the sentence names line and value.
    """
    words = [None if word is None else word.lower() for word in frame[name].to_list()]
    if {word for word in words if word is not None} <= POSITIVE | NEGATIVE | {"ne"} and any(words):
        return np.array([1.0 if w in POSITIVE else 0.0 if w in NEGATIVE else np.nan for w in words])
    return table_file.flags(frame, name)


def judged(
    scores: Mapping[str, Floats], response: Floats, *, cut: float | None = None, notes: list[str] | None = None
) -> dict[str, object]:
    """The document of the command for some patients.

    Parameters
    ----------
    scores : name -> (n,) float, nan = missing. response : (n,) 1, 0 or nan. cut : of all scores; None = each its own.
    notes : sentences are added to it.
    """
    said = [] if notes is None else notes
    known = np.isfinite(response) & np.any([np.isfinite(v) for v in scores.values()], axis=0)
    hits, n = int((response[known] > 0.5).sum()), int(known.sum())
    rate = {"estimate": hits / n if n else None, **dict(zip(("ci_low", "ci_high"), wilson(hits, n), strict=True))}
    if n == 0:
        said.append("No patient has both a response and a score: nothing can be computed.")
    elif hits in {0, n}:
        said.append(
            f"No patient is a {'responder' if hits == 0 else 'non-responder'}: AUC, average precision and slopes do not exist."
        )
    return {
        "n": n,
        "n_missing": int(response.size - n),
        "responders": hits,
        "response_rate": rate,
        "scores": [_score(name, values, response, cut=cut, notes=said) for name, values in scores.items()],
        "paired": [_paired(pair, scores, response, notes=said) for pair in combinations(scores, 2)],
        "notes": said,
    }


def _scores(frame: pl.DataFrame, names: Sequence[str]) -> tuple[dict[str, Floats], list[str]]:
    """The score columns; an infinite value is no measurement and is left out."""
    scores, notes = {}, []
    for name in names:
        values = table_file.numbers(frame, name)
        infinite = int(np.isinf(values).sum())
        if infinite:
            notes.append(f"{name}: {infinite} infinite value{'' if infinite == 1 else 's'} left out as not measured.")
        scores[name] = np.where(np.isinf(values), np.nan, values)
    return scores, notes


def _score(
    name: str, values: Floats, response: Floats, *, cut: float | None, notes: list[str]
) -> dict[str, object]:  # fmt: skip
    try:
        found = roc_curve(values, response, label=name)
        precision = precision_curve(values, response, label=name)
    except TooFewPatients as error:
        notes.append(f"{name}: {error}.")
        nothing: dict[str, object] = dict.fromkeys(
            ("auc", "se", "ci_low", "ci_high", "p_value", "average_precision", "cut", "calibration", "decision_curve")
        )
        return {"score": name, "n": 0, "n_missing": response.size, "responders": 0, **nothing, "note": str(error)}
    area, average = found.auc, precision.average_precision
    notes += [alarm.text for alarm in (*of_auc(area, label=name), *of_events(found.responders, found.n))]
    chosen = best_cut(found) if cut is None else cut
    if cut is None and np.isfinite(chosen):
        notes.append(
            f"{name}: no --cut was given, so {chosen:g} is the cut with the largest Youden's J on these very patients; its measures are too good."
        )
    two = confusion(values, response, cut=chosen) if np.isfinite(chosen) else None
    if two is not None and two.note:
        notes.append(f"{name} at {chosen:g}: {two.note}.")
    right, curve = _probability(name, values, response, notes=notes)
    return {
        "score": name,
        "n": found.n,
        "n_missing": area.n_missing,
        "responders": found.responders,
        "auc": area.effect,
        "se": standard_error(values, response),
        **_interval(area),
        "p_value": area.p_value,
        "average_precision": average.effect,
        "average_precision_ci_low": _interval(average)["ci_low"],
        "average_precision_ci_high": _interval(average)["ci_high"],
        "average_precision_by_chance": by_chance(found.responders, found.n),
        "prevalence": precision.prevalence,
        "cut": None if two is None else _cut(two, given=cut is not None),
        "calibration": right,
        "decision_curve": curve,
        "note": area.note,
    }


def _interval(finding: Finding) -> dict[str, float | None]:
    low, high = finding.ci95 or (None, None)
    return {"ci_low": low, "ci_high": high}


def _cut(two: Confusion, *, given: bool) -> dict[str, object]:
    measures = {name: getattr(two, name)._asdict() for name in MEASURES}
    return {
        "cut": two.cut,
        "chosen": "given" if given else "largest Youden's J on these patients",
        "n": two.n,
        **{name: getattr(two, name) for name in ("tp", "fp", "fn", "tn")},
        **measures,
        "note": two.note,
    }


def _probability(
    name: str, values: Floats, response: Floats, *, notes: list[str]
) -> tuple[dict[str, object] | None, list[dict[str, object]] | None]:
    """Calibration and decision curve, or None with a note where the score is no probability."""
    try:
        found = calibrate(values, response)
        curve = decision_curve(values, response, thresholds=THRESHOLDS)
    except TooFewPatients as error:
        notes.append(f"{name}: {error}.")
        return None, None
    except NotMeasured as error:
        notes.append(
            f"{name}: no calibration and no decision curve. {str(error)[:1].upper()}{str(error)[1:]}.".replace(
                "This score", name
            )
        )
        return None, None
    for finding in (found.slope, found.intercept):
        if finding.note:
            notes.append(f"{name}, {finding.name}: {finding.note}.")
    return _calibration(found), curve.to_dicts()


def _calibration(found: Calibration) -> dict[str, object]:
    low, high = found.brier_ci95
    out: dict[str, object] = {"n": found.n, "n_missing": found.n_missing, "definitions": DEFINITIONS}
    for name, finding in (
        ("slope", found.slope),
        ("intercept", found.intercept),
        ("observed_expected", found.observed_expected),
    ):
        out |= {name: finding.effect, **{f"{name}_{end}": value for end, value in _interval(finding).items()}}
    return out | {
        "slope_intercept": found.slope_intercept, "ece": found.ece, "ece_expected": found.ece_expected, "brier": found.brier, "brier_ci_low": low, "brier_ci_high": high,
        "brier_null": found.brier_null, "brier_skill": found.skill, "bins": found.bins.to_dicts(),
    }  # fmt: skip


def _paired(
    pair: tuple[str, str], scores: Mapping[str, Floats], response: Floats, *, notes: list[str]
) -> dict[str, object]:
    one, two = pair
    known = np.isfinite(response)
    found = compare(scores[one][known], scores[two][known], response[known] > 0.5)
    low, high = found.ci95 or (None, None)
    if found.p_value != found.p_value:
        notes.append(f"{one} against {two}: {found.note}.")
    return {
        "a": one, "b": two, "difference": found.effect, "se": paired_error(found), "ci_low": low, "ci_high": high,
        "z": found.statistic, "p_value": found.p_value, "n": found.n, "n_missing": int(response.size - found.n), "note": found.note,
    }  # fmt: skip


def _grouped(
    frame: pl.DataFrame, group: str, *, scores: Mapping[str, Floats], response: Floats, cut: float | None
) -> list[dict[str, object]]:
    names, codes = table_file.labels(frame, group)
    if len(names) > MOST_GROUPS:
        raise NotMeasured(
            f"{group} has {len(names)} different values; --group takes a column of at most {MOST_GROUPS} groups"
        )
    return [
        {"group": name, **judged({s: v[codes == k] for s, v in scores.items()}, response[codes == k], cut=cut)}
        for k, name in enumerate(names)
    ]


def _tables(document: Mapping[str, object]) -> list[tuple[str, pl.DataFrame]]:
    """For people: a row a score, its measures at the cut, the paired tests."""
    scores = document["scores"]
    rows = [s for s in scores if isinstance(s, dict)] if isinstance(scores, list) else []
    keys = ("score", "n", "responders", "auc", "ci_low", "ci_high", "p_value", "average_precision")
    tables = [("AUC (DeLong)", pl.DataFrame([{k: s[k] for k in keys} for s in rows], infer_schema_length=None))]
    for row in rows:
        if isinstance(row["cut"], dict):
            at = row["cut"]
            lines = [{"measure": words, **at[name]} for name, words in MEASURES.items()]
            tables.append(
                (f"{row['score']} at {at['cut']:g} ({at['chosen']})", pl.DataFrame(lines, infer_schema_length=None))
            )
        if isinstance(row["calibration"], dict):
            kept = ("slope", "intercept", "ece", "brier", "brier_null")
            tables.append(
                (
                    f"{row['score']}, calibration",
                    pl.DataFrame([{k: row["calibration"][k] for k in kept}], infer_schema_length=None),
                )
            )
    pairs = document["paired"]
    if isinstance(pairs, list) and pairs:
        tables.append(
            (
                "Paired differences in AUC (DeLong)",
                pl.DataFrame([{k: v for k, v in p.items() if k != "note"} for p in pairs], infer_schema_length=None),
            )
        )
    return [(heading, table.with_columns(pl.col(pl.Float64).fill_nan(None))) for heading, table in tables]

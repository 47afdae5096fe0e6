"""Record: an evaluation as rows of the table `evaluation`, and as a file that holds them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.errors import CohortError
from core.evaluation.entry import Entry, Floats
from core.evaluation.judged import Estimate, Group
from core.evaluation.protocol import Evaluation, fits
from data.errors import SchemaError
from data.schema import EVALUATION
from models.inputs import Inputs, Labels

FORMAT = "tmescope evaluation 1"


class BadEvaluation(CohortError):
    """A file that holds no evaluation."""


def groups(evaluation: Evaluation, inputs: Inputs, labels: Labels, *, scores: Mapping[str, Floats], pooled: bool = False) -> list[Group]:
    """The judged patients cohort by cohort. scores: by model, (repeats, judged).

    pooled: compare patients scored by different fits too (a fit's own constant and spread then count against the model).
    """
    rows = np.flatnonzero(evaluation.judged)
    names = np.asarray(inputs.cohorts)[rows]
    fold = None if pooled else fits(evaluation)
    happened = evaluation.happened(labels)[rows]
    made = []
    for name in dict.fromkeys(names.tolist()):
        own = names == name
        made.append(Group(
            name=name, happened=happened[own],
            time=None if evaluation.endpoint == "response" else labels.os_months[rows][own].astype(np.float64),
            scores={model: found[:, own] for model, found in scores.items()}, fold=None if fold is None else fold[:, own],
        ))  # fmt: skip
    return made


def rows(
    evaluation: Evaluation, estimates: Sequence[Estimate], entries: Sequence[Entry], *, seed: int = 0, shuffled: bool = False
) -> list[dict[str, Any]]:
    """Rows of the table `evaluation`."""
    by_name = {entry.name: entry for entry in entries}
    made = []
    for found in estimates:
        study, _, cohort = found.cohort.partition("/")
        made.append({
            "evaluation": evaluation.name, "protocol": evaluation.protocol, "endpoint": evaluation.endpoint,
            "study": study, "cohort": cohort, "predictor": found.model, "label": by_name[found.model].label,
            "simple": by_name[found.model].simple, "against": found.against,
            "metric": "auc" if evaluation.endpoint == "response" else "c_index",
            "estimate": _number(found.value), "ci_low": _number(found.low), "ci_high": _number(found.high),
            "n": found.n, "events": found.events, "repeats": evaluation.repeats, "seed": seed, "shuffled": shuffled,
        })  # fmt: skip
    return made


def table(found: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as the table of the schema."""
    if not found:
        return EVALUATION.empty()
    return EVALUATION.conform(pl.DataFrame(list(found), infer_schema_length=None))


def brief(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the differences of single cohorts, numbers to four digits: what comes with the software."""
    kept = [row for row in found if not row["against"] or not row["cohort"]]
    return [{name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()} for row in kept]


def write(path: Path, found: Sequence[Mapping[str, Any]], *, about: Mapping[str, Any]) -> None:
    """Write the rows as JSON, beside what they were made from; the file is there whole or not at all."""
    document = {"format": FORMAT, "about": dict(about), "rows": list(found)}
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=0, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def read(path: Path) -> pl.DataFrame:
    """The rows that `write` wrote.

    Raises
    ------
    BadEvaluation
        The file cannot be read, or holds something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != FORMAT:
            raise BadEvaluation(f"{path.name} is of another format, {document['format']!r}; make it anew with benchmarks/model.py --json")
        return table([{"model": document["about"].get("model") or None, **row} for row in document["rows"]])
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, SchemaError, pl.exceptions.PolarsError) as error:
        raise BadEvaluation(
            f"{path.name} holds no evaluation ({type(error).__name__}); make it anew with benchmarks/model.py --json"
        ) from error


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

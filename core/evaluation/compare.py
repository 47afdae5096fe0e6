"""Compare: every model of an evaluation on the same patients and folds, as rows of the table `evaluation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluation import protocol, record, simple
from core.evaluation.alike import Alike
from core.evaluation.entry import Entry
from core.evaluation.judged import judge
from core.evaluation.protocol import Evaluation, out_of_fold, shuffled
from core.tme.signatures import catalogue
from models.card import ModelError
from models.inputs import Inputs, Labels
from models.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
Rows = list[dict[str, Any]]
Say = Callable[[str], None]

NAMES = ("unseen_cohorts", "imvigor_response", "imvigor_survival", "tcga_survival")
"""Evaluations, in the order in which people see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What evaluations are made from: patients, outcomes, vocabulary, and rows that may be one person in two cohorts."""

    inputs: Inputs
    labels: Labels
    words: Vocabulary
    alike: Alike


def evaluation(name: str, material: Material, *, repeats: int = protocol.REPEATS, seed: int = 0) -> Evaluation:
    """One of NAMES on these patients.

    Raises
    ------
    KeyError
        No evaluation has this name.
    """
    given = (material.inputs, material.labels, material.words)
    if name == "unseen_cohorts":
        row = {patient: number for number, patient in enumerate(material.inputs.patients)}
        pairs = [(row[a], row[b]) for a, b in material.alike.pairs if a in row and b in row]
        return protocol.unseen_cohorts(*given, alike=pairs)
    built = {
        "imvigor_response": protocol.imvigor_response, "imvigor_survival": protocol.imvigor_survival, "tcga_survival": protocol.tcga_survival,
    }  # fmt: skip
    return built[name](*given, repeats=repeats, seed=seed)


def simple_entries(name: str, words: Vocabulary) -> tuple[Entry, ...]:
    """The simple models of one of NAMES."""
    if name in {"unseen_cohorts", "imvigor_response"}:
        found = next(signature for signature in catalogue(None) if signature.name == "gep")
        profile = dict(zip(found.genes, found.weights or (1.0,) * len(found.genes), strict=True))
        return simple.response_of_unseen_cohorts(words, profile) if name == "unseen_cohorts" else simple.response_within(words, profile)
    kinds = ("clinical", "burden", "expression") if name == "imvigor_survival" else ("clinical", "pathology", "expression", "genome")
    return simple.survival_within(words, kinds=kinds)


def compare(
    made: Evaluation, material: Material, entries: Sequence[Entry], *, seeds: Sequence[int] = (0,), pooled: bool = False, say: Say | None = None
) -> Rows:  # fmt: skip
    """Every entry's figures, and their differences from each simple one, on the same patients and folds.

    seeds : of the models; scores of several seeds are averaged, each standardised within the fit that gave it.
    say : told of each fit, and of a model that could not be fitted, which has no row then.
    """
    scores: dict[str, Floats] = {}
    for entry in entries:
        try:
            scores[entry.name] = averaged(made, material, entry, seeds=seeds, say=say)
        except ModelError as error:
            (say or _silent)(f"{entry.name} is left out: {error}")
    groups = record.groups(made, material.inputs, material.labels, scores=scores, pooled=pooled)
    beaten = [entry.name for entry in entries if entry.simple]
    return record.rows(made, judge(groups, against=beaten, by_size=made.by_size), entries, seed=seeds[0])


def averaged(made: Evaluation, material: Material, entry: Entry, *, seeds: Sequence[int], say: Say | None = None) -> Floats:
    """Out-of-fold scores of a model, (repeats, judged), the mean over seeds."""
    runs = [
        out_of_fold(entry, material.inputs, material.labels, evaluation=made, seed=seed * 100_000, progress=say)
        for seed in (seeds if entry.learns else seeds[:1])
    ]
    if len(runs) == 1:
        return runs[0]
    return np.asarray(np.mean([_standard(run, made) for run in runs], axis=0), dtype=np.float64)


def _standard(scores: Floats, made: Evaluation) -> Floats:
    fold = protocol.fits(made)
    if fold is None:
        return scores
    out = scores.copy()
    for number in np.unique(fold):
        own = fold == number
        known = own & np.isfinite(scores)
        if known.any():
            spread = float(scores[known].std())
            out[own] = (scores[own] - float(scores[known].mean())) / (spread if spread > 0 else 1.0)
    return out


def control(
    made: Evaluation, material: Material, entries: Sequence[Entry], *, shuffles: int, pooled: bool = False, say: Say | None = None
) -> Rows:  # fmt: skip
    """Figures of the models that learn when outcomes are dealt out anew within each cohort: what chance gives.

    Each shuffle draws its own labels and is judged on them. A row's estimate is the mean over shuffles, its interval their
    2.5th and 97.5th percentile, its repeats their number.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    learning = [entry for entry in entries if entry.learns]
    for number in range(shuffles):
        dealt = shuffled(material.labels, material.inputs.cohorts, seed=number)
        given = Material(inputs=material.inputs, labels=dealt, words=material.words, alike=material.alike)
        again = evaluation(made.name, given, repeats=1, seed=number)
        scores: dict[str, Floats] = {}
        for entry in learning:
            try:
                scores[entry.name] = out_of_fold(entry, given.inputs, dealt, evaluation=again, progress=say)
            except ModelError as error:
                (say or _silent)(f"{entry.name} is left out of a shuffle: {error}")
        groups = record.groups(again, given.inputs, dealt, scores=scores, pooled=pooled)
        for row in record.rows(again, judge(groups, by_size=made.by_size, resamples=1), learning, shuffled=True):
            found.setdefault((row["predictor"], row["study"] + "/" + row["cohort"]), []).append(row)
    made_rows: Rows = []
    for many in found.values():
        values = [row["estimate"] for row in many if row["estimate"] is not None]
        if values:
            low, high = np.quantile(values, (0.025, 0.975))
            made_rows.append({**many[0], "estimate": float(np.mean(values)), "ci_low": float(low), "ci_high": float(high), "repeats": len(values)})
    return made_rows


def _silent(_words: str) -> None:
    return


def figure(rows: Sequence[Mapping[str, Any]], predictor: str, *, cohort: str = "", against: str = "") -> Mapping[str, Any] | None:
    """One row of `compare`, or None."""
    return next(
        (r for r in rows if (r["predictor"], r["cohort"], r["against"]) == (predictor, cohort, against)), None
    )

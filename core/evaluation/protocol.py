"""Protocol: which patients are judged, on what, and who may teach for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.errors import TooFewPatients
from core.evaluation.entry import Entry
from models.inputs import Inputs, Labels
from models.protocols import Split, leave_one_cohort_out, repeated_folds
from models.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

TCGA = ("tcga/TCGA-LUAD", "tcga/TCGA-LUSC", "tcga/TCGA-SKCM", "tcga/TCGA-STAD")
IMVIGOR = "imvigor210/IMvigor210"
RESPONSE_STUDIES = ("loris", "imvigor210", "liu2019", "riaz2017", "hugo2016", "vanallen2015", "nathanson2017", "miao2018",
                    "snyder2017", "padron2022")  # fmt: skip
"""Published studies of treated patients with a response, or with expression like theirs."""
REPEATS, FOLDS, LEAST = 10, 5, 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One protocol on one set of patients.

    Attributes
    ----------
    name : key. label : words. protocol : as in the schema's PROTOCOLS. endpoint : 'response' or 'os'.
    judged : (n,) patients on whom models are judged. splits : every fit. repeats : of the whole.
    by_size : the mean over cohorts is weighted by their patients; else cohorts count alike.
    """

    name: str
    label: str
    protocol: str
    endpoint: str
    judged: Bools
    splits: tuple[Split, ...]
    repeats: int
    by_size: bool = True

    def happened(self, labels: Labels) -> Bools:
        """(n,) responded, or died."""
        found = labels.response if self.endpoint == "response" else labels.os_event
        return np.asarray(np.nan_to_num(found) > 0, dtype=bool)


def unseen_cohorts(inputs: Inputs, labels: Labels, words: Vocabulary, *, alike: Sequence[tuple[int, int]] = ()) -> Evaluation:
    """Leave one cohort out: patients with expression and a known response; cohorts without a responder or a
    non-responder are not judged. alike: pairs of rows that may be one patient.
    """
    judged = _expression(inputs) & np.isfinite(labels.response) & labels.treated
    names = np.asarray(inputs.cohorts)
    for name in dict.fromkeys(names[judged].tolist()):
        own = judged & (names == name)
        if labels.response[own].min() == labels.response[own].max():
            judged &= names != name
    return Evaluation(
        name="unseen_cohorts", label="Response in a cohort that was left out", protocol="leave_one_cohort_out",
        endpoint="response", judged=judged, splits=tuple(leave_one_cohort_out(inputs.cohorts, judged, alike=alike)), repeats=1,
    )  # fmt: skip


def imvigor_response(inputs: Inputs, labels: Labels, words: Vocabulary, *, repeats: int = REPEATS, seed: int = 0) -> Evaluation:
    """Repeated 5-fold within IMvigor210: patients with a mutational burden and a known response."""
    judged = _of(inputs, (IMVIGOR,)) & _number(inputs, words, "tmb_per_mb") & np.isfinite(labels.response)
    made = _blank("imvigor_response", "Response within IMvigor210", endpoint="response", judged=judged, repeats=repeats)
    return _repeated(made, inputs, labels, seed=seed)


def imvigor_survival(inputs: Inputs, labels: Labels, words: Vocabulary, *, repeats: int = REPEATS, seed: int = 0) -> Evaluation:
    """Repeated 5-fold within IMvigor210: overall survival of everybody with a known time."""
    judged = _of(inputs, (IMVIGOR,)) & _survival(labels)
    made = _blank("imvigor_survival", "Overall survival within IMvigor210", endpoint="os", judged=judged, repeats=repeats)
    return _repeated(made, inputs, labels, seed=seed)


def tcga_survival(inputs: Inputs, labels: Labels, words: Vocabulary, *, repeats: int = REPEATS, seed: int = 0) -> Evaluation:
    """Repeated 5-fold within each of four TCGA cancers: overall survival of patients with expression and H&E features.

    The mean counts the cancers alike.
    """
    judged = _of(inputs, TCGA) & _survival(labels) & _expression(inputs) & np.isfinite(inputs.slide).any(axis=1)
    made = _blank("tcga_survival", "Overall survival within a TCGA cancer", endpoint="os", judged=judged, repeats=repeats)
    return replace(_repeated(made, inputs, labels, seed=seed), by_size=False)


def _blank(name: str, label: str, *, endpoint: str, judged: Bools, repeats: int) -> Evaluation:
    return Evaluation(
        name=name, label=label, protocol="out_of_fold", endpoint=endpoint, judged=judged, splits=(), repeats=repeats
    )


def _repeated(made: Evaluation, inputs: Inputs, labels: Labels, *, seed: int) -> Evaluation:
    """With repeated folds within each cohort of its judged patients."""
    happened = made.happened(labels)
    names = np.asarray(inputs.cohorts)
    splits: list[Split] = []
    for name in dict.fromkeys(names[made.judged].tolist()):
        own = made.judged & (names == name)
        if own.sum() < LEAST or happened[own].sum() < FOLDS:
            raise TooFewPatients(
                f"{made.label}: {int(own.sum())} patients of {name} with {int(happened[own].sum())} events; five folds need {LEAST} and {FOLDS}"
            )
        splits += repeated_folds(inputs.patients, own, happened, folds=FOLDS, repeats=made.repeats, seed=seed)
    if not splits:
        raise TooFewPatients(f"{made.label}: no patient has what it takes; build the studies first: python -m core build")
    return replace(made, splits=tuple(splits))


def out_of_fold(
    entry: Entry, inputs: Inputs, labels: Labels, *, evaluation: Evaluation, seed: int = 0, progress: Callable[[str], None] | None = None
) -> Floats:
    """Scores of the judged patients by models that never saw them, (repeats, judged); nan = no score."""
    place = np.full(inputs.n, -1)
    place[evaluation.judged] = np.arange(int(evaluation.judged.sum()))
    made = np.full((evaluation.repeats, int(evaluation.judged.sum())), np.nan)
    cohorts = np.asarray(inputs.cohorts)
    answered = np.isin(cohorts, np.unique(cohorts[np.isfinite(labels.response)]))
    for number, split in enumerate(evaluation.splits):
        test = inputs.take(split.test)
        rows = split.train
        if entry.pool == "cohort" and evaluation.protocol == "out_of_fold":
            rows = rows[cohorts[rows] == cohorts[split.test[0]]]
        elif entry.pool != "everyone":
            rows = rows[answered[rows]]
        scores = entry.score(inputs.take(rows), labels.take(rows), test, seed=seed + number)
        made[split.repeat, place[split.test]] = scores
        if progress is not None:
            progress(f"{entry.name}: {split.name}, repeat {split.repeat + 1} of {evaluation.repeats}")
    return made


def fits(evaluation: Evaluation) -> Ints | None:
    """(repeats, judged) number of the fit that scores each judged patient; None where a cohort is scored by one fit."""
    if evaluation.protocol == "leave_one_cohort_out":
        return None
    place = np.full(evaluation.judged.size, -1)
    place[evaluation.judged] = np.arange(int(evaluation.judged.sum()))
    made = np.full((evaluation.repeats, int(evaluation.judged.sum())), -1, dtype=np.int64)
    for number, split in enumerate(evaluation.splits):
        made[split.repeat, place[split.test]] = number
    return made


def shuffled(labels: Labels, cohorts: Sequence[str], *, seed: int) -> Labels:
    """The same outcomes dealt out anew within each cohort: what a model finds in them is chance."""
    rng = np.random.default_rng([seed, 7])
    names = np.asarray(cohorts)
    order = np.arange(names.size)
    for name in dict.fromkeys(cohorts):
        own = np.flatnonzero(names == name)
        known = own[np.isfinite(labels.response[own]) | np.isfinite(labels.os_months[own])]
        for pattern in np.unique(_pattern(labels, known)):
            rows = known[_pattern(labels, known) == pattern]
            order[rows] = rng.permutation(rows)
    return labels.take(order)


def _pattern(labels: Labels, rows: Ints) -> Ints:
    """Which outcomes are known: dealing within a pattern keeps who is judged."""
    return np.asarray(np.isfinite(labels.response[rows]) + 2 * np.isfinite(labels.os_months[rows]), dtype=np.int64)


def _of(inputs: Inputs, cohorts: Sequence[str]) -> Bools:
    return np.asarray([name in cohorts for name in inputs.cohorts], dtype=bool)


def _survival(labels: Labels) -> Bools:
    return np.asarray(np.isfinite(labels.os_months) & np.isfinite(labels.os_event), dtype=bool)


def _expression(inputs: Inputs) -> Bools:
    return np.asarray(np.isfinite(inputs.expression).any(axis=1), dtype=bool)


def _number(inputs: Inputs, words: Vocabulary, name: str) -> Bools:
    j = [number.name for number in words.numbers].index(name)
    return np.asarray(np.isfinite(inputs.numbers[:, j]), dtype=bool)

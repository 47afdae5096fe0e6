"""Protocols: who trains and who is judged. A cohort is left out whole, or a patient's every row sits in one fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.card import ModelError
from models.folds import stratified_folds

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """One fit of an evaluation: rows that a model may learn from, rows that it is judged on; they share no patient.

    Attributes
    ----------
    train, test : row numbers. repeat : of the whole procedure. name : the cohort left out, or the fold.
    """

    train: Ints
    test: Ints
    repeat: int
    name: str


def leave_one_cohort_out(
    cohorts: Sequence[str], judged: Bools, *, alike: Sequence[tuple[int, int]] = ()
) -> Iterator[Split]:
    """Each cohort with judged patients in turn: judged by what all other cohorts taught.

    Parameters
    ----------
    cohorts : (n,). judged : (n,) patients on whom a model is judged.
    alike : pairs of rows that may be one patient in two cohorts: neither teaches while the other's cohort is left out.
    """
    names = np.asarray(cohorts)
    if names.size != judged.size:
        raise ModelError(f"{names.size} cohorts and {judged.size} marks do not fit together")
    for name in dict.fromkeys(names[judged].tolist()):
        out = names == name
        barred = out.copy()
        for a, b in alike:
            barred[b] |= out[a]
            barred[a] |= out[b]
        yield Split(train=np.flatnonzero(~barred), test=np.flatnonzero(out & judged), repeat=0, name=name)


def repeated_folds(
    patients: Sequence[str], judged: Bools, happened: Bools, *, folds: int = 5, repeats: int = 10, seed: int = 0
) -> Iterator[Split]:
    """Repeated k-fold over the judged patients of one cohort; everybody else may teach in every fold.

    Parameters
    ----------
    patients : (n,) ids; rows of one patient share a fold, and are not taught by a row that is not judged.
    judged : (n,). happened : (n,) responded or had the event; folds have equal shares of them.
    """
    ids = np.asarray(patients)
    rows = np.flatnonzero(judged)
    if ids.size != judged.size or happened.size != judged.size:
        raise ModelError(f"{ids.size} patients, {judged.size} marks and {happened.size} outcomes do not fit together")
    for repeat in range(repeats):
        fold = stratified_folds(happened[rows], groups=ids[rows].tolist(), folds=folds, seed=seed * 1000 + repeat)
        for number in range(folds):
            test = rows[fold == number]
            if not test.size:
                continue
            train = np.flatnonzero(~np.isin(ids, ids[test]))
            yield Split(train=train, test=test, repeat=repeat, name=f"fold {number + 1}")

"""Late fusion: one model for each kind of measurement, ridge or elastic net, and a small ridge that weighs their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models.card import Card, ModelError
from models.outcome import Outcome
from models.ridge import Bools, Floats, Ints
from models.tuning import INNER_FOLDS, Tuned, tune

CARD = Card(
    name="late_fusion",
    label="Late fusion (stacking)",
    kind="probability",
    inputs=("a block of columns for each kind of measurement",),
    unit="log-odds of response, or log hazard",
    protocol="out_of_fold",
    reference="Wolpert, Neural Networks 1992 (stacked generalisation)",
    doi="10.1016/S0893-6080(05)80023-1",
    licence="own code",
    intended_use="The simplest way to use several kinds of measurement: what cross-modal attention has to beat.",
    limits="Kinds of measurement add up; that one matters more in the light of another, it cannot say.",
)


LEAST_TO_WEIGH = 50
"""Weights are learnt from patients who have every kind of measurement, where there are this many."""


class FitOne(Protocol):
    """How one block is fitted."""

    def __call__(self, x: Floats, outcome: Outcome, *, folds: Ints | None = None, seed: int = 0) -> Tuned: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A ridge on one kind of measurement.

    Attributes
    ----------
    tuned : fitted to the patients who have it. inner : (n,) scores by models that had not seen the patient; nan = has none.
    """

    tuned: Tuned
    inner: Floats

    def score(self, x: Floats) -> Floats:
        """(n,) log-odds or log hazards; nan where nothing of the block is known."""
        return np.where(np.isfinite(x).any(axis=1), self.tuned.score(x), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fused:
    """A ridge a kind of measurement, and their weights: `stack` reads the members' scores in their order."""

    members: Mapping[str, Member]
    stack: Tuned

    def score(self, blocks: Mapping[str, Floats]) -> Floats:
        """(n,) log-odds or log hazards; blocks by the names of the training, nan = missing."""
        return self.stack.score(np.column_stack([member.score(blocks[name]) for name, member in self.members.items()]))


def member(x: Floats, outcome: Outcome, *, seed: int = 0, fit_one: FitOne = tune) -> Member:
    """Fit one block, (n, p) with nan = missing, to the patients who have any of it. fit_one: how a block is fitted."""
    known: Bools = np.asarray(np.isfinite(x).any(axis=1), dtype=bool)
    folds = outcome.folds(INNER_FOLDS, seed=seed)
    tuned = fit_one(x[known], outcome.take(known), folds=folds[known], seed=seed)
    inner = np.full(outcome.n, np.nan)
    inner[known] = tuned.inner
    return Member(tuned=tuned, inner=inner)


def fuse(members: Mapping[str, Member], outcome: Outcome, *, seed: int = 0) -> Fused:
    """Weigh members by their inner scores: no patient's score has seen its outcome.

    Raises
    ------
    ModelError
        No member has a usable column.
    """
    used = {name: m for name, m in members.items() if m.tuned.scale.used.size}
    if not used:
        raise ModelError("late fusion has no block with a column that varies")
    inner = np.column_stack([m.inner for m in used.values()])
    rows: Bools = np.asarray(np.isfinite(inner).all(axis=1), dtype=bool)
    if rows.sum() < LEAST_TO_WEIGH or not 0 < outcome.happened[rows].sum() < rows.sum():
        rows = np.asarray(np.isfinite(inner).any(axis=1), dtype=bool)
    part = outcome.take(rows)
    folds = outcome.folds(INNER_FOLDS, seed=seed)[rows]
    return Fused(members=used, stack=tune(inner[rows], part, folds=folds, seed=seed))


def fit(blocks: Mapping[str, Floats], outcome: Outcome, *, seed: int = 0) -> Fused:
    """Fit each block, (n, p) with nan = missing, and weigh them; see `fuse`."""
    return fuse({name: member(x, outcome, seed=seed) for name, x in blocks.items()}, outcome, seed=seed)

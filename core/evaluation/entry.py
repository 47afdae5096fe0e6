"""Entry: one model of an evaluation, simple or not, behind one function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from models import blocks
from models.inputs import Inputs, Labels
from models.vocabulary import Vocabulary

Floats = npt.NDArray[np.float64]
Pool = Literal["cohort", "treated", "everyone"]


class Score(Protocol):
    """Learn from training patients, then score others: (n,) log-odds of response or log hazard, nan = no score.

    It is given no outcome of the patients that it scores.
    """

    def __call__(self, train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model of an evaluation.

    Attributes
    ----------
    name, label : key and words. score : see `Score`; higher = more likely to respond, or sooner dead.
    pool : who it learns from: the judged cohort's other patients, all patients of cohorts with a treatment response, everyone.
    simple : a model that others have to beat. learns : False = a fixed formula, which shuffled labels cannot change.
    """

    name: str
    label: str
    score: Score
    pool: Pool = "cohort"
    simple: bool = True
    learns: bool = True


def ablated(entry: Entry, words: Vocabulary, modality: str) -> Entry:
    """The same model without one kind of measurement, in training and in use."""

    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        shown, asked = (blocks.without(x, words, (modality,)) for x in (train, test))
        return entry.score(shown, labels, asked, seed=seed)

    return replace(
        entry, name=f"{entry.name} - {modality}", label=f"{entry.label}, without {modality}", score=score, simple=False
    )

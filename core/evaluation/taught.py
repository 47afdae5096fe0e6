"""Taught by other cohorts: additive fusion as an entry, and as one column for a model of a single cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from core.evaluation.entry import Floats, Score
from models import blocks
from models.baselines import additive_fusion
from models.baselines.additive_fusion import Added
from models.blocks import Block
from models.inputs import Inputs, Labels
from models.vocabulary import Vocabulary

CURATED = ("gep", "cd8_teff", "cyt", "f_tbrs", "ifng6")
"""Published immune signatures that additive fusion reads."""
SHARED = (
    "age_years", "albumin_g_per_dl", "nlr", "prior_systemic_therapy", "ecog", "ldh", "sex", "pdl1_ic", "msi_high",
)  # fmt: skip
"""Variables of clinical cohorts that cohorts with expression have too."""


def columns(inputs: Inputs, words: Vocabulary, *, variables: Sequence[str] = SHARED) -> tuple[Block, tuple[str, ...]]:
    """What additive fusion reads, and the kind of each column."""
    signatures = blocks.sets(inputs, words, names=CURATED)
    burden = blocks.variables(inputs, words, names=("tmb_in_cohort",))
    clinical = blocks.variables(inputs, words, names=variables)
    kinds = ["signatures"] * len(signatures.names) + ["tmb"] * len(burden.names) + ["clinical"] * len(clinical.names)
    return blocks.beside([signatures, burden, clinical]), tuple(kinds)


def fit(train: Inputs, labels: Labels, words: Vocabulary, *, variables: Sequence[str] = SHARED) -> Added:
    """Additive fusion of all patients with a known response; penalties by leaving out the cohorts with expression in turn."""
    rows = np.flatnonzero(np.isfinite(labels.response))
    own = train.take(rows)
    block, kinds = columns(own, words, variables=variables)
    has = np.isfinite(own.expression).any(axis=1)
    tuned_on = tuple(dict.fromkeys(np.asarray(own.cohorts)[has].tolist()))
    return additive_fusion.fit(
        block.x, labels.response[rows].astype(np.float64), names=block.names, kinds=kinds, cohorts=own.cohorts, tuned_on=tuned_on
    )


def additive(words: Vocabulary, *, variables: Sequence[str] = SHARED) -> Score:
    """Additive fusion of everybody who may teach."""

    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        fitted = fit(train, labels, words, variables=variables)
        return fitted.score(columns(test, words, variables=variables)[0].x, test.cohorts)

    return score


class Elsewhere:
    """Additive fusion of all cohorts but the judged one: fitted once, since no fold of that cohort changes it."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._fitted: dict[tuple[str, bytes], Added] = {}

    def columns(
        self, train: Inputs, labels: Labels, parts: tuple[Inputs, Inputs]
    ) -> tuple[Inputs, Floats, Floats]:
        """The first part, and the scores of both. parts: training and judged patients of one cohort; the first sets the centre."""
        cohort = parts[1].cohorts[0]
        others: npt.NDArray[np.bool_] = np.asarray([name != cohort for name in train.cohorts], dtype=bool)
        taught = labels.take(others)
        key = (cohort, taught.response.tobytes())
        if key not in self._fitted:
            self._fitted[key] = fit(train.take(others), taught, self._words)
        read = [columns(part, self._words)[0].x for part in parts]
        fitted = self._fitted[key]
        placed = replace(fitted, centres={**fitted.centres, cohort: additive_fusion.centre(read[0])})
        first, second = (placed.score(x, part.cohorts) for x, part in zip(read, parts, strict=True))
        return parts[0], first, second

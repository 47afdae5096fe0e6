"""Shuffled: a trained model with response heads that were fitted to outcomes dealt out anew, the null of its attributions.

The transformer stays as it is: it was pre-trained without outcomes, and training it anew for every shuffle would take hours.
What its fine-tuning took from the true outcomes is therefore still in the null, which makes the null harder to beat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from models import heads
from models.card import ModelError
from models.inputs import Inputs, Labels
from models.wide import features

if TYPE_CHECKING:
    from models.multimodal import Multimodal


def shuffled(model: Multimodal, inputs: Inputs, labels: Labels, *, shuffles: int, seed: int = 0) -> Iterator[Multimodal]:
    """The model with response heads refitted to shuffled outcomes, `shuffles` times.

    Parameters
    ----------
    inputs, labels : n patients who taught its heads; those who are treated and whose response is known are used. Outcomes
        are dealt out anew within each cohort, by the same deal for every member.

    Raises
    ------
    ModelError
        Nobody who responded, or nobody who did not, or a card without penalties.
    """
    from models.training import read

    rows = np.flatnonzero(np.isfinite(labels.response) & labels.treated)
    response = labels.response[rows].astype(np.float64)
    if rows.size == 0 or len(set(response.tolist())) < 2:
        raise ModelError("shuffled heads need treated patients who responded and who did not")
    penalties = heads.CANDIDATES.get(str(model.meta.get("training", {}).get("penalties", "")))
    if penalties is None:
        raise ModelError("the model's card names no penalties of its heads; train it anew with this version")
    columns = features(model.words)
    told = inputs.take(rows)
    designs = [read(told, member, vocabulary=model.words, config=model.config) for member in model.members]
    cohort = np.asarray(told.cohorts)
    rng = np.random.default_rng([seed, 71])
    for _ in range(shuffles):
        dealt = response.copy()
        for name in dict.fromkeys(told.cohorts):
            own = np.flatnonzero(cohort == name)
            dealt[own] = rng.permutation(response[own])
        members = tuple(
            member | heads.fit_response(design, dealt, features=columns, penalties=penalties).arrays("response")
            for member, design in zip(model.members, designs, strict=True)
        )
        yield replace(model, members=members)

"""Deep: the multimodal model as an entry of an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.evaluation.entry import Entry, Floats, Pool, Score
from models.config import Config
from models.inputs import Inputs, Labels
from models.vocabulary import Vocabulary

Say = Callable[[str], None]


def multimodal(
    words: Vocabulary, endpoint: str, *, config: Config | None = None, pool: Pool = "everyone", say: Say | None = None, device: str = "cpu"
) -> Entry:  # fmt: skip
    """The multimodal model, trained anew for each fit on the patients who may teach."""
    return _entry("multimodal", "Multimodal model", _score(words, endpoint, config=config or Config(), say=say, device=device), pool=pool)


def without_pretraining(
    words: Vocabulary, endpoint: str, *, config: Config | None = None, pool: Pool = "everyone", say: Say | None = None, device: str = "cpu"
) -> Entry:  # fmt: skip
    """The same model without pre-training: what pre-training adds."""
    bare = replace(config or Config(), pretrain_epochs=0)
    return _entry("multimodal - pretraining", "Multimodal model, not pre-trained", _score(words, endpoint, config=bare, say=say, device=device), pool=pool)


def _entry(name: str, label: str, score: Score, *, pool: Pool) -> Entry:
    return Entry(name=name, label=label, score=score, pool=pool, simple=False)


def _score(words: Vocabulary, endpoint: str, *, config: Config, say: Say | None, device: str) -> Score:
    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        from models.training import train as fit

        model = fit(train, labels, vocabulary=words, config=config, seed=seed, say=say, device=device)
        found = model.embed(test)
        return np.asarray(found.log_odds if endpoint == "response" else found.os_risk, dtype=np.float64)

    return score

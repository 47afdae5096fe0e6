"""Shipped: the trained multimodal model as an entry of an evaluation, without training it anew for each fit.

Where a cohort is left out, the entry is the shipped model that was trained without it, word for word what the app shows.
Within a cohort, heads are fitted anew in every fold on a transformer that never saw an outcome of the cohort: for a treated
cohort the one of the model trained without it, for TCGA one that was pre-trained without labels. The latter has seen TCGA's
measurements, though none of its outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from core.errors import NotMeasured
from core.evaluation.entry import Entry, Floats
from core.evaluation.protocol import RESPONSE_STUDIES
from core.speakers import ASSETS, Speakers, speakers
from models import blocks, bundle
from models import config as configs
from models.config import Config
from models.inputs import Inputs, Labels
from models.multimodal import Arrays, Multimodal, from_parts
from models.vocabulary import Vocabulary

PENALTIES = "both"
"""Of survival heads; set after a look at every candidate on IMvigor210 (two repeats), so that figure is slightly optimistic."""


@dataclass(slots=True)
class Shipped:
    """The models that come with the software, and who of them never saw a cohort."""

    known: Speakers
    _loaded: dict[str, Multimodal] = field(default_factory=dict)

    def unseen(self, cohort: str) -> Multimodal:
        """The model that never saw a cohort.

        Raises
        ------
        NotMeasured
            Every model was trained on it.
        """
        speaker = self.known.of(cohort)
        if speaker.protocol == "in_sample":
            raise NotMeasured(f"every model at hand was trained on {cohort}; train one without it: python -m core train --each")
        name = speaker.bundle.name
        if name not in self._loaded:
            self._loaded[name] = from_parts(*bundle.load(speaker.bundle.path))
        return self._loaded[name]


    def known_config(self) -> Config:
        """Sizes of the main model."""
        return configs.from_document(dict(self.known.main.document["config"]))


def readers(inputs: Inputs, labels: Labels, endpoint: str, *, tcga: bool) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(n,) patients whom refitted heads may read: treated ones, or those of TCGA with expression."""
    if tcga:
        own = np.asarray([cohort.startswith("tcga/") for cohort in inputs.cohorts])
        return np.asarray(own & np.isfinite(inputs.expression).any(axis=1))
    told = np.isfinite(labels.response) if endpoint == "response" else np.isfinite(labels.os_months)
    studies = np.asarray([cohort.partition("/")[0] in RESPONSE_STUDIES for cohort in inputs.cohorts])
    return np.asarray(studies & labels.treated & told)


def shipped() -> Shipped:
    """The models that come with the software.

    Raises
    ------
    NotMeasured
        There are none.
    """
    found = speakers((ASSETS,))
    if found is None:
        raise NotMeasured("no trained model comes with this copy; train one: make train")
    return Shipped(known=found)


def unseen_cohort(models: Shipped, endpoint: str, *, member: int | None = None) -> Entry:
    """What the app shows of a cohort that was left out; member : of one member of the ensemble alone, for its spread over seeds."""

    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        model = models.unseen(test.cohorts[0])
        asked = model if member is None else replace(model, members=model.members[member : member + 1])
        found = asked.embed(test)
        return np.asarray(found.log_odds if endpoint == "response" else found.os_risk, dtype=np.float64)

    alone = "" if member is None else f" - all but member {member + 1}"
    label = "Multimodal model" if member is None else f"Multimodal, member {member + 1} alone"
    return Entry(name=f"multimodal{alone}", label=label, score=score, pool="treated", simple=False, learns=False)


def refitted(
    everyone: Inputs, words: Vocabulary, endpoint: str, *, weights_of: Callable[[str], tuple[Arrays, Config]], within: bool,
    name: str = "multimodal", label: str = "Multimodal model", penalties: str = "", without: tuple[str, ...] = (),
) -> Entry:  # fmt: skip
    """Heads fitted in each fold on a fixed transformer.

    Parameters
    ----------
    everyone : all patients who may be read; each is read once for each transformer. weights_of : transformer for a cohort.
    within : the judged cohort's other patients teach, with coefficients of their own beside the shared ones.
    penalties : a candidate of `models.heads`; "" = chosen over other cohorts than the judged (response), or PENALTIES.
    without : modalities that are hidden, in training and in use.
    """
    from models import heads
    from models.training import read
    from models.wide import features

    shown = blocks.without(everyone, words, without) if without else everyone
    row_of = {patient: row for row, patient in enumerate(shown.patients)}
    columns = features(words)
    kept: dict[int, heads.Design] = {}
    chosen: dict[str, Mapping[str, float]] = {}

    def design_of(weights: Arrays, config: Config, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> heads.Design:
        if id(weights) not in kept:
            kept[id(weights)] = read(shown, weights, vocabulary=words, config=config)
        return kept[id(weights)].take(rows)

    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        judged = test.cohorts[0]
        study = judged.partition("/")[0]
        cohort = np.asarray(train.cohorts)
        if endpoint == "response":
            ready = np.isfinite(labels.response) & labels.treated
        else:
            alike = labels.treated if study in RESPONSE_STUDIES else np.asarray([c.startswith(f"{study}/") for c in train.cohorts])
            ready = np.isfinite(labels.os_months) & np.isfinite(labels.os_event) & alike
            ready &= np.isfinite(train.expression).any(axis=1) if study not in RESPONSE_STUDIES else True
        ready &= np.asarray([patient in row_of for patient in train.patients])
        rows = np.flatnonzero(ready)
        weights, config = weights_of(judged)
        design = design_of(weights, config, np.asarray([row_of[train.patients[row]] for row in rows]))
        wanted = labels.take(rows)
        if judged not in chosen:
            others = np.flatnonzero(cohort[rows] != judged)
            if not penalties and endpoint == "response":
                picked, _ = heads.choose(design.take(others), wanted.take(others), features=columns)
            else:
                picked = penalties or PENALTIES
            chosen[judged] = heads.CANDIDATES[picked]
        own = judged if within else ""
        if endpoint == "response":
            head = heads.fit_response(design, wanted.response.astype(np.float64), features=columns, penalties=chosen[judged], own=own)
        else:
            time, event = wanted.os_months.astype(np.float64), wanted.os_event > 0
            head = heads.fit_hazard(design, time, event, features=columns, penalties=chosen[judged], own=own)
        asked = design_of(weights, config, np.asarray([row_of[patient] for patient in test.patients]))
        return head.score(asked)

    return Entry(name=name, label=label, score=score, pool="everyone", simple=False)


def transformer(model: Multimodal) -> tuple[Arrays, Config]:
    """A model's first transformer, the one whose embedding is shown."""
    return model.members[0], model.config


def untrained(words: Vocabulary, config: Config, *, seed: int = 0) -> Arrays:
    """A transformer before any training: what pre-training is measured against."""
    from models import fusion

    return fusion.arrays(fusion.start(words, config, seed=seed))


def pretrained(inputs: Inputs, labels: Labels, words: Vocabulary, *, config: Config, seed: int = 0) -> Arrays:
    """A transformer pre-trained on patients who never had a checkpoint inhibitor, without any label."""
    from models.pretrain import pretrain
    from models.training import untreated

    found, _ = pretrain(untreated(inputs, labels), vocabulary=words, config=config, seed=seed)
    return found

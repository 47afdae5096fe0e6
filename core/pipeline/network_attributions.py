"""Network attributions: every treated cohort explained by the multimodal model that never saw it, kept by content.

It is minutes of work for a few hundred patients on one core (a hundred passes through the network each), so that it is
computed once for a model and a cohort, and read from the folder of finished work afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl

from core.errors import BadModel
from core.pipeline import attributions, network
from core.pipeline.embeddings import PREDICTOR, readable
from core.pipeline.inputs import gather
from core.pipeline.jobs import resolve
from core.pipeline.staging import Finished, Frames, Staging, fingerprint
from core.speakers import Speakers
from data.fingerprint import code
from models import bundle as bundles
from models.attribution.shuffled import shuffled
from models.bundle import Bundle
from models.card import ModelError
from models.inputs import Inputs, Labels

MAKER = "models.multimodal:from_parts"
LEAST = 20
MOST_BACKGROUND = 200
SHUFFLES = 20
MOST = 60
"""Patients of a cohort that are explained: each takes a hundred passes through the network."""
Progress = Callable[[str], None]


@dataclass(slots=True)
class _Shelf:
    """Models and reference patients, read when first needed."""

    staging: Staging
    studies: list[str]
    models: dict[str, network.Reader] = field(default_factory=dict)
    treated: dict[str, tuple[Inputs, Labels]] = field(default_factory=dict)

    def model(self, bundle: Bundle) -> network.Reader:
        """The model of a bundle."""
        if bundle.name not in self.models:
            try:
                self.models[bundle.name] = resolve(MAKER)(*bundles.load(bundle.path))
            except ModelError as error:
                raise BadModel(str(error)) from error
        return self.models[bundle.name]

    def patients(self, bundle: Bundle) -> tuple[Inputs, Labels]:
        """Every treated patient of whom the model can read something."""
        if bundle.name not in self.treated:
            words = self.model(bundle).words
            inputs, labels = gather(self.staging, words, studies=self.studies)
            rows = np.flatnonzero(labels.treated & inputs.seen(words).any(axis=1))
            self.treated[bundle.name] = inputs.take(rows), labels.take(rows)
        return self.treated[bundle.name]

    def shuffled(self, bundle: Bundle, *, seed: int) -> Iterator[network.Reader]:
        """The model with heads that were taught shuffled outcomes of the cohorts that trained it."""
        inputs, labels = self.patients(bundle)
        rows = np.flatnonzero(np.isin(np.asarray(inputs.cohorts), sorted(bundle.cohorts)))
        model = self.model(bundle)
        try:
            yield from shuffled(model, inputs.take(rows), labels.take(rows), shuffles=SHUFFLES, seed=seed)  # type: ignore[arg-type]
        except ModelError as error:
            raise BadModel(str(error)) from error

    def background(self, bundle: Bundle, cohort: str, *, seed: int) -> Inputs:
        """Treated patients of the other cohorts."""
        found, _ = self.patients(bundle)
        others = np.flatnonzero(np.asarray(found.cohorts) != cohort)
        if not others.size:
            return found
        return found.take(np.sort(np.random.default_rng([seed, 59]).permutation(others)[:MOST_BACKGROUND]))


def fill(
    staging: Staging, finished: Finished, *, speakers: Speakers, progress: Progress, most: int | None = MOST, compute: bool = True,
    seed: int = 0,
) -> int:  # fmt: skip
    """Attribution tables of a database that is being built; gives the number of patients explained.

    Cohorts of real, treated patients with at least 20 of them; a cohort that trained every model at hand is left out.
    most : at most so many patients of a cohort, drawn by the seed (None = all). compute : False = only what is finished already.

    Raises
    ------
    BadModel
        A model's files are damaged or do not fit the code.
    """
    if not compute and not finished.has("network-*"):
        return 0
    cohorts = staging.sql(
        """SELECT p.study, p.cohort, count(*) AS n FROM patient p JOIN study s USING (study)
           WHERE NOT coalesce(s.synthetic, false) AND p.response IS NOT NULL AND coalesce(p.arm, 'ICB') <> 'control'
           GROUP BY ALL HAVING count(*) >= $least ORDER BY min(s.rowid), min(p.rowid)""",
        {"least": LEAST},
    )
    shelf = _Shelf(staging=staging, studies=list(dict.fromkeys(cohorts["study"])))
    done = 0
    for study, cohort, _ in cohorts.iter_rows():
        speaker = speakers.of(f"{study}/{cohort}")
        if speaker.protocol == "in_sample":
            continue
        words = shelf.model(speaker.bundle).words
        inputs, labels = gather(staging, words, studies=[study])
        inside = (np.asarray(inputs.cohorts) == f"{study}/{cohort}") & labels.treated
        own, told = readable(inputs.take(np.flatnonzero(inside)), words, study=study)
        for text in told:
            progress(text)
        if most is not None and own.n > most:
            own = own.take(np.sort(np.random.default_rng([seed, 61]).permutation(own.n)[:most]))
        if own.n < LEAST:
            continue
        key = fingerprint("network", speaker.bundle.name, speaker.protocol, seed, ",".join(own.key()), code("core.pipeline.network"))
        if not compute and not finished.has(f"network-{key}"):
            continue
        progress(f"{study}: explaining {own.n:,} patients of {cohort} by {speaker.bundle.name}")
        found = finished.get(f"network-{key}", partial(_explain, shelf, own, bundle=speaker.bundle, protocol=speaker.protocol, seed=seed))
        attributions.write(staging, found)
        done += own.n
    return done


def _explain(shelf: _Shelf, own: Inputs, *, bundle: Bundle, protocol: str, seed: int) -> Frames:
    study, _, cohort = own.cohorts[0].partition("/")
    patients = pl.DataFrame({"patient_id": list(own.patients), "study": study, "cohort": cohort})
    background = shelf.background(bundle, own.cohorts[0], seed=seed)
    return network.explain(
        shelf.model(bundle), own, patients, background=background, predictor=PREDICTOR, protocol=protocol,
        shuffled=shelf.shuffled(bundle, seed=seed), seed=seed,
    )  # fmt: skip

"""Material: the patients that a training may use, what to leave out in turn, and who may be one person in two cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import BadModel, UnknownName
from core.evaluation.alike import look_alikes
from core.pipeline.inputs import Source, gather, vocabulary
from core.speakers import apart, with_shared
from data.sources import OVERLAPPING
from models.card import ModelError
from models.inputs import Inputs, Labels
from models.vocabulary import Vocabulary

LEAST_PATIENTS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The patients that a training may use.

    Attributes
    ----------
    alike : pairs of patient ids, of treated cohorts, who may be one person: neither trains a model that is judged on the other.
    """

    inputs: Inputs
    labels: Labels
    words: Vocabulary
    alike: tuple[tuple[str, str], ...] = ()

    def kept_apart(self, held: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """(n,) patients who may be one person with a patient held out; held : (n,)."""
        out = {patient for patient, away in zip(self.inputs.patients, held, strict=True) if away}
        twins = {b for a, b in self.alike if a in out} | {a for a, b in self.alike if b in out}
        return np.asarray([patient in twins for patient in self.inputs.patients], dtype=bool) & ~held


def material(source: Source, *, studies: Sequence[str] = ()) -> Material:
    """The training studies' patients of whom something is known.

    Parameters
    ----------
    studies : that train; () = every published study, or the synthetic ones where there is none.

    Raises
    ------
    UnknownName
        A study that the database does not have.
    BadModel
        Fewer than 30 patients, or values that no model can read.
    """
    rows = source.sql("SELECT study, synthetic, coalesce(uploaded, false) AS uploaded FROM study WHERE status = 'built' ORDER BY rowid")
    known = rows["study"].to_list()
    for study in studies:
        if study not in known:
            raise UnknownName(f"there is no study '{study}' in the database; there are {', '.join(known)}")
    published = rows.filter(~pl.col("uploaded") & ~pl.col("synthetic").fill_null(value=False))["study"].to_list()
    chosen = list(studies) or apart(source, published) or rows.filter(~pl.col("uploaded"))["study"].to_list()
    for pair in OVERLAPPING:
        if pair <= set(chosen):
            raise BadModel(f"{' and '.join(sorted(pair))} share patients, who would count twice; name one of them")
    words = vocabulary(source)
    inputs, labels = gather(source, words, studies=chosen)
    seen = np.flatnonzero(inputs.seen(words).any(axis=1))
    inputs, labels = inputs.take(seen), labels.take(seen)
    try:
        inputs.check(words)
    except ModelError as error:
        raise BadModel(f"no model can be trained on {', '.join(chosen)}: {error}") from error
    if inputs.n < LEAST_PATIENTS:
        raise BadModel(f"{inputs.n} patients of {', '.join(chosen) or 'no study'} can train a model; it takes {LEAST_PATIENTS}: name more studies")
    treated = sorted({inputs.cohorts[row] for row in np.flatnonzero(labels.treated & np.isfinite(labels.response))})
    found = look_alikes(source, judged=treated, studies=sorted({name.partition("/")[0] for name in treated}))
    return Material(inputs=inputs, labels=labels, words=words, alike=found.pairs)


def folds(found: Material) -> list[tuple[str, ...]]:
    """What to leave out in turn, so that every treated cohort has a model that never saw it: studies, with those that are
    known to share patients with them."""
    studies = np.asarray([cohort.partition("/")[0] for cohort in found.inputs.cohorts])
    treated = list(dict.fromkeys(studies[found.labels.treated]))
    made: list[tuple[str, ...]] = []
    for study in treated:
        group = tuple(name for name in dict.fromkeys(studies) if name in with_shared({str(study)}))
        if group not in made and len(set(studies) - set(group)):
            made.append(tuple(map(str, group)))
    return made

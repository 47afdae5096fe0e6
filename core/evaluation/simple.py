"""Simple models of each evaluation: what a deep model has to beat, on the same inputs and the same folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.evaluation import taught
from core.evaluation.entry import Entry, Floats, Pool, Score
from models import blocks
from models.baselines import (
    elastic_net,
    gradient_boosting,
    joint_ridge,
    late_fusion,
    pca_ridge,
    ridge_cox,
    ridge_signatures,
    tmb_clinical,
)
from models.blocks import Block
from models.inputs import Inputs, Labels
from models.outcome import Outcome
from models.tuning import tune, tune_sparse
from models.vocabulary import Vocabulary

Reader = Callable[[Inputs, Vocabulary], Block]


class Scored(Protocol):
    """A fitted model."""

    def score(self, x: Floats) -> Floats: ...


class Fit(Protocol):
    """How a table model is fitted."""

    def __call__(self, x: Floats, outcome: Outcome, *, seed: int = 0) -> Scored: ...


KNOWN_GENES = 0.7
"""A gene is read when this share of the training patients with expression has it."""
FEW_COLUMNS = frozenset({"clinical", "burden"})
"""Kinds of measurement of few columns, some of which say nothing: an elastic net rather than a ridge reads them for response."""
PDL1 = ("pdl1_ic", "pdl1_tc", "pdl1_tps_percent")


def response_of_unseen_cohorts(words: Vocabulary, profile: Mapping[str, float]) -> tuple[Entry, ...]:
    """Models for leave-one-cohort-out. profile: gene -> weight of the T-cell-inflamed profile."""
    return (
        *_markers(words, profile),
        _entry("ridge_signatures", "Ridge on signatures", _pooled(words, _signatures, ridge_signatures.fit)),
        _entry("pca_ridge", f"PCA-{pca_ridge.COMPONENTS} + ridge", _pooled(words, _genes, pca_ridge.fit)),
        _entry("elastic_net", "Elastic net on signatures", _pooled(words, _signatures, _elastic)),
        _entry("gradient_boosting", "Gradient boosting on signatures", _pooled(words, _signatures, gradient_boosting.fit)),
        _entry("additive_fusion", "Additive fusion", taught.additive(words)),
    )


def response_within(words: Vocabulary, profile: Mapping[str, float]) -> tuple[Entry, ...]:
    """Models of response for repeated folds within one cohort."""
    fusions = Fusions(words, "response")
    clinical, burden = clinical_and_pdl1(words), _kind("burden", words)
    kinds: dict[str, Reader] = {"expression": _genes, "burden": burden, "clinical": clinical}
    both = _together(_variables("tmb_per_mb"), clinical)
    every = _together(_signatures, burden, clinical)
    made = [
        *_markers(words, profile),
        _entry("clinical", "Clinical, elastic net", fusions.alone("clinical", clinical), pool="cohort"),
        _entry("tmb_clinical", "TMB + clinical, elastic net", _own(words, "response", both, fit=tmb_clinical.fit), pool="cohort"),
        _entry("expression", "Expression, ridge", fusions.alone("expression", _genes), pool="cohort"),
        _entry("pca_ridge", f"PCA-{pca_ridge.COMPONENTS} + ridge", _own(words, "response", _genes, fit=pca_ridge.fit), pool="cohort"),
        _entry("elastic_net", "Elastic net on signatures, burden and clinical", _own(words, "response", every, fit=_elastic), pool="cohort"),
        _entry(
            "gradient_boosting", "Gradient boosting on signatures, burden and clinical",
            _own(words, "response", every, fit=gradient_boosting.fit), pool="cohort",
        ),
        _entry("additive_fusion", "Additive fusion, taught by other cohorts too", taught.additive(words)),
        _entry("transferred", "Elastic net on all of these and on what other cohorts taught", _transferred(words, every)),
    ]  # fmt: skip
    return (*made, *_fusions(fusions, kinds))


def survival_within(words: Vocabulary, *, kinds: Sequence[str]) -> tuple[Entry, ...]:
    """Ridge-Cox on each kind of measurement, and late fusion of all and of all but one. kinds: keys of `LABELS`."""
    fusions = Fusions(words, "os")
    readers = {name: _kind(name, words) for name in kinds}
    made = [
        _entry(name, f"{LABELS[name][0].upper()}{LABELS[name][1:]}, ridge-Cox", fusions.alone(name, reader), pool="cohort")
        for name, reader in readers.items()
    ]
    if "expression" in kinds:
        made.append(
            _entry("pca_ridge", f"PCA-{pca_ridge.COMPONENTS} + ridge-Cox", _own(words, "os", _genes, fit=pca_ridge.fit), pool="cohort")
        )
    return (*made, *_fusions(fusions, readers))


def _fusions(fusions: Fusions, readers: Mapping[str, Reader]) -> tuple[Entry, ...]:
    """All kinds of measurement together, stacked or jointly, and jointly all but one."""
    said = _listed([LABELS[name] for name in readers])
    made = [
        _entry("late_fusion", f"Late fusion of {said}", fusions.of(readers), pool="cohort"),
        _entry("joint_ridge", f"Joint ridge on {said}", fusions.joint(readers), pool="cohort"),
    ]
    for lost in readers if len(readers) > 2 else ():
        rest = {name: reader for name, reader in readers.items() if name != lost}
        label = f"Joint ridge on {_listed([LABELS[name] for name in rest])}"
        made.append(_entry(f"joint_ridge - {lost}", label, fusions.joint(rest), pool="cohort", simple=False))
    return tuple(made)


LABELS = {"clinical": "clinical", "pathology": "H&E", "expression": "expression", "genome": "genome", "burden": "mutational burden"}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


def clinical_and_pdl1(words: Vocabulary) -> Reader:
    """Clinical variables and PD-L1 staining: what a chart holds beside the mutational burden."""
    return _variables(*blocks.modality_variables(words, "clinical"), *PDL1)


def _kind(name: str, words: Vocabulary) -> Reader:
    """Columns of one kind of measurement; the mutational burden is a kind of its own beside the genome."""
    if name == "expression":
        return _genes
    if name == "pathology":
        return lambda inputs, own: blocks.slide(inputs, own)
    if name == "burden":
        return _variables("tmb_per_mb", "neoantigen_in_cohort")
    if name == "clinical":
        return clinical_and_pdl1(words)
    return lambda inputs, own: blocks.modality(inputs, own, name)


def _variables(*names: str) -> Reader:
    return lambda inputs, words: blocks.variables(inputs, words, names=names)


def _together(*readers: Reader) -> Reader:
    return lambda inputs, words: blocks.beside([read(inputs, words) for read in readers])


def _signatures(inputs: Inputs, words: Vocabulary) -> Block:
    return blocks.sets(inputs, words)


def _genes(inputs: Inputs, words: Vocabulary) -> Block:
    return blocks.expression(inputs, words)


def _entry(
    name: str, label: str, score: Score, *, pool: Pool = "treated", learns: bool = True, simple: bool = True
) -> Entry:
    return Entry(name=name, label=label, score=score, pool=pool, learns=learns, simple=simple)


def _markers(words: Vocabulary, profile: Mapping[str, float]) -> tuple[Entry, ...]:
    """Fixed formulas: T-cell-inflamed profile, cytolytic activity, CD8 T-effector, mutational burden."""

    def gep(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        return blocks.weighted(test, words, profile)

    def named(name: str) -> Score:
        def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
            return blocks.sets(test, words, names=(name,)).x[:, 0]

        return score

    def tmb(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        return blocks.variables(test, words, names=("tmb_in_cohort",)).x[:, 0]

    def pdl1(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        cells = test.categories[:, [c.name for c in words.categories].index("pdl1_ic")]
        tumour = blocks.variables(test, words, names=("pdl1_tps_percent",)).x[:, 0]
        return np.where(cells >= 0, cells.astype(np.float64), np.nan) if (cells >= 0).any() else tumour

    return (
        _entry("pdl1", "PD-L1 staining", pdl1, learns=False),
        _entry("gep", "T-cell-inflamed GEP", gep, learns=False),
        _entry("cyt", "Cytolytic activity", named("cyt"), learns=False),
        _entry("cd8", "CD8 T-effector", named("cd8_teff"), learns=False),
        _entry("tmb", "TMB", tmb, learns=False),
    )


def _outcome(labels: Labels, rows: npt.NDArray[np.generic], endpoint: str) -> Outcome:
    if endpoint == "response":
        return Outcome(response=labels.response[rows].astype(np.float64))
    return Outcome(time=labels.os_months[rows].astype(np.float64), event=labels.os_event[rows] > 0)


def _known(labels: Labels, endpoint: str) -> npt.NDArray[np.bool_]:
    if endpoint == "response":
        return np.asarray(np.isfinite(labels.response), dtype=bool)
    return np.asarray(np.isfinite(labels.os_months) & np.isfinite(labels.os_event), dtype=bool)


def _elastic(x: Floats, outcome: Outcome, *, seed: int = 0) -> Scored:
    """The app's elastic net, whose columns must be known of some training patients."""
    fitted = elastic_net.fit(x, outcome.happened, flaggable=np.zeros(x.shape[1], dtype=bool), seed=seed)
    return _ElasticScore(fitted)


class _ElasticScore:
    def __init__(self, fitted: elastic_net.Fitted) -> None:
        self._fitted = fitted

    def score(self, x: Floats) -> Floats:
        return self._fitted.log_odds(x)


def _often_known(train: Block, tests: Sequence[Block]) -> tuple[Block, list[Block]]:
    """Columns that enough of the training patients have, of those with any."""
    some = np.isfinite(train.x).any(axis=1)
    kept = np.flatnonzero(np.isfinite(train.x[some]).mean(axis=0) >= KNOWN_GENES) if some.any() else np.empty(0, dtype=np.int64)
    names = tuple(train.names[j] for j in kept)
    return Block(x=train.x[:, kept], names=names), [Block(x=b.x[:, kept], names=names) for b in tests]


def _pooled(words: Vocabulary, read: Reader, fit: Fit) -> Score:
    """Fit on all other cohorts with expression, every column standardised within its cohort."""

    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        rows = _known(labels, "response") & np.isfinite(train.expression).any(axis=1)
        own = train.take(rows)
        taught, (asked,) = _often_known(read(own, words), [read(test, words)])
        fitted = fit(blocks.within(taught.x, own.cohorts), _outcome(labels, rows, "response"), seed=seed)
        return fitted.score(blocks.within(asked.x, test.cohorts))

    return score


def _own(words: Vocabulary, endpoint: str, read: Reader, *, fit: Fit = tune) -> Score:
    """Fit on the cohort's own other patients, those of whom any of the columns is known."""

    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        rows = np.flatnonzero(_known(labels, endpoint))
        taught, asked = read(train.take(rows), words), read(test, words)
        some = np.isfinite(taught.x).any(axis=1)
        if read is _genes:
            taught, (asked,) = _often_known(taught, [asked])
        return fit(taught.x[some], _outcome(labels, rows[some], endpoint), seed=seed).score(asked.x)

    return score


def _transferred(words: Vocabulary, read: Reader) -> Score:
    """The app's elastic net on the cohort's own patients, with one more column: additive fusion fitted to all other cohorts."""
    elsewhere = taught.Elsewhere(words)

    def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
        own = np.asarray([name == test.cohorts[0] for name in train.cohorts])
        rows = np.flatnonzero(_known(labels, "response") & own)
        known, lesson, asked = elsewhere.columns(train, labels, (train.take(rows), test))
        columns = [np.hstack([read(part, words).x, added[:, None]]) for part, added in ((known, lesson), (test, asked))]
        return _elastic(columns[0], _outcome(labels, rows, "response"), seed=seed).score(columns[1])

    return score


class Fusions:
    """Late fusions of one evaluation: a fold's ridge of a kind of measurement is fitted once for all of them."""

    def __init__(self, words: Vocabulary, endpoint: str) -> None:
        self._words, self._endpoint = words, endpoint
        self._made: dict[tuple[str, int, int, bytes], late_fusion.Member] = {}

    def _fit(self, name: str, *, sparse: bool) -> late_fusion.FitOne:
        if self._endpoint != "response":
            return ridge_cox.fit
        return tune_sparse if sparse and name in FEW_COLUMNS else tune

    def alone(self, name: str, read: Reader) -> Score:
        """Score of one kind of measurement."""

        def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
            fitted, _, asked, _ = self._members({name: read}, (train, labels, test), seed=seed, sparse=True)
            return fitted[name].score(asked[name])

        return score

    def of(self, readers: Mapping[str, Reader]) -> Score:
        """Score of several; a kind of measurement that no training patient has is left out."""

        def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
            fitted, _, asked, outcome = self._members(readers, (train, labels, test), seed=seed, sparse=True)
            return late_fusion.fuse(fitted, outcome, seed=seed).score(asked)

        return score

    def joint(self, readers: Mapping[str, Reader]) -> Score:
        """Score of one ridge over several, a penalty for each."""

        def score(train: Inputs, labels: Labels, test: Inputs, *, seed: int) -> Floats:
            fitted, taught, asked, outcome = self._members(readers, (train, labels, test), seed=seed, sparse=False)
            return joint_ridge.fuse(fitted, taught, outcome).score(asked)

        return score

    def _members(
        self, readers: Mapping[str, Reader], given: tuple[Inputs, Labels, Inputs], *, seed: int, sparse: bool
    ) -> tuple[dict[str, late_fusion.Member], dict[str, Floats], dict[str, Floats], Outcome]:
        train, labels, test = given
        rows = np.flatnonzero(_known(labels, self._endpoint))
        own, outcome = train.take(rows), _outcome(labels, rows, self._endpoint)
        fitted: dict[str, late_fusion.Member] = {}
        known: dict[str, Floats] = {}
        asked: dict[str, Floats] = {}
        for name, read in readers.items():
            taught, shown = read(own, self._words), read(test, self._words)
            if read is _genes:
                taught, (shown,) = _often_known(taught, [shown])
            if not np.isfinite(taught.x).any():
                continue
            said = outcome.happened.tobytes() + (b"" if outcome.time is None else outcome.time.tobytes())
            key = (f"{name}, sparse {sparse and name in FEW_COLUMNS}", seed, hash(own.patients), said)
            if key not in self._made:
                self._made[key] = late_fusion.member(taught.x, outcome, seed=seed, fit_one=self._fit(name, sparse=sparse))
            fitted[name], known[name], asked[name] = self._made[key], taught.x, shown.x
        return fitted, known, asked, outcome

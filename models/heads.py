"""Heads: what turns wide features and the patient token into log-odds of response and log hazards.

Ridge regressions with one penalty a group of features, fitted to the training cohorts with an intercept (response) or a
baseline hazard (survival) for each. Which penalties: those with the best mean AUC over training cohorts that are left out
one by one, among the few of CANDIDATES. Their sizes were set after a look at eleven settings on the cohorts with
expression, so figures on those cohorts are slightly optimistic. The patient token is one of the groups, so that the
transformer earns its place beside the plain summaries or is shrunk away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models import ridge
from models.card import ModelError
from models.inputs import Labels
from models.wide import Feature

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST_KNOWN = 20
"""Training patients with a value below which a feature has no coefficient."""
COHORT_PENALTY = 1.0
CANDIDATES: Mapping[str, Mapping[str, float]] = {
    "plain": {"clinical": 100, "genome": 100, "pathology": 100, "curated": 100, "sets": 1e5, "slide": 1e4, "deep": 1e5},
    "sets": {"clinical": 100, "genome": 100, "pathology": 100, "curated": 100, "sets": 1e3, "slide": 3e3, "deep": 1e5},
    "both": {"clinical": 100, "genome": 100, "pathology": 100, "curated": 100, "sets": 1e3, "slide": 3e3, "deep": 1e3},
    "deep": {"clinical": 300, "genome": 300, "pathology": 300, "curated": 300, "sets": 3e3, "slide": 3e3, "deep": 3e2},
    "strong": {"clinical": 300, "genome": 300, "pathology": 300, "curated": 300, "sets": 3e3, "slide": 1e4, "deep": 1e4},
    "weak": {"clinical": 30, "genome": 30, "pathology": 30, "curated": 30, "sets": 1e3, "slide": 3e3, "deep": 1e4},
}
"""Penalties a group, for features in standard deviations; 1e5 switches a group off in practice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a head reads: wide values and known (n, f), patient tokens (n, d), cohorts (n,)."""

    wide: Floats
    known: Floats
    deep: Floats
    cohorts: tuple[str, ...]

    def take(self, rows: npt.NDArray[np.int64]) -> Design:
        return Design(
            wide=self.wide[rows], known=self.known[rows], deep=self.deep[rows], cohorts=tuple(self.cohorts[i] for i in rows)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A fitted head: output = intercept + ((wide - centre) * known * scale) @ weight + (deep - deep_centre) * deep_scale @ deep_weight.

    Attributes
    ----------
    centre, scale, weight : (f,). deep_centre, deep_scale, deep_weight : (d,). intercept : of an average training cohort.
    """

    centre: Floats
    scale: Floats
    weight: Floats
    deep_centre: Floats
    deep_scale: Floats
    deep_weight: Floats
    intercept: float

    def score(self, design: Design) -> Floats:
        """(n,) log-odds or log hazard."""
        return np.asarray(self.wide_terms(design).sum(axis=1) + self.deep_terms(design) + self.intercept, dtype=np.float64)

    def wide_terms(self, design: Design) -> Floats:
        """(n, f) what each wide feature adds; 0 where it is unknown."""
        return np.asarray((design.wide - self.centre) * design.known * (self.scale * self.weight), dtype=np.float64)

    def deep_terms(self, design: Design) -> Floats:
        """(n,) what the patient token adds."""
        return np.asarray((design.deep - self.deep_centre) * self.deep_scale @ self.deep_weight, dtype=np.float64)

    def arrays(self, name: str) -> dict[str, npt.NDArray[np.float32]]:
        """As arrays named `name.<part>`."""
        made = {f"{name}.{part}": getattr(self, part).astype(np.float32) for part in PARTS}
        return made | {f"{name}.intercept": np.asarray([self.intercept], dtype=np.float32)}


PARTS = ("centre", "scale", "weight", "deep_centre", "deep_scale", "deep_weight")


def from_arrays(found: Mapping[str, npt.NDArray[np.float32]], name: str) -> Head:
    """The head that `Head.arrays` wrote.

    Raises
    ------
    ModelError
        A part is missing.
    """
    missing = [part for part in (*PARTS, "intercept") if f"{name}.{part}" not in found]
    if missing:
        raise ModelError(f"the weights lack {name}.{missing[0]}; they belong to another model")
    parts = {part: np.asarray(found[f"{name}.{part}"], dtype=np.float64) for part in PARTS}
    return Head(**parts, intercept=float(found[f"{name}.intercept"][0]))


def fit_response(
    design: Design, response: Floats, *, features: Sequence[Feature], penalties: Mapping[str, float], own: str = ""
) -> Head:
    """Logistic ridge with an intercept a cohort.

    Parameters
    ----------
    design : n patients. response : (n,) 0 or 1. features : (f,). penalties : by group.
    own : a cohort with coefficients of its own beside those that all share, penalised alike; the head is then that cohort's.

    Raises
    ------
    ModelError
        One class only.
    """
    scaled = _Scaled(design, features, penalties)
    names, cohort = np.unique(np.asarray(design.cohorts), return_inverse=True)
    shared, ridges = scaled.beside(own)
    x = np.hstack([shared, np.eye(names.size)[cohort]])
    found = ridge.logistic(x, response, penalties=np.append(ridges, np.full(names.size, COHORT_PENALTY)))
    average = float(found.coefficients[shared.shape[1] :][cohort].mean()) + found.intercept
    return scaled.head(found.coefficients[: shared.shape[1]], intercept=average)


def fit_hazard(
    design: Design, time: Floats, event: Bools, *, features: Sequence[Feature], penalties: Mapping[str, float], own: str = ""
) -> Head:
    """Cox ridge with a baseline hazard a cohort; `own` as in `fit_response`.

    Raises
    ------
    ModelError
        No event.
    """
    scaled = _Scaled(design, features, penalties)
    cohort = np.unique(np.asarray(design.cohorts), return_inverse=True)[1].astype(np.int64)
    shared, ridges = scaled.beside(own)
    found = ridge.cox(shared, time, event, penalties=ridges, strata=cohort)
    return scaled.head(found.coefficients, intercept=0.0)


def choose(design: Design, labels: Labels, *, features: Sequence[Feature], names: Sequence[str] = tuple(CANDIDATES)) -> tuple[str, dict[str, float]]:
    """Penalties for response: the candidate with the best mean AUC over the training cohorts left out one by one.

    A cohort counts by its patients. Returns the name and the mean AUC of every candidate.
    """
    response = labels.response.astype(np.float64)
    cohort = np.asarray(design.cohorts)
    judged = [
        c for c in dict.fromkeys(design.cohorts)
        if (cohort == c).sum() >= LEAST_KNOWN and min(response[cohort == c].sum(), (1 - response[cohort == c]).sum()) >= 3
    ]  # fmt: skip
    if len(judged) < 3:
        return "strong", {}
    means: dict[str, float] = {}
    for name in names:
        total, weight = 0.0, 0
        for left in judged:
            test = np.flatnonzero(cohort == left)
            head = fit_response(design.take(np.flatnonzero(cohort != left)), response[cohort != left], features=features, penalties=CANDIDATES[name])
            total += auc(head.score(design.take(test)), response[test] > 0) * test.size
            weight += test.size
        means[name] = total / weight
    return max(means, key=lambda name: means[name]), means


def auc(score: Floats, positive: Bools) -> float:
    """Chance that a positive scores above a negative, ties half; nan without both."""
    if positive.all() or not positive.any():
        return float("nan")
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    m = int(positive.sum())
    return float((rank[positive].sum() - m * (m + 1) / 2) / (m * (positive.size - m)))


class _Scaled:
    """Design in standard deviations of the training patients; what is unknown sits at the training mean, 0."""

    def __init__(self, design: Design, features: Sequence[Feature], penalties: Mapping[str, float]) -> None:
        n = design.known.sum(axis=0)
        self.centre = (design.wide * design.known).sum(axis=0) / np.maximum(n, 1)
        variance = (((design.wide - self.centre) * design.known) ** 2).sum(axis=0) / np.maximum(n, 1)
        group = np.asarray([penalties[feature.group] for feature in features])
        self.used = (n >= LEAST_KNOWN) & (variance > 1e-10) & (group < 1e5)
        self.scale = np.where(self.used, 1.0 / np.sqrt(np.where(self.used, variance, 1.0)), 0.0)
        self.deep_centre = design.deep.mean(axis=0)
        spread = design.deep.std(axis=0)
        deep = penalties["deep"] < 1e5
        self.deep_scale = np.where((spread > 1e-8) & deep, 1.0 / np.where(spread > 1e-8, spread, 1.0), 0.0)
        z = ((design.wide - self.centre) * design.known * self.scale)[:, self.used]
        tokens = (design.deep - self.deep_centre) * self.deep_scale
        self.x = np.hstack([z, tokens]) if deep else z
        self.penalties = np.append(group[self.used], np.full(tokens.shape[1] if deep else 0, penalties["deep"]))
        self.deep = deep
        self.cohorts = np.asarray(design.cohorts)

    def beside(self, own: str) -> tuple[Floats, Floats]:
        """Columns and penalties; with `own` once more, for the patients of that cohort alone."""
        if not own:
            return self.x, self.penalties
        return np.hstack([self.x, self.x * (self.cohorts == own)[:, None]]), np.tile(self.penalties, 2)

    def head(self, coefficients: Floats, *, intercept: float) -> Head:
        if coefficients.size == 2 * self.x.shape[1]:  # what all share, and what the cohort adds
            coefficients = coefficients[: self.x.shape[1]] + coefficients[self.x.shape[1] :]
        weight = np.zeros(self.used.size)
        k = int(self.used.sum())
        weight[self.used] = coefficients[:k]
        width = self.deep_centre.size
        return Head(
            centre=self.centre, scale=self.scale, weight=weight, deep_centre=self.deep_centre, deep_scale=self.deep_scale,
            deep_weight=coefficients[k : k + width] if self.deep else np.zeros(width), intercept=intercept,
        )  # fmt: skip

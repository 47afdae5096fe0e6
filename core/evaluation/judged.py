"""Judged: AUC and concordance of several models on the same patients, with a paired bootstrap.

AUC and Harrell's C are one sum over pairs of patients whose order is known, so that repeats average and resampled patients
only reweigh the pairs. Bootstrap: Efron & Tibshirani 1993 (percentile interval); Harrell 1982, doi 10.1001/jama.1982.03320430047030.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

RESAMPLES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Judged patients of one cohort.

    Attributes
    ----------
    name : cohort. happened : (n,) responded, or died. time : (n,) months, or None for response.
    scores : by model, (repeats, n); nan = no score.
    fold : (repeats, n) fit that scored each patient: only patients scored by the same fit are compared; None = all are.
    """

    name: str
    happened: Bools
    time: Floats | None
    scores: Mapping[str, Floats]
    fold: Ints | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval: of one model, or of one less another on the patients who have both.

    Attributes
    ----------
    cohort : "" = mean over cohorts. value, low, high : nan where it does not exist. n, events : patients.
    """

    model: str
    against: str
    cohort: str
    value: float
    low: float
    high: float
    n: int
    events: int


def comparable(group: Group) -> Floats:
    """(n, n) 1 where the order of two patients is known and the first should have the higher score."""
    if group.time is None:
        return np.outer(group.happened, ~group.happened).astype(np.float64)
    earlier = group.time[:, None] < group.time[None, :]
    same = (group.time[:, None] == group.time[None, :]) & ~group.happened[None, :]
    return np.asarray(group.happened[:, None] & (earlier | same), dtype=np.float64)


def concordant(scores: Floats, fold: Ints | None = None) -> Floats:
    """(n, n) share of the repeats in which two were scored by one fit and the first has the higher score; ties count half."""
    found = np.zeros((scores.shape[1], scores.shape[1]))
    for number, one in enumerate(scores):
        higher = (one[:, None] > one[None, :]) + 0.5 * (one[:, None] == one[None, :])
        found += higher if fold is None else higher * (fold[number][:, None] == fold[number][None, :])
    return np.asarray(found / scores.shape[0], dtype=np.float64)


def together(fold: Ints | None, n: int) -> Floats:
    """(n, n) share of the repeats in which two patients were scored by one fit."""
    if fold is None:
        return np.ones((n, n))
    return np.asarray(np.mean([one[:, None] == one[None, :] for one in fold], axis=0), dtype=np.float64)


def resampled(group: Group, *, resamples: int = RESAMPLES, seed: int = 0) -> Floats:
    """(resamples, n) how often each patient is drawn; responders and non-responders are drawn apart."""
    rng = np.random.default_rng([seed, 11])
    n = group.happened.size
    strata = np.zeros(n, dtype=bool) if group.time is not None else group.happened
    drawn = np.zeros((resamples, n))
    for value in (False, True):
        own = np.flatnonzero(strata == value)
        if own.size:
            drawn[:, own] = rng.multinomial(own.size, np.full(own.size, 1.0 / own.size), size=resamples)
    return drawn


def judge(
    groups: list[Group], *, against: Sequence[str] = (), by_size: bool = True, resamples: int = RESAMPLES, seed: int = 0
) -> list[Estimate]:
    """Every model on every cohort and over all, and each model less each of `against`.

    Estimand: P(of two patients whose order is known, the score puts them right); ties count one half. The mean over
    cohorts is weighted by their judged patients (`by_size`) or not: patients of different cohorts are never compared. Interval: percentile
    bootstrap over patients, within cohorts (and within responders and non-responders); in a difference both models are
    judged on the same patients, those who have both scores, in each resample.

    Returns
    -------
    list of Estimate: for each model the cohorts, then "" for the mean; then the differences.
    """
    prepared = [_Prepared(group, resamples=resamples, seed=seed) for group in groups]
    models = list(dict.fromkeys(name for group in groups for name in group.scores))
    made: list[Estimate] = []
    for model in models:
        parts = [p.alone(model) for p in prepared if model in p.group.scores]
        made += _rows((model, ""), parts, by_size=by_size)
        for other in against:
            if other == model or other not in models:
                continue
            pairs = [p.less(model, other) for p in prepared if {model, other} <= set(p.group.scores)]
            made += _rows((model, other), pairs, by_size=by_size)
    return made


@dataclass(frozen=True, slots=True)
class _Part:
    """One cohort's figure: value, (resamples,) resampled values, patients, events."""

    cohort: str
    value: float
    draws: Floats
    n: int
    events: int


class _Prepared:
    """A cohort with its pairs and resamples, computed once for all models."""

    def __init__(self, group: Group, *, resamples: int, seed: int) -> None:
        self.group = group
        self.pairs = comparable(group) * together(group.fold, group.happened.size)
        self.order = comparable(group)
        self.drawn = resampled(group, resamples=resamples, seed=seed)
        self.right = {name: concordant(scores, group.fold) for name, scores in group.scores.items()}
        self._made: dict[tuple[str, bytes], tuple[float, Floats]] = {}
        self.known: dict[str, Bools] = {name: np.asarray(np.isfinite(scores).all(axis=0), dtype=bool) for name, scores in group.scores.items()}

    def _figure(self, model: str, known: Bools) -> tuple[float, Floats]:
        key = (model, known.tobytes())
        if key not in self._made:
            self._made[key] = self._compute(model, known)
        return self._made[key]

    def _compute(self, model: str, known: Bools) -> tuple[float, Floats]:
        pairs = self.pairs[np.ix_(known, known)]
        right = self.order[np.ix_(known, known)] * self.right[model][np.ix_(known, known)]
        drawn = self.drawn[:, known]
        total = pairs.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = ((drawn @ right) * drawn).sum(axis=1) / ((drawn @ pairs) * drawn).sum(axis=1)
        return (float(right.sum() / total) if total else float("nan")), draws

    def _part(self, value: float, draws: Floats, known: Bools) -> _Part:
        return _Part(self.group.name, value, draws, int(known.sum()), int(self.group.happened[known].sum()))

    def alone(self, model: str) -> _Part:
        known = self.known[model]
        return self._part(*self._figure(model, known), known)

    def less(self, model: str, other: str) -> _Part:
        known: Bools = np.asarray(self.known[model] & self.known[other], dtype=bool)
        (one, draws), (two, others) = self._figure(model, known), self._figure(other, known)
        return self._part(one - two, draws - others, known)


def _rows(said: tuple[str, str], parts: list[_Part], *, by_size: bool) -> list[Estimate]:
    used = [p for p in parts if np.isfinite(p.value)]
    made = [_row(said, p) for p in used]
    if used:
        size = np.asarray([p.n if by_size else 1 for p in used], dtype=np.float64)
        draws = np.stack([p.draws for p in used])
        share = np.where(np.isfinite(draws), size[:, None], 0.0)
        mean = (np.nan_to_num(draws) * share).sum(axis=0) / np.maximum(share.sum(axis=0), 1e-12)
        value = float((np.asarray([p.value for p in used]) * size).sum() / size.sum())
        made.append(_row(said, _Part("", value, mean, sum(p.n for p in used), sum(p.events for p in used))))
    return made


def _row(said: tuple[str, str], part: _Part) -> Estimate:
    known = part.draws[np.isfinite(part.draws)]
    low, high = np.quantile(known, (0.025, 0.975)) if known.size else (np.nan, np.nan)
    return Estimate(
        model=said[0], against=said[1], cohort=part.cohort, value=part.value, low=float(low), high=float(high),
        n=part.n, events=part.events,
    )  # fmt: skip

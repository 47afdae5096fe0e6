"""Does a model beat the best simple marker on the same patients? Paired DeLong tests, Holm-corrected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from core.figures import words
from core.finding import Finding
from core.response.closer.patients import Judged, Variant
from core.response.paired import covariance, paired_auc
from core.response.roc import auc

FEWEST = 20
"""Patients that share two scores."""
FEWEST_OF_EACH = 5
"""Responders, and non-responders, among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One predictor against another on the patients who have both.

    Attributes
    ----------
    difference : Finding, AUC of `one` less AUC of `other`. auc_one, auc_other : on the shared patients. p_holm :
        corrected for all the pairs made with it.
    """

    one: Variant
    other: Variant
    difference: Finding
    auc_one: float
    auc_other: float
    p_holm: float

    @property
    def better(self) -> bool:
        """Higher, and the corrected test says so."""
        return self.p_holm < 0.05 and (self.difference.effect or 0.0) > 0

    @property
    def worse(self) -> bool:
        """Lower, and the corrected test says so."""
        return self.p_holm < 0.05 and (self.difference.effect or 0.0) < 0


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction; nan stays nan and does not count. Equals R p.adjust(method = "holm").

    References
    ----------
    Holm 1979, doi 10.2307/4615733.
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    result = np.full(p.size, np.nan)
    result[order] = np.minimum(np.maximum.accumulate(p[order] * (order.size - np.arange(order.size))), 1.0)
    return [float(v) for v in result]


def signed(value: float) -> str:
    """A difference with its sign; one that rounds to nothing has none: "+0.11", "−0.05", "0.00"."""
    return "0.00" if abs(value) < 0.005 else words.signed(value)


def enough(frame: pl.DataFrame, *scores: str) -> bool:
    """Whether enough patients have a response and all of these scores."""
    known = frame.drop_nulls(["response", *scores])["response"]
    hits = int(known.sum())
    return known.len() >= FEWEST and min(hits, known.len() - hits) >= FEWEST_OF_EACH


def best_markers(found: Judged) -> list[Variant]:
    """The simple marker with the highest AUC among those that at least half of the patients have; and the one with the
    highest AUC of all, where fewer have it. AUCs are taken on the patients who have the marker."""
    judged = [
        (auc(found.frame, score=v.score).effect or 0.0, v)
        for v in found.variants
        if v.simple and enough(found.frame, v.score)
    ]
    if not judged:
        return []
    first = max(judged, key=lambda pair: pair[0])[1]
    common = [pair for pair in judged if pair[1].n >= found.frame.height / 2]
    usual = max(common, key=lambda pair: pair[0])[1] if common else first
    return [usual] if usual == first else [usual, first]


def distinct(found: Judged) -> list[Variant]:
    """Variants without recalibrated LORIS where LORIS itself is: a monotone transform of it, so the same AUC."""
    loris = any(v.predictor == "loris" for v in found.variants)
    return [v for v in found.variants if not (loris and v.predictor == "loris_recalibrated")]


def against(found: Judged, other: Variant, *, models_only: bool = False) -> list[Pair]:
    """Every predictor that shares enough patients with `other`, against it; Holm over these pairs.

    Null hypothesis of each: equal AUC in the patients who have both (paired DeLong). A predictor picked as the best of
    several on these patients looks a little better than it is, which counts against the one that is compared with it.
    """
    pairs: list[tuple[Variant, Finding, float, float]] = []
    for v in distinct(found):
        if v == other or (models_only and v.simple) or not enough(found.frame, v.score, other.score):
            continue
        if {v.predictor, other.predictor} == {"loris", "loris_recalibrated"}:
            continue
        shared = found.frame.drop_nulls(["response", v.score, other.score])
        values, _ = covariance(shared.select(v.score, other.score).to_numpy(), shared["response"].to_numpy())
        difference = paired_auc(found.frame, first=v.score, second=other.score)
        pairs.append((v, difference, float(values[0]), float(values[1])))
    corrected = holm([finding.p_value for _, finding, _, _ in pairs])
    return [
        Pair(one=v, other=other, difference=finding, auc_one=one, auc_other=two, p_holm=p)
        for (v, finding, one, two), p in zip(pairs, corrected, strict=True)
    ]


def said(pair: Pair) -> str:
    """A pair in numbers: "AUC 0.75 against 0.65, difference +0.11 (+0.05 to +0.16), p = .012, n = 515"."""
    numbers = f"AUC {words.ratio(pair.auc_one)} against {words.ratio(pair.auc_other)}"
    low, high = pair.difference.ci95 or (float("nan"), float("nan"))
    if low == low and high == high and pair.difference.effect is not None:
        numbers += f", difference {signed(pair.difference.effect)} ({signed(low)} to {signed(high)})"
    return f"{numbers}, {words.p(pair.p_holm)}, n = {pair.difference.n:,}"


def verdict(found: Judged, *, place: str = "") -> str:
    """Whether a model beats the best simple marker here, in words, with the numbers of the best model.

    Parameters
    ----------
    place : the cohort in words, or "" where there is only one.
    """
    where = f" on {place}" if place else " here"
    markers = best_markers(found)
    models = [v for v in distinct(found) if not v.simple and enough(found.frame, v.score)]
    if not markers and not models:
        return (
            f"Too few patients{where} for any AUC: it takes {FEWEST}, {FEWEST_OF_EACH} responders and {FEWEST_OF_EACH} "
            "non-responders among them."
        )
    if not markers:
        return f"No simple marker can be judged{where}, so no model can be shown to beat one. {_highest(found, models)}"
    if not models:
        alone = auc(found.frame, score=markers[0].score)
        return f"No model can be judged{where}; the best simple marker is {markers[0].spoken}, {words.area(alone)}, n = {alone.n:,}."
    rounds = [against(found, marker, models_only=True) for marker in markers]
    rounds = [pairs for pairs in rounds if pairs]
    if not rounds:
        return f"No model shares enough patients with {markers[0].spoken}, the best simple marker{where}. {_highest(found, models)}"
    every = [p for pairs in rounds for p in pairs]
    corrected = iter(holm([p.difference.p_value for p in every]))
    rounds = [[replace(p, p_holm=next(corrected)) for p in pairs] for pairs in rounds]
    tests = f" (paired DeLong{f', Holm over {len(every)} comparisons' if len(every) > 1 else ''})."
    told = [_told(pairs, found, where=where if i == 0 else "") for i, pairs in enumerate(rounds)]
    sentence = "; ".join(told) + tests
    return sentence[:1].upper() + sentence[1:]


def _told(pairs: list[Pair], found: Judged, *, where: str) -> str:
    """Every model against one marker; the first in full, the others by name."""
    marker = pairs[0].other
    most = marker.n >= found.frame.height / 2
    which = f"the best simple marker{where}" if most else f"measured in {marker.n:,} of {found.frame.height:,} patients"
    ranked = sorted(pairs, key=lambda p: (not p.better, -(p.difference.effect or -9.0)))
    best, others = ranked[0], ranked[1:]
    if best.better:
        told = f"{best.one.spoken} separates responders better than {marker.spoken}, {which}: {said(best)}"
    elif all(p.worse for p in pairs):
        told = f"{marker.spoken}, {which}, separates responders better than every model; the closest is {best.one.spoken}, {said(best)}"
    else:
        told = f"no model is shown to beat {marker.spoken}, {which}: {best.one.spoken}, {said(best)}"
    also = [p.one.spoken for p in others if p.better]
    worse = [p.one.spoken for p in others if p.worse]
    if also:
        told += f"; {words.listing(also)} {'does' if len(also) == 1 else 'do'} so too"
    if worse and not all(p.worse for p in pairs):
        told += f"; {words.listing(worse)} {'is' if len(worse) == 1 else 'are'} worse"
    return told


def _highest(found: Judged, models: list[Variant]) -> str:
    judged = [(auc(found.frame, score=v.score), v) for v in models]
    finding, v = max(judged, key=lambda pair: pair[0].effect or 0.0)
    return f"Highest AUC: {v.spoken}, {words.area(finding).removeprefix('AUC ')}, n = {finding.n:,}."

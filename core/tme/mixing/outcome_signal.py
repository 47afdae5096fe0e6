"""Outcome signal: how well response can be told in a cohort from what the other cohorts teach, after a correction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.pooling import random_effects
from core.response.roc import delong
from models.folds import stratified_folds

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LEAST_OF_CLASS = 5
PENALTY = 0.1
"""Ridge penalty as a share of the number of training patients; fixed beforehand, no other was tried."""
REPEATS, FOLDS = 10, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """AUC for response.

    Attributes
    ----------
    auc, ci95 : pooled over the cohorts (random effects of logits, Hartung-Knapp); nan without a cohort.
    cohorts : codes judged. each : (k, 3) AUC and DeLong's 95% interval of each. n, responders : (k,) patients judged.
    """

    auc: float
    ci95: tuple[float, float]
    cohorts: tuple[int, ...]
    each: Floats
    n: tuple[int, ...]
    responders: tuple[int, ...]


def judgeable(response: Floats, batch: Ints) -> list[int]:
    """Cohorts with at least 5 responders and 5 non-responders. response : (n,) 1, 0 or nan = not evaluable."""
    enough = []
    for code in np.unique(batch):
        own = response[(batch == code) & np.isfinite(response)]
        if min((own == 1).sum(), (own == 0).sum()) >= LEAST_OF_CLASS:
            enough.append(int(code))
    return enough


def between(x: Floats, response: Floats, batch: Ints) -> Signal:
    """Leave one cohort out: a ridge taught by all other cohorts ranks the patients of each.

    Parameters
    ----------
    x : (n, p) corrected features. response : (n,) 1, 0 or nan. batch : (n,) codes.

    Ridge regression of the response, centred within each teaching cohort so that no cohort's response rate teaches; the
    features of the left-out cohort were corrected with the others', its response was not seen. Estimand: the mean over
    cohorts of P(score of a responder > score of a non-responder).
    """
    judged = judgeable(response, batch)
    scores = {}
    for code in judged:
        teach = np.isin(batch, [c for c in judged if c != code]) & np.isfinite(response)
        if teach.any():
            scores[code] = _taught(x, response, batch=batch, teach=teach)[batch == code]
    return _signal(scores, response, batch)


def inside(x: Floats, response: Floats, batch: Ints) -> Signal:
    """The reference: the same ridge taught and judged within each cohort, 5-fold, 10 times over; x : (n, p) uncorrected.

    The score is a patient's mean rank over the repeats, each from folds that left the patient out.
    """
    scores = {}
    for code in judgeable(response, batch):
        own = np.flatnonzero((batch == code) & np.isfinite(response))
        part, known = x[own], response[own]
        total = np.zeros(own.size)
        for repeat in range(REPEATS):
            fold = stratified_folds(known == 1, folds=FOLDS, seed=repeat)
            for k in range(FOLDS):
                out = fold == k
                said = _taught(part, known, batch=np.zeros(own.size, dtype=np.int64), teach=~out)
                total[out] += (said[out] - said[~out].mean()) / max(float(said[~out].std()), 1e-12)
        whole = np.full(int((batch == code).sum()), np.nan)
        whole[np.isfinite(response[batch == code])] = total
        scores[code] = whole
    return _signal(scores, response, batch)


def _taught(x: Floats, response: Floats, *, batch: Ints, teach: Bools) -> Floats:
    """Scores (n,) of a ridge taught by some rows."""
    centre, spread = x[teach].mean(axis=0), x[teach].std(axis=0, ddof=1)
    z = (x - centre) / np.where(spread > 1e-12, spread, 1.0)
    target = response[teach].copy()
    for code in np.unique(batch[teach]):
        own = batch[teach] == code
        target[own] -= target[own].mean()
    design = z[teach]
    gram = design.T @ design + PENALTY * design.shape[0] * np.eye(design.shape[1])
    return np.asarray(z @ np.linalg.solve(gram, design.T @ target), dtype=np.float64)


def _signal(scores: dict[int, Floats], response: Floats, batch: Ints) -> Signal:
    rows, sizes, hits, logits, errors = [], [], [], [], []
    for code, score in scores.items():
        truth = response[batch == code]
        known = np.isfinite(truth)
        auc, variance = delong(score[known], truth[known] == 1)
        half = 1.96 * math.sqrt(variance)
        rows.append((auc, max(auc - half, 0.0), min(auc + half, 1.0)))
        sizes.append(int(known.sum()))
        hits.append(int((truth[known] == 1).sum()))
        safe = min(max(auc, 0.01), 0.99)
        logits.append(math.log(safe / (1 - safe)))
        errors.append(math.sqrt(variance) / (safe * (1 - safe)) if variance > 0 else math.nan)
    each = np.array(rows, dtype=np.float64).reshape(-1, 3)
    if not rows:
        return Signal(auc=math.nan, ci95=(math.nan, math.nan), cohorts=(), each=each, n=(), responders=())
    pooled = random_effects(np.array(logits), np.array(errors))
    auc, low, high = (float(1 / (1 + math.exp(-float(v)))) for v in (pooled.estimate, *pooled.ci95))
    return Signal(auc=auc, ci95=(low, high), cohorts=tuple(scores), each=each, n=tuple(sizes), responders=tuple(hits))


def retained(signal: Signal, reference: Signal) -> float:
    """Share of the reference's AUC above .5 that is there after a correction, 0 to 1.

    A reference under .55 counts as .55: nothing can be retained of nothing.
    """
    return float(np.clip((signal.auc - 0.5) / max(reference.auc - 0.5, 0.05), 0.0, 1.0))



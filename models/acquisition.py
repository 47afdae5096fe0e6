"""Acquisition: which patients' response would teach a ridge head most, if it were known; chosen one after another.

Bayesian experimental design for logistic regression (Chaloner and Verdinelli 1995, doi 10.1214/ss/1177009939; information
gain of Houlsby 2011, doi 10.48550/arXiv.1112.5745, with the Laplace approximation): the posterior precision of the coefficients
is H = X' W X + penalties over the patients who taught the head; a patient with features x and probability p adds
information 1/2 log(1 + p (1 - p) x' inv(H) x), and once chosen counts as known, so that the next one is not the same again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.heads import COHORT_PENALTY, Design, Head
from models.wide import Feature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Patients in the order in which they should be labelled.

    Attributes
    ----------
    order : (k,) rows. gain : (k,) information of each about the coefficients when those before it are known, nats.
    probability : (k,) predicted probability of response.
    """

    order: Ints
    gain: Floats
    probability: Floats


def columns(head: Head, design: Design, *, features: Sequence[Feature], penalties: Mapping[str, float]) -> tuple[Floats, Floats]:
    """What the head multiplies with its coefficients, (n, c), and each column's penalty, (c,); unused columns are left out."""
    used = (head.scale > 0) & (np.asarray([penalties[feature.group] for feature in features]) < 1e5)
    wide = ((design.wide - head.centre) * design.known * head.scale)[:, used]
    ridges = np.asarray([penalties[feature.group] for feature in features], dtype=np.float64)[used]
    live = head.deep_scale > 0
    deep = ((design.deep - head.deep_centre) * head.deep_scale)[:, live]
    return np.hstack([wide, deep]), np.append(ridges, np.full(int(live.sum()), penalties["deep"]))


def rank(
    head: Head, taught: Design, asked: Design, *, features: Sequence[Feature], penalties: Mapping[str, float], most: int
) -> Ranked:  # fmt: skip
    """The `most` patients of `asked`, m of them, whose response would teach the head most.

    Parameters
    ----------
    taught : patients who taught the head, each cohort with an intercept of its own. asked : of one new cohort, whose intercept
        is not known yet. penalties : of the head, by group.
    """
    known, ridges = columns(head, taught, features=features, penalties=penalties)
    names, cohort = np.unique(np.asarray(taught.cohorts), return_inverse=True)
    chance = _chance(head.score(taught))
    x = np.hstack([known, np.eye(names.size)[cohort]])
    precision = (x * (chance * (1 - chance))[:, None]).T @ x + np.diag(np.append(ridges, np.full(names.size, COHORT_PENALTY)))
    spread = np.linalg.inv(precision)[: known.shape[1], : known.shape[1]]
    spread = np.block([[spread, np.zeros((spread.shape[0], 1))], [np.zeros((1, spread.shape[0])), np.full((1, 1), 1.0 / COHORT_PENALTY)]])
    candidates = np.hstack([columns(head, asked, features=features, penalties=penalties)[0], np.ones((asked.wide.shape[0], 1))])
    p = _chance(head.score(asked))
    weight = p * (1 - p)
    unknown = np.maximum(((candidates @ spread) * candidates).sum(axis=1), 0.0)
    order, gain = [], []
    free = np.ones(p.size, dtype=bool)
    for _ in range(min(most, p.size)):
        value = np.where(free, np.log1p(weight * unknown) / 2, -1.0)
        best = int(value.argmax())
        order.append(best)
        gain.append(float(value[best]))
        free[best] = False
        along = spread @ candidates[best]
        share = weight[best] / (1.0 + weight[best] * unknown[best])
        unknown = np.maximum(unknown - share * (candidates @ along) ** 2, 0.0)
        spread = spread - share * np.outer(along, along)
    rows = np.asarray(order, dtype=np.int64)
    return Ranked(order=rows, gain=np.asarray(gain), probability=p[rows])


def _chance(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30, 30))), dtype=np.float64)

"""Meta: the estimates of several cohorts pooled, marker by marker; patients of different cohorts are never put together.

Two questions are kept apart. The p value asks whether the marker is associated in any of the cohorts (inverse-variance
mean, null hypothesis: in none); it decides what a scan calls. The effect and its interval ask how large the association
is on average over cohorts that differ (random effects, REML, Hartung-Knapp). Among 20,000 markers some estimates agree
by chance, for which the plain Hartung-Knapp interval is far too narrow: it is never made narrower than the sampling
errors alone allow (Roever 2015, doi 10.1186/s12874-015-0091-1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from core.markers.scan.effects import FAR, Effects
from core.markers.scan.many import REASONS, Floats, score_p, two_sided
from core.markers.scan.matrix import Matrix
from core.markers.scan.outcome import Outcome
from core.pooling import random_effects

POOLED_TEST = "inverse-variance test over cohorts"


def pooled(done: Sequence[tuple[Outcome, Matrix, Effects]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pool every marker over its cohorts.

    Parameters
    ----------
    done : one (outcome, markers, effects) a cohort.

    Returns
    -------
    table : marker, log_ratio, se, ci_low, ci_high (ratios), p_value (in no cohort), n, events, cohorts, note, p_score, outlying,
        p_random, tau2, i2. per_cohort : marker, study, cohort, log_ratio, se, n, events, note.
    """
    from scipy.special import stdtr, stdtrit

    place: dict[str, int] = {}
    for _, markers, _ in done:
        for name in markers.markers:
            place.setdefault(name, len(place))
    shape = (len(place), len(done))
    estimate, se = np.full(shape, np.nan), np.full(shape, np.nan)
    n, events = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    score, variance, farthest = (np.zeros(len(place)) for _ in range(3))
    rows = []
    for j, (outcome, markers, found) in enumerate(done):
        at = np.array([place[name] for name in markers.markers], dtype=np.int64)
        estimate[at, j], se[at, j] = found.many.estimate, found.many.se
        score[at] += found.score
        variance[at] += found.score_variance
        farthest[at] = np.maximum(farthest[at], found.farthest)
        usable = found.many.estimable
        n[at, j], events[at, j] = np.where(usable, found.n, 0), np.where(usable, found.events, 0)
        rows.append(
            pl.DataFrame(
                {
                    "marker": list(markers.markers),
                    "study": [outcome.study] * at.size,
                    "cohort": [outcome.cohort] * at.size,
                    "log_ratio": found.many.estimate,
                    "se": found.many.se,
                    "n": found.n,
                    "events": found.events,
                    "note": [REASONS[int(code)] for code in found.many.reason],
                }
            )
        )
    together = random_effects(estimate, se)
    k = np.asarray(together.k)
    enough = k >= 2
    df = np.maximum(k - 1, 1)
    error = np.where(enough, np.fmax(together.se, together.se_model), np.nan)
    mean = np.where(enough, together.estimate, np.nan)
    reach = stdtrit(df, 0.975) * error
    table = pl.DataFrame(
        {
            "marker": list(place),
            "log_ratio": mean,
            "se": error,
            "ci_low": np.exp(mean - reach),
            "ci_high": np.exp(mean + reach),
            "p_value": np.where(enough, in_none(estimate, se), np.nan),
            "n": n.sum(axis=1),
            "events": events.sum(axis=1),
            "cohorts": k,
            "note": ["" if ok else "estimable in fewer than two cohorts: not pooled" for ok in enough],
            "p_score": np.where(enough, score_p(score, variance), np.nan),
            "outlying": farthest > FAR,
            "p_random": np.minimum(2 * stdtr(df, -np.abs(mean / error)), 1.0),
            "tau2": np.where(enough, together.tau2, np.nan),
            "i2": np.where(enough, together.i2, np.nan),
        }
    )
    return table, pl.concat(rows).with_columns(pl.selectors.float().fill_nan(None))


def in_none(estimate: Floats, se: Floats) -> Floats:
    """p value of the null hypothesis that the marker is associated in none of the cohorts.

    Parameters
    ----------
    estimate, se : (m, cohorts), nan = absent.

    Inverse-variance mean over its standard error, normal. Equals R metafor rma(method = "EE").
    """
    known = np.isfinite(estimate) & np.isfinite(se) & (se > 0)
    weight = np.where(known, 1 / np.where(known, np.square(se), 1.0), 0.0)
    total = weight.sum(axis=1)
    z = (weight * np.where(known, estimate, 0.0)).sum(axis=1) / np.sqrt(np.where(total > 0, total, np.nan))
    return two_sided(z)

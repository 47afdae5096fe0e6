"""Precision-recall curve and average precision, with the logit interval of Boyd.

Davis & Goadrich 2006, doi 10.1145/1143844.1143874; Boyd, Eng & Page 2013, doi 10.1007/978-3-642-40994-3_29.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.response.outcome import Bools, Floats, scored, usable
from core.survival.kaplan_meier import Z95

REFERENCE = "10.1007/978-3-642-40994-3_29"
POINTS = {"threshold": pl.Float64, "recall": pl.Float64, "precision": pl.Float64, "called": pl.Int64}


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecall:
    """A precision-recall curve.

    Attributes
    ----------
    points : threshold, recall (sensitivity), precision (positive predictive value), called (patients at or above it);
        one row a distinct score, highest first. average_precision : Finding, effect = area by steps.
    prevalence : response rate: what a score without information gives at every recall. responders, n : patients.
    label : predictor in words.
    """

    points: pl.DataFrame
    average_precision: Finding
    prevalence: float
    responders: int
    n: int
    label: str = ""


def curve(score: npt.ArrayLike, response: npt.ArrayLike, *, label: str = "") -> PrecisionRecall:
    """Precision-recall curve of (n,) scores for (n,) responses; see `precision_recall` for the estimand.

    Parameters
    ----------
    score : (n,) float, higher = more likely to respond; nan or infinite = missing. response : (n,) bool, or float with
        nan = not evaluable.
    """
    values, observed, missing = usable(score, response)
    return _curve(values, observed, missing=missing, label=label)


def precision_recall(
    frame: pl.DataFrame, *, score: str, response: str = "response", label: str = ""
) -> PrecisionRecall:
    """Precision-recall curve of a score, with its average precision.

    Parameters
    ----------
    frame : one row a patient with `response` (null = not evaluable) and the column `score`.

    Estimand: the mean, over responders, of the share of responders among the patients scored at least as high (average
    precision, area by steps, ties taken together). It depends on the response rate, so that values of cohorts with
    different rates cannot be compared. Interval: 95%, normal on the logit scale with variance
    1 / (responders x AP x (1 - AP)). No test. A score without information has the response rate as its precision, and in few patients
    an average precision above it: see `by_chance`.

    Raises
    ------
    NotMeasured
        The frame lacks a column.
    TooFewPatients
        No patient has both a response and the score.

    References
    ----------
    Boyd, Eng & Page 2013, doi 10.1007/978-3-642-40994-3_29.
    """
    data = scored(frame, score=score, response=response)
    return _curve(data.score, data.response, missing=data.n_missing, label=label or score)


def by_chance(responders: int, n: int) -> float:
    """Mean average precision of a random order of n patients; the response rate in the limit, more in few patients.

    Each rank k holds a responder with chance m / n, whose precision is then 1 / k + (m - 1) / (n - 1) x (k - 1) / k on
    average; Melnyk, Ianevych & Manzhos 2025, arXiv 2511.02571.
    """
    if not 0 < responders <= n:
        return float("nan")
    harmonic = float((1 / np.arange(1, n + 1)).sum())
    return (harmonic + (responders - 1) / max(n - 1, 1) * (n - harmonic)) / n


def _curve(score: Floats, response: Bools, *, missing: int, label: str) -> PrecisionRecall:
    n, m = score.size, int(response.sum())
    if n == 0:
        raise TooFewPatients(
            f"no patient has both a response and {label or 'the score'}; choose another predictor or study"
        )
    prevalence = m / n
    if m in {0, n}:
        why = "no responders: precision and recall do not exist"
        if m:
            why = "no non-responders: precision is 1 whatever the score"
        finding = _finding((float("nan"),) * 3, (n, missing), note=why)
        return PrecisionRecall(
            points=pl.DataFrame(schema=POINTS), average_precision=finding, prevalence=prevalence, responders=m, n=n, label=label
        )  # fmt: skip
    order = np.argsort(-score, kind="stable")
    ranked, hit = score[order], response[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    called = np.flatnonzero(last) + 1
    found = np.cumsum(hit)[last]
    precision, recall = found / called, found / m
    value = float((np.diff(recall, prepend=0.0) * precision).sum())
    points = pl.DataFrame(
        {"threshold": ranked[last], "recall": recall, "precision": precision, "called": called}, schema=POINTS
    )
    note = f"response rate {prevalence:.3f}; a score without information has {by_chance(m, n):.3f} on average in as many patients"
    low, high = float("nan"), float("nan")
    if 0 < value < 1 - 1e-12:
        centre, half = np.log(value / (1 - value)), Z95 / np.sqrt(m * value * (1 - value))
        low, high = (float(1 / (1 + np.exp(-np.clip(x, -700, 700)))) for x in (centre - half, centre + half))
    else:
        note += "; no interval: every responder scores above every non-responder"
    return PrecisionRecall(
        points=points, average_precision=_finding((value, low, high), (n, missing), note=note), prevalence=prevalence,
        responders=m, n=n, label=label,
    )  # fmt: skip


def _finding(estimate: tuple[float, float, float], counts: tuple[int, int], *, note: str) -> Finding:
    value, low, high = estimate
    return Finding(
        name="average precision (logit interval)",
        statistic=value,
        p_value=float("nan"),
        effect=value,
        ci95=(low, high),
        n=counts[0],
        n_missing=counts[1],
        note=note,
        reference=REFERENCE,
    )

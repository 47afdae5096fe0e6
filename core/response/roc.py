"""Area under the ROC curve with DeLong's interval, and the curve's points.

DeLong, DeLong & Clarke-Pearson 1988, doi 10.2307/2531595.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.response.outcome import Bools, Floats, scored, usable
from core.survival.kaplan_meier import Z95

REFERENCE = "10.2307/2531595"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roc:
    """A ROC curve.

    Attributes
    ----------
    auc : Finding, effect = AUC. points : threshold, sensitivity, specificity, from (0, 1) to (1, 0); a patient is
        called a responder when score >= threshold. responders, n : patients. label : predictor in words.
    """

    auc: Finding
    points: pl.DataFrame
    responders: int
    n: int
    label: str = ""


def _midrank(x: Floats) -> Floats:
    """Ranks from 1, ties averaged."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def delong(score: Floats, response: Bools) -> tuple[float, float]:
    """AUC and its variance.

    Parameters
    ----------
    score : (n,) float, higher = more likely to respond. response : (n,) bool, both values present.

    Returns
    -------
    auc : P(score of a responder > score of a non-responder) + half the ties.
    variance : DeLong's, nan with fewer than two patients in a class.
    """
    placements = placement_values(score, response)
    auc = float(placements[0].mean())
    if min(placements[0].size, placements[1].size) < 2:
        return auc, float("nan")
    variance = sum(float(v.var(ddof=1)) / v.size for v in placements)
    return auc, variance


def placement_values(score: Floats, response: Bools) -> tuple[Floats, Floats]:
    """Of each responder: the share of non-responders that it beats. Of each non-responder: the share that beats it."""
    positive, negative = score[response], score[~response]
    m, n = positive.size, negative.size
    rank = _midrank(np.concatenate((positive, negative)))
    return (rank[:m] - _midrank(positive)) / n, 1.0 - (rank[m:] - _midrank(negative)) / m


def auc(frame: pl.DataFrame, *, score: str, response: str = "response") -> Finding:
    """AUC of a score for response, with DeLong's 95% interval.

    Estimand: the probability that a random responder scores higher than a random non-responder. Null hypothesis of
    the p value: it is one half (two-sided, normal). The direction is fixed: an AUC under .5 stays under .5.

    Returns
    -------
    Finding
        `effect` = AUC; interval cut off at 0 and 1; nan with a note when one class is empty.

    Raises
    ------
    TooFewPatients
        No patient has both a response and the score.

    References
    ----------
    DeLong 1988, doi 10.2307/2531595. Equals R pROC::ci.auc(method = "delong").
    """
    return roc(frame, score=score, response=response).auc


def roc(frame: pl.DataFrame, *, score: str, response: str = "response", label: str = "") -> Roc:
    """ROC curve of a score for response, with its AUC (see `auc` for the estimand, the interval and the reference).

    Parameters
    ----------
    frame : one row a patient with `response` (true, false, null = not evaluable) and the column `score` (higher = more
        likely to respond). label : the predictor in words, for figures.

    Raises
    ------
    TooFewPatients
        No patient has both a response and the score.
    """
    data = scored(frame, score=score, response=response)
    return _roc(data.score, data.response, missing=data.n_missing, label=label or score)


def curve(score: npt.ArrayLike, response: npt.ArrayLike, *, label: str = "") -> Roc:
    """ROC curve of (n,) scores for (n,) responses; see `auc` for the estimand, the interval and the reference.

    Parameters
    ----------
    score : (n,) float, higher = more likely to respond; nan or infinite = missing. response : (n,) bool, or float with
        nan = not evaluable.
    """
    values, observed, missing = usable(score, response)
    return _roc(values, observed, missing=missing, label=label)


def _roc(score: Floats, response: Bools, *, missing: int, label: str) -> Roc:
    n, m = score.size, int(response.sum())
    if n == 0:
        raise TooFewPatients(
            f"no patient has both a response and {label or 'the score'}; choose another predictor or study"
        )
    if m in {0, n}:
        lacking = "responders" if m == 0 else "non-responders"
        finding = _auc_finding(np.nan, np.nan, (n, missing), note=f"no {lacking}: the AUC does not exist")
        empty = pl.DataFrame(schema={"threshold": pl.Float64, "sensitivity": pl.Float64, "specificity": pl.Float64})
        return Roc(auc=finding, points=empty, responders=m, n=n, label=label)
    value, variance = delong(score, response)
    note = f"{m} responders, {n - m} non-responders"
    if min(m, n - m) < 2:
        note += "; no interval with one patient in a class"
    elif variance < 1e-16:
        note += "; no test, and an interval without width: " + (
            "the score does not vary" if value == 0.5 else "the score separates the two fully"
        )
    finding = _auc_finding(value, variance, (n, missing), note=note)
    order = np.argsort(-score, kind="stable")
    ranked, hit = score[order], response[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    sensitivity = np.concatenate(([0.0], np.cumsum(hit)[last] / m))
    specificity = np.concatenate(([1.0], 1 - np.cumsum(~hit)[last] / (n - m)))
    threshold = np.concatenate(([np.inf], ranked[last]))
    points = pl.DataFrame({"threshold": threshold, "sensitivity": sensitivity, "specificity": specificity})
    return Roc(auc=finding, points=points, responders=m, n=n, label=label)


def standard_error(score: npt.ArrayLike, response: npt.ArrayLike) -> float:
    """DeLong's standard error of the AUC of (n,) scores; nan with fewer than two patients in a class."""
    values, observed, _ = usable(score, response)
    if min(observed.sum(), (~observed).sum()) < 2:
        return float("nan")
    return float(np.sqrt(delong(values, observed)[1]))


def best_cut(found: Roc) -> float:
    """The observed score that, as a cut, has the largest sensitivity + specificity - 1; the highest of equals.

    Chosen on the patients shown, so that what is measured at it there is too good; nan where a class is empty.
    """
    points = found.points.filter(pl.col("threshold").is_finite())
    if points.is_empty():
        return float("nan")
    j = (points["sensitivity"] + points["specificity"]).to_numpy()
    return float(points["threshold"][int(np.argmax(j > j.max() - 1e-12))])


def _auc_finding(value: float, variance: float, counts: tuple[int, int], *, note: str) -> Finding:
    se = float(np.sqrt(variance))
    z = (value - 0.5) / se if se > 1e-8 else np.nan
    defined = np.isfinite(value) and np.isfinite(se)
    low, high = (max(0.0, value - Z95 * se), min(1.0, value + Z95 * se)) if defined else (np.nan, np.nan)
    return Finding(
        name="area under the ROC curve (DeLong)",
        statistic=z,
        p_value=erfc(abs(z) / sqrt(2)) if np.isfinite(z) else np.nan,
        effect=value,
        ci95=(low, high),
        n=counts[0],
        n_missing=counts[1],
        note=note,
        reference=REFERENCE,
    )

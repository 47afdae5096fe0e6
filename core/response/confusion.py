"""Two-by-two table of a score at a cut against response: sensitivity, predictive values, likelihood ratios, Youden's J.

Wilson 1927, doi 10.1080/01621459.1927.10502953; Simel 1991, doi 10.1016/0895-4356(91)90128-V; Youden 1950,
doi 10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3; Newcombe 1998,
doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured
from core.response.outcome import usable
from core.response.rate import wilson
from core.survival.kaplan_meier import Z95

Direction = Literal["high", "low"]
REFERENCE = "10.1016/0895-4356(91)90128-V"
NAN = float("nan")


class Measure(NamedTuple):
    """An estimate with its 95% interval; nan where it does not exist."""

    estimate: float
    ci_low: float
    ci_high: float

    @property
    def known(self) -> bool:
        return not math.isnan(self.estimate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Calls of a marker at a cut against what was observed.

    Attributes
    ----------
    tp, fp, fn, tn : patients called and observed to respond, called only, observed only, neither.
    sensitivity, specificity, ppv, npv, accuracy, prevalence, positive_rate : proportions with Wilson's interval;
        prevalence = observed response rate, positive_rate = share called.
    lr_positive, lr_negative : likelihood ratios with Simel's log interval. youden : sensitivity + specificity - 1 with
        Newcombe's interval of the difference of two independent proportions (his method 10, from Wilson's).
    cut : called when the score is at or above it (direction "high") or below it ("low").
    n : patients with score and response. n_missing : the others. note : what does not exist and why.
    """

    tp: int
    fp: int
    fn: int
    tn: int
    sensitivity: Measure
    specificity: Measure
    ppv: Measure
    npv: Measure
    accuracy: Measure
    prevalence: Measure
    positive_rate: Measure
    lr_positive: Measure
    lr_negative: Measure
    youden: Measure
    cut: float
    direction: Direction
    n: int
    n_missing: int
    note: str = ""

    def table(self) -> pl.DataFrame:
        """One row a measure: measure, estimate, ci_low, ci_high (null = does not exist)."""
        rows = [(words, *getattr(self, name)) for name, words in MEASURES.items()]
        schema = {"measure": pl.String, "estimate": pl.Float64, "ci_low": pl.Float64, "ci_high": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
            pl.col("estimate", "ci_low", "ci_high").fill_nan(None)
        )


MEASURES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "lr_positive": "Positive likelihood ratio",
    "lr_negative": "Negative likelihood ratio",
    "youden": "Youden's J",
    "accuracy": "Accuracy",
    "prevalence": "Observed response rate",
    "positive_rate": "Called positive",
}
"""Measures of `Confusion`, as tables name them."""


def confusion(score: npt.ArrayLike, response: npt.ArrayLike, *, cut: float, direction: Direction = "high") -> Confusion:
    """Two-by-two table of a score at a cut.

    Parameters
    ----------
    score : (n,) float; nan or infinite = missing. response : (n,) bool, or float with 1 = responded, 0 = not, nan =
        not evaluable. cut : in the unit of the score.
    direction : "high": a score at or above the cut calls a responder; "low": below it.

    Estimands: P(called | responded), P(not called | did not), P(responded | called), P(did not | not called), and their
    ratios, in patients like these. A cut must have been fixed on other patients for the intervals to hold. No test.

    Raises
    ------
    NotMeasured
        The cut is not a finite number; or a response is neither 0 nor 1.

    References
    ----------
    Wilson 1927, doi 10.1080/01621459.1927.10502953 (R prop.test(correct = FALSE)); Simel 1991,
    doi 10.1016/0895-4356(91)90128-V; a ratio with a zero count has no interval.
    """
    if not math.isfinite(cut):
        raise NotMeasured(f"the cut is {cut}, which divides nobody; give a finite number in the unit of the score")
    values, hit, missing = usable(score, response)
    called = values >= cut if direction == "high" else values < cut
    tp, fp = int((called & hit).sum()), int((called & ~hit).sum())
    fn, tn = int((~called & hit).sum()), int((~called & ~hit).sum())
    return counted((tp, fp, fn, tn), cut=cut, direction=direction, n_missing=missing)


def counted(
    cells: tuple[int, int, int, int], *, cut: float = NAN, direction: Direction = "high", n_missing: int = 0
) -> Confusion:
    """The measures of a table whose four counts (tp, fp, fn, tn) are known; see `confusion`."""
    tp, fp, fn, tn = cells
    n, responders, others = tp + fp + fn + tn, tp + fn, fp + tn
    sensitivity, specificity = proportion(tp, responders), proportion(tn, others)
    return Confusion(
        tp=tp,
        fp=fp,
        fn=fn,
        tn=tn,
        sensitivity=sensitivity,
        specificity=specificity,
        ppv=proportion(tp, tp + fp),
        npv=proportion(tn, tn + fn),
        accuracy=proportion(tp + tn, n),
        prevalence=proportion(responders, n),
        positive_rate=proportion(tp + fp, n),
        lr_positive=_ratio(tp, responders, of=(fp, others)),
        lr_negative=_ratio(fn, responders, of=(tn, others)),
        youden=_youden(sensitivity, specificity),
        cut=cut,
        direction=direction,
        n=n,
        n_missing=n_missing,
        note=_note(cells),
    )


def proportion(hits: int, n: int) -> Measure:
    """A proportion with Wilson's interval; nan for n = 0."""
    return Measure(hits / n, *wilson(hits, n)) if n else Measure(NAN, NAN, NAN)


def _ratio(a: int, n: int, *, of: tuple[int, int]) -> Measure:
    """(a / n) / (b / m) with Simel's interval on the log scale; no interval where a count is 0."""
    b, m = of
    if n == 0 or m == 0 or b == 0:
        return Measure(NAN, NAN, NAN)
    value = (a / n) / (b / m)
    if a == 0:
        return Measure(0.0, NAN, NAN)
    se = math.sqrt(1 / a - 1 / n + 1 / b - 1 / m)
    return Measure(value, value * math.exp(-Z95 * se), value * math.exp(Z95 * se))


def _youden(sensitivity: Measure, specificity: Measure) -> Measure:
    value = sensitivity.estimate + specificity.estimate - 1
    if math.isnan(value):
        return Measure(NAN, NAN, NAN)
    below = math.hypot(sensitivity.estimate - sensitivity.ci_low, specificity.estimate - specificity.ci_low)
    above = math.hypot(sensitivity.ci_high - sensitivity.estimate, specificity.ci_high - specificity.estimate)
    return Measure(value, max(-1.0, value - below), min(1.0, value + above))


def _note(cells: tuple[int, int, int, int]) -> str:
    """What does not exist, and why."""
    tp, fp, fn, tn = cells
    if not any(cells):
        return "no patient has both a score and a response: nothing can be computed"
    said = []
    if tp + fn == 0:
        said.append("no responders: sensitivity, likelihood ratios and Youden's J do not exist")
    if fp + tn == 0:
        said.append("no non-responders: specificity, likelihood ratios and Youden's J do not exist")
    if tp + fp == 0:
        said.append("no patient is called positive at this cut: the positive predictive value does not exist")
    if tn + fn == 0:
        said.append("no patient is called negative at this cut: the negative predictive value does not exist")
    if tp + fn and fp + tn:
        if fp == 0 and tp:
            said.append("no false positive: the positive likelihood ratio has no finite value")
        if tn == 0 and fn:
            said.append("no true negative: the negative likelihood ratio has no finite value")
        if tp == 0 and fp:
            said.append("no true positive: the positive likelihood ratio is 0, without an interval")
        if fn == 0 and tn:
            said.append("no false negative: the negative likelihood ratio is 0, without an interval")
    return "; ".join(said)


def predictive_values(
    sensitivity: float,
    specificity: float,
    prevalences: Sequence[float] | npt.NDArray[np.float64],
    *,
    lr_positive: tuple[float, float] = (math.nan, math.nan),
    lr_negative: tuple[float, float] = (math.nan, math.nan),
) -> pl.DataFrame:
    """Predictive values that a sensitivity and a specificity give at other response rates (Bayes' theorem).

    Parameters
    ----------
    sensitivity, specificity : 0 to 1. prevalences : response rates, 0 to 1.
    lr_positive, lr_negative : 95% limits of the likelihood ratios, nan where they do not exist.

    Returns
    -------
    prevalence, ppv, npv, positive (share called), ppv_low, ppv_high, npv_low, npv_high; null where nobody is called, or
    nobody is not. Sensitivity and specificity are taken as the same at every response rate; the limits are those of the
    likelihood ratios, carried through Bayes' theorem with the response rate taken as known.

    Raises
    ------
    NotMeasured
        A value lies outside 0 to 1.
    """
    rate = np.asarray(prevalences, dtype=np.float64)
    for name, value in (
        ("sensitivity", np.array([sensitivity])),
        ("specificity", np.array([specificity])),
        ("response rate", rate),
    ):
        if not ((value >= 0) & (value <= 1)).all():
            raise NotMeasured(
                f"the {name} must lie between 0 and 1; predictive values need all three to be proportions"
            )
    called_right, called_wrong = sensitivity * rate, (1 - specificity) * (1 - rate)
    spared_right, spared_wrong = specificity * (1 - rate), (1 - sensitivity) * rate
    called, spared = called_right + called_wrong, spared_right + spared_wrong
    return pl.DataFrame(
        {
            "prevalence": rate,
            "ppv": np.where(called > 0, called_right / np.where(called > 0, called, 1), np.nan),
            "npv": np.where(spared > 0, spared_right / np.where(spared > 0, spared, 1), np.nan),
            "positive": called,
            "ppv_low": _odds_share(rate, lr_positive[0]),
            "ppv_high": _odds_share(rate, lr_positive[1]),
            "npv_low": 1 - _odds_share(rate, lr_negative[1]),
            "npv_high": 1 - _odds_share(rate, lr_negative[0]),
        }
    ).with_columns(pl.exclude("prevalence", "positive").fill_nan(None))


def _odds_share(rate: npt.NDArray[np.float64], ratio: float) -> npt.NDArray[np.float64]:
    """Probability after a result with a likelihood ratio: odds x ratio, as a share; nan where both odds are 0."""
    up, rest = rate * ratio, 1 - rate
    whole = up + rest
    return np.asarray(np.where(whole > 0, up / np.where(whole > 0, whole, 1), np.nan), dtype=np.float64)

"""E-value: how strong unmeasured confounding would have to be to explain an association away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.errors import UnknownName

REFERENCE = "10.7326/M16-2607"
MEASURES: Mapping[str, str] = {"HR": "hazard ratio", "OR": "odds ratio", "RR": "risk ratio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EValue:
    """E-values of an estimate and of its interval.

    Attributes
    ----------
    point : of the estimate. limit : of the confidence limit nearer to 1; 1 where the interval holds 1 (no confounding is
        needed). Both at least 1; nan where not computable.
    risk_ratio : the estimate as a risk ratio. measure : 'HR', 'OR' or 'RR'. rare : the outcome was taken as rare.
    sentence : how to read it. note : why it cannot be computed, or empty.
    """

    point: float
    limit: float
    risk_ratio: float
    measure: str
    rare: bool
    sentence: str
    note: str = ""


def risk_ratio(ratio: float, *, measure: str = "HR", rare: bool = False) -> float:
    """A hazard or odds ratio as an approximate risk ratio.

    Rare outcome (under 15% at the end of follow-up): the ratio itself. Else a hazard ratio becomes
    (1 - 0.5 ** sqrt(HR)) / (1 - 0.5 ** sqrt(1 / HR)), an odds ratio its square root.

    Raises
    ------
    UnknownName
        There is no such measure.
    """
    if measure not in MEASURES:
        raise UnknownName(f"there is no measure '{measure}'; choose one of {', '.join(MEASURES)}")
    if rare or measure == "RR":
        return ratio
    if measure == "OR":
        return float(np.sqrt(ratio))
    return float((1 - 0.5 ** np.sqrt(ratio)) / (1 - 0.5 ** np.sqrt(1 / ratio)))


def _strength(rr: float) -> float:
    """E-value of a risk ratio."""
    above = rr if rr >= 1 else 1 / rr
    return float(above + np.sqrt(above * (above - 1)))


def e_value(ratio: float, ci95: tuple[float, float], *, measure: str = "HR", rare: bool = False) -> EValue:
    """E-value of a ratio and of its confidence limit.

    Parameters
    ----------
    ratio : the estimate, above 0. ci95 : its interval. measure : 'HR', 'OR' or 'RR'.
    rare : the outcome is rare (under 15% by the end of follow-up), so that the ratio approximates a risk ratio as it is.

    Returns
    -------
    EValue
        The smallest association, as a risk ratio, that an unmeasured confounder would need with both the exposure and the
        outcome, given the measured covariates, to move the estimate (or the limit nearer to 1) to 1.

    References
    ----------
    VanderWeele & Ding 2017, doi 10.7326/M16-2607.
    """
    low, high = ci95
    usable = bool(np.isfinite(ratio) and ratio > 0)
    if not usable:
        risk_ratio(1.0, measure=measure)
        return EValue(
            point=np.nan, limit=np.nan, risk_ratio=np.nan, measure=measure, rare=rare, sentence="",
            note=f"the {MEASURES[measure]} is not estimable, so it has no E-value",
        )  # fmt: skip
    rr = risk_ratio(ratio, measure=measure, rare=rare)
    point = _strength(rr)
    nearer = low if ratio > 1 else high
    if not (np.isfinite(nearer) and nearer > 0 and np.isfinite(low) and np.isfinite(high)):
        limit, of_limit = float("nan"), ""
    elif low <= 1 <= high:
        limit, of_limit = 1.0, "; the interval includes 1, so none is needed for its limit"
    else:
        limit = _strength(risk_ratio(nearer, measure=measure, rare=rare))
        of_limit = f", and {limit:.2f} with each for the confidence limit"
    sentence = (
        f"An unmeasured confounder would need a risk ratio of {point:.2f} with both the group and the outcome to explain "
        f"the {MEASURES[measure]} of {ratio:.2f} away{of_limit}."
    )
    return EValue(point=point, limit=limit, risk_ratio=rr, measure=measure, rare=rare, sentence=sentence)

"""Sample size for a test's accuracy: sensitivity, specificity, predictive values and AUC of a locked cut."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from core.errors import UnknownName
from core.markers.cutoff.study_size import MOST, SampleSize, made, percent, shares, up
from core.survival.endpoint import Floats, Ints

EXACT_UP_TO = 20_000
"""Patients of the class in question beyond which the exact power is not computed."""


def proportion(
    expected: float,
    *,
    half_width: float,
    share: float,
    what: str = "sensitivity",
    confidence: float = 0.95,
    unusable: float = 0.0,
) -> SampleSize:
    """Patients for a confidence interval of sensitivity or specificity of a given half width.

    Parameters
    ----------
    expected : sensitivity (specificity) that is expected. half_width : of the interval. share : of all patients that are
        responders (for specificity: non-responders). what : 'sensitivity' or 'specificity', for the words.
    confidence : of the interval. unusable : share of patients whose marker or endpoint cannot be read.

    Estimand: P(positive | responder), or P(negative | non-responder). Normal approximation n = z^2 p (1 - p) / w^2.

    Raises
    ------
    UnknownName
        A share is not between 0 and 1.

    References
    ----------
    Buderer 1996, doi 10.1111/j.1553-2712.1996.tb03538.x. Equals R epiR::epi.ssdxsesp(error = "absolute").
    """
    shares(expected=expected, half_width=half_width, share=share, confidence=confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    exact = z * z * expected * (1 - expected) / half_width**2
    who = "non-responders" if what == "specificity" else "responders"
    return made(
        f"give {what} to within {percent(half_width)} either way ({percent(confidence)} CI) where it is {percent(expected)}",
        usable=exact / share, needed=((who, up(exact)),), unusable=unusable,
        formula="Buderer: n = z² p (1 − p) / w², divided by the share of patients it is counted in",
        doi="10.1111/j.1553-2712.1996.tb03538.x",
        assumptions=(f"{percent(share)} of patients are {who}", "the normal approximation holds (not near 0% or 100%)"),
    )  # fmt: skip


def performance_goal(
    expected: float,
    *,
    goal: float,
    share: float,
    what: str = "sensitivity",
    power: float = 0.8,
    alpha: float = 0.025,
    unusable: float = 0.0,
) -> SampleSize:
    """Patients for the lower exact confidence limit of a proportion to lie above a performance goal.

    Parameters
    ----------
    expected : true sensitivity (specificity). goal : that the lower limit must exceed. share : of patients it is counted
        in. alpha : one-sided (.025 = lower limit of a 95% interval). power : wanted. unusable : share that cannot be read.

    Null hypothesis: the proportion is at most `goal`. Exact binomial test; the number given is the smallest from which
    on the power never falls under the one wanted (the power of an exact test saws).

    Raises
    ------
    UnknownName
        A share is not between 0 and 1, the goal is not below the expected value, or no study under 20,000 would do.

    References
    ----------
    Clopper & Pearson 1934, doi 10.1093/biomet/26.4.404; Chernick & Liu 2002, doi 10.1198/000313002317572835.
    """
    shares(expected=expected, goal=goal, share=share, power=power, alpha=alpha)
    if goal >= expected:
        raise UnknownName(f"the goal ({goal:g}) must lie below the expected {what} ({expected:g})")
    z = NormalDist().inv_cdf(1 - alpha) * math.sqrt(goal * (1 - goal)) + NormalDist().inv_cdf(power) * math.sqrt(
        expected * (1 - expected)
    )
    guess = z * z / (expected - goal) ** 2
    most = int(1.6 * guess) + 60
    if most > EXACT_UP_TO:
        raise UnknownName(
            f"the goal {goal:g} is too near the expected {what} {expected:g}: over {EXACT_UP_TO:,} would be needed"
        )
    sizes = np.arange(1, most + 1)
    reached = exact_power(sizes, expected=expected, goal=goal, alpha=alpha)
    n = int(sizes[np.flatnonzero(reached < power)[-1]]) + 1 if (reached < power).any() else 1
    who = "non-responders" if what == "specificity" else "responders"
    return made(
        f"show {what} above {percent(goal)} (one-sided {alpha:g}) with {percent(power)} power where it is {percent(expected)}",
        usable=n / share, needed=((who, n),), unusable=unusable,
        power=float(exact_power(np.array([n]), expected=expected, goal=goal, alpha=alpha)[0]),
        formula="exact binomial test (Clopper-Pearson lower limit above the goal); smallest n from which on the power holds",
        doi="10.1093/biomet/26.4.404",
        assumptions=(f"{percent(share)} of patients are {who}", f"the true {what} is {percent(expected)}"),
    )  # fmt: skip


def exact_power(sizes: Ints, *, expected: float, goal: float, alpha: float) -> Floats:
    """Power of the one-sided exact binomial test at each size; (m,).

    References
    ----------
    Chernick & Liu 2002, doi 10.1198/000313002317572835.
    """
    from scipy.special import betainc

    def tail(count: Floats, chance: float) -> Floats:
        """P(at least `count` of n)."""
        inside = np.clip(count, 1, n)
        reached = np.where(count <= 0, 1.0, betainc(inside, n - inside + 1, chance))
        return np.where(count > n, 0.0, reached)

    n = np.asarray(sizes, dtype=np.float64)
    # smallest count whose upper tail under the goal is at most alpha
    low, high = np.zeros(n.size), n + 1
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        small = tail(middle, goal) <= alpha
        low, high = np.where(small, low, middle), np.where(small, middle, high)
    return tail(high, expected)


def predictive_value(
    expected: float,
    *,
    half_width: float,
    positive: float,
    what: str = "PPV",
    confidence: float = 0.95,
    unusable: float = 0.0,
) -> SampleSize:
    """Patients for a confidence interval of a predictive value of a given half width, in a cohort as it comes.

    Parameters
    ----------
    expected : PPV (NPV). half_width : of the interval. positive : share of patients that the test calls positive (for
        NPV: negative). what : 'PPV' or 'NPV', for the words.

    Estimand: P(response | positive), or P(no response | negative), at the response rate of the study.

    Raises
    ------
    UnknownName
        A share is not between 0 and 1.

    References
    ----------
    Steinberg, Fine & Chappell 2009, doi 10.1093/biostatistics/kxn018; the interval as Buderer 1996.
    """
    shares(expected=expected, half_width=half_width, positive=positive, confidence=confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    exact = z * z * expected * (1 - expected) / half_width**2
    side = "marker-negative patients" if what == "NPV" else "marker-positive patients"
    return made(
        f"give {what} to within {percent(half_width)} either way ({percent(confidence)} CI) where it is {percent(expected)}",
        usable=exact / positive, needed=((side, up(exact)),), unusable=unusable,
        formula="n = z² p (1 − p) / w² tested patients, divided by the share that tests so",
        doi="10.1093/biostatistics/kxn018",
        assumptions=(f"{percent(positive)} of patients are {side.removesuffix(' patients')}", "patients are taken as they come, not by response"),
    )  # fmt: skip


def auc(
    expected: float,
    *,
    share: float,
    null: float = 0.5,
    power: float = 0.8,
    alpha: float = 0.05,
    variance: str = "hanley-mcneil",
    unusable: float = 0.0,
) -> SampleSize:
    """Patients to show that an AUC differs from a null value.

    Parameters
    ----------
    expected : AUC. share : of patients that are responders. null : AUC to be exceeded. alpha : two-sided.
    variance : 'hanley-mcneil' (exponential scores) or 'obuchowski' (binormal scores; null .5 only).

    Null hypothesis: the AUC is `null`. Normal approximation, the variance under each hypothesis its own.

    Raises
    ------
    UnknownName
        A share is not between 0 and 1; the AUC does not exceed the null; there is no such variance.

    References
    ----------
    Hanley & McNeil 1982, doi 10.1148/radiology.143.1.7063747; Obuchowski & McClish 1997,
    doi 10.1002/(SICI)1097-0258(19970715)16:13<1529::AID-SIM565>3.0.CO;2-H. The latter equals R pROC::power.roc.test.
    """
    shares(expected=expected, share=share, null=null, power=power, alpha=alpha)
    if expected <= null:
        raise UnknownName(f"the expected AUC ({expected:g}) must exceed the null value ({null:g})")
    if variance not in {"hanley-mcneil", "obuchowski"}:
        raise UnknownName(f"there is no variance '{variance}'; choose hanley-mcneil or obuchowski")
    if variance == "obuchowski" and null != 0.5:
        raise UnknownName("Obuchowski's variance is for a null AUC of .5; choose hanley-mcneil")
    normal = NormalDist()
    za, zb, kappa = normal.inv_cdf(1 - alpha / 2), normal.inv_cdf(power), (1 - share) / share
    if variance == "obuchowski":
        cases = (za * math.sqrt(0.0792 * (1 + 1 / kappa)) + zb * math.sqrt(_obuchowski(expected, kappa))) ** 2 / (
            expected - null
        ) ** 2
    else:
        low, high = 2.0, float(MOST)
        while high - low > 1e-6 * high:
            middle = (low + high) / 2
            wide = za * math.sqrt(_hanley(null, middle, kappa)) + zb * math.sqrt(_hanley(expected, middle, kappa))
            low, high = (low, middle) if wide <= expected - null else (middle, high)
        cases = high
    whole = up(cases)
    spread = _hanley(expected, whole, kappa) if variance == "hanley-mcneil" else _obuchowski(expected, kappa) / whole
    chance = _hanley(null, whole, kappa) if variance == "hanley-mcneil" else 0.0792 * (1 + 1 / kappa) / whole
    return made(
        f"show an AUC above {null:.2f} with {percent(power)} power (two-sided {alpha:g}) where it is {expected:.2f}",
        usable=cases / share, needed=(("responders", whole), ("non-responders", up(cases * kappa))), unusable=unusable,
        power=normal.cdf((expected - null - za * math.sqrt(chance)) / math.sqrt(spread)),
        formula=f"{'Hanley and McNeil' if variance == 'hanley-mcneil' else 'Obuchowski'}: (z₁₋α/₂ √V₀ + z₁₋β √V₁)² = (AUC − null)²",
        doi="10.1148/radiology.143.1.7063747" if variance == "hanley-mcneil" else "10.1002/(SICI)1097-0258(19970715)16:13<1529::AID-SIM565>3.0.CO;2-H",
        assumptions=(
            f"{percent(share)} of patients are responders",
            "scores are exponential in both classes" if variance == "hanley-mcneil" else "scores are normal in both classes, with equal spread",
        ),
    )  # fmt: skip


def _hanley(area: float, cases: float, kappa: float) -> float:
    """Hanley and McNeil's variance of an AUC with `cases` responders and kappa times as many non-responders."""
    q1, q2, others = area / (2 - area), 2 * area**2 / (1 + area), cases * kappa
    return (area * (1 - area) + (cases - 1) * (q1 - area**2) + max(others - 1, 0.0) * (q2 - area**2)) / (cases * others)


def _obuchowski(area: float, kappa: float) -> float:
    """Obuchowski's binormal variance function, times the number of responders."""
    a = NormalDist().inv_cdf(area) * 1.414
    return 0.0099 * math.exp(-a * a / 2) * ((5 * a * a + 8) + (a * a + 8) / kappa)

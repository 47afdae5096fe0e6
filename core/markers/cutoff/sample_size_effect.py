"""Sample size for an effect: hazard ratio, difference of response rates, treatment x marker interaction."""

from __future__ import annotations

import math
from statistics import NormalDist

from core.errors import UnknownName
from core.markers.cutoff.study_size import SampleSize, made, percent, positive_ratio, power_of, shares, up, z_sum


def hazard_ratio(
    ratio: float,
    *,
    positive: float,
    event_rate: float,
    power: float = 0.8,
    alpha: float = 0.05,
    unusable: float = 0.0,
) -> SampleSize:
    """Patients to detect a hazard ratio between marker-positive and marker-negative patients.

    Parameters
    ----------
    ratio : hazard ratio that is expected. positive : share of marker-positive patients. event_rate : share of patients
        with an event by the end of the study. power : wanted. alpha : two-sided.

    Null hypothesis: the hazard ratio is 1 (log-rank test). Events = (z_a + z_b)^2 / (q (1 - q) ln(HR)^2).

    Raises
    ------
    UnknownName
        A share is not between 0 and 1; the ratio is 1 or not positive.

    References
    ----------
    Schoenfeld 1983, doi 10.2307/2531021. Events equal R epiR::epi.sscomps.
    """
    shares(positive=positive, event_rate=event_rate, power=power, alpha=alpha)
    positive_ratio(ratio, "hazard ratio")
    exact = z_sum(power, alpha) ** 2 / (positive * (1 - positive) * math.log(ratio) ** 2)
    reached = power_of(math.sqrt(up(exact) * positive * (1 - positive)) * abs(math.log(ratio)), alpha)
    return made(
        f"detect a hazard ratio of {ratio:.2f} with {percent(power)} power (two-sided {alpha:g})",
        usable=exact / event_rate, needed=(("events", up(exact)),), unusable=unusable, power=reached,
        formula="Schoenfeld: events = (z₁₋α/₂ + z₁₋β)² / (q (1 − q) ln² HR)", doi="10.2307/2531021",
        assumptions=(
            f"{percent(positive)} of patients are marker-positive", f"{percent(event_rate)} have an event while followed",
            "hazards are proportional, and their ratio is near 1 (at 0.6 with 30% marker-positive the power is 75%, not 80%)",
        ),
    )  # fmt: skip


def response_difference(
    first: float,
    second: float,
    *,
    positive: float,
    power: float = 0.8,
    alpha: float = 0.05,
    unusable: float = 0.0,
) -> SampleSize:
    """Patients to detect a difference of response rates between marker-positive and marker-negative patients.

    Parameters
    ----------
    first, second : response rates of positive and negative patients. positive : share of positive patients.

    Null hypothesis: the rates are equal (chi-square test, no continuity correction).

    Raises
    ------
    UnknownName
        A share is not between 0 and 1; the rates are equal.

    References
    ----------
    Fleiss, Tytun & Ury 1980, doi 10.2307/2529990. Equals R power.prop.test for groups of equal size.
    """
    shares(first=first, second=second, positive=positive, power=power, alpha=alpha)
    if first == second:
        raise UnknownName("the two response rates are equal: there is no difference to detect")
    mean = positive * first + (1 - positive) * second
    under_null = math.sqrt(mean * (1 - mean) * (1 / positive + 1 / (1 - positive)))
    under_effect = math.sqrt(first * (1 - first) / positive + second * (1 - second) / (1 - positive))
    normal = NormalDist()
    z = normal.inv_cdf(1 - alpha / 2) * under_null + normal.inv_cdf(power) * under_effect
    exact = z * z / (first - second) ** 2
    split = (
        ("marker-positive patients", up(exact * positive)),
        ("marker-negative patients", up(exact * (1 - positive))),
    )
    reached = normal.cdf(
        (math.sqrt(up(exact)) * abs(first - second) - normal.inv_cdf(1 - alpha / 2) * under_null) / under_effect
    )
    return made(
        f"detect {percent(first)} against {percent(second)} response with {percent(power)} power (two-sided {alpha:g})",
        usable=exact, needed=split, unusable=unusable, power=reached,
        formula="two proportions, pooled variance under the null hypothesis, unequal groups", doi="10.2307/2529990",
        assumptions=(f"{percent(positive)} of patients are marker-positive", "no continuity correction: Fisher's exact test takes a few more"),
    )  # fmt: skip


def interaction(
    ratio: float,
    *,
    positive: float,
    treated: float = 0.5,
    event_rate: float = 0.5,
    power: float = 0.8,
    alpha: float = 0.05,
    unusable: float = 0.0,
) -> SampleSize:
    """Patients of a randomised trial to show that a marker is predictive: a treatment x marker interaction.

    Parameters
    ----------
    ratio : of the treatment's hazard ratio in positive patients to that in negative ones. positive : share of positive
        patients. treated : share randomised to treatment, the same in both. event_rate : share with an event.

    Null hypothesis: the treatment's hazard ratio is the same in both. Events = (z_a + z_b)^2 / (ln(ratio)^2 q (1 - q)
    p (1 - p)): four times those of a main effect of the same size where half are positive.

    Raises
    ------
    UnknownName
        A share is not between 0 and 1; the ratio is 1 or not positive.

    References
    ----------
    Peterson & George 1993, Controlled Clinical Trials 14, 511-522; Schmoor, Sauerbrei & Schumacher 2000,
    doi 10.1002/(SICI)1097-0258(20000229)19:4<441::AID-SIM349>3.0.CO;2-N.
    """
    shares(positive=positive, treated=treated, event_rate=event_rate, power=power, alpha=alpha)
    positive_ratio(ratio, "ratio of hazard ratios")
    cells = positive * (1 - positive) * treated * (1 - treated)
    exact = z_sum(power, alpha) ** 2 / (cells * math.log(ratio) ** 2)
    return made(
        f"show a ratio of hazard ratios of {ratio:.2f} with {percent(power)} power (two-sided {alpha:g})",
        usable=exact / event_rate, needed=(("events", up(exact)),), unusable=unusable,
        power=power_of(math.sqrt(up(exact) * cells) * abs(math.log(ratio)), alpha),
        formula="Peterson and George; Schmoor: events = (z₁₋α/₂ + z₁₋β)² / (q (1 − q) p (1 − p) ln² ratio)",
        doi="10.1002/(SICI)1097-0258(20000229)19:4<441::AID-SIM349>3.0.CO;2-N",
        assumptions=(
            f"{percent(positive)} of patients are marker-positive, {percent(treated)} are treated, independently of the marker",
            f"{percent(event_rate)} have an event while followed, in similar shares in the four groups", "hazards are proportional",
        ),
    )  # fmt: skip

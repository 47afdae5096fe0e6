"""Finding: what every statistic returns, so that no number reaches the screen without its n, interval and test."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of one named test or estimate.

    Attributes
    ----------
    name : the test or estimate in words ("log-rank test", "hazard ratio, Cox (Efron)").
    statistic : the test statistic, or the estimate where there is none; nan when undefined.
    p_value : two-sided unless `note` says otherwise; nan when no test is made.
    effect : the estimate on its natural scale (hazard ratio, AUC, difference), or None.
    ci95 : 95% confidence interval of `effect`, or None where `effect` is None.
    n : patients used. n_missing : patients left out because a value is missing.
    events : events among the patients used, or None where the outcome is not a time.
    note : caveat in one sentence. reference : DOI of the method.
    """

    name: str
    statistic: float
    p_value: float
    effect: float | None
    ci95: tuple[float, float] | None
    n: int
    n_missing: int = 0
    events: int | None = None
    note: str = ""
    reference: str = ""

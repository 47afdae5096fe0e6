"""Log-rank test of equal survival in two or more groups; its weighted relatives are in `rank_tests`."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.groups import groups
from core.survival.endpoint import Bools, Floats, Ints, endpoint, label
from core.survival.rank_tests import counts, moments, rank_test
from core.survival.ties import merged

REFERENCE = "10.2307/2344317"


def observed_expected(time: Floats, event: Bools, codes: Ints) -> tuple[Floats, Floats, Floats]:
    """Observed and expected events of each group and their covariance.

    Parameters
    ----------
    time : (n,) float. event : (n,) bool. codes : (n,) int, 0 .. k-1.

    Returns
    -------
    observed (k,), expected (k,), variance (k, k) hypergeometric.
    """
    _, deaths, at_risk = counts(merged(time), event, codes)
    return moments(deaths, at_risk)


def logrank(frame: pl.DataFrame, *, outcome: str = "os", by: str) -> Finding:
    """Log-rank test over all groups of a column.

    Null hypothesis: the hazard is the same in every group at every time. The statistic is chi-square with (groups with
    expected events - 1) degrees of freedom; p is two-sided for two groups. No continuity correction.

    Returns
    -------
    Finding
        `effect` is None: the test has no estimate (see `hazard_ratio`). With fewer than two groups, or no events,
        statistic and p are nan and `note` says why.

    Raises
    ------
    TooFewPatients
        No patient has a time and a group.

    References
    ----------
    Peto & Peto 1972, doi 10.2307/2344317. Equals R survival::survdiff(rho = 0).
    """
    grouping = groups(frame, by)
    data = endpoint(frame, outcome, extra=grouping.codes >= 0)
    n = int(data.time.size)
    if n == 0:
        raise TooFewPatients(f"no patient has {label(outcome).lower()} and a known group; choose another split")
    labels, codes = np.unique(grouping.codes[data.rows], return_inverse=True)
    events = int(data.event.sum())

    def finding(statistic: float, p: float, note: str) -> Finding:
        return Finding(
            name="log-rank test",
            statistic=statistic,
            p_value=p,
            effect=None,
            ci95=None,
            n=n,
            n_missing=data.total - n,
            events=events,
            note=note,
            reference=REFERENCE,
        )

    if labels.size < 2:
        return finding(
            np.nan, np.nan, f"all patients are in one group ({grouping.labels[labels[0]]}): nothing to compare"
        )
    if events == 0:
        return finding(np.nan, np.nan, "no events: nothing to compare")
    test = rank_test(data.time, data.event, codes.astype(np.int64), entry=data.entry)
    if test.note:
        return finding(np.nan, np.nan, test.note)
    words = "1 degree of freedom" if test.df == 1 else f"{test.df} degrees of freedom"
    return finding(test.statistic, test.p_value, f"chi-square, {words}")

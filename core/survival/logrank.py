"""Log-rank test of equal survival in two or more groups."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.groups import groups
from core.survival.endpoint import Bools, Floats, Ints, endpoint, label

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
    k = int(codes.max()) + 1 if codes.size else 0
    times, inverse = np.unique(time, return_inverse=True)
    d = np.zeros((times.size, k))
    leaving = np.zeros((times.size, k))
    np.add.at(d, (inverse, codes), event)
    np.add.at(leaving, (inverse, codes), 1.0)
    at_risk = leaving[::-1].cumsum(axis=0)[::-1]
    some = d.sum(axis=1) > 0
    d, at_risk = d[some], at_risk[some]
    n, deaths = at_risk.sum(axis=1), d.sum(axis=1)
    share = at_risk / n[:, None]
    expected = (deaths[:, None] * share).sum(axis=0)
    factor = np.where(n > 1, deaths * (n - deaths) / np.maximum(n - 1, 1), 0.0)
    variance = np.diag((factor[:, None] * share).sum(axis=0)) - (share * factor[:, None]).T @ share
    return d.sum(axis=0), expected, variance


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
    observed, expected, variance = observed_expected(data.time, data.event, codes)
    keep = np.flatnonzero(expected > 0)[:-1]
    free = variance[np.ix_(keep, keep)]
    if keep.size == 0 or np.linalg.matrix_rank(free) < keep.size:
        return finding(np.nan, np.nan, "the groups are never at risk at the same time: nothing to compare")
    from scipy.special import chdtrc

    difference = (observed - expected)[keep]
    statistic = float(difference @ np.linalg.solve(free, difference))
    words = "1 degree of freedom" if keep.size == 1 else f"{keep.size} degrees of freedom"
    return finding(statistic, float(chdtrc(keep.size, statistic)), f"chi-square, {words}")

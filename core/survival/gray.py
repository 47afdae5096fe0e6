"""Gray's test of equal cumulative incidence of one cause among groups, when other events compete."""

from __future__ import annotations

import numpy as np

from core.survival.endpoint import Floats, Ints
from core.survival.kaplan_meier import checked
from core.survival.rank_tests import RankTest

REFERENCE = "10.1214/aos/1176350951"


def gray_test(
    time: Floats, cause: Ints, codes: Ints, *, of: int = 1, strata: Ints | None = None, rho: float = 0.0
) -> RankTest:
    """K-sample test of the cumulative incidence of one cause.

    Parameters
    ----------
    time : (n,) float, months. cause : (n,) int, 0 = censored, 1, 2, ... codes : (n,) int, 0 .. k-1, the group.
    of : the cause whose incidence is compared. strata : (n,) int; scores and covariance are summed over strata.
    rho : an event weighs (1 - F)**rho, F the incidence of all groups together; 0 unless said otherwise.

    Null hypothesis: the cumulative incidence of this cause is the same in every group (not: its hazard). Chi-square with
    groups - 1 degrees of freedom, on the score of the subdistribution hazards. No late entry.

    Returns
    -------
    RankTest
        observed : events of the cause in each group; expected : observed minus score. nan with a note when undefined.

    References
    ----------
    Gray 1988, doi 10.1214/aos/1176350951. Equals R cmprsk::cuminc(rho = rho)$Tests.
    """
    time, _ = checked(time, None)
    k = int(codes.max(initial=-1)) + 1
    score, variance, observed = np.zeros(k), np.zeros((k, k)), np.zeros(k)
    layers = np.zeros(time.size, dtype=np.int64) if strata is None else strata
    for layer in np.unique(layers):
        rows = layers == layer
        s, v = _layer(time[rows], np.where(cause[rows] == of, 1, np.minimum(cause[rows], 1) * 2), codes[rows], k=k, rho=rho)
        score, variance = score + s, variance + v
    np.add.at(observed, codes[cause == of], 1.0)

    def answer(statistic: float, note: str = "") -> RankTest:
        from scipy.special import chdtrc

        df = max(np.unique(codes).size - 1, 0)
        p = float(chdtrc(df, max(statistic, 0.0))) if np.isfinite(statistic) else float("nan")
        label = ("stratified " if strata is not None else "") + "Gray's test"
        return RankTest(
            kind="gray", label=label, statistic=statistic, df=df, p_value=p, observed=observed, expected=observed - score, note=note
        )

    if np.unique(codes).size < 2:
        return answer(np.nan, "all patients are in one group: nothing to compare")
    if not observed.any():
        return answer(np.nan, f"no event of cause {of}: nothing to compare")
    keep = np.unique(codes)[:-1]
    free = variance[np.ix_(keep, keep)]
    size = np.sqrt(np.maximum(np.diag(free), 0.0))
    if (size <= 0).any() or np.linalg.matrix_rank(free / np.outer(size, size), tol=1e-7) < keep.size:
        return answer(np.nan, "the groups are never at risk together at an event: nothing to compare")
    return answer(float(score[keep] @ np.linalg.solve(free, score[keep])))


def _layer(time: Floats, kind: Ints, codes: Ints, *, k: int, rho: float) -> tuple[Floats, Floats]:
    """Score (k,) and covariance (k, k) of one stratum; `kind` is 0 censored, 1 the cause, 2 another.

    In Gray's notation, with S and F of each group just before t, R the risk set of group r and h = R / S: each group's
    share of the subdistribution risk set is h (1 - F). The covariance is the sum over groups and event times of squared
    influences a + b (C - c): a the direct effect, C - c what the effect on S and F adds at later times.
    """
    times = np.unique(time[kind > 0])
    if times.size == 0:
        return np.zeros(k), np.zeros((k, k))
    risk, own, other = (np.zeros((times.size, k)) for _ in range(3))
    for g in range(k):
        leaving = np.sort(time[codes == g])
        risk[:, g] = leaving.size - np.searchsorted(leaving, times, side="left")
    for which, table in ((1, own), (2, other)):
        np.add.at(table, (np.searchsorted(times, time[kind == which]), codes[kind == which]), 1.0)
    there = risk > 0
    some = np.maximum(risk, 1.0)
    after = np.cumprod(np.where(there, (risk - own - other) / some, 1.0), axis=0)
    before = np.concatenate((np.ones((1, k)), after[:-1]))
    safe = np.where(there, before, 1.0)
    growth = np.where(there, before * own / some, 0.0)
    f_before = growth.cumsum(axis=0) - growth
    h = np.where(there, risk / safe, 0.0)
    total = h.sum(axis=1)
    deaths = own.sum(axis=1)
    pooled = np.cumsum(deaths / total)
    pooled_before = np.concatenate(([0.0], pooled[:-1]))
    weight = np.maximum(1.0 - pooled_before, 0.0) ** rho
    exposed = h * (1.0 - f_before)
    sum_exposed = exposed.sum(axis=1)
    share = exposed / np.where(sum_exposed > 0, sum_exposed, 1.0)[:, None]
    score = (weight[:, None] * (own - deaths[:, None] * share)).sum(axis=0)

    part = h / total[:, None]
    direct = -weight[:, None, None] * h[:, :, None] * part[:, None, :]
    direct[:, range(k), range(k)] = weight[:, None] * h * (1.0 - part)  # exactly 0 where a group is alone
    left = np.where(1.0 - pooled_before > 0, 1.0 - pooled_before, 1.0)
    path = np.cumsum(direct * (deaths / (total * left))[:, None, None], axis=0)
    ahead = path[-1] - path  # (m, k, k): what is still to come after each time
    alive = np.where(after > 0, after, 1.0)
    ratio = np.where(after > 0, (1.0 - pooled)[:, None] / alive, 0.0)
    # the cause itself: expected under the null from the pooled incidence
    effect = direct + (1.0 - ratio)[:, None, :] * ahead
    with np.errstate(divide="ignore", invalid="ignore"):
        tie = np.where(deaths[:, None] > 1, 1.0 - (deaths[:, None] - 1.0) / (total[:, None] * before - 1.0), 1.0)
    mass = np.where(there & (deaths[:, None] > 0), tie * before * deaths[:, None] / (total[:, None] * some), 0.0)
    variance = np.einsum("tik,tjk,tk->ij", effect, effect, mass)
    # the other causes: as observed in each group
    effect = -ratio[:, None, :] * ahead
    tie = np.where(other > 1, 1.0 - (other - 1.0) / np.maximum(risk - 1.0, 1.0), 1.0)
    mass = np.where((after > 0) & (other > 0), tie * before**2 * other / some**2, 0.0)
    return score, variance + np.einsum("tik,tjk,tk->ij", effect, effect, mass)

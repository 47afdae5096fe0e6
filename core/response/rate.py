"""Objective response rate with Wilson's interval, overall and by group, with a test.

Wilson 1927, doi 10.1080/01621459.1927.10502953; Armitage 1955, doi 10.2307/3001775.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from core.errors import TooFewPatients
from core.finding import Finding
from core.groups import groups, require
from core.response.exact import fisher
from core.survival.kaplan_meier import Z95

WILSON = "10.1080/01621459.1927.10502953"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Response rates.

    Attributes
    ----------
    table : one row a group, in display order: group, n, responders, rate, ci_low, ci_high (95%, Wilson).
    test : Fisher's exact test (two groups), trend test (ordered groups) or chi-square; None for one group.
    by : column, or None. n : evaluable patients with a group. n_missing : the others.
    """

    table: pl.DataFrame
    test: Finding | None
    by: str | None
    n: int
    n_missing: int


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95% interval of a proportion, without continuity correction; nan for n = 0.

    References
    ----------
    Wilson 1927, doi 10.1080/01621459.1927.10502953. Equals R prop.test(correct = FALSE)$conf.int.
    """
    if n == 0:
        return float("nan"), float("nan")
    rate, z2 = successes / n, Z95**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * np.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if successes == 0 else float(centre - half)
    high = 1.0 if successes == n else float(centre + half)
    return low, high


def response_rate(
    frame: pl.DataFrame, *, by: str | None = None, response: str = "response", trend: bool = False
) -> Rates:
    """Share of evaluable patients that responded.

    Parameters
    ----------
    frame : one row a patient with `response` (true, false, null = not evaluable) and `by`.
    trend : test a trend over groups in their order (Cochran-Armitage) instead of any difference.

    Estimand: P(response) among evaluable patients. Null hypothesis of the test: the same rate in every group.

    Raises
    ------
    TooFewPatients
        No patient has a response and a group.
    """
    require(frame, response)
    grouping = groups(frame, by)
    known = frame[response].is_not_null().to_numpy() & (grouping.codes >= 0)
    hit = frame[response].fill_null(value=False).cast(pl.Boolean).to_numpy()
    if not known.any():
        raise TooFewPatients(
            "no patient has an evaluable response" + (" and a known group" if by else "") + "; choose another study"
        )
    rows = []
    for k, name in enumerate(grouping.labels):
        mine = known & (grouping.codes == k)
        n, m = int(mine.sum()), int((mine & hit).sum())
        if n:
            rows.append((name, n, m, m / n, *wilson(m, n)))
    table = pl.DataFrame(rows, schema=["group", "n", "responders", "rate", "ci_low", "ci_high"], orient="row")
    total = int(known.sum())
    test = None if table.height < 2 else _test(table, trend=trend, n_missing=frame.height - total)
    return Rates(table=table, test=test, by=by, n=total, n_missing=frame.height - total)


def difference(frame: pl.DataFrame, *, by: str, response: str = "response", trend: bool = False) -> Finding:
    """The test of equal response rates in the groups of a column.

    Returns
    -------
    Finding
        Two groups: Fisher's exact test, effect = odds ratio of the first against the second (sample odds ratio,
        Woolf's interval, nan where a cell is empty). More: chi-square, or Cochran-Armitage with `trend`. One group:
        nan, with a note.
    """
    rates = response_rate(frame, by=by, response=response, trend=trend)
    if rates.test is not None:
        return rates.test
    return Finding(
        name="Fisher's exact test",
        statistic=float("nan"),
        p_value=float("nan"),
        effect=None,
        ci95=None,
        n=rates.n,
        n_missing=rates.n_missing,
        note="one group only: nothing to compare",
    )


def _test(table: pl.DataFrame, *, trend: bool, n_missing: int) -> Finding:
    """Fisher (2 groups), Cochran-Armitage (trend) or Pearson chi-square."""
    m = table["responders"].to_numpy().astype(np.float64)
    n = table["n"].to_numpy().astype(np.float64)
    total, hits = n.sum(), m.sum()
    if trend and table.height > 2:
        return _trend(m, n, n_missing)
    if table.height == 2:
        cells = np.stack((m, n - m), axis=1)
        p = fisher(cells.astype(np.int64))
        a, b, c, d = cells.ravel()
        if min(a, b, c, d) > 0:
            odds = float(a * d / (b * c))
            se = float(np.sqrt(1 / a + 1 / b + 1 / c + 1 / d))
            ci = (float(np.exp(np.log(odds) - Z95 * se)), float(np.exp(np.log(odds) + Z95 * se)))
        else:
            odds, ci = float("nan"), (float("nan"), float("nan"))
        return Finding(
            name="Fisher's exact test", statistic=odds, p_value=p, effect=odds, ci95=ci, n=int(total), n_missing=n_missing,
            note=f"effect = odds ratio of {table['group'][0]} against {table['group'][1]}",
            reference="10.2307/2340521",
        )  # fmt: skip
    from scipy.special import chdtrc

    free = table.height - 1
    if hits in {0.0, total}:
        return Finding(
            name="chi-square test", statistic=np.nan, p_value=np.nan, effect=None, ci95=None, n=int(total), n_missing=n_missing,
            note="all patients have the same response: nothing to compare",
        )  # fmt: skip
    expected = n * hits / total
    statistic = float(((m - expected) ** 2 / expected).sum() + ((m - expected) ** 2 / (n - expected)).sum())
    note = f"{free} degrees of freedom"
    if min(expected.min(), (n - expected).min()) < 5:
        note += "; some expected counts are under 5, read p with care"
    return Finding(
        name="chi-square test", statistic=statistic, p_value=float(chdtrc(free, statistic)), effect=None, ci95=None,
        n=int(total), n_missing=n_missing, note=note, reference="10.1080/14786440009463897",
    )  # fmt: skip


def _trend(
    m: np.ndarray[tuple[int], np.dtype[np.float64]], n: np.ndarray[tuple[int], np.dtype[np.float64]], n_missing: int
) -> Finding:
    """Cochran-Armitage test with scores 1 .. k. Equals R prop.trend.test."""
    from scipy.special import chdtrc

    score = np.arange(1, n.size + 1, dtype=np.float64)
    total, hits = n.sum(), m.sum()
    rate = hits / total
    top = float((score * (m - n * rate)).sum())
    spread = float((n * score**2).sum() - (n * score).sum() ** 2 / total) * rate * (1 - rate)
    statistic = top * top / spread if spread > 0 else float("nan")
    return Finding(
        name="Cochran-Armitage test for trend", statistic=statistic,
        p_value=float(chdtrc(1, statistic)) if spread > 0 else float("nan"), effect=None, ci95=None,
        n=int(total), n_missing=n_missing, note="chi-square, 1 degree of freedom, scores 1, 2, ... in display order",
        reference="10.2307/3001775",
    )  # fmt: skip

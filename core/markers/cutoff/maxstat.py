"""Maximally selected rank statistic: is the best of all cuts better than chance would make the best of all cuts?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import UnknownName
from core.markers.cutoff import maximum_law as law
from core.markers.cutoff.usable import FEWEST, Usable, candidates, usable, why_no_cut
from core.survival.endpoint import Bools, Floats

RESAMPLES = 4_999
Ties = Literal["maxstat", "at risk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxStat:
    """The largest of all cuts' statistics and what it is worth; see `maximally_selected`.

    Attributes
    ----------
    cut : observed value at which the statistic is largest; a patient at the cut is in the upper group. below : the
        largest value under it (what R maxstat reports as its estimate).
    statistic : the largest |standardised statistic|. higher : true when patients at or above the cut do better (fewer
        events than expected, or more responses).
    p_uncorrected : p of that cut as if it had been fixed beforehand; never to be quoted alone.
    p_lausen_schumacher : asymptotic correction (1992). p_lausen_1994 : improved Bonferroni. p_gauss : exact law of the
        correlated normals. p_hothorn_lausen : exact conditional bound up to 170 patients, p_gauss above (then
        `counted` is false). p_permutation : by `resamples` seeded random orders. p_exact : exact conditional
        law, response only. nan where not computed.
    kind : 'log-rank' or 'chi-square'. n, n_missing, events : patients used and left out; events or responders among them.
    n_cuts : cuts looked at. share_below : patients under the cut. minprop, maxprop, resamples, seed : as asked for.
    path : cut, statistic (signed; positive = patients at or above do better) of every cut looked at. critical : what the
        largest |statistic| must reach for a corrected p of .05 (improved Bonferroni). note : caveat, or why there is none.
    """

    cut: float
    below: float
    statistic: float
    higher: bool
    p_uncorrected: float
    p_lausen_schumacher: float
    p_lausen_1994: float
    p_gauss: float
    p_hothorn_lausen: float
    p_permutation: float
    p_exact: float
    counted: bool
    kind: str
    n: int
    n_missing: int
    events: int
    n_cuts: int
    share_below: float
    minprop: float
    maxprop: float
    resamples: int
    seed: int
    path: pl.DataFrame
    critical: float = float("nan")
    note: str = ""

    @property
    def p_value(self) -> float:
        """The corrected p to quote: exact where there is one, else by permutation, else that of the normal law."""
        for p in (self.p_exact, self.p_permutation):
            if np.isfinite(p):
                return p
        return self.p_gauss

    @property
    def method(self) -> str:
        """How `p_value` is corrected, in words."""
        if np.isfinite(self.p_exact):
            return "exact conditional distribution of the maximum"
        if np.isfinite(self.p_permutation):
            return f"permutation, {self.resamples:,} random orders"
        return "normal limit of Hothorn and Lausen"


def logrank_scores(time: Floats, event: Bools, *, ties: Ties = "maxstat") -> Floats:
    """Log-rank score of each patient: event less accumulated hazard; high = an early event.

    Parameters
    ----------
    time : (n,) float. event : (n,) bool. ties : denominators at tied times; 'maxstat' as R maxstat and exactRankTests
        (n less the patients up to and at the time, plus 1), 'at risk' as the log-rank test (Nelson-Aalen). The same
        where no times are tied.

    References
    ----------
    Hothorn & Lausen 2003, doi 10.1016/S0167-9473(02)00225-6. Equals R exactRankTests::cscores(Surv, type = "LogRank").
    """
    n = time.size
    order = np.argsort(time, kind="stable")
    ordered, died = time[order], event[order].astype(np.float64)
    last = np.searchsorted(ordered, ordered, side="right")
    first = np.searchsorted(ordered, ordered, side="left")
    at_risk = n - (last - 1 if ties == "maxstat" else first)
    hazard = np.cumsum(died / at_risk)[last - 1]
    scores = np.empty(n)
    scores[order] = died - hazard
    return scores


def maximally_selected(
    marker: npt.ArrayLike,
    time: npt.ArrayLike | None = None,
    event: npt.ArrayLike | None = None,
    *,
    response: npt.ArrayLike | None = None,
    minprop: float = 0.1,
    maxprop: float = 0.9,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> MaxStat:
    """Test a marker by the best of all its cuts, with the p value corrected for the search.

    Parameters
    ----------
    marker : (n,) float. time : (n,) float, months, with event : (n,) 0 or 1; or response : (n,) 0 or 1. nan = unknown.
    minprop, maxprop : the shares of patients below the lowest and the highest cut.
    resamples : random orders of the permutation p; 0 = none. seed : of those orders.

    Null hypothesis: marker and outcome are independent. Statistic: over all cuts, the largest |sum of the log-rank
    scores (of the responses) under the cut, less its mean, over its standard deviation given the cut|; for a response
    its square is Pearson's chi-square times (n - 1) / n. Two-sided. It depends on the order of the marker's values alone.

    Returns
    -------
    MaxStat
        nan with a note where there are fewer than 5 patients, no event, one class of response, or no cut.

    Raises
    ------
    NotMeasured, TooFewPatients, UnknownName
        As `usable`.

    References
    ----------
    Miller & Siegmund 1982, doi 10.2307/2529881; Lausen & Schumacher 1992, doi 10.2307/2532740; Hothorn & Lausen 2003,
    doi 10.1016/S0167-9473(02)00225-6. Equals R maxstat::maxstat.test(smethod = "LogRank" or "Data").
    """
    if time is not None and response is not None:
        raise UnknownName("a cut is searched against one endpoint; give a time with its event, or a response, not both")
    data = usable(marker, time=time, event=event, response=response)
    return selected(data, span=(minprop, maxprop), resamples=resamples, seed=seed)


def selected(data: Usable, *, span: tuple[float, float], resamples: int = RESAMPLES, seed: int = 1) -> MaxStat:
    """`maximally_selected` of patients that are already picked, on their primary endpoint."""
    survival = data.primary == "survival"
    outcome = data.event if survival else data.response > 0
    events = int(outcome.sum())
    cuts, below = candidates(data.marker, minprop=span[0], maxprop=span[1])
    empty = MaxStat(
        cut=np.nan, below=np.nan, statistic=np.nan, higher=False, p_uncorrected=np.nan, p_lausen_schumacher=np.nan,
        p_lausen_1994=np.nan, p_gauss=np.nan, p_hothorn_lausen=np.nan, p_permutation=np.nan, p_exact=np.nan, counted=False,
        kind="log-rank" if survival else "chi-square", n=data.n, n_missing=data.n_missing, events=events, n_cuts=cuts.size,
        share_below=np.nan, minprop=span[0], maxprop=span[1], resamples=resamples, seed=seed,
        path=pl.DataFrame(schema={"cut": pl.Float64, "statistic": pl.Float64}), note="; ".join(data.notes),
    )  # fmt: skip
    if reason := _nothing(data, events, cuts.size):
        return replace(empty, note="; ".join((*data.notes, reason)))
    scores = logrank_scores(data.time, data.event) if survival else data.response
    order = np.argsort(data.marker, kind="stable")
    y = scores[order]
    # event scores are high below the cut, responses are low below it, where patients at or above it do better
    turned = law.standardised(y, below) * (1.0 if survival else -1.0)
    sizes = np.abs(turned)
    best = int(np.flatnonzero(sizes >= sizes.max() * (1 - law.NEAR))[0])
    b = float(sizes.max())
    lower = data.marker[order][below[best] - 1]
    counted = data.n <= law.MOST_COUNTED
    normal = law.gauss(b, data.n, below)
    exact = np.nan
    if not survival:
        m, hits = below[:, None].astype(np.float64), np.arange(events + 1, dtype=np.float64)[None, :]
        rate = events / data.n
        spread = np.sqrt(m * (data.n - m) / (data.n - 1) * rate * (1 - rate))
        exact = law.exact_binary(outcome, below, statistic=np.abs(hits - m * rate) / spread, least=b)
    return replace(
        empty,
        cut=float(cuts[best]),
        below=float(lower),
        statistic=b,
        higher=bool(turned[best] > 0),
        p_uncorrected=law.normal_two_sided(b),
        p_lausen_schumacher=law.lausen_schumacher(b, minprop=span[0], maxprop=span[1]),
        p_lausen_1994=law.lausen_1994(b, data.n, below),
        p_gauss=normal,
        p_hothorn_lausen=law.hothorn_lausen(y, below) if counted else normal,
        p_permutation=law.permutation(y, below, statistic=b, resamples=resamples, seed=seed),
        p_exact=exact,
        counted=counted,
        share_below=float(below[best] / data.n),
        path=pl.DataFrame({"cut": cuts, "statistic": turned}),
        critical=law.critical(data.n, below),
    )


def maximal_youden(
    data: Usable, *, span: tuple[float, float], direction: str = "either"
) -> tuple[float, float, float]:
    """The largest Youden index over all cuts, its cut and its exact conditional p value, corrected for the search.

    Parameters
    ----------
    data : of a response. span : shares of patients below the lowest and the highest cut. direction : 'high' or 'low',
        the side that was called positive before looking; 'either' = the larger of both. The index is that of this
        direction; negative where every cut points the other way.

    Null hypothesis: marker and response are independent. p is two-sided: the chance that in either direction some cut
    has an index as large (over all cuts the two-sample Kolmogorov-Smirnov test).

    References
    ----------
    Hodges 1958, doi 10.1007/BF02589501.
    """
    cuts, below = candidates(data.marker, minprop=span[0], maxprop=span[1])
    hit = data.response > 0
    k, n = int(hit.sum()), data.n
    if cuts.size == 0 or k in {0, n}:
        return np.nan, np.nan, np.nan
    order = np.argsort(data.marker, kind="stable")
    under = np.cumsum(hit[order])[below - 1]
    signed = (below - under) / (n - k) - under / k
    sizes = signed if direction == "high" else -signed if direction == "low" else np.abs(signed)
    m, hits = below[:, None].astype(np.float64), np.arange(k + 1, dtype=np.float64)[None, :]
    best = int(sizes.argmax())
    p = law.exact_binary(hit, below, statistic=np.abs((m - hits) / (n - k) - hits / k), least=float(sizes[best]))
    return float(sizes[best]), float(cuts[best]), p if sizes[best] > 0 else 1.0


def _nothing(data: Usable, events: int, cuts: int) -> str:
    """Why no statistic can be computed, or an empty text."""
    if data.n < FEWEST:
        return f"{data.n} patients are too few to search for a cut"
    if data.primary == "survival" and events == 0:
        return "no events: no cut can be searched for"
    if data.primary == "response" and events in {0, data.n}:
        return f"no {'responders' if events == 0 else 'non-responders'}: no cut can be searched for"
    if cuts == 0:
        return f"no cut can be tried: {why_no_cut(data.marker)}"
    return (
        ""
        if data.primary == "response" or np.ptp(logrank_scores(data.time, data.event)) > 1e-12
        else "every patient has the same log-rank score"
    )

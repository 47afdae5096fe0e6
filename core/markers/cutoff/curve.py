"""Cut-off curve: what every possible cut of a marker would give - hazard ratio, Youden index, response rates, prevalence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.markers.cutoff.usable import Primary, Usable, candidates, usable, why_no_cut
from core.survival.endpoint import Bools, Floats, Ints
from core.survival.kaplan_meier import Z95

BLOCK = 4_000_000
"""Cells (cuts x events) that are held at a time."""
FARTHEST = 25.0
WIDEST_SE = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CutoffCurve:
    """Every candidate cut of a marker; see `cutoff_curve`.

    Attributes
    ----------
    table : one row a cut, ascending; columns
        cut, below (largest value seen under the cut), n_high, n_low, prevalence (share at or above the cut);
        events_high, events_low, hazard_ratio (at or above against below), hr_low, hr_high (95%, Wald), log_hr, se,
        logrank (chi-square, 1 df), p_uncorrected (of that log-rank test, not corrected for the search);
        evaluable_high, evaluable_low, responders_high, responders_low, sensitivity, specificity, youden (positive = at
        or above the cut), orr_high, orr_high_low, orr_high_high, orr_low, orr_low_low, orr_low_high (95%, Wilson).
        Null where there is nothing to compute from.
    n, n_missing : patients used and left out. events : events among them; responders, evaluable : likewise; 0 where the
        outcome is not given. minprop, maxprop : the range of cuts as shares below. note : caveat, or why there is no cut.
    """

    table: pl.DataFrame
    n: int
    n_missing: int
    events: int
    responders: int
    evaluable: int
    minprop: float
    maxprop: float
    note: str = ""


def cutoff_curve(
    marker: npt.ArrayLike,
    *,
    time: npt.ArrayLike | None = None,
    event: npt.ArrayLike | None = None,
    response: npt.ArrayLike | None = None,
    primary: Primary | None = None,
    minprop: float = 0.1,
    maxprop: float = 0.9,
) -> CutoffCurve:
    """What each possible cut of a marker gives, all at once.

    Parameters
    ----------
    marker : (n,) float. time : (n,) float, months. event : (n,) 0 or 1. response : (n,) 0 or 1. nan = unknown.
    primary : 'survival' or 'response', the endpoint that every patient used must have; the other is shown for those who
        have it. minprop, maxprop : the shares of patients below the lowest and the highest cut.

    Estimands, at each cut taken as if it were fixed beforehand: the hazard ratio of patients at or above the cut
    against those below (Cox, Efron ties; Wald 95% interval), the log-rank test of equal hazards, sensitivity,
    specificity and Youden's index for response (positive = at or above the cut), response rates with Wilson 95%
    intervals. No interval or p value here is corrected for having looked at every cut: see `maximally_selected`.

    Raises
    ------
    NotMeasured, TooFewPatients, UnknownName
        As `usable`. A constant marker, or one that leaves no cut, is no error: the table is empty and `note` says why.

    References
    ----------
    Youden 1950, doi 10.1002/1097-0142(1950)3:1<32::aid-cncr2820030106>3.0.co;2-3; why a searched cut misleads:
    Altman 1994, doi 10.1093/jnci/86.11.829.
    """
    data = usable(marker, time=time, event=event, response=response, primary=primary)
    return curve_of(data, *candidates(data.marker, minprop=minprop, maxprop=maxprop), span=(minprop, maxprop))


def curve_of(data: Usable, cuts: Floats, below: Ints, *, span: tuple[float, float] = (0.0, 1.0)) -> CutoffCurve:
    """The curve at chosen cuts; `below` (m,) patients under each."""
    alive, rated = data.surviving, data.evaluable
    values = np.unique(data.marker)
    place = np.searchsorted(values, cuts)
    columns: dict[str, Floats | Ints] = {
        "cut": cuts,
        "below": np.where(place > 0, values[np.maximum(place - 1, 0)], np.nan),
        "n_high": data.n - below,
        "n_low": below,
        "prevalence": 1 - below / data.n,
        **hazards(data.time[alive], data.event[alive], data.marker[alive], cuts=cuts),
        **rates(data.response[rated] > 0, data.marker[rated], cuts=cuts),
    }
    whole = {
        "n_high",
        "n_low",
        "events_high",
        "events_low",
        "evaluable_high",
        "evaluable_low",
        "responders_high",
        "responders_low",
    }
    table = pl.DataFrame({k: v.astype(np.int64 if k in whole else np.float64) for k, v in columns.items()})
    notes = list(data.notes)
    if cuts.size == 0:
        notes.append(f"no cut can be tried: {why_no_cut(data.marker)}")
    if alive.any() and not data.event[alive].any():
        notes.append("no events: hazard ratios and log-rank tests cannot be computed")
    if rated.any() and np.unique(data.response[rated]).size == 1:
        missing = "non-responders" if data.response[rated][0] > 0 else "responders"
        notes.append(f"no {missing}: the Youden index cannot be computed")
    return CutoffCurve(
        table=table.with_columns(pl.col(pl.Float64).fill_nan(None)),
        n=data.n,
        n_missing=data.n_missing,
        events=int(data.event[alive].sum()),
        responders=int(np.nansum(data.response)),
        evaluable=int(rated.sum()),
        minprop=span[0],
        maxprop=span[1],
        note="; ".join(notes),
    )


def hazards(time: Floats, event: Bools, marker: Floats, *, cuts: Floats) -> dict[str, Floats | Ints]:
    """Hazard ratio, its interval and the log-rank test of each cut.

    Parameters
    ----------
    time, event, marker : (n,). cuts : (m,), ascending.

    Returns
    -------
    dict of (m,) arrays, the survival columns of `CutoffCurve.table`; nan where a side has no patient or no event.
    """
    m = cuts.size
    nothing = {name: np.full(m, np.nan) for name in ("log_hr", "se", "logrank", "p_uncorrected")}
    order = np.lexsort((~event, time))
    time, event, marker = time[order], event[order], marker[order]
    dying = np.flatnonzero(event)
    events = (marker[dying][:, None] >= cuts[None, :]).sum(axis=0) if dying.size else np.zeros(m, dtype=np.int64)
    result: dict[str, Floats | Ints] = {
        "events_high": events,
        "events_low": dying.size - events,
        **nothing,
    }
    if dying.size and m:
        start = np.searchsorted(time, time[dying], side="left")
        first = np.searchsorted(time[dying], time[dying], side="left")
        tied = (np.searchsorted(time[dying], time[dying], side="right") - first).astype(np.float64)
        share = (np.arange(dying.size) - first) / tied
        step = max(1, BLOCK // time.size)
        pieces = []
        for low in range(0, m, step):
            high = (marker[:, None] >= cuts[None, low : low + step]).astype(np.float64)
            pieces.append(_block(high, (dying, start, first, tied, share)))
        for k, name in enumerate(nothing):
            result[name] = np.concatenate([piece[k] for piece in pieces])
    beta, se = np.asarray(result["log_hr"]), np.asarray(result["se"])
    result["hazard_ratio"] = np.exp(beta)
    result["hr_low"], result["hr_high"] = np.exp(beta - Z95 * se), np.exp(beta + Z95 * se)
    return result


def _block(high: Floats, events: tuple[Ints, Ints, Ints, Floats, Floats]) -> tuple[Floats, Floats, Floats, Floats]:
    """log hazard ratio, standard error, log-rank chi-square and its p of a block of cuts; `high` (n, m) 0 or 1."""
    from scipy.special import chdtrc

    dying, start, first, tied, share = events
    n, e = high.shape[0], dying.size
    at_risk = np.asarray(high[::-1].cumsum(axis=0)[::-1][start])
    died = high[dying]
    observed = died.sum(axis=0)
    risk = (n - start).astype(np.float64)[:, None]
    part = at_risk / risk
    factor = ((risk[:, 0] - tied) / np.maximum(risk[:, 0] - 1, 1))[:, None]
    variance = (factor * part * (1 - part)).sum(axis=0)
    difference = observed - part.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        chi2 = np.where(variance > 1e-12, difference**2 / variance, np.nan)
    # Efron: at the l-th of d tied events, l / d of the tied are taken off the risk set
    if (tied > 1).any():
        ends = np.concatenate((np.zeros((1, high.shape[1])), died.cumsum(axis=0)))
        together = ends[first + tied.astype(np.int64)] - ends[first]
        at_risk = at_risk - share[:, None] * together
        risk = risk - (share * tied)[:, None]
    beta, se = _newton(at_risk, risk, observed)
    estimable = (observed > 0) & (observed < e) & (se > 0) & (se < WIDEST_SE) & (np.abs(beta) < FARTHEST)
    beta, se = np.where(estimable, beta, np.nan), np.where(estimable, se, np.nan)
    return beta, se, chi2, np.where(np.isnan(chi2), np.nan, chdtrc(1, np.nan_to_num(chi2)))


def _newton(at_risk: Floats, risk: Floats, observed: Floats) -> tuple[Floats, Floats]:
    """Maximum of each cut's partial likelihood: at_risk (e, m) of the upper group, risk (e, 1) of all, observed (m,)."""
    m = observed.size
    beta, se = np.zeros(m), np.full(m, np.nan)
    todo = np.arange(m)
    for _ in range(40):
        if not todo.size:
            break
        weight = np.exp(beta[todo])
        part = at_risk * weight
        part = part / (risk - at_risk + part)
        gradient = observed[todo] - part.sum(axis=0)
        information = (part - part * part).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.clip(np.where(information > 1e-12, gradient / information, 0.0), -2.0, 2.0)
            se[todo] = np.where(information > 1e-12, 1 / np.sqrt(information), np.nan)
        beta[todo] += step
        on = (np.abs(step) > 1e-9) & (np.abs(beta[todo]) < FARTHEST)
        if not on.all():
            at_risk, todo = at_risk[:, on], todo[on]
    return beta, se


def rates(response: Bools, marker: Floats, *, cuts: Floats) -> dict[str, Floats | Ints]:
    """Sensitivity, specificity, Youden's index and response rates of each cut.

    Parameters
    ----------
    response, marker : (n,). cuts : (m,).

    Returns
    -------
    dict of (m,) arrays, the response columns of `CutoffCurve.table`.
    """
    order = np.argsort(marker, kind="stable")
    place = np.searchsorted(marker[order], cuts, side="left")
    hits = np.concatenate(([0], np.cumsum(response[order])))
    total, n = int(hits[-1]), int(marker.size)
    low_hits, low = hits[place], place
    high_hits, high = total - low_hits, n - low
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity = high_hits / total if total else np.full(cuts.size, np.nan)
        specificity = (low - low_hits) / (n - total) if n > total else np.full(cuts.size, np.nan)
        orr_high, orr_low = np.divide(high_hits, high), np.divide(low_hits, low)
    upper, lower = wilson(high_hits, high), wilson(low_hits, low)
    return {
        "evaluable_high": high, "evaluable_low": low, "responders_high": high_hits, "responders_low": low_hits,
        "sensitivity": sensitivity, "specificity": specificity, "youden": sensitivity + specificity - 1,
        "orr_high": orr_high, "orr_high_low": upper[0], "orr_high_high": upper[1],
        "orr_low": orr_low, "orr_low_low": lower[0], "orr_low_high": lower[1],
    }  # fmt: skip


def wilson(successes: Ints, n: Ints) -> tuple[Floats, Floats]:
    """Wilson's 95% interval of many proportions at once, as `core.response.rate.wilson`; nan where n = 0.

    References
    ----------
    Wilson 1927, doi 10.1080/01621459.1927.10502953.
    """
    k, size, z2 = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64), Z95**2
    with np.errstate(divide="ignore", invalid="ignore"):
        p = k / size
        centre = (p + z2 / (2 * size)) / (1 + z2 / size)
        half = Z95 * np.sqrt(p * (1 - p) / size + z2 / (4 * size * size)) / (1 + z2 / size)
    low, high = np.where(k == 0, 0.0, centre - half), np.where(k == size, 1.0, centre + half)
    return np.where(size > 0, low, np.nan), np.where(size > 0, high, np.nan)

"""Hazard ratio from a Cox model with Efron's handling of ties."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from core.errors import TooFewPatients, UnknownName
from core.finding import Finding
from core.groups import groups, require
from core.survival.endpoint import Bools, Endpoint, Floats, Ints, endpoint, label
from core.survival.kaplan_meier import Z95

REFERENCE = "10.1080/01621459.1977.10480613"
NAME = "hazard ratio, Cox (Efron)"
WIDEST_SE = 50.0
FARTHEST = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxFit:
    """A fitted Cox model.

    Attributes
    ----------
    beta : (p,) log hazard ratios. covariance : (p, p). loglik : at the estimate; loglik_null : at 0.
    estimable : (p,) bool, false where the likelihood has no maximum (a group without events, perfect separation).
    """

    beta: Floats
    covariance: Floats
    loglik: float
    loglik_null: float
    estimable: Bools


def _efron(time: Floats, event: Bools) -> tuple[Ints, Ints, Floats]:
    """For each event in time order: first row still at risk, first row past its tie, and its Efron share l / d.

    `time` is sorted ascending with events before censorings at each time.
    """
    index = np.flatnonzero(event)
    t = time[index]
    start = np.searchsorted(time, t, side="left").astype(np.int64)
    first_of_tie = np.searchsorted(t, t, side="left")
    tie_size = np.searchsorted(t, t, side="right") - first_of_tie
    share = (np.arange(t.size) - first_of_tie) / tie_size
    return start, start + tie_size, share


def fit_cox(time: Floats, event: Bools, x: Floats, *, iterations: int = 50) -> CoxFit:
    """Newton-Raphson on Efron's partial likelihood.

    Parameters
    ----------
    time : (n,) float. event : (n,) bool. x : (n, p) float, no missing values. iterations : at most this many steps.

    References
    ----------
    Efron 1977, doi 10.1080/01621459.1977.10480613. Equals R survival::coxph(ties = "efron").
    """
    order = np.lexsort((~event, time))
    time, event = time[order], event[order]
    x = x[order] - x.mean(axis=0)
    p = x.shape[1]
    start, stop, share = _efron(time, event)
    x_events = x[event].sum(axis=0)
    upper = np.triu_indices(p)

    def tail(v: Floats) -> Floats:
        return np.asarray(v[::-1].cumsum(axis=0)[::-1], dtype=np.float64)

    def head(v: Floats) -> Floats:
        return np.concatenate((np.zeros((1, *v.shape[1:])), v.cumsum(axis=0)))

    def evaluate(beta: Floats) -> tuple[float, Floats, Floats]:
        eta = x @ beta
        top = eta.max() if eta.size else 0.0
        w = np.exp(eta - top)
        w1 = w[:, None] * x
        w2 = w[:, None] * (x[:, upper[0]] * x[:, upper[1]])

        def at_events(v: Floats) -> Floats:
            cumulative = head(v)
            tied = cumulative[stop] - cumulative[start]
            weight = share if v.ndim == 1 else share[:, None]
            return np.asarray(tail(v)[start] - weight * tied, dtype=np.float64)

        s0, s1, s2 = at_events(w), at_events(w1), at_events(w2)
        mean = s1 / s0[:, None]
        loglik = float(x_events @ beta - (np.log(s0) + top).sum())
        gradient = x_events - mean.sum(axis=0)
        flat = (s2 / s0[:, None] - mean[:, upper[0]] * mean[:, upper[1]]).sum(axis=0)
        information = np.zeros((p, p))
        information[upper] = flat
        information = information + np.triu(information, 1).T
        return loglik, gradient, information

    beta = np.zeros(p)
    loglik, gradient, information = evaluate(beta)
    null = loglik
    ended = False
    for _ in range(iterations):
        if np.linalg.matrix_rank(information) < p:
            break
        step = np.linalg.solve(information, gradient)
        for _ in range(30):
            new = evaluate(beta + step)
            if np.isfinite(new[0]) and new[0] >= loglik - 1e-12 * abs(loglik):
                break
            step = step / 2
        beta = beta + step
        change = abs(new[0] - loglik)
        loglik, gradient, information = new
        if (np.abs(beta) * x.std(axis=0) > FARTHEST).any():
            ended = True
            break
        if change <= 1e-12 * (abs(loglik) + 1e-12) and np.abs(step).max() <= 1e-9 * (1 + np.abs(beta).max()):
            ended = True
            break
    covariance = np.full((p, p), np.nan)
    estimable = np.zeros(p, dtype=bool)
    if ended and np.linalg.matrix_rank(information) == p:
        covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
        # a standard error this wide: the likelihood only creeps towards its bound, it has no maximum
        scaled = np.diag(covariance) * x.var(axis=0)
        estimable = (scaled > 0) & (scaled < WIDEST_SE**2) & (np.abs(beta) * x.std(axis=0) <= FARTHEST)
    return CoxFit(beta=beta, covariance=covariance, loglik=loglik, loglik_null=null, estimable=estimable)


def _finding(fit: CoxFit, j: int, common: tuple[str, Endpoint, str]) -> Finding:
    """One coefficient as a Finding; nan with a reason when it is not estimable."""
    name, data, note = common
    n = int(data.time.size)
    beta, variance = float(fit.beta[j]), float(fit.covariance[j, j])
    usable = bool(fit.estimable[j])
    se = float(np.sqrt(variance)) if usable else np.nan
    z = beta / se if usable else np.nan
    return Finding(
        name=name,
        statistic=z,
        p_value=2 * NormalDist().cdf(-abs(z)) if usable else np.nan,
        effect=float(np.exp(beta)) if usable else np.nan,
        ci95=(float(np.exp(beta - Z95 * se)), float(np.exp(beta + Z95 * se))) if usable else (np.nan, np.nan),
        n=n,
        n_missing=data.total - n,
        events=int(data.event.sum()),
        note=note if usable else (note or "the hazard ratio cannot be estimated: the likelihood has no maximum"),
        reference=REFERENCE,
    )


def hazard_ratio(frame: pl.DataFrame, *, outcome: str = "os", by: str, reference: str | None = None) -> list[Finding]:
    """Univariable hazard ratios of a column's groups, or of a numeric marker per standard deviation.

    Parameters
    ----------
    frame : one row a patient with `<outcome>_months`, `<outcome>_event` and `by`.
    by : a column of groups (strings, booleans, Enum), or of floats: then the marker is standardised within the
        patients used, and the ratio is per 1 SD.
    reference : the group that the others are compared with; the last one where None (so that "high against low",
        "responder against non-responder").

    Returns
    -------
    list of Finding
        One a group other than the reference, in display order, or exactly one for a numeric marker. Estimand: the
        ratio of hazards, taken as constant over time. Null hypothesis: the ratio is 1 (Wald test, `statistic` = z).
        Not estimable (no events in a group, one group, constant marker): nan, and `note` says why. One group only:
        an empty list is never returned; a single nan Finding is.

    Raises
    ------
    TooFewPatients
        No patient has a time and a group.
    UnknownName
        The reference is not one of the groups.

    References
    ----------
    Efron 1977, doi 10.1080/01621459.1977.10480613.
    """
    require(frame, by)
    if frame[by].dtype.is_float():
        return [_per_sd(frame, outcome, by)]
    grouping = groups(frame, by)
    data = endpoint(frame, outcome, extra=grouping.codes >= 0)
    if data.time.size == 0:
        raise TooFewPatients(f"no patient has {label(outcome).lower()} and a known group; choose another split")
    codes = grouping.codes[data.rows]
    present = [k for k in range(len(grouping.labels)) if (codes == k).any()]
    names = [grouping.labels[k] for k in present]
    if reference is not None and reference not in names:
        raise UnknownName(f"there is no group '{reference}'; choose one of {', '.join(names)}")
    base = present[-1] if reference is None else present[names.index(reference)]
    others = [k for k in present if k != base]
    if not others:
        return [_undefined(data, f"all patients are in one group ({names[0]}): nothing to compare")]
    if not data.event.any():
        return [
            _undefined(data, "no events: nothing to compare", name=_title(grouping.labels, k, base)) for k in others
        ]
    deaths = {k: int(data.event[codes == k].sum()) for k in present}
    if deaths[base] == 0:
        note = f"no events in {grouping.labels[base]}: the hazard ratio cannot be estimated"
        return [_undefined(data, note, name=_title(grouping.labels, k, base)) for k in others]
    usable = [k for k in others if deaths[k] > 0]
    keep = np.isin(codes, [base, *usable])
    fitted = None
    if usable:
        design = np.stack([codes[keep] == k for k in usable], axis=1).astype(np.float64)
        fitted = fit_cox(data.time[keep], data.event[keep], design)
    results = []
    for k in others:
        name = _title(grouping.labels, k, base)
        if fitted is None or k not in usable:
            note = f"no events in {grouping.labels[k]}: the hazard ratio cannot be estimated"
            results.append(_undefined(data, note, name=name))
        else:
            results.append(_finding(fitted, usable.index(k), (name, data, "")))
    return results


def _title(labels: tuple[str, ...], k: int, base: int) -> str:
    return f"{NAME}: {labels[k]} against {labels[base]}"


def _undefined(data: Endpoint, note: str, *, name: str = NAME) -> Finding:
    nothing = CoxFit(
        beta=np.zeros(1),
        covariance=np.full((1, 1), np.nan),
        loglik=np.nan,
        loglik_null=np.nan,
        estimable=np.zeros(1, dtype=bool),
    )
    return _finding(nothing, 0, (name, data, note))


def _per_sd(frame: pl.DataFrame, outcome: str, by: str) -> Finding:
    values = frame[by].cast(pl.Float64).fill_null(np.nan).to_numpy()
    data = endpoint(frame, outcome, extra=np.isfinite(values))
    if data.time.size == 0:
        raise TooFewPatients(f"no patient has {label(outcome).lower()} and {by}; choose another marker")
    x = values[data.rows]
    sd = float(x.std(ddof=1)) if x.size > 1 else 0.0
    name = f"{NAME}, per 1 SD"
    if sd <= 1e-12 * max(1.0, float(np.abs(x).max())):
        return _undefined(data, "the marker has the same value in every patient", name=name)
    if not data.event.any():
        return _undefined(data, "no events: nothing to compare", name=name)
    fit = fit_cox(data.time, data.event, ((x - x.mean()) / sd)[:, None])
    note = f"1 SD = {sd:.4g}" if fit.estimable[0] else ""
    return _finding(fit, 0, (name, data, note))

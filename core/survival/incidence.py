"""Cumulative incidence of competing events (Aalen-Johansen), with late entry, standard errors and limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.errors import NotMeasured
from core.survival.endpoint import Bools, Floats, Ints
from core.survival.kaplan_meier import at_risk, checked, limits

REFERENCE = "10.1002/sim.2712"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidenceCurve:
    """Cumulative incidence of one cause in one group.

    Attributes
    ----------
    group : label. cause : 1, 2, ... n : patients of the group. events : events of this cause.
    steps : one row a distinct time: time (months), n_risk, n_event (of this cause), incidence, std_err (infinitesimal
        jackknife, as R survfit), std_err_delta (as R cmprsk::cuminc; changes at events of this cause alone), ci_low,
        ci_high (pointwise 95%; null where the incidence is 0).
    """

    group: str
    cause: int
    n: int
    events: int
    steps: pl.DataFrame

    def at(self, time: float) -> tuple[float, float, float]:
        """Incidence and its limits at a time: (incidence, ci_low, ci_high), nan where there is no limit; 0 before any."""
        row = self.steps.filter(pl.col("time") <= time).tail(1)
        if row.is_empty() or row["incidence"][0] == 0:
            return 0.0, float("nan"), float("nan")
        low, high = row["ci_low"][0], row["ci_high"][0]
        return float(row["incidence"][0]), np.nan if low is None else float(low), np.nan if high is None else float(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidence:
    """Cumulative incidence of every cause in every group.

    Attributes
    ----------
    curves : by group, then cause. causes : (c,) ascending. groups : in the order given. n, events : over all groups.
    """

    curves: tuple[IncidenceCurve, ...]
    causes: tuple[int, ...]
    groups: tuple[str, ...]
    n: int
    events: int

    def table(self) -> pl.DataFrame:
        """All step tables, one under the other, with columns `group` and `cause`."""
        return pl.concat(
            [c.steps.select(pl.lit(c.group).alias("group"), pl.lit(c.cause).alias("cause"), pl.all()) for c in self.curves]
        )


def cumulative_incidence(
    time: Floats,
    cause: Ints,
    *,
    group: Sequence[str] | None = None,
    entry: Floats | None = None,
    interval: str = "log-log",
) -> Incidence:
    """Aalen-Johansen estimate of each cause.

    Parameters
    ----------
    time : (n,) float, months. cause : (n,) int, 0 = censored, 1, 2, ... = the event that ended follow-up.
    group : (n,) labels, or None for one group; groups come in the order in which `sorted` puts them.
    entry : (n,) float, months, when observation began (at risk when entry < t <= time); nan = from the start.
    interval : 'log-log' or 'log', the scale of the pointwise limits.

    Returns
    -------
    Incidence
        Estimand: F_k(t), the probability of having had event k by t when the other events can happen first; the
        incidences of all causes and event-free survival add up to 1. One minus Kaplan-Meier of one cause would overstate
        it. A cause that nobody of a group has is a curve at 0.

    Raises
    ------
    NotMeasured
        A time is negative or not finite, an entry is not before its time, or a cause is negative.

    References
    ----------
    Putter, Fiocco & Geskus 2007, doi 10.1002/sim.2712. incidence, std_err and limits equal R survfit(Surv(time,
    factor(cause)) ~ group, conf.type = interval); std_err_delta equals R cmprsk::cuminc.
    """
    if cause.size and int(cause.min()) < 0:
        raise NotMeasured("a cause is 0 (censored), 1, 2, ..., not negative")
    time, entry = checked(time, entry)
    causes = tuple(int(c) for c in np.unique(cause[cause > 0]))
    labels = ["all patients"] * time.size if group is None else list(group)
    names = tuple(sorted(set(labels)))
    place = {name: k for k, name in enumerate(names)}
    codes = np.fromiter((place[label] for label in labels), dtype=np.int64, count=time.size)
    curves: list[IncidenceCurve] = []
    for k, name in enumerate(names):
        own = codes == k
        curves += _group(time[own], cause[own], entry=None if entry is None else entry[own], name=name, of=causes, interval=interval)
    return Incidence(curves=tuple(curves), causes=causes, groups=names, n=int(time.size), events=int((cause > 0).sum()))


def _group(
    time: Floats, cause: Ints, *, entry: Floats | None, name: str, of: tuple[int, ...], interval: str
) -> list[IncidenceCurve]:
    """The curves of one group."""
    times, place = np.unique(time, return_inverse=True)
    n = at_risk(times, time, entry)
    all_events = _tally(place, cause > 0, times.size)
    after = np.cumprod((n - all_events) / n).astype(np.float64)
    before = np.concatenate(([1.0], after[:-1]))
    first = np.searchsorted(times, entry, side="right") if entry is not None else np.zeros(time.size, dtype=np.int64)
    found = []
    for k in of:
        d = _tally(place, cause == k, times.size)
        incidence = np.cumsum(before * d / n).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            hazard = np.cumsum(np.where(all_events > 0, all_events / (n * (n - all_events)), 0.0))
        hazard_before = np.concatenate(([0.0], hazard[:-1]))
        flow = before * d / n
        # influence of a patient while at risk: its own share of each increment, and its effect on survival before it
        drift = np.cumsum(np.where(before > 0, -flow / n + flow * np.where(before > 0, hazard_before, 0.0), 0.0))
        std_err = _jackknife((place.astype(np.int64), first.astype(np.int64)), (cause, k), (n, all_events, before, incidence, hazard, drift))
        delta = _delta((n, d, all_events - d), (before, after, incidence))
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(incidence > 0, std_err / incidence, 0.0)
        low, high = limits(np.minimum(incidence, 1.0), relative, interval)
        steps = pl.DataFrame(
            {
                "time": times, "n_risk": n.astype(np.int64), "n_event": d.astype(np.int64), "incidence": incidence,
                "std_err": std_err, "std_err_delta": delta, "ci_low": low, "ci_high": high,
            }
        ).with_columns(pl.col("ci_low", "ci_high").fill_nan(None))  # fmt: skip
        found.append(IncidenceCurve(group=name, cause=k, n=int(time.size), events=int(d.sum()), steps=steps))
    return found


def _tally(place: Ints, which: Bools, m: int) -> Floats:
    return np.bincount(place, weights=which, minlength=m).astype(np.float64)


def _jackknife(
    when: tuple[Ints, Ints], why: tuple[Ints, int], course: tuple[Floats, Floats, Floats, Floats, Floats, Floats]
) -> Floats:
    """Infinitesimal-jackknife standard error of one incidence at every time.

    With Y at risk, d events of any cause, S survival just before, F the incidence and A = sum d / (Y (Y - d)), a patient at
    risk since entry e changes F(t) by u(t) - u(e) - A(e) (F(t) - F(e)), where u = sum -S dk / Y^2 + S dk / Y A(u-); its own
    event at x adds S(x) / Y(x) where it is of cause k, and from then on its change moves with F(t) - F(x), times
    A(x) - A(e) - 1 / (Y(x) - d(x)) (the last term after any event). Both are linear in u(t) and F(t), so the sum of squares
    over patients comes from running sums.

    Parameters
    ----------
    when : (n,) place of each time among the distinct times, (n,) first place at risk. why : causes, and the cause k.
    course : Y, d, S before, F, A, u, each (m,).
    """
    x, first = when
    n, d, before, incidence, hazard, drift = course
    m = n.size
    hazard = np.where(np.isfinite(hazard), hazard, 0.0)  # only met once survival is 0, where nothing is added
    start_a, start_f, start_u = (np.concatenate(([0.0], v))[first] for v in (hazard, incidence, drift))
    # at risk: u(t) - v - A(e) F(t)
    v = start_u - start_a * start_f

    def at_risk_sum(values: Floats) -> Floats:
        """Sum over the patients at risk at each time who stay beyond it."""
        coming = np.bincount(first, weights=values, minlength=m + 1)[:m]
        leaving = np.bincount(x, weights=values, minlength=m)
        return np.asarray((coming - leaving).cumsum(), dtype=np.float64)

    stay = at_risk_sum(np.ones(x.size))
    sums = [at_risk_sum(w) for w in (v * v, start_a * start_a, v, start_a, v * start_a)]
    u, f = drift, incidence
    total = stay * u**2 + sums[0] + f**2 * sums[1] - 2 * u * sums[2] - 2 * u * f * sums[3] + 2 * f * sums[4]
    # ended: p + q F(t)
    gone = np.where((why[0] > 0) & (n[x] > d[x]), 1.0 / np.where(n[x] > d[x], n[x] - d[x], 1.0), 0.0)
    q = hazard[x] - start_a - gone
    own = np.where(why[0] == why[1], before[x] / n[x], 0.0)
    p = u[x] - v - start_a * f[x] + own - q * f[x]
    ended = [np.bincount(x, weights=w, minlength=m).cumsum() for w in (p * p, p * q, q * q)]
    total = total + ended[0] + 2 * f * ended[1] + f**2 * ended[2]
    return np.asarray(np.sqrt(np.where(f > 0, np.maximum(total, 0.0), 0.0)), dtype=np.float64)


def _delta(counts: tuple[Floats, Floats, Floats], course: tuple[Floats, Floats, Floats]) -> Floats:
    """Delta-method standard error of one incidence, constant between events of its cause.

    counts : at risk, events of the cause, events of other causes, each (m,). course : survival before, after, incidence.
    """
    n, d, other = counts
    before, after, incidence = course
    alive = after > 0
    inverse = np.where(alive, 1.0 / np.where(alive, after, 1.0), 0.0)
    total = np.zeros((3, n.size))
    for deaths, own in ((other, 0.0), (d, 1.0)):
        met = deaths > 0 if own else (deaths > 0) & alive
        tie = np.where(deaths > 1, 1.0 - (deaths - 1.0) / np.maximum(n - 1.0, 1.0), 1.0)
        weight = np.where(met, before**2 * tie * deaths / n**2, 0.0)
        effect = own + inverse * incidence
        total += weight * np.stack((effect**2, inverse * effect, inverse**2))
    first, second, third = total.cumsum(axis=1)
    variance = np.maximum(first + incidence**2 * third - 2 * incidence * second, 0.0)
    jumps = np.maximum.accumulate(np.where(d > 0, np.arange(1, n.size + 1), 0))
    return np.asarray(np.sqrt(np.concatenate(([0.0], variance)))[jumps], dtype=np.float64)

"""Spline: a marker's continuous effect, without any cut, and whether it bends - is there a threshold at all?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import UnknownName
from core.markers.cutoff.usable import Primary, Usable, usable
from core.survival.endpoint import Bools, Floats
from core.survival.kaplan_meier import Z95

NAN = float("nan")
QUANTILES = {3: (0.10, 0.50, 0.90), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.50, 0.725, 0.95)}
POINTS = 101
CROWDED = 0.05
"""Share of the patients at one end that moves a knot (R's `fractied`)."""
FEWEST_A_TERM = 5
"""Events (or patients of the rarer class) a term, under which no spline is fitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplineEffect:
    """A marker's continuous effect; see `spline_effect`.

    Attributes
    ----------
    table : one row a point of a grid from the 1st to the 99th percentile: value, log_ratio (against the reference), se, ratio, ci_low,
        ci_high (95%, pointwise, Wald), linear (the ratio of a straight line), probability with probability_low and
        probability_high (response only, else null).
    kind : 'hazard ratio' (Cox, Efron) or 'odds ratio' (logistic). knots : values. reference : the marker's median.
    beta, covariance : coefficients of the basis `basis(x, knots)` (of the model with an intercept first, for response).
    p_nonlinear : likelihood-ratio test that the effect is a straight line, `statistic_nonlinear` on `df_nonlinear`.
    p_overall : likelihood-ratio test of no effect, `statistic_overall` on `df_overall`.
    per_sd : (ratio, low, high) of the straight line, per standard deviation; sd : that deviation.
    n, n_missing, events : patients used, left out; events or responders among them. note : why it is not fitted.
    """

    table: pl.DataFrame
    kind: str
    knots: tuple[float, ...]
    reference: float
    beta: Floats
    covariance: Floats
    p_nonlinear: float
    statistic_nonlinear: float
    df_nonlinear: int
    p_overall: float
    statistic_overall: float
    df_overall: int
    per_sd: tuple[float, float, float]
    sd: float
    n: int
    n_missing: int
    events: int
    note: str = ""


def basis(x: Floats, knots: Floats) -> Floats:
    """Restricted cubic spline: x and k - 2 cubic terms, linear beyond the outer knots; (n, k - 1).

    References
    ----------
    Stone & Koo 1985; Harrell, Regression Modeling Strategies, doi 10.1007/978-3-319-19425-7, section 2.4.5. Equals R
    Hmisc::rcspline.eval(x, knots, inclx = TRUE, norm = 2).
    """
    first, last, before = knots[0], knots[-1], knots[-2]
    scale = (last - first) ** (2 / 3)

    def cube(shift: float) -> Floats:
        return np.asarray(np.maximum((x - shift) / scale, 0.0) ** 3, dtype=np.float64)

    terms = [
        cube(knot) + ((before - knot) * cube(last) - (last - knot) * cube(before)) / (last - before)
        for knot in knots[:-2]
    ]
    return np.column_stack((x, *terms))


def place_knots(x: Floats, *, knots: int) -> Floats:
    """Harrell's quantiles of the marker, as R's rcs() places them.

    In under 100 patients the outer knots are the fifth lowest and highest value. Where a twentieth or more of the
    patients share the lowest (highest) value, a knot stands at the value next to it and the others at quantiles of the
    rest; where few values differ, knots stand at all of them but the ends.

    Returns
    -------
    (k,) ascending, fewer than asked for where values are tied, empty where fewer than three can be told apart.

    References
    ----------
    Harrell 2015, doi 10.1007/978-3-319-19425-7, table 2.3. Equals R Hmisc::rcspline.eval(x, nk = k, knots.only = TRUE).
    """
    values, counts = np.unique(x, return_counts=True)
    if x.size < 6 or values.size < 5:
        return np.empty(0)
    if values.size - 2 <= knots:
        return values[1:-1]
    outer = QUANTILES[knots][0]
    share, rest, first, last = counts / x.size, x, np.empty(0), np.empty(0)
    if share[1:-1].max() < CROWDED:
        if share[0] >= CROWDED:
            first = values[1:2]
            rest = rest[rest > first]
        if share[-1] >= CROWDED:
            last = rest[rest < rest.max()].max(keepdims=True)
            rest = rest[rest < last]
    inner = knots - first.size - last.size
    if rest.size == 0:
        return np.empty(0)
    if inner == 1:
        placed = np.array([np.median(rest)])
    else:
        placed = np.quantile(rest, np.linspace(0.5 if inner == 2 else outer, 1 - outer, inner))
        if np.unique(placed).size < min(inner, 3):
            placed = np.quantile(rest, np.linspace(outer, 1 - outer, 2 * inner))
            if first.size + last.size and np.unique(placed).size < 3:
                middle = (first + last) / 2 if first.size and last.size else np.array([np.median(rest)])
                top = last if last.size else np.quantile(rest, [1 - outer])
                placed = np.concatenate((first, middle, top))
        if rest.size < 100:
            ordered = np.sort(rest)
            if not first.size and ordered.size > 4:
                placed[0] = ordered[4]
            if not last.size and ordered.size > 4:
                placed[inner - 1] = ordered[-5]
    placed = np.unique(np.concatenate((first, placed, last)))
    return placed if placed.size >= 3 else np.empty(0)


def spline_effect(
    marker: npt.ArrayLike,
    *,
    time: npt.ArrayLike | None = None,
    event: npt.ArrayLike | None = None,
    response: npt.ArrayLike | None = None,
    primary: Primary | None = None,
    knots: int = 4,
) -> SplineEffect:
    """A marker's effect over its whole range, with a test whether it bends.

    Parameters
    ----------
    marker : (n,) float. time : (n,) float, months, with event : (n,) 0 or 1; or response : (n,) 0 or 1. nan = unknown.
    knots : 3, 4 or 5; fewer are used where ties or few events allow no more.

    Estimand: the hazard (odds) ratio of each marker value against the median. Null hypotheses: no effect; a straight
    line (log scale). A bend is no threshold: a threshold is a jump, and a straight line has none.

    Returns
    -------
    SplineEffect
        An empty table with a note where it cannot be fitted: a constant or discrete marker, under 5 events a term, no
        convergence.

    Raises
    ------
    NotMeasured, TooFewPatients, UnknownName
        As `usable`; a number of knots that is not 3, 4 or 5.

    References
    ----------
    Harrell 2015, doi 10.1007/978-3-319-19425-7; Royston, Altman & Sauerbrei 2006, doi 10.1002/sim.2331. Equals R rms
    cph / lrm with rcs().
    """
    return spline_of(usable(marker, time=time, event=event, response=response, primary=primary), knots=knots)


def spline_of(data: Usable, *, knots: int = 4) -> SplineEffect:
    """`spline_effect` of patients that are already picked."""
    if knots not in QUANTILES:
        raise UnknownName(f"a spline has 3, 4 or 5 knots here, not {knots}")
    survival = data.primary == "survival"
    x = data.marker
    outcome: Bools = data.event if survival else data.response > 0
    events = int(outcome.sum())
    rarer = events if survival else min(events, data.n - events)
    sd = float(x.std(ddof=1)) if data.n > 1 else 0.0
    result = _Parts(data, events, sd)
    if np.unique(x).size < 2:
        return result.empty("every patient has the same marker value: there is no effect to draw")
    if events == 0 or (not survival and events == data.n):
        return result.empty("no events" if survival else "one class of response only")
    room = rarer // FEWEST_A_TERM
    if room < 2:
        return result.empty(
            f"{rarer} {'events' if survival else 'patients of the rarer response'} are too few for a spline"
        )
    placed = np.empty(0)
    for k in range(min(knots, room + 1), 2, -1):
        placed = place_knots(x, knots=k)
        if placed.size >= 3:
            break
    if placed.size < 3:
        return result.empty(f"the marker has too few different values ({np.unique(x).size}) for a spline")
    return result.fitted(placed, outcome)


class _Parts:
    """The fit of one data set."""

    def __init__(self, data: Usable, events: int, sd: float) -> None:
        self.data, self.events, self.sd = data, events, sd
        self.survival = data.primary == "survival"

    def empty(self, note: str) -> SplineEffect:
        names = (
            "value",
            "log_ratio",
            "se",
            "ratio",
            "ci_low",
            "ci_high",
            "linear",
            "probability",
            "probability_low",
            "probability_high",
        )
        return self._result(
            (pl.DataFrame(schema=dict.fromkeys(names, pl.Float64)), np.empty(0), np.empty(0), np.empty((0, 0))),
            (NAN, NAN, 0, 0), (NAN, NAN, NAN), note,
        )  # fmt: skip

    def fitted(self, knots: Floats, outcome: Bools) -> SplineEffect:
        x = self.data.marker
        centre, scale = float(x.mean()), self.sd
        # fitted on a standardised marker, so that units do not matter to convergence; the basis is scaled back
        design = basis((x - centre) / scale, (knots - centre) / scale)
        full, line = self._fit(design, outcome), self._fit(design[:, :1], outcome)
        if full is None or line is None:
            return self.empty(
                "the likelihood has no maximum: the marker separates the outcome, or its values are too uneven"
            )
        beta, covariance, loglik, null = full
        reference = float(np.median(x))
        low, high = np.quantile(x, (0.01, 0.99))
        grid = np.concatenate(
            (np.linspace(low, high, POINTS), np.quantile(x, np.linspace(0.01, 0.99, POINTS)), [reference])
        )
        grid = np.unique(grid)
        at, zero = (basis((v - centre) / scale, (knots - centre) / scale) for v in (grid, np.array([reference])))
        first = 0 if self.survival else 1
        slopes, spread = beta[first:], covariance[first:, first:]
        difference = at - zero
        log_ratio = difference @ slopes
        se = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", difference, spread, difference), 0.0))
        columns = {
            "value": grid, "log_ratio": log_ratio, "se": se, "ratio": np.exp(log_ratio),
            "ci_low": np.exp(log_ratio - Z95 * se), "ci_high": np.exp(log_ratio + Z95 * se),
            "linear": np.exp((at[:, 0] - zero[0, 0]) * line[0][first]),
        }  # fmt: skip
        nothing = np.full(grid.size, np.nan)
        columns |= {"probability": nothing, "probability_low": nothing, "probability_high": nothing}
        if not self.survival:
            rows = np.column_stack((np.ones(grid.size), at))
            eta, error = rows @ beta, np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))
            for name, shift in (("probability", 0.0), ("probability_low", -Z95), ("probability_high", Z95)):
                columns[name] = 1 / (1 + np.exp(-(eta + shift * error)))
        b, s = float(line[0][first]), float(np.sqrt(line[1][first, first]))
        # back to the marker's own unit: x / scale, and each cubic term (of norm 2) is a length as well
        unit = np.concatenate((np.ones(first), np.full(slopes.size, 1 / scale)))
        own, wide = beta * unit, np.outer(unit, unit) * covariance
        if first:
            turn = np.eye(own.size)
            turn[0, 1] = -centre
            own, wide = turn @ own, turn @ wide @ turn.T
        note = "" if knots.size == 4 else f"{knots.size} knots"
        return self._result(
            (pl.DataFrame(columns).with_columns(pl.all().fill_nan(None)), knots, own, wide),
            (2 * (loglik - line[2]), 2 * (loglik - null), knots.size - 2, knots.size - 1),
            (float(np.exp(b)), float(np.exp(b - Z95 * s)), float(np.exp(b + Z95 * s))), note,
        )  # fmt: skip

    def _fit(self, design: Floats, outcome: Bools) -> tuple[Floats, Floats, float, float] | None:
        """Coefficients, covariance, log-likelihood, that of no effect; None where there is no maximum.

        Fitted on orthonormal columns: the terms of a spline are nearly collinear, and long-tailed markers make them large.
        """
        centre = design.mean(axis=0)
        q, r = np.linalg.qr(design - centre)
        length = np.sqrt(design.shape[0])
        if np.abs(np.diag(r)).min() < 1e-10 * np.abs(np.diag(r)).max():
            return None
        back = np.linalg.inv(r) * length
        if self.survival:
            from core.survival.cox import fit_cox

            fit = fit_cox(self.data.time, outcome, q * length)
            if not fit.estimable.all():
                return None
            return back @ fit.beta, back @ fit.covariance @ back.T, fit.loglik, fit.loglik_null
        from core.response.calibration import logistic

        rows = np.column_stack((np.ones(design.shape[0]), q * length))
        beta, covariance, converged = logistic(rows, outcome)
        if not converged:
            return None
        eta, rate = rows @ beta, float(outcome.mean())
        loglik = float((outcome * eta - np.logaddexp(0.0, eta)).sum())
        whole = np.eye(beta.size)
        whole[1:, 1:] = back
        whole[0, 1:] = -centre @ back
        null = float(outcome.size * (rate * np.log(rate) + (1 - rate) * np.log(1 - rate)))
        return whole @ beta, whole @ covariance @ whole.T, loglik, null

    def _result(
        self,
        fit: tuple[pl.DataFrame, Floats, Floats, Floats],
        tests: tuple[float, float, int, int],
        *rest: object,
    ) -> SplineEffect:
        from scipy.special import chdtrc

        per_sd, note = rest
        bend, overall, df_bend, df_overall = tests

        def p(statistic: float, df: int) -> float:
            return float(chdtrc(df, max(statistic, 0.0))) if np.isfinite(statistic) else NAN

        return SplineEffect(
            table=fit[0], kind="hazard ratio" if self.survival else "odds ratio", knots=tuple(float(k) for k in fit[1]),
            reference=float(np.median(self.data.marker)), beta=fit[2], covariance=fit[3],
            p_nonlinear=p(bend, df_bend), statistic_nonlinear=bend, df_nonlinear=df_bend, p_overall=p(overall, df_overall),
            statistic_overall=overall, df_overall=df_overall, per_sd=per_sd, sd=self.sd, n=self.data.n,  # type: ignore[arg-type]
            n_missing=self.data.n_missing, events=self.events, note=str(note),
        )  # fmt: skip

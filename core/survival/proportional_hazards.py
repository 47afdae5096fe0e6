"""Do hazard ratios hold over time? The score test of Grambsch and Therneau, and scaled Schoenfeld residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from core.errors import TooFewPatients, UnknownName
from core.survival.cox import centred, fit_sets
from core.survival.cox_model import CoxModel
from core.survival.endpoint import Bools, Floats, Ints
from core.survival.natural_spline import band
from core.survival.risk_sets import RiskSets, risk_sets

REFERENCE = "10.1093/biomet/81.3.515"
Transform = Literal["km", "rank", "identity", "log"]
POINTS = {"term": pl.String, "time": pl.Float64, "x": pl.Float64, "residual": pl.Float64}
SMOOTH = {"term": pl.String, **dict.fromkeys(("x", "time", "estimate", "ci_low", "ci_high"), pl.Float64)}
SINGULAR = 1e12
SCHEMA = {"term": pl.String, "statistic": pl.Float64, "df": pl.Int64, "p_value": pl.Float64}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhTest:
    """Test of proportional hazards, and what to draw.

    Attributes
    ----------
    transform : of time. table : one row a covariate, then GLOBAL: term, statistic (chi-square), df, p_value.
    residuals : one row an event and covariate: term, time, x (transformed time), residual (scaled Schoenfeld residual plus
        the coefficient, that is, an estimate of the log hazard ratio at that time; of a covariate of several
        coefficients, a multiple of its fitted effect, 1 = as fitted). smooth : term, x, time, estimate, ci_low, ci_high.
    coefficients : term, value: where the residuals would lie if the hazard ratio were constant.
    n, events : of the model. notes : covariates that cannot be tested, and why.
    """

    transform: str
    table: pl.DataFrame
    residuals: pl.DataFrame
    smooth: pl.DataFrame
    coefficients: pl.DataFrame
    n: int
    events: int
    notes: tuple[str, ...]


def ph_test(model: CoxModel, *, transform: Transform = "km") -> PhTest:
    """Test whether the coefficients of a Cox model change over time.

    Parameters
    ----------
    model : from `fit_table` or `cox_model`. transform : g(time) that a change would be linear in: 'km' (1 - Kaplan-Meier
        estimate just before the time), 'rank', 'identity' or 'log'.

    Null hypothesis: each log hazard ratio is constant; the score test of an added term covariate * g(time), with a
    covariate's coefficients tested together, and all of them (GLOBAL). A penalised model is tested without its penalty.

    Raises
    ------
    UnknownName
        There is no such transform.
    TooFewPatients
        No coefficient is estimable.

    References
    ----------
    Grambsch & Therneau 1994, doi 10.1093/biomet/81.3.515. Equals R survival::cox.zph, version 3 and later.
    """
    if transform not in get_args(Transform):
        raise UnknownName(f"there is no transform '{transform}'; choose one of {', '.join(get_args(Transform))}")
    sets, x = model.sets, model.design.x
    fit = fit_sets(sets, x) if model.fit.ridge else model.fit
    at = np.flatnonzero(fit.estimable)
    if at.size == 0:
        why = model.notes[0] if model.notes else "the model has no estimable coefficient"
        raise TooFewPatients(f"proportional hazards cannot be tested: {why}")
    columns = [model.design.columns[j] for j in at]
    names = list(dict.fromkeys(c.covariate for c in columns))
    blocks = [np.array([i for i, c in enumerate(columns) if c.covariate == name]) for name in names]
    lost = dict.fromkeys(c.term for j, c in enumerate(model.design.columns) if j not in at)
    notes = [f"{', '.join(lost)} cannot be tested: not estimable"] if lost else []
    z = centred(sets, x)
    risk = np.where(np.isfinite(fit.beta), fit.beta, 0.0) @ z
    parts = _Parts.of(sets, z[at], risk)
    g = _transformed(sets, transform)[sets.dying]
    residuals, smooth = pl.DataFrame(schema=POINTS), pl.DataFrame(schema=SMOOTH)
    if not np.isfinite(g).all():
        notes.append("the log of time needs times above 0: choose another transform")
        table = pl.DataFrame(
            [(name, None, b.size, None) for name, b in zip(names, blocks, strict=True)], SCHEMA, orient="row"
        )
        return PhTest(
            transform=transform, table=table, residuals=residuals, smooth=smooth, coefficients=pl.DataFrame(schema={"term": pl.String, "value": pl.Float64}),
            n=model.n, events=model.events, notes=tuple(notes),
        )  # fmt: skip
    table = _table(parts, g - g.mean(), names, blocks=blocks)
    untested = [str(name) for name in table.filter(pl.col("statistic").is_null())["term"] if name != "GLOBAL"]
    if table["statistic"].null_count():
        what = ", ".join(untested) or "all covariates together"
        notes.append(f"{what} cannot be tested: the transformed time ({transform}) hardly differs between the events; choose another transform")
    beta = fit.beta[at]
    scaled, variance = _scaled(parts, sets, beta, blocks=blocks)
    time = sets.time[sets.dying]
    residuals, smooth = _drawn(time, g, scaled, names=names, variance=variance)
    level = [float(beta[b[0]]) if b.size == 1 else 1.0 for b in blocks]
    return PhTest(
        transform=transform, table=table, residuals=residuals, smooth=smooth,
        coefficients=pl.DataFrame({"term": names, "value": level}), n=model.n, events=model.events, notes=tuple(notes),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What each event adds: Schoenfeld residuals (p, d), score (p, d) and information (d, p, p), and where x varies."""

    residual: Floats
    score: Floats
    information: Floats
    varies: Bools

    @classmethod
    def of(cls, sets: RiskSets, x: Floats, risk: Floats) -> _Parts:
        p = x.shape[0]
        risk = risk - np.maximum.reduceat(risk, sets.bounds[:-1])[sets.stratum]
        w = np.exp(risk)
        second = (x[:, None] * x[None]).reshape(p * p, -1)
        moments = sets.efron(np.concatenate((w[None], w * x, w * second)))
        mean = moments[1 : p + 1] / moments[0]
        outer = (mean[:, None] * mean[None]).reshape(p * p, -1)
        information = (moments[p + 1 :] / moments[0] - outer).T.reshape(-1, p, p)
        size = np.bincount(sets.tie, minlength=sets.tie_start.size)
        shared = (sets.per_death(mean) / size)[:, sets.tie]
        low = np.minimum.reduceat(x, sets.bounds[:-1], axis=1)
        high = np.maximum.reduceat(x, sets.bounds[:-1], axis=1)
        return cls(
            residual=x[:, sets.dying] - shared,
            score=x[:, sets.dying] - mean,
            information=information,
            varies=np.asarray(high > low, dtype=np.bool_),
        )


def _transformed(sets: RiskSets, transform: str) -> Floats:
    """g(time) of every row; the Kaplan-Meier estimate is over all strata together, as in R."""
    if transform == "identity":
        return sets.time
    if transform == "log":
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(sets.time), dtype=np.float64)
    if transform == "rank":
        _, inverse, count = np.unique(sets.time, return_inverse=True, return_counts=True)
        last = np.cumsum(count)
        return np.asarray((last - (count - 1) / 2)[inverse], dtype=np.float64)
    whole = risk_sets(sets.time, sets.event, entry=sets.entry)
    died = whole.per_death(np.ones(whole.dying.size))
    survival = np.concatenate(([1.0], np.cumprod(1 - died / whole.at_risk(np.ones(whole.time.size)))))
    return np.asarray(1 - survival[np.searchsorted(whole.death_time, sets.time, side="left")], dtype=np.float64)


def _table(parts: _Parts, g: Floats, names: Sequence[str], *, blocks: Sequence[Ints]) -> pl.DataFrame:
    from scipy.special import chdtrc

    p = parts.score.shape[0]
    plain = parts.information.sum(axis=0)
    once = np.einsum("d,dij->ij", g, parts.information)
    twice = np.einsum("d,dij->ij", g * g, parts.information)
    whole = np.block([[plain, once], [once, twice]])
    score = parts.score @ g
    rows: list[tuple[str, float | None, int, float | None]] = []
    for name, block in zip([*names, "GLOBAL"], [*blocks, np.arange(p)], strict=True):
        at = np.concatenate((np.arange(p), p + block))
        u = np.concatenate((np.zeros(p), score[block]))
        part = whole[np.ix_(at, at)]
        size = np.sqrt(np.diag(part))
        unit = part / np.outer(size, size) if (size > 0).all() else np.zeros_like(part)
        if _singular(unit):
            rows.append((name, None, int(block.size), None))
            continue
        statistic = float(u / size @ np.linalg.solve(unit, u / size))
        rows.append((name, statistic, int(block.size), float(chdtrc(block.size, statistic))))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _scaled(parts: _Parts, sets: RiskSets, beta: Floats, *, blocks: Sequence[Ints]) -> tuple[Floats, Floats]:
    """Scaled Schoenfeld residuals of each term (terms, d), nan in a stratum where it is constant, and their variance."""
    died = np.diff(sets.death_bounds)
    died = np.bincount(sets.stratum[sets.dying], minlength=died.size)
    used = parts.varies * died
    fold = np.zeros((beta.size, len(blocks)))
    for i, block in enumerate(blocks):
        used[block] = used[block].max(axis=0)
        fold[block, i] = 1.0 if block.size == 1 else beta[block]
    together = np.minimum(used[:, None, :], used[None, :, :]).sum(axis=2)
    whole = parts.information.sum(axis=0) / np.where(together == 0, 1, together)
    residual = fold.T @ parts.residual
    whole = fold.T @ whole @ fold
    of = used[[block[0] for block in blocks]]
    scaled = np.full_like(residual, np.nan)
    stratum = sets.stratum[sets.dying]
    for s in np.flatnonzero(died):
        k, rows = np.flatnonzero(of[:, s] > 0), np.flatnonzero(stratum == s)
        if k.size and not _singular(whole[np.ix_(k, k)]):
            scaled[np.ix_(k, rows)] = np.linalg.solve(whole[np.ix_(k, k)], residual[np.ix_(k, rows)])
    level = np.array([beta[b[0]] if b.size == 1 else 1.0 for b in blocks])
    variance = np.full_like(whole, np.nan) if _singular(whole) else np.linalg.inv(whole)
    return scaled + level[:, None], np.asarray(variance, dtype=np.float64)


def _singular(a: Floats) -> bool:
    """Whether a matrix, its rows and columns brought to one scale, cannot be inverted."""
    size = np.sqrt(np.abs(np.diag(a)))
    return bool((size == 0).any()) or not np.linalg.cond(a / np.outer(size, size)) < SINGULAR


def _drawn(
    time: Floats, g: Floats, scaled: Floats, *, names: Sequence[str], variance: Floats
) -> tuple[pl.DataFrame, pl.DataFrame]:
    points, lines = [], []
    for i, name in enumerate(names):
        points.append(pl.DataFrame({"term": [name] * time.size, "time": time, "x": g, "residual": scaled[i]}))
        x, fitted, half = band(g, scaled[i], variance=float(variance[i, i]))
        order = np.argsort(g, kind="stable")
        lines.append(
            pl.DataFrame(
                {
                    "term": [name] * x.size, "x": x, "time": np.interp(x, g[order], time[order]), "estimate": fitted,
                    "ci_low": fitted - half, "ci_high": fitted + half,
                }
            )
        )  # fmt: skip
    residuals = pl.concat(points).with_columns(pl.col("residual").fill_nan(None))
    return residuals, pl.concat(lines)

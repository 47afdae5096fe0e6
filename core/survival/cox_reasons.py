"""Why a coefficient of a Cox model cannot be estimated, in words that name the covariate."""

from __future__ import annotations

import numpy as np

from core.survival.cox import CoxFit, centred, evaluate
from core.survival.design import Column, Design
from core.survival.risk_sets import RiskSets

ENDLESS = 100.0
"""A range of log hazard ratios that no maximum has: the search was on its way to infinity."""


def reasons(fit: CoxFit, sets: RiskSets, made: Design) -> tuple[str, ...]:
    """A sentence a column; empty where the coefficient is estimated."""
    if fit.estimable.all():
        return ("",) * len(made.columns)
    if fit.events == 0:
        return ("no events: no hazard ratio can be estimated",) * len(made.columns)
    return tuple("" if fit.estimable[j] else _reason(fit, sets, made, j=j) for j in range(len(made.columns)))


def _words(column: Column) -> str:
    return column.covariate if column.level is None else f"{column.covariate} {column.level}"


def _reason(fit: CoxFit, sets: RiskSets, made: Design, *, j: int) -> str:
    column, x = made.columns[j], made.x
    name = _words(column)
    if fit.collinear is not None and fit.collinear[j]:
        return _collinear(fit, sets, made, j=j)
    spread = float(np.ptp(np.where(np.isfinite(fit.beta), fit.beta, 0.0) @ x.T))
    if not fit.converged and spread < ENDLESS:
        return f"{name}: the model did not converge in {fit.iterations} steps; leave out a covariate or join its levels"
    event = np.zeros(x.shape[0], dtype=bool)
    event[sets.rows] = sets.event
    if column.level is not None:
        siblings = [i for i, c in enumerate(made.columns) if c.covariate == column.covariate]
        if not event[x[:, j] == 1].any():
            return f"no events in {name}: its hazard ratio against {column.reference} has no finite estimate"
        if not event[(x[:, siblings] == 0).all(axis=1)].any():
            return (
                f"no events in {column.covariate} {column.reference}, the reference: no finite hazard ratio against it"
            )
    end = "0" if fit.beta[j] < 0 else "infinity"
    return (
        f"{name} separates those with events from those without: the likelihood rises as its hazard ratio goes to {end}, "
        "so there is no finite estimate"
    )


def _collinear(fit: CoxFit, sets: RiskSets, made: Design, *, j: int) -> str:
    name = _words(made.columns[j])
    values = made.x[:, j]
    if np.ptp(values) <= 1e-12 * np.abs(values).max(initial=0.0):
        column = made.columns[j]
        where = (
            f"{column.covariate} is {column.level} in everyone" if column.level else f"{name} is the same in everyone"
        )
        return f"{where}: nothing to compare"
    z = centred(sets, made.x)
    if not z[j].any():
        return f"{name} does not vary within a stratum: nothing to compare"
    _, _, information = evaluate(sets, z, np.zeros(z.shape[0]))
    size = np.sqrt(np.maximum(np.diag(information), 0.0))
    before = [i for i in range(j) if fit.collinear is not None and not fit.collinear[i]]
    if not before or size[j] == 0:
        return f"{name} does not vary among those at risk when an event happens: nothing to compare"
    unit = information / np.outer(np.where(size > 0, size, 1.0), np.where(size > 0, size, 1.0))
    weights = np.linalg.lstsq(unit[np.ix_(before, before)], unit[before, j], rcond=None)[0]
    others = [_words(made.columns[i]) for i, w in zip(before, weights, strict=True) if abs(w) > 1e-6]
    listed = others[0] if len(others) == 1 else f"{', '.join(others[:-1])} and {others[-1]}" if others else "the others"
    return f"{name} is determined by {listed}: a model cannot tell them apart, so it is left out"

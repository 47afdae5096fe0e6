"""AUC(t) and Brier(t) of a Cox model: on patients it was not fitted to, or on its own, said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from core.errors import NotMeasured, TooFewPatients, UnknownName
from core.survival.cox import fit_sets
from core.survival.cox_model import CoxModel, cox_model
from core.survival.endpoint import Floats
from core.survival.kaplan_meier import round_ticks
from core.survival.prediction import baseline
from core.survival.risk_sets import risk_sets
from core.survival.time_dependent import TimeAuc, TimeBrier, auc_at, brier_at

REFERENCE = "10.1002/sim.5958"
MOST_TIMES = 300
FEWEST_LEFT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPerformance:
    """AUC(t), Brier(t) and its integral. in_sample : the patients are those of the fit. folds : 0 = in-sample.

    n_missing : patients of the frame left out. note : how the risks were predicted, in one sentence.
    """

    auc: TimeAuc
    brier: TimeBrier
    in_sample: bool
    folds: int
    n: int
    n_missing: int
    note: str


def model_performance(
    frame: pl.DataFrame,
    *,
    outcome: str = "os",
    covariates: Sequence[str],
    strata: str | Sequence[str] | None = None,
    reference: Mapping[str, str] | None = None,
    penalised: bool | None = None,
    times: Sequence[float] = (),
    folds: int = 5,
    seed: int = 0,
) -> ModelPerformance:
    """How well a Cox model predicts who has the event by each time.

    Parameters
    ----------
    frame, outcome, covariates, strata, reference, penalised : see `cox_model`. times : months; round ones at which at
        least ten patients are still observed where empty. folds : each patient is predicted by a model fitted to the other
        folds; 0 or 1 = by the model fitted to all of them, in-sample. seed : of the folds.

    Estimand: see `auc_at` and `brier_at`; Blanche 2013, doi 10.1002/sim.5958; Graf 1999, doi
    10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5. The intervals take the models as given.

    Raises
    ------
    TooFewPatients
        Nobody, no events, or fewer events than folds.
    NotMeasured
        Some patients were observed late: the weights need everyone from the start.
    """
    model = cox_model(
        frame, outcome=outcome, covariates=covariates, strata=strata, reference=reference, penalised=penalised
    )
    if model.events == 0:
        raise TooFewPatients("no events: nothing to predict")
    if model.sets.entry_order is not None:
        raise NotMeasured("AUC(t) and Brier(t) need patients observed from the start; leave out those who entered late")
    folds = 0 if folds < 2 else folds
    if folds and model.events < folds:
        raise TooFewPatients(f"{model.events} events cannot be spread over {folds} folds; choose fewer")
    time, event = model.sets.time, model.sets.event
    asked = np.array(sorted(times) or _default(time), dtype=np.float64)
    if asked.size and asked[0] < 0:
        raise UnknownName(f"there is no survival at {asked[0]:g} months; choose times from 0 on")
    horizon = float(asked[-1]) if asked.size else float(time.max())
    grid = np.unique(time[time <= horizon])
    if grid.size > MOST_TIMES:
        grid = np.unique(np.quantile(grid, np.linspace(0, 1, MOST_TIMES), method="nearest"))
    every = np.unique(np.concatenate((asked, grid)))
    risk = 1 - (_crossed(model, every, folds=folds, seed=seed) if folds else _own(model, every))
    at = np.searchsorted(every, asked)
    auc = [auc_at(time, event, risk[:, j], times=[float(every[j])]) for j in at]
    brier = brier_at(time, event, risk, times=every.tolist(), horizon=horizon)
    if auc:
        joined = replace(auc[0], table=pl.concat([a.table for a in auc]))
    else:
        joined = auc_at(time, event, np.zeros(time.size), times=[])
    n = int(np.isfinite(risk).all(axis=1).sum())
    note = (
        f"each patient is predicted by a model fitted to the other {folds - 1} of {folds} parts of the cohort"
        if folds
        else "in-sample: the patients are those that the model was fitted to"
    )
    return ModelPerformance(
        auc=joined, brier=replace(brier, table=brier.table[at.tolist()]), in_sample=not folds, folds=folds, n=n,
        n_missing=frame.height - n, note=note,
    )  # fmt: skip


def _default(time: Floats) -> list[float]:
    last = float(np.sort(time)[-min(FEWEST_LEFT, time.size)])
    return [t for t in round_ticks(last) if 0 < t < last] or [last]


def _own(model: CoxModel, times: Floats) -> Floats:
    return baseline(model).survival(model.design.x[model.sets.rows], model.sets.stratum, times)


def _crossed(model: CoxModel, times: Floats, *, folds: int, seed: int) -> Floats:
    """(n, t) survival predicted without the patient's own fold; nan where its stratum is not among the others."""
    sets, x = model.sets, model.design.x[model.sets.rows]
    rng = np.random.default_rng(seed)
    fold = np.empty(sets.time.size, dtype=np.int64)
    for flag in (True, False):  # as many events in each fold
        rows = rng.permutation(np.flatnonzero(sets.event == flag))
        fold[rows] = np.arange(rows.size) % folds
    out = np.full((sets.time.size, times.size), np.nan)
    for k in range(folds):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        inner = risk_sets(sets.time[train], sets.event[train], strata=sets.stratum[train])
        fit = fit_sets(inner, x[train], ridge=model.fit.ridge)
        part = replace(model, sets=inner, fit=fit, design=replace(model.design, x=x[train]))
        present = np.unique(sets.stratum[train])
        seen = test[np.isin(sets.stratum[test], present)]
        codes = np.searchsorted(present, sets.stratum[seen]).astype(np.int64)
        out[seen] = baseline(part).survival(x[seen], codes, times)
    return out

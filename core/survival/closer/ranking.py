"""Ranking: how well a score tells who has the event by a time from who does not, and how far off a risk made from it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.figures import words
from core.figures.accuracy_over_time import accuracy_over_time
from core.response.predicted import Split
from core.survival.closer.compared import Compared, compared
from core.survival.closer.look import Look
from core.survival.concordance import concordance
from core.survival.cox import fit_cox
from core.survival.endpoint import Bools, Floats
from core.survival.endpoint import endpoint as usable
from core.survival.ties import merged
from core.survival.time_dependent import TimeBrier, auc_at, brier_at
from data.schema import ENDPOINTS
from data.store import Store

ROUND = (3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 48.0, 60.0, 84.0, 120.0)
"""Months at which a score is judged, as long as a tenth of the patients are followed."""
FOLDS = 5
FEWEST_EVENTS = 10
"""Events that a risk takes to be made and judged."""
FEWEST = 5
"""Patients with the event by a time, and without it at that time, that an AUC takes."""
SEED = 0


def ranking(
    store: Store, query: CohortQuery, *, predictor: str = "", split: Split = "median", endpoint: str = "os", compare: str = "",
    landmark: str = "0",
) -> Look:
    """AUC(t) and Brier(t) of the score behind the groups, whatever the cut.

    The risk whose error is judged is that of a Cox model of the score alone, cross-fitted, so that no patient is judged by
    a model that saw them; its null gives everyone the Kaplan-Meier risk.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `compared`; the groups have no score behind them, patients entered late, or there are too few events.
    """
    found = compared(store, query, predictor=predictor, split=split, endpoint=endpoint, compare=compare, landmark=landmark)
    rows = found.shown.drop_nulls("score")
    if rows.is_empty():
        raise NotMeasured(f"{found.by} names groups and has no number to rank patients by; compare by a predictor or by a number")
    data = usable(rows, endpoint)
    if data.entry is not None:
        raise NotMeasured("some patients entered observation late, and the weights for censoring do not allow for that; choose another cohort")
    time, event = data.time, data.event
    score = rows["score"].to_numpy().astype(np.float64)[data.rows]
    times = [t for t in ROUND if t <= float(np.quantile(time, 0.9)) and _enough(time, event, t)]
    if not times or int(event.sum()) < FEWEST_EVENTS:
        raise TooFewPatients(
            f"{words.event(endpoint, int(event.sum()))} among {words.count(time.size, 'patient')} are too few to judge a score over time; "
            "relax a filter or choose another endpoint"
        )
    ranks = auc_at(time, event, score, times=times, higher="survival")
    errors = brier_at(time, event, cross_fitted(time, event, score, times=times), times=times)
    c = concordance(rows, outcome=endpoint, score="score")
    since = f" from {found.landmark:g} months on" if found.landmark else ""
    chart = accuracy_over_time(
        ranks.table, errors.table, provenance=found.source(store, query, n=ranks.n), label=found.by, title=f"How well {found.by} ranks patients, {words.inside(ENDPOINTS[endpoint])}{since}"
    )
    caption = (
        f"AUC(t): the chance that a patient with the event by t has a lower {found.by} than one without it at t (cumulative/dynamic), weighted by the "
        "inverse probability of censoring, 95% CI from the influence function; 0.5 is chance. Brier(t): mean squared error of the risk of the "
        f"event by t, from a Cox model of {found.by} alone, cross-fitted in {FOLDS} folds; beside it, the Kaplan-Meier risk for everyone. "
        f"n = {ranks.n:,}, {words.event(endpoint, ranks.events)}. Censoring is taken not to depend on {found.by}."
    )
    out = "The scores are out-of-sample." if predictor and not compare else f"A higher {found.by} is taken to mean longer survival, whichever way it turns out."
    return Look(
        sentence=_sentence(ranks.table, errors, (found, words.estimate(c, letter="c-index"))),
        charts=(replace(chart, slug=f"accuracy-over-time-{found.key}", caption=f"{caption} {out}"),), remarks=_remarks(errors),
    )  # fmt: skip


def _enough(time: Floats, event: Bools, t: float) -> bool:
    return int((event & (time <= t)).sum()) >= FEWEST and int((time > t).sum()) >= FEWEST


def cross_fitted(time: Floats, event: Bools, score: Floats, *, times: list[float], seed: int = SEED) -> Floats:
    """Risk of the event by each time, from a Cox model of the score fitted without the patient's fold.

    Parameters
    ----------
    time : (n,) months. event : (n,) bool. score : (n,). times : (m,) months.

    Returns
    -------
    (n, m) float, 0 to 1: 1 - exp(-H0(t) exp(beta score)), with Breslow's H0 (doi 10.2307/2529620). Where a fold's model
    cannot be fitted, its patients get the Kaplan-Meier-like risk of beta = 0.
    """
    time = merged(time)
    fold = np.random.default_rng(seed).permutation(time.size) % FOLDS
    risk = np.full((time.size, len(times)), np.nan)
    spread = float(score.std()) or 1.0
    z = (score - score.mean()) / spread
    for k in range(FOLDS):
        own, rest = fold == k, fold != k
        if not own.any() or not event[rest].any():
            continue
        fit = fit_cox(time[rest], event[rest], z[rest][:, None])
        beta = float(fit.beta[0]) if fit.estimable[0] else 0.0
        risk[own] = 1 - np.exp(-_breslow(time[rest], event[rest], np.exp(beta * z[rest]), times=times)[None] * np.exp(beta * z[own])[:, None])
    return risk


def _breslow(time: Floats, event: Bools, weight: Floats, *, times: list[float]) -> Floats:
    """Cumulative baseline hazard (m,) at the times."""
    order = np.argsort(time, kind="stable")
    t, at_risk = time[order], np.cumsum(weight[order][::-1])[::-1]
    dying = np.unique(time[event])
    deaths = np.searchsorted(np.sort(time[event]), dying, side="right") - np.searchsorted(np.sort(time[event]), dying, side="left")
    hazard = np.cumsum(deaths / at_risk[np.searchsorted(t, dying, side="left")])
    return np.concatenate(([0.0], hazard))[np.searchsorted(dying, np.asarray(times), side="right")]


def _sentence(ranks: pl.DataFrame, errors: TimeBrier, said: tuple[Compared, str]) -> str:
    found, c = said
    known = ranks.drop_nulls("auc")
    if known.is_empty():
        return f"How {found.by} ranks patients over time cannot be told here."
    first, last = known.row(0, named=True), known.row(-1, named=True)
    at = [f"{words.ratio(r['auc'])} ({words.interval((r['ci_low'], r['ci_high']))}) at {r['time']:g} months" for r in ([first] if first == last else [first, last])]
    n = int(errors.n)
    return f"{found.by[:1].upper()}{found.by[1:]} ranks patients with an AUC of {' and '.join(at)}; over the whole follow-up {c}, n = {n:,} with {words.event(found.endpoint, errors.events)}."


def _remarks(errors: TimeBrier) -> tuple[str, ...]:
    """Whether the score's risk beats the same risk for everyone."""
    table = errors.table.drop_nulls(["brier", "skill"])
    if table.is_empty():
        return ()
    last = table.row(-1, named=True)
    share = f"{abs(100 * last['skill']):.1f}% {'lower' if last['skill'] > 0 else 'higher'}"
    verdict = "lower than" if last["skill"] > 0 else "not lower than"
    return (
        f"At {last['time']:g} months the error of a risk made from the score is {verdict} that of giving everyone the same risk (Brier {last['brier']:.3f} "
        f"against {last['brier_null']:.3f}, {share}). A score can rank well and still say little about one patient's risk.",
    )

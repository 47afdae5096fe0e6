"""Would treating by a predictor's probability do more good than treating everybody or nobody?"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.figures import words
from core.figures.decision_curve import decision_curve as decision_curve_figure
from core.response.closer import patients
from core.response.closer.patients import POOLED, Judged, Variant
from core.response.closer.reliability import probable
from core.response.decision_curve import decision_curve
from data.store import Store
from models import card

STEP = 0.01
THRESHOLDS = tuple(round(STEP * i, 2) for i in range(1, 81))
SHORTEST = 5
"""Neighbouring thresholds that a claim takes: single ones are crossed by chance."""


def benefit(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> Answer:
    """Decision curve of a predictor, and of the other probabilities that the same patients have.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `reliability.probable`.
    """
    found, mine = probable(store, query, predictor=predictor, cohort=cohort)
    shown = [mine, *_others(found, mine)]
    shared = found.frame.drop_nulls(["response", *(v.probability for v in shown)])
    response = shared["response"].to_numpy()
    curves = [
        (v.label, decision_curve(shared[v.probability].to_numpy(), response, thresholds=THRESHOLDS)) for v in shown
    ]
    rate = float(response.mean())
    source = patients.source(store, found, n=shared.height)
    end = min(0.8, max(0.3, 2.5 * rate))
    curves = [(label, t.filter(pl.col("threshold") <= end)) for label, t in curves]
    chart = decision_curve_figure(
        curves, provenance=source, title=f"Net benefit of treating by the probability of {mine.spoken}",
        caption=f"Decision curve: net benefit = responders treated − non-responders treated × threshold odds, per patient; pointwise 95% band of "
        f"{mine.spoken}; n = {shared.height:,}, response rate {words.percent(rate)}. A threshold of 20% means that one response is worth "
        "treating up to four non-responders. Here everybody was treated: it shows what leaving some untreated would have cost.",
    )  # fmt: skip
    return Answer(
        sentence=_sentence(mine, curves[0][1], n=shared.height),
        charts=(replace(chart, slug=f"decision-curve-{predictor}", warnings=(*chart.warnings, *patients.pooled(shared))),),
    )


def _others(found: Judged, mine: Variant) -> list[Variant]:
    """Other probabilities that at least nine in ten of these patients have."""
    frame = found.frame.drop_nulls(["response", mine.probability])
    return [
        v
        for v in found.variants
        if card(v.predictor).kind == "probability" and v.score != mine.score and frame[v.probability].count() >= 0.9 * frame.height
    ][:3]


def _sentence(mine: Variant, curve: pl.DataFrame, *, n: int) -> str:
    better = _spans(curve.filter((pl.col("over_all_low") > 0) & (pl.col("ci_low") > 0))["threshold"].to_list())
    harm = _spans(curve.filter((pl.col("over_all_high") < 0) | (pl.col("ci_high") < 0))["threshold"].to_list())
    tail = f"n = {n:,}, intervals taken one threshold at a time"
    if better:
        said = f"Treating by the probability of {mine.spoken} does more good than treating everybody or nobody at thresholds of {better}"
        return f"{said}; elsewhere that is not shown ({tail})."
    start = f"Treating by the probability of {mine.spoken} is nowhere shown to do more good than treating everybody or nobody"
    return f"{start}, and does worse at thresholds of {harm} ({tail})." if harm else f"{start} ({tail})."


def _spans(thresholds: list[float]) -> str:
    """Thresholds as ranges of at least SHORTEST neighbours, the longest three: "12% to 31% and 35% to 38%"."""
    spans: list[list[float]] = []
    for t in thresholds:
        if spans and t - spans[-1][1] < 1.5 * STEP:
            spans[-1][1] = t
        else:
            spans.append([t, t])
    wide = [s for s in spans if s[1] - s[0] > (SHORTEST - 1.5) * STEP]
    longest = sorted(sorted(wide, key=lambda s: s[0] - s[1])[:3])
    return words.listing([f"{words.percent(a)} to {words.percent(b)}" for a, b in longest])

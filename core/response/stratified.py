"""Do patients predicted to respond live longer, and do they respond? Curves, hazard ratio and observed rates by score group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.figures import words
from core.figures.km import km
from core.figures.response_rate import response_rate as rate_figure
from core.finding import Finding
from core.response.predicted import SPLITS, Predicted, Split, predicted
from core.response.rate import response_rate
from core.survival.follow_up import median_follow_up
from core.survival.hazard_ratio import hazard_ratio
from core.survival.kaplan_meier import kaplan_meier
from core.survival.logrank import logrank
from data.schema import ENDPOINTS, PROTOCOLS
from data.store import Store

SHORT = {
    "tmb": "TMB", "pdl1": "PD-L1", "cyt": "cytolytic activity", "gep": "GEP score", "cd8": "CD8 T-effector signature",
    "loris": "LORIS", "loris_recalibrated": "recalibrated LORIS", "elastic_net": "elastic net score",
}  # fmt: skip
"""Predictors as a sentence says them."""

LONGER = {
    "os": "lived longer", "pfs": "stayed free of progression longer", "dss": "stayed free of death from their cancer longer",
    "dfi": "stayed free of disease longer",
}  # fmt: skip


def stratified(
    store: Store, query: CohortQuery, *, predictor: str, split: Split = "median", endpoint: str = "os"
) -> Answer:
    """Survival and observed response by a predictor's out-of-sample score.

    Charts: Kaplan-Meier curves with log-rank test and Cox hazard ratio (highest group against lowest), then response
    rates; the second one only where response is known.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `predicted`; or nobody with a score has the endpoint.
    """
    found = predicted(store, query, predictor, split=split, endpoint=endpoint)
    frame, about = _grouped(found)
    frame = frame.rename({"time": f"{endpoint}_months", "event": f"{endpoint}_event"})
    if frame.drop_nulls([f"{endpoint}_months", f"{endpoint}_event"]).is_empty():
        raise cohort_frame.not_measured(
            ENDPOINTS[endpoint], query, elsewhere=cohort_frame.studies_with(store, f"{endpoint}_months")
        )
    curves = kaplan_meier(frame, outcome=endpoint, by="group")
    test = logrank(frame, outcome=endpoint, by="group")
    ratios = hazard_ratio(frame, outcome=endpoint, by="group")
    everyone = cohort_frame.count(store, query)
    source = provenance(store, query, n=curves.n, n_missing=everyone - curves.n)
    drawn = km(
        curves, test, ratios, provenance=source, follow_up=median_follow_up(frame, outcome=endpoint),
        title=f"{ENDPOINTS[endpoint]} by {about}, {'at the ' if split != 'published' else ''}{SPLITS[split]}",
    )  # fmt: skip
    origin = words.listing([PROTOCOLS[p].partition(":")[0].partition(",")[0] for p in found.protocols])
    drawn = replace(
        drawn, slug=f"survival-{endpoint}-{predictor}-{split}",
        caption=" ".join((drawn.caption, f"{about[:1].upper()}{about[1:]} scores: {origin}.", *_remarks(found)[:1 if split == "published" else 0])),
        warnings=(*drawn.warnings, *_remarks(found)[1 if split == "published" else 0 :]),
    )  # fmt: skip
    charts = [drawn]
    if frame["response"].null_count() < frame.height:
        try:
            rates = response_rate(frame, by="group", trend=split in {"tertiles", "quartiles"})
            charts.append(
                replace(
                    rate_figure(
                        rates, provenance=replace(source, n=rates.n, n_missing=everyone - rates.n),
                        title=f"Observed response rate by {about}, {SPLITS[split]}",
                    ),
                    slug=f"response-rate-{predictor}-{split}",
                )
            )  # fmt: skip
        except (NotMeasured, TooFewPatients):
            pass
    return Answer(sentence=_sentence((about, endpoint), ratios, test=test), charts=tuple(charts))


def _grouped(found: Predicted) -> tuple[pl.DataFrame, str]:
    """Rows with ordered groups, highest first; a published cut is written into the labels."""
    about = SHORT.get(found.card.name, found.card.label)
    labels = list(found.groups)
    if found.split == "published" and found.card.published_cut is not None:
        cut = found.card.published_cut.value
        unit = "%" if found.card.unit.startswith("%") else ""
        labels = [f"{about} < {cut:g}{unit}", f"{about} ≥ {cut:g}{unit}"]
    renamed = dict(zip(found.groups, labels, strict=True))
    order = pl.Enum(list(reversed(labels)))
    return found.frame.with_columns(pl.col("group").replace_strict(renamed, return_dtype=pl.String).cast(order)), about


def _remarks(found: Predicted) -> tuple[str, ...]:
    pooled = found.frame["study"].n_unique()
    many = (f"{pooled} studies are pooled without stratification.",) if pooled > 1 else ()
    return (*found.notes, *many)


def _sentence(what: tuple[str, str], ratios: Sequence[Finding], *, test: Finding) -> str:
    about, endpoint = what
    top = ratios[0] if ratios else None
    if top is None or top.effect is None or top.effect != top.effect:
        why = top.note if top is not None and top.note else test.note
        return f"Cannot be told here: {why or 'there is nothing to compare'}, n = {test.n:,}."
    numbers = f"{words.hazard(top)}, {words.p(top.p_value)}, n = {top.n:,} with {words.count(top.events or 0, 'event')}"
    against = (
        top.name.partition(": ")[2]
        .replace("High against Low", "high against low")
        .replace("Q4 (highest) against Q1 (lowest)", "highest quarter against lowest")
        or "the highest group against the lowest"
    )
    if len(ratios) > 1:
        numbers += f"; log-rank over all groups {words.p(test.p_value)}"
    low, high = top.ci95 or (float("nan"), float("nan"))
    if high < 1:
        return f"Yes: patients with a higher {about} {LONGER[endpoint]} ({against}: {numbers})."
    if low > 1:
        return f"No, the reverse: patients with a lower {about} {LONGER[endpoint]} ({against}: {numbers})."
    return f"Not shown here: the interval includes no difference ({against}: {numbers})."

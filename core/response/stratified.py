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
from core.response.predicted import SHORT, SPLITS, Predicted, Split, predicted, treated, untreated
from core.response.rate import response_rate
from core.survival.follow_up import median_follow_up
from core.survival.hazard_ratio import hazard_ratio
from core.survival.kaplan_meier import kaplan_meier
from core.survival.logrank import logrank
from data.schema import ENDPOINTS, PROTOCOLS
from data.store import Store

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
    about = SHORT.get(found.card.name, found.card.label)
    frame = found.frame.with_columns(pl.col("group").cast(pl.Enum(list(reversed(found.groups)))))
    frame = frame.rename({"time": f"{endpoint}_months", "event": f"{endpoint}_event"})
    shown = frame.drop_nulls([f"{endpoint}_months", f"{endpoint}_event"])
    if shown.is_empty():
        raise cohort_frame.not_measured(
            ENDPOINTS[endpoint], query, elsewhere=cohort_frame.studies_with(store, f"{endpoint}_months")
        )
    curves = kaplan_meier(frame, outcome=endpoint, by="group")
    test = logrank(frame, outcome=endpoint, by="group")
    ratios = hazard_ratio(frame, outcome=endpoint, by="group")
    everyone = cohort_frame.count(store, query) - found.n_untreated
    source = provenance(store, query, n=curves.n, n_missing=everyone - curves.n)
    drawn = km(
        curves, test, ratios, provenance=source, follow_up=median_follow_up(frame, outcome=endpoint),
        title=f"{ENDPOINTS[endpoint]} by {about}, {'at the ' if split != 'published' else ''}{SPLITS[split]}",
    )  # fmt: skip
    first = found.notes[:1] if split == "published" else ()
    drawn = replace(
        drawn, slug=f"survival-{endpoint}-{predictor}-{split}",
        caption=" ".join((drawn.caption, *_origin(shown), *first)),
        warnings=(*drawn.warnings, *found.notes[len(first) :], *_pooled(shown)),
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
    return Answer(sentence=_sentence(found, ratios, test=test), charts=tuple(charts))


def _origin(shown: pl.DataFrame) -> list[str]:
    """How the patients drawn were scored.

    Patients without an evaluable response train no model, so that every cross-fitted model can score them.
    """
    unseen = (pl.col("protocol") == "out_of_fold") & (
        pl.col("response").is_null() | (pl.col("arm") == "control").fill_null(False)
    )
    others = shown.filter(unseen).height
    ways = set(shown.filter(~unseen)["protocol"])
    said = []
    if ways:
        listed = words.listing(
            [about.partition(":")[0].partition(",")[0] for p, about in PROTOCOLS.items() if p in ways]
        )
        said.append(f"Scores: {listed}.")
    if others:
        was = "was" if others == 1 else "were"
        said.append(
            f"{words.count(others, 'patient')} without evaluable response {was} scored by models trained on the others."
        )
    return said


def _pooled(shown: pl.DataFrame) -> list[str]:
    """What the curves put together: studies, cohorts, cancer types."""
    counts = [
        (shown["study"].n_unique(), "study", "studies"),
        (shown.select("study", "cohort").n_unique(), "cohort", "cohorts"),
        (shown["cancer_type"].drop_nulls().n_unique(), "cancer type", "cancer types"),
    ]
    if counts[0][0] == counts[1][0]:
        counts.pop(1)
    many = [words.count(n, one, plural=plural) for n, one, plural in counts if n > 1]
    return [f"{words.listing(many)} are pooled without stratification."] if many else []


def _prognosis(found: Predicted) -> str:
    """How the answer begins where nobody compared is known to have had ICB."""
    who = "Nobody here had ICB"
    if not found.frame.filter(treated()).is_empty():
        who = f"Nobody whose {ENDPOINTS[found.endpoint].lower()} is known had ICB"
    elif not found.frame.filter(~untreated()).is_empty():
        who = "Nobody here is known to have had ICB"
    return f"{who}, so this is prognosis, not response: "


def _sentence(found: Predicted, ratios: Sequence[Finding], *, test: Finding) -> str:
    about, endpoint = SHORT.get(found.card.name, found.card.label), found.endpoint
    start = _prognosis(found) if found.prognosis else ""
    top = ratios[0] if ratios else None
    if top is None or top.effect is None or top.effect != top.effect:
        why = top.note if top is not None and top.note else test.note
        return f"{start or 'Cannot be told here: '}{'cannot be told here, ' if start else ''}{why or 'there is nothing to compare'}, n = {test.n:,}."
    numbers = f"{words.hazard(top)}, {words.p(top.p_value)}, n = {top.n:,} with {words.count(top.events or 0, 'event')}"
    against = top.name.partition(": ")[2] or "the highest group against the lowest"
    if len(ratios) > 1:
        numbers += f"; log-rank over all groups {words.p(test.p_value)}"
    low, high = top.ci95 or (float("nan"), float("nan"))
    if high < 1:
        return f"{start or 'Yes: '}patients with a higher {about} {LONGER[endpoint]} ({against}: {numbers})."
    if low > 1:
        return f"{start or 'No, the reverse: '}patients with a lower {about} {LONGER[endpoint]} ({against}: {numbers})."
    return f"{start or 'Not shown here: '}the interval includes no difference ({against}: {numbers})."

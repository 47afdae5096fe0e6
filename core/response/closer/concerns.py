"""What to know before trusting these figures: the alarms, in sentences, studies by name."""

from __future__ import annotations

from core.cohort.provenance import names
from core.cohort.query import CohortQuery
from core.figures import words
from core.response.alarms import FEWEST_EVENTS, alarms
from core.response.closer import patients
from core.response.closer.compared import distinct
from core.response.closer.patients import POOLED, Judged
from core.response.ranking import judged_rows
from data.store import Store


def concerns(store: Store, query: CohortQuery) -> tuple[str, ...]:
    """Of every predictor on every cohort of the query: each thing once.

    Raises
    ------
    EmptyCohort, NotMeasured
        As `patients.judged`.
    """
    found = patients.judged(store, query)
    told = [*_few(found), *_perfect(found)]
    for predictor in dict.fromkeys(v.predictor for v in distinct(found)):
        told += [a.text for a in alarms(store, query, predictor) if a.kind in {"trained", "shared", "label"}]
    return _named(store, told)


def concerns_of(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> tuple[str, ...]:
    """Of one predictor on the patients that a closer look shows.

    Raises
    ------
    EmptyCohort, UnknownName
        As `core.response.alarms.alarms`.
    """
    return _named(store, [a.text for a in alarms(store, patients.narrowed(query, cohort), predictor)])


def _few(found: Judged) -> list[str]:
    """Cohorts with few responders or few non-responders, in one sentence."""
    few = []
    for (_, cohort), part in found.frame.group_by("study", "cohort", maintain_order=True):
        hits = int(part["response"].sum())
        if min(hits, part.height - hits) < FEWEST_EVENTS:
            few.append(f"{cohort} ({words.count(hits, 'responder')} of {part.height:,} patients)")
    if not few:
        return []
    return [
        f"{words.listing(few)}: with fewer than {FEWEST_EVENTS} responders or non-responders an AUC can be far off by chance, and its interval is "
        "too narrow."
    ]


def _perfect(found: Judged) -> list[str]:
    """AUCs of exactly 0 or 1."""
    rows = judged_rows(found)
    return [
        f"{row['label']} has an AUC of {row['auc']:.0f} on {row['cohort']}: that points to few patients or to a score that contains the response; its "
        "interval is no measure of certainty."
        for row in rows.iter_rows(named=True)
        if row["auc"] in {0.0, 1.0}
    ]


def _named(store: Store, told: list[str]) -> tuple[str, ...]:
    """Each sentence once, studies by name instead of by key."""
    known = names(store.studies())
    out = []
    for text in dict.fromkeys(told):
        for study, name in known.items():
            text = text.replace(f"In {study},", f"In {name},")
        out.append(text)
    return tuple(out)

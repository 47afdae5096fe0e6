"""Who the patients of a cohort are: pictures, flow to the evaluable ones, missing values."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.overview import PICTURES, overview
from core.cohort.provenance import describe, names, provenance
from core.cohort.query import CohortQuery
from core.figures import words
from core.figures.distribution import distribution
from core.figures.flow import flow
from core.figures.missingness import missingness
from core.response.rate import wilson
from data.schema import PATIENT
from data.store import Store


def portrait(store: Store, query: CohortQuery) -> Answer:
    """Pictures of who the patients are, their flow, and what is missing.

    Raises
    ------
    EmptyCohort
        Nobody matches.
    """
    found = overview(store, query)
    known = names(store.studies())
    cohort = describe(query, known)
    n = found.counts.patients
    source = provenance(store, query, n=n)
    frame = cohort_frame.patients(store, query, columns=(*dict.fromkeys((*PICTURES, "os_event")),))
    who = distribution(
        frame, PICTURES, provenance=source, title=f"Who they are: {words.count(n, 'patient')} of {cohort}"
    )
    steps = flow(found.flow, provenance=source, title="From all patients to those evaluable for response")
    useful = [c.name for c in PATIENT.columns if c.kind not in {"id", "text", "event"} and c.name != "cohort"]
    missing = found.missing_by_study.filter(pl.col("column").is_in(useful)).with_columns(pl.col("study").replace(known))
    grid = missingness(missing, provenance=source, title="What is known, and what is missing")
    sentence = f"{words.count(n, 'patient')} of {cohort}: {_response(found.counts.evaluable, found.counts.responders)}; {_survival(found)}."
    return Answer(sentence=sentence, charts=(replace(who, slug="who-they-are"), steps, grid))


def _response(evaluable: int, responders: int) -> str:
    if not evaluable:
        return "response is not recorded"
    return (
        f"{evaluable:,} evaluable, response rate {words.rate(responders, evaluable, ci=wilson(responders, evaluable))}"
    )


def _survival(found: object) -> str:
    from core.cohort.overview import Overview

    if not isinstance(found, Overview) or not found.counts.with_os:
        return "overall survival is not recorded"
    text = words.count(found.counts.deaths, "death")
    return text + (
        f", median follow-up {words.months(found.follow_up_months)}" if found.follow_up_months is not None else ""
    )

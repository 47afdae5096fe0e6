"""Group outcome: response rate and survival of a group on the map against the rest, marked as selected by eye."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart
from core.figures.km import km
from core.figures.response_rate import response_rate as rate_figure
from core.response.rate import response_rate
from core.survival.endpoint import label
from core.survival.follow_up import median_follow_up
from core.survival.hazard_ratio import hazard_ratio
from core.survival.kaplan_meier import kaplan_meier
from core.survival.logrank import logrank
from core.tme.group import BY_EYE, REST, Group, group
from data.schema import ENDPOINTS
from data.store import Store


def response(store: Store, query: CohortQuery, *, chosen: str) -> Answer:
    """Response rate inside and outside a group, Wilson intervals and Fisher's exact test.

    Null hypothesis: the same rate inside and outside, for a group that was fixed beforehand; this one was not, and the figure says so.

    Raises
    ------
    As `core.tme.group.group`; NotMeasured where nobody's response is known.
    """
    found = group(store, query, chosen=chosen)
    frame = _people(store, found, ("response",))
    if frame["response"].null_count() == frame.height:
        raise cohort_frame.not_measured("Response", found.query, elsewhere=cohort_frame.studies_with(store, "response"))
    rates = response_rate(frame, by="group")
    chart = rate_figure(rates, provenance=provenance(store, found.query, n=rates.n, n_missing=rates.n_missing), title=f"Response of “{found.name}” and of the others")
    said = "; ".join(f"{r['group']} {words.rate(r['responders'], r['n'], ci=(r['ci_low'], r['ci_high']))}" for r in rates.table.rows(named=True))
    p = f"; Fisher's exact test {words.p(rates.test.p_value)}, {_mark(found)}" if rates.test is not None else ""
    return Answer(sentence=f"Response rate: {said}{p}.", charts=(_marked(chart, found, slug="map-group-response"),))


def survival(store: Store, query: CohortQuery, *, chosen: str, endpoint: str = "os") -> Answer:
    """Kaplan-Meier curves inside and outside a group, with the hazard ratio and a log-rank test that is marked.

    Raises
    ------
    As `core.tme.group.group`; NotMeasured, TooFewPatients where no time is known.
    """
    found = group(store, query, chosen=chosen)
    wanted = ("response", f"{endpoint}_months", f"{endpoint}_event", "entry_months")
    frame = _people(store, found, wanted)
    if frame[f"{endpoint}_months"].null_count() == frame.height:
        raise cohort_frame.not_measured(label(endpoint), found.query, elsewhere=cohort_frame.studies_with(store, f"{endpoint}_months"))
    curves = kaplan_meier(frame, outcome=endpoint, by="group")
    test = logrank(frame, outcome=endpoint, by="group")
    ratios = hazard_ratio(frame, outcome=endpoint, by="group", reference=REST) if len(curves.curves) > 1 else []
    title = f"{label(endpoint)} of “{found.name}” and of the others, {_mark(found)}"
    chart = km(
        curves, replace(test, name=f"{test.name}, {_mark(found)}"), ratios, provenance=provenance(store, found.query, n=curves.n, n_missing=curves.n_missing), title=title,
        follow_up=median_follow_up(frame, outcome=endpoint),
    )  # fmt: skip
    medians = "; ".join(f"{c.group} median {words.median(c.median, c.median_ci)}, n = {c.n:,}" for c in curves.curves)
    ratio = f"; {words.hazard(ratios[0])}" if ratios else ""
    return Answer(
        sentence=f"{label(endpoint)}: {medians}{ratio}; log-rank {words.p(test.p_value)}, {_mark(found)}.",
        charts=(_marked(chart, found, slug=f"map-group-{endpoint}"),),
    )


def endpoints(store: Store, query: CohortQuery, *, chosen: str) -> dict[str, str]:
    """Endpoints that somebody of the group's study has, with their labels.

    Raises
    ------
    As `core.tme.group.group`.
    """
    found = group(store, query, chosen=chosen)
    frame = _people(store, found, tuple(f"{name}_months" for name in ENDPOINTS))
    return {name: words_ for name, words_ in ENDPOINTS.items() if frame[f"{name}_months"].null_count() < frame.height}


def _people(store: Store, found: Group, columns: tuple[str, ...]) -> pl.DataFrame:
    everyone = cohort_frame.patients(store, found.query, columns=("patient_id", *columns))
    joined = found.frame().join(everyone, on="patient_id", how="inner", maintain_order="left")
    if joined.is_empty():
        raise NotMeasured(f"nobody of the group is in {found.query.describe()}; relax the filters")
    return joined


def _mark(found: Group) -> str:
    return BY_EYE if not found.chosen.kind else "not corrected for the choice of types"


def _marked(chart: Chart, found: Group, *, slug: str) -> Chart:
    return replace(chart, slug=slug, warnings=(found.caution, *chart.warnings), caption=f"{chart.caption} Group: {_mark(found)}.")

"""Do patients predicted to respond live longer, and do they respond? Curves, hazard ratio and observed rates by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.figures import words
from core.figures.chart import Chart
from core.figures.km import km
from core.figures.response_rate import response_rate as rate_figure
from core.finding import Finding
from core.response.predicted import SPLITS, Split
from core.response.rate import response_rate
from core.survival.closer.compared import Compared, compared
from core.survival.closer.difference import ONE_TEST, WEIGHTS, difference, pairs, ratios
from core.survival.follow_up import median_follow_up
from core.survival.kaplan_meier import Curves, kaplan_meier
from core.survival.survival_at import survival_at
from data.schema import ENDPOINTS, PATIENT
from data.store import Store

LONGER = {
    "os": "lived longer", "pfs": "stayed free of progression longer", "dss": "stayed free of death from their cancer longer",
    "dfi": "stayed free of disease longer",
}  # fmt: skip
TIMES = (6.0, 12.0, 24.0)
"""Months at which survival is read off the curves."""
POOLS = frozenset({"study", "cohort", "cancer_type"})
"""Columns that say what is put together, so that a comparison by them pools nothing."""
NOWHERE = "not reached (not reached to not reached)"
QUESTION = "Do patients predicted to respond live longer?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratified(Answer):
    """The page's answer.

    Attributes
    ----------
    question : what is asked, in words. times : one row a group: group, n, events, median and survival at TIMES, each with
        its interval in words. pairs : one row a pair of groups: comparison, p, p after Holm; empty for two groups.
    """

    question: str
    times: pl.DataFrame
    pairs: pl.DataFrame


def stratified(
    store: Store,
    query: CohortQuery,
    *,
    predictor: str = "",
    split: Split = "median",
    endpoint: str = "os",
    compare: str = "",
    interval: str = "log-log",
    test: str = "logrank",
    strata: str = "",
    landmark: str = "0",
) -> Stratified:
    """Survival and observed response by a predictor's out-of-sample score, or by a patient column.

    Charts: Kaplan-Meier curves with the test and the Cox hazard ratio, then response rates; the second one only where
    response is known.

    Parameters
    ----------
    interval : 'log-log' or 'log', scale of the curves' intervals. test : a key of `core.survival.closer.difference.KINDS`.
    strata : patient column by which test and hazard ratio are stratified. Others as `compared`.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `compared`; or nobody with a group has the endpoint.
    """
    found = compared(
        store, query, predictor=predictor, split=split, endpoint=endpoint, compare=compare, landmark=landmark,
        columns=(strata,) if strata else (),
    )  # fmt: skip
    frame = found.frame.drop_nulls("group")
    curves = kaplan_meier(frame, outcome=endpoint, by="group", interval=interval)
    tested = difference(found, kind=test, strata=strata)
    estimates = ratios(found, strata=strata)
    drawn = km(
        curves, tested, estimates, provenance=found.source(store, query, n=curves.n), title=_title(found),
        follow_up=median_follow_up(frame, outcome=endpoint), landmark=found.landmark,
    )  # fmt: skip
    drawn = replace(
        drawn, slug=f"survival-{found.key}", caption=" ".join((drawn.caption, *_weighed(test), *_stratified(strata), *_clock(found), *found.sources)),
        warnings=(*drawn.warnings, *found.notes, *([ONE_TEST] if test != "logrank" else []), *([] if strata or compare in POOLS else _pooled(found.shown))),
    )  # fmt: skip
    charts = [drawn, *_rates(store, query, found)]
    return Stratified(
        sentence=_by_column(found, estimates, drawn=(curves, tested)) if compare else _by_score(found, estimates, test=tested),
        charts=tuple(charts), question=QUESTION if not compare else f"Does {words.inside(ENDPOINTS[endpoint])} differ by {found.by}?",
        times=_times(curves), pairs=pairs(found, kind=test, strata=strata),
    )  # fmt: skip


def _rates(store: Store, query: CohortQuery, found: Compared) -> list[Chart]:
    """The observed response rates of the groups; none where response is not known, or is itself what is compared."""
    whole = found.whole
    if whole["response"].null_count() == whole.height or found.compare in {"response", "recist"}:
        return []
    try:
        rates = response_rate(whole, by="group", trend=found.how in {"tertiles", "quartiles"})
    except (NotMeasured, TooFewPatients):
        return []
    drawn = rate_figure(
        rates, provenance=found.source(store, query, n=rates.n),
        title=f"Observed response rate by {found.by}" + (f", {SPLITS[found.how]}" if found.how else ""),  # type: ignore[index]
    )  # fmt: skip
    return [replace(drawn, slug=f"response-rate-{found.key}")]


def _title(found: Compared) -> str:
    cut = "" if not found.how else f", {'at the ' if found.how != 'published' else ''}{SPLITS[found.how]}"  # type: ignore[index]
    start = f", from {found.landmark:g} months on" if found.landmark else ""
    unit = PATIENT.column(found.compare).unit if found.compare and found.how else ""
    return f"{ENDPOINTS[found.endpoint]} by {found.by}{f' ({unit})' if unit else ''}{cut}{start}"


def _clock(found: Compared) -> list[str]:
    """What a landmark and a late entry do to the curves."""
    said = [found.clock] if found.clock else []
    late = found.shown.filter(pl.col("entry_months") > 0).height
    if late:
        said.append(
            f"Left truncation: {words.count(late, 'patient')} entered observation after the start and {'is' if late == 1 else 'are'} at "
            "risk only from then on."
        )
    return said


def _weighed(test: str) -> list[str]:
    return [WEIGHTS[test]] if test in WEIGHTS else []


def _stratified(strata: str) -> list[str]:
    return ["The curves are not stratified."] if strata else []


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


def _times(curves: Curves) -> pl.DataFrame:
    """Medians and survival at TIMES in words, one row a group."""
    read = survival_at(curves, TIMES)
    rows = []
    for curve in curves.curves:
        row: dict[str, object] = {
            "group": curve.group, "n": curve.n, "events": curve.events,
            "median": words.median(curve.median, curve.median_ci).replace(" months", "").replace(NOWHERE, words.NOT_REACHED),
        }  # fmt: skip
        for one in read.filter(pl.col("group") == curve.group).iter_rows(named=True):
            row[f"at_{one['time']:g}_months"] = _share(one)
        rows.append(row)
    return pl.DataFrame(rows)


def _share(row: Mapping[str, float | None]) -> str:
    """Survival at a time with its interval: "71% (62 to 79)"."""
    if row["survival"] is None:
        return "follow-up ends before"
    if row["ci_low"] is None or row["ci_high"] is None or row["survival"] == 1.0:
        return words.percent(row["survival"])
    return f"{words.percent(row['survival'])} ({words.percent(row['ci_low'])[:-1]} to {words.percent(row['ci_high'])[:-1]})"


def _by_score(found: Compared, estimates: Sequence[Finding], *, test: Finding) -> str:
    start = found.prognosis
    top = estimates[0] if estimates else None
    if top is None or top.effect is None or top.effect != top.effect:
        why = top.note if top is not None and top.note else test.note
        return f"{start or 'Cannot be told here: '}{'cannot be told here, ' if start else ''}{why or 'there is nothing to compare'}, n = {test.n:,}."
    numbers, against = _numbers(top, test), top.name.partition(": ")[2] or "the highest group against the lowest"
    if len(estimates) > 1:
        numbers += f"; {test.name} over all groups {words.p(test.p_value)}"
    longer = _longer(found)
    low, high = top.ci95 or (float("nan"), float("nan"))
    if high < 1:
        return f"{start or 'Yes: '}patients with a higher {found.by} {longer} ({against}: {numbers})."
    if low > 1:
        return f"{start or 'No, the reverse: '}patients with a lower {found.by} {longer} ({against}: {numbers})."
    return f"{start or 'Not shown here: '}the interval includes no difference ({against}: {numbers})."


def _by_column(found: Compared, estimates: Sequence[Finding], *, drawn: tuple[Curves, Finding]) -> str:
    """The answer of a comparison by a patient column: two groups by their hazard ratio, more by the test over all of them."""
    curves, test = drawn
    if len(curves.curves) <= 2:
        defined = [r for r in estimates if r.effect is not None and r.effect == r.effect]
        if not defined:
            why = (test.note if test.p_value != test.p_value else "") or next((r.note for r in estimates if r.note), "") or "there is nothing to compare"
            return f"Cannot be told here: {why}, n = {test.n:,}."
        low, high = defined[0].ci95 or (float("nan"), float("nan"))
        first, second = (part.strip() for part in defined[0].name.partition(": ")[2].split(" against "))
        numbers = f"{first} against {second}: {_numbers(defined[0], test)}"
        if low <= 1 <= high:
            return f"Not shown here: the interval includes no difference ({numbers})."
        return f"Yes: {first if high < 1 else second} {_longer(found)} ({numbers})."
    over = f"{test.name} over {len(curves.curves)} groups {words.p(test.p_value)}, n = {test.n:,} with {words.event(found.endpoint, test.events or 0)}"
    ends = sorted(curves.curves, key=lambda c: c.median if c.median == c.median else float("inf"))
    spread = ""
    if ends[0].median == ends[0].median:
        lowest, highest = (words.median(c.median, c.median_ci) for c in (ends[0], ends[-1]))
        spread = f"; median from {lowest} in {ends[0].group} to {highest} in {ends[-1].group}"
    if test.p_value != test.p_value:
        return f"Cannot be told here: {test.note}, n = {test.n:,}."
    return f"{'Yes' if test.p_value < 0.05 else 'Not shown here'}: {over}{spread}."


def _numbers(ratio: Finding, test: Finding) -> str:
    layers = test.name.partition(", stratified by ")[2]
    how = f"; stratified by {layers}" if layers else ""
    return f"{words.hazard(ratio)}, {words.p(ratio.p_value)}, n = {ratio.n:,} with {words.count(ratio.events or 0, 'event')}{how}"


def _longer(found: Compared) -> str:
    return f"{LONGER[found.endpoint]}{f' from {found.landmark:g} months on' if found.landmark else ''}"

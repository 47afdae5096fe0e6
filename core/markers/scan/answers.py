"""Answers: what a scan says on its page - how many markers are called, the strongest one, and what chance alone would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.figures import words
from core.figures.chart import Chart
from core.figures.null_hits import null_hits
from core.figures.ranked import MARK, ranked
from core.figures.volcano import volcano
from core.groups import label_of
from core.markers.marker import label as marker_label
from core.markers.scan.matrix import KINDS
from core.markers.scan.null import THRESHOLD, null
from core.markers.scan.one import one
from core.markers.scan.outcome import OUTCOMES, outcomes
from core.markers.scan.scan import LEVELS, Scan, scan
from core.survival.endpoint import label as endpoint_label
from data.schema import ENDPOINTS, PATIENT
from data.store import Store

GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "all": ("All markers", KINDS),
    "gene": ("Genes", ("gene",)),
    "immune": ("Signatures and cells", ("signature", "cell")),
    "clinical": ("Clinical", ("clinical",)),
    "dna": ("Mutations and copy number", ("mutation", "copy_number")),
}
"""Groups of kinds that a person chooses from: name, kinds."""
HOW = {"sd": "Per 1 SD", "rank": "By rank", "median": "Upper half"}
LISTED = 300
"""Markers that a closer look offers."""
COVARIATES = (
    "age_years", "sex", "stage", "ecog", "cancer_type", "prior_systemic_therapy", "metastatic_site", "sample_site", "purity",
    "tmb_per_mb",
)  # fmt: skip
MOST_FRAGILE = 0.2
"""Share of the called markers from which on fragile ones are told in the answer."""
SHARE_KNOWN = 0.6
"""Of the patients that a covariate must be known for, to be offered."""
CURSE = (
    "Exploratory: the effects of the strongest markers are overestimated, because they were picked for being large (winner's "
    "curse); expect smaller ones in other patients."
)
LEFT_OUT = "Samples taken after the start of treatment are left out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned(Answer):
    """The answer of a scan.

    Attributes
    ----------
    strongest : markers in the order of the scan, for a closer look: address -> name with its p value.
    """

    strongest: dict[str, str]


def offered(store: Store, query: CohortQuery) -> dict[str, str]:
    """Outcomes that at least one patient of the cohort has, with their names."""
    condition, params = query.where()
    counted = ", ".join(
        ["count(response) AS response"]
        + [f"count(*) FILTER ({e}_months IS NOT NULL AND {e}_event IS NOT NULL) AS {e}" for e in ENDPOINTS]
    )
    row = store.sql(f"SELECT {counted} FROM patient WHERE {condition}", params).row(0, named=True)
    return {name: label for name, label in OUTCOMES.items() if row[name]}


def covariates(store: Store, query: CohortQuery) -> dict[str, str]:
    """Patient columns that a scan can hold: known for most patients, and not the same in all."""
    condition, params = query.where()
    parts = ", ".join(f'count("{c}") AS "{c}", count(DISTINCT "{c}") AS "{c}_values"' for c in COVARIATES)
    row = store.sql(f"SELECT count(*) AS n, {parts} FROM patient WHERE {condition}", params).row(0, named=True)
    return {
        c: PATIENT.column(c).label
        for c in COVARIATES
        if row["n"] and row[c] >= SHARE_KNOWN * row["n"] and row[f"{c}_values"] > 1
    }


def answer(
    store: Store, query: CohortQuery, *, outcome: str, group: str = "all", split: str = "sd", held: str = "none"
) -> Scanned:
    """Volcano and ranked table of a scan.

    Parameters
    ----------
    outcome, split : as in `scan`. group : a key of GROUPS. held : covariates with commas between, or 'none'.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `scan`.
    """
    found = scan(store, query, outcome=outcome, kinds=GROUPS[group][1], split=split, covariates=_names(held))
    source = provenance(store, query, n=found.found.n, n_missing=found.found.eligible - found.found.n)
    about = OUTCOMES[outcome].lower()
    key = f"{outcome}-{group}-{split}"
    drawn = volcano(
        found.table, provenance=source, measure=found.measure, caption=" ".join(_caption(found)),
        title=f"{words.count(found.tested, 'marker')} against {about}",
    )  # fmt: skip
    listed = ranked(found.table, provenance=source, measure=found.measure, caption=" ".join(_reading(found)))
    top = found.table.drop_nulls("p_value").head(LISTED).select("marker", "label", "p_value")
    return Scanned(
        strongest={m: f"{label}, {words.p(p)}" for m, label, p in top.iter_rows()},
        sentence=_sentence(found),
        charts=(
            replace(drawn, slug=f"scan-{key}", warnings=(*drawn.warnings, *_warnings(found))),
            replace(listed, slug=f"scan-ranked-{key}", title=f"{listed.title}, {about}"),
        ),
    )


def check(
    store: Store, query: CohortQuery, *, outcome: str, group: str = "all", split: str = "sd", held: str = "none"
) -> Chart:
    """What the scan would find if the outcomes were dealt to the patients by chance."""
    found, order = null(store, query, outcome=outcome, kinds=GROUPS[group][1], split=split, covariates=_names(held))
    low, middle, high = (int(v) for v in np.quantile(found.null, (0.025, 0.5, 0.975)))
    what = f"markers with p < {THRESHOLD:g}".replace("0.", ".")
    level = LEVELS[-1]
    ever = float((found.null_called[level] > 0).mean())
    best = float(np.nanmin(found.p_adjusted))
    strongest = marker_label(order[int(np.nanargmax(np.abs(found.z)))]) if np.isfinite(found.z).any() else "none"
    at_least = (
        f"< 1 in {found.shuffles:,}"
        if found.p_any <= 1.01 / (1 + found.shuffles)
        else f"{words.percent(found.p_any, digits=1)}"
    )
    caption = (
        f"Outcomes were shuffled among the patients{' of each cohort' if _several(store, query) else ''} {found.shuffles:,} times; correlations between markers stay as they "
        f"are. Observed {found.observed:,} {what}; shuffled: median {middle:,}, 95% of shuffles {low:,} to {high:,}; at least as many as "
        f"observed in {at_least} of shuffles. At a false discovery rate of {level:.0%}, {words.percent(ever)} of shuffles call at least one marker "
        f"(observed: {found.called[level]:,}). Strongest by this test: {strongest}; family-wise p (maximum statistic): {words.p(best)}. "
        "Counts here are of the score test (log-rank test of a trend; for response, observed minus expected), which needs no refit; they "
        "can differ from the scan's own tests where a few values lie far out."
    )
    if _names(held):
        caption += " With covariates the shuffle is approximate."
    title = f"Shuffled outcomes: {found.observed:,} {what} observed, {middle:,} by chance"
    n = outcomes(store, query, outcome=outcome, covariates=_names(held)).n
    source = provenance(store, query, n=n)
    chart = null_hits(found.null, found.observed, provenance=source, what=what, title=title, caption=caption)
    return replace(chart, slug=f"scan-null-{outcome}-{group}-{split}")


def closer(
    store: Store, query: CohortQuery, *, marker: str, outcome: str, split: str = "sd", held: str = "none"
) -> Chart:
    """One marker's figure; see `core.markers.scan.one.one`."""
    return one(store, query, marker=marker, outcome=outcome, split=split, covariates=_names(held))


def _several(store: Store, query: CohortQuery) -> bool:
    condition, params = query.where()
    return bool(
        store.sql(f"SELECT count(DISTINCT study || cohort) AS k FROM patient WHERE {condition}", params)["k"][0] > 1
    )


def _counts(found: Scan) -> tuple[int, int]:
    return found.called(LEVELS[0]).height, found.called(LEVELS[1]).height


def _sentence(found: Scan) -> str:
    about = OUTCOMES[found.outcome].lower()
    if found.tested == 0:
        return f"No marker can be tested against {about} here (n = {found.found.n:,})."
    at_5, at_10 = _counts(found)
    where = f" over {len(found.found.cohorts)} cohorts" if found.pooled else ""
    start = "Nobody here had ICB, so this is prognosis, not response: " if found.found.prognosis else ""
    which = f"{f'{at_5:,}' if at_5 else 'None'} of {words.count(found.tested, 'marker')}{where}"
    head = f"{which} {'is' if at_5 < 2 else 'are'} associated with {about} at a false discovery rate of 5% ({f'{at_10:,}' if at_10 else 'nor'} at 10%)"
    called = found.called(LEVELS[0]) if at_5 else found.called(LEVELS[1])
    fragile = called.filter(pl.col("fragile")).height
    if fragile >= MOST_FRAGILE * max(called.height, 1):
        head += f", but {fragile:,} of them {'rests' if fragile == 1 else 'rest'} on outlying values"
    top, which_one = found.table.row(0, named=True), "the strongest"
    if found.pooled:
        firm = found.called(LEVELS[1]).filter((pl.col("ci_high") < 1) | (pl.col("ci_low") > 1))
        if firm.height:
            top, which_one = firm.row(0, named=True), "the strongest whose pooled interval excludes 1"
    return f"{start}{head}; {which_one} is {words.inside(top['label'])}: {_numbers(found, top)}."


def _numbers(found: Scan, row: dict[str, object]) -> str:
    """The top marker's effect in words: "HR 0.75 per 1 SD (0.65 to 0.86), p < .001, n = 281"."""
    value, low, high = (row[k] if isinstance(row[k], float) else None for k in ("effect", "ci_low", "ci_high"))
    contrast = {"yes": "with against without", "upper half": "upper against lower half"}.get(
        str(row["contrast"]), str(row["contrast"])
    )
    effect = f"{found.measure} {words.ratio(value if isinstance(value, float) else None)} {contrast}"
    if isinstance(low, float) and isinstance(high, float):
        effect += f" ({words.interval((low, high))})"
    p, n = row["p_value"], row["n"]
    return f"{effect}, {words.p(p if isinstance(p, float) else None)}, n = {n:,}"


def _caption(found: Scan) -> list[str]:
    """What was done, to whom, and what chance alone would give."""
    model = "logistic regression" if found.measure == "OR" else "Cox regression (Efron)"
    about = "response (CR or PR)" if found.outcome == "response" else endpoint_label(found.outcome).lower()
    events = (
        words.count(found.found.events, "responder")
        if found.measure == "OR"
        else words.event(found.outcome, found.found.events)
    )
    unit = {
        "sd": "Continuous markers per standard deviation of their cohort.",
        "rank": "Continuous markers by rank (normal scores, per standard deviation).",
        "median": "Continuous markers cut at the median of their cohort, which costs power against the continuous model.",
    }[found.split]
    parts = [f"One {model} a marker, {about}; n = {found.found.n:,}, {events}. {unit}"]
    if found.pooled:
        parts.append(
            f"{len(found.found.cohorts)} cohorts, each scanned on its own and pooled by random effects; p: inverse-variance test that the "
            "marker is associated in no cohort."
        )
    else:
        parts.append(f"p: {found.test}, two-sided.")
    parts.append(f"False discovery rate: Benjamini-Hochberg over {words.count(found.tested, 'test')}.")
    if found.covariates:
        held = words.listing([words.inside(label_of(c)) for c in found.covariates])
        parts.append(
            f"Adjusted for {held}"
            + (
                f" (strata: {words.listing([words.inside(label_of(c)) for c in found.found.stratified])})"
                if found.found.stratified
                else ""
            )
            + "."
        )
    by_chance = 0.05 * found.tested
    about_chance = f"{by_chance:,.0f} markers" if by_chance >= 10 else f"{by_chance:.1f} markers"
    observed = found.table.filter(pl.col("p_value") <= 0.05).height
    parts.append(
        f"Pure noise would give about {about_chance} with p < .05 (observed: {observed:,}) and usually none at these false discovery rates."
    )
    if {"gene", "signature", "cell", "mutation"} & set(found.kinds):
        parts.append(LEFT_OUT)
    return parts


def _reading(found: Scan) -> list[str]:
    parts = [
        f"{'Odds ratio' if found.measure == 'OR' else 'Hazard ratio'} with 95% CI, smallest p first; FDR: false discovery rate at which the marker is called; grey: not at 10%."
    ]
    if found.pooled:
        parts.append(
            "k: cohorts. Interval of the pooled effect: random effects (REML, Hartung-Knapp, never narrower than the sampling errors allow); it can "
            "include 1 where the p value, which asks whether there is an association in any cohort, is small: the cohorts then differ."
        )
    elif found.measure == "OR" and found.split != "median":
        parts.append("AUC: of the marker alone.")
    elif found.measure == "OR":
        parts.append("Responded: share of the upper and of the lower half.")
    if found.table.head(25)["fragile"].any():
        parts.append(f"{MARK} rests on outlying values: the score test's p is over ten times as large.")
    undefined = found.table.filter(pl.col("note") != "")
    if undefined.height:
        reason = undefined["note"].value_counts(sort=True)["note"][0]
        mostly = "" if undefined["note"].n_unique() == 1 else "mostly: "
        parts.append(f"{words.count(undefined.height, 'marker')} without an estimable effect ({mostly}{reason}).")
    parts.append(CURSE)
    return parts


def _warnings(found: Scan) -> tuple[str, ...]:
    said = []
    called = found.called(LEVELS[1])
    fragile = called.filter(pl.col("fragile")).height
    if fragile and fragile >= MOST_FRAGILE * called.height:
        said.append(
            f"{fragile:,} of the {words.count(called.height, 'marker')} called at 10% rest on patients whose value lies over 5 SD from the others; the score "
            "test does not support them. Look at the scan by rank."
        )
    elif fragile:
        said.append(
            f"{fragile:,} of the {words.count(called.height, 'marker')} called at 10% {'rests' if fragile == 1 else 'rest'} on outlying values ({MARK} in the ranked table)."
        )
    if found.pooled and called.height:
        agreeing = called.filter((pl.col("ci_high") < 1) | (pl.col("ci_low") > 1)).height
        said.append(
            f"{agreeing:,} of the {words.count(called.height, 'marker')} called at 10% {'has' if agreeing == 1 else 'have'} a pooled interval that excludes 1; the "
            "effects of the others differ too much between cohorts."
        )
    if found.found.small:
        said.append(
            f"Left out, too small: {words.listing(found.found.small[:6])}{' and others' if len(found.found.small) > 6 else ''}."
        )
    if found.found.untreated:
        one = found.found.untreated == 1
        said.append(
            f"{words.count(found.found.untreated, 'patient')} who never had ICB {'is' if one else 'are'} left out."
        )
    if found.found.no_covariate:
        said.append(f"{words.count(found.found.no_covariate, 'patient')} without every covariate left out.")
    return tuple(said)


def _names(held: str) -> tuple[str, ...]:
    """Covariates from a list with commas between; none from 'none'."""
    return tuple(name for name in held.split(",") if name and name != "none")

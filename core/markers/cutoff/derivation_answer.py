"""Derivation answer: where the cut is and what it is worth, in one sentence, with the curve, the spline and the optimism."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart
from core.figures.cutoff_curve import cutoff_curve
from core.figures.optimism import optimism
from core.figures.spline_effect import spline_effect
from core.markers.cutoff.derivation import DIRECTIONS, ENDPOINTS, RULES, Derivation, derive
from data.store import Store


def derivation_charts(
    store: Store,
    query: CohortQuery,
    *,
    marker: str,
    endpoint: str = "response",
    rule: str = "youden",
    direction: str = "high",
    cut: float | None = None,
    seed: int = 1,
) -> Answer:
    """Where is the cut, is it better than chance would make the best of all cuts, and is there a threshold at all?

    Charts: the whole cut-off curve, the spline, the optimism; one that cannot be drawn is left out, and the curve's
    warnings say why.

    Raises
    ------
    UnknownName, NotMeasured, EmptyCohort, TooFewPatients
        As `derive`.
    """
    found = derive(store, query, marker=marker, endpoint=endpoint, rule=rule, direction=direction, cut=cut, seed=seed)
    return answer(store, found)


def answer(store: Store, found: Derivation) -> Answer:
    """The answer of a derivation that is already made."""
    everyone = cohort_frame.count(store, found.query)
    source = provenance(store, found.query, n=found.n, n_missing=everyone - found.n)
    draw: list[Callable[[], Chart]] = [
        lambda: spline_effect(
            found.spline, provenance=source, label=found.label, unit=found.unit, cut=found.cut,
            values=found.patients["value"].to_numpy(),
        ),
        lambda: optimism(found.optimism, provenance=source, label=found.label, unit=found.unit),
    ]  # fmt: skip
    charts, lacking = [], []
    for make in draw if found.rule != "given" else draw[:1]:
        try:
            charts.append(make())
        except NotMeasured as error:
            lacking.append(str(error))
    notes = tuple(f"{note[:1].upper()}{note[1:]}." for note in (*found.notes, *lacking))
    try:
        charts.insert(0, replace(cutoff_curve(found, provenance=source), warnings=notes))
    except NotMeasured as error:
        if not charts:
            raise
        charts[0] = replace(charts[0], warnings=(*notes, f"{error}."))
    return Answer(sentence=sentence(found), charts=tuple(charts))


def sentence(found: Derivation) -> str:
    """The answer in one sentence: the cut, what it shows here and corrected, the corrected p beside the uncorrected one."""
    unit = "" if len(found.unit.split()) > 2 else found.unit if found.unit in {"", "%"} else f" {found.unit}"
    start = f"{found.label}: cut {words.number(found.cut)}{unit} by the {RULES[found.rule]}" if found.rule != "given" else (
        f"{found.label} at a cut of {words.number(found.cut)}{unit}, fixed beforehand"
    )  # fmt: skip
    positive = f"{words.percent(found.positives / found.n)} of patients are positive ({DIRECTIONS[found.direction]})"
    return f"{start}; {positive}. {_effect(found)}; {_p(found)}; n = {found.n:,}, {_events(found)}."


def _effect(found: Derivation) -> str:
    row, moved = found.at_cut, found.optimism
    searched = found.rule in {"youden", "maxstat"}
    if found.endpoint == "response":
        index = moved.youden.apparent
        if not math.isfinite(index):
            return f"The Youden index is {words.UNDEFINED}"
        said = f"Youden index {words.ratio(index)} here"
        if searched and math.isfinite(moved.youden.corrected):
            said += f", {words.ratio(moved.youden.corrected)} corrected for optimism"
        sides = [
            words.rate(int(row[f"responders_{side}"] or 0), int(row[f"evaluable_{side}"] or 0))
            for side in ("high", "low")
        ]
        return f"{said}; response {sides[0]} at or above the cut against {sides[1]} below"
    apparent, corrected = moved.hazard_ratio
    if not math.isfinite(apparent):
        return f"The hazard ratio is {words.UNDEFINED}"
    said = f"{ENDPOINTS[found.endpoint]}, at or above against below: hazard ratio {words.ratio(apparent)} here"
    return said + (
        f", {words.ratio(corrected)} corrected for optimism" if searched and math.isfinite(corrected) else ""
    )


def _p(found: Derivation) -> str:
    if found.rule in {"youden", "maxstat"}:
        return (
            f"{words.p(found.p_corrected)} corrected for the search over {words.count(found.n_cuts, 'cut')} "
            f"(uncorrected {words.p(found.p_uncorrected)})"
        )
    return (
        f"{words.p(found.p_uncorrected)} at this cut, which was not searched for (best of {words.count(found.n_cuts, 'cut')}: "
        f"corrected {words.p(found.selected.p_value)})"
    )


def _events(found: Derivation) -> str:
    if found.endpoint == "response":
        return words.count(found.events, "responder")
    return words.event(found.endpoint, found.events)

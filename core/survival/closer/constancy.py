"""Constancy: whether the hazard ratio of the groups stays the same over time, and what to look at where it does not."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.figures.schoenfeld import schoenfeld
from core.response.predicted import Split
from core.survival.closer.compared import Compared, compared
from core.survival.closer.difference import reference
from core.survival.closer.look import Look, about, require_groups
from core.survival.cox_model import CoxModel, cox_model
from core.survival.proportional_hazards import PhTest, ph_test
from data.schema import ENDPOINTS
from data.store import Store

CLEAR = 0.05


def constancy(
    store: Store, query: CohortQuery, *, predictor: str = "", split: Split = "median", endpoint: str = "os", compare: str = "",
    landmark: str = "0", strata: str = "",
) -> Look:
    """Scaled Schoenfeld residuals of the groups' hazard ratios with the test of proportional hazards.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `compared`; fewer than two groups, no events, or no hazard ratio that can be estimated.
    """
    found = compared(
        store, query, predictor=predictor, split=split, endpoint=endpoint, compare=compare, landmark=landmark,
        columns=(strata,) if strata else (),
    )  # fmt: skip
    require_groups(found)
    model, base = of_groups(found, strata=strata)
    try:
        test = ph_test(model)
    except TooFewPatients as error:
        raise TooFewPatients(_plain(str(error))) from error
    labels = {label: f"{label} against {base}" for label in found.labels if label != base}
    per_term = test.table.filter(pl.col("term") != "GLOBAL")
    level = dict(test.coefficients.iter_rows())
    tests = pl.DataFrame(
        [
            {"term": term, "label": labels.get(term, term), "log_hazard_ratio": level[term], "p_value": p}
            for term, p in per_term.select("term", "p_value").iter_rows()
            if term in level
        ],
        schema={"term": pl.String, "label": pl.String, "log_hazard_ratio": pl.Float64, "p_value": pl.Float64},
    )
    chart = schoenfeld(
        test.residuals.rename({"residual": "value"}), test.smooth.rename({"estimate": "value", "ci_low": "low", "ci_high": "high"}), tests,
        provenance=found.source(store, query, n=model.n), outcome_label=ENDPOINTS[endpoint], title=f"Hazard ratio over time, {about(found)}",
    )  # fmt: skip
    chart = replace(chart, slug=f"hazard-over-time-{found.key}", caption=_caption(model, test, strata=strata), warnings=_warnings(test))
    return Look(sentence=_sentence(test, found), charts=(chart,), remarks=_remarks(test, found))


def of_groups(found: Compared, *, strata: str = "") -> tuple[CoxModel, str]:
    """Cox model with one column a group but the reference, and the reference."""
    base = reference(found) or found.reference
    others = [label for label in found.labels if label != base]
    frame = found.shown.with_columns((pl.col("group").cast(pl.String) == label).alias(label) for label in others)
    return cox_model(frame, outcome=found.endpoint, covariates=others, strata=strata or None, penalised=False), base


def _plain(text: str) -> str:
    """A sentence about columns that are one group each, without the levels of such a column."""
    return text.replace(" yes ", " ").replace("TRUE ", " ")


def _global(test: PhTest) -> tuple[float, int, float]:
    row = test.table.filter(pl.col("term") == "GLOBAL").row(0, named=True)
    nan = float("nan")
    return row["statistic"] if row["statistic"] is not None else nan, row["df"], row["p_value"] if row["p_value"] is not None else nan


def _sentence(test: PhTest, found: Compared) -> str:
    statistic, df, p = _global(test)
    end = f"(Grambsch-Therneau test, chi-square {statistic:.2f}, {df} df, {words.p(p)}, n = {test.n:,} with {words.event(found.endpoint, test.events)})"
    if p != p:
        return "Cannot be told here: the test of a constant hazard ratio cannot be computed."
    if p < CLEAR:
        return f"No: the hazard ratio changes over time {end}."
    return f"No change over time is shown: a constant hazard ratio is compatible with these data {end}."


def _remarks(test: PhTest, found: Compared) -> tuple[str, ...]:
    """What follows from the test."""
    *_, p = _global(test)
    if p != p:
        return ()
    if p < CLEAR:
        turn = _direction(test)
        return (
            f"{turn}One hazard ratio for the whole of the follow-up is then an average over time that depends on how long patients were "
            "followed. Look at the restricted mean survival time, which needs no constant ratio, or start the clock at a landmark.",
        )
    few = " With few events it has little power: look at the band, not at the p value alone." if test.events < 100 else ""
    return (f"The test speaks against a constant ratio only when p is small; it never proves one.{few}",)


def _direction(test: PhTest) -> str:
    """In words, where the smooth of the first group starts and ends."""
    first = test.smooth["term"][0] if test.smooth.height else None
    line = test.smooth.filter(pl.col("term") == first).drop_nulls("estimate").sort("time")
    if line.height < 4:
        return ""
    import numpy as np

    tenth, last = line["estimate"][line.height // 10], line["estimate"][-1 - line.height // 10]
    early, late = words.ratio(float(np.exp(tenth))), words.ratio(float(np.exp(last)))
    return f"The smooth of {first} goes from a ratio of about {early} early to about {late} late. "


def _caption(model: CoxModel, test: PhTest, *, strata: str) -> str:
    parts = [
        "Scaled Schoenfeld residuals of a Cox model (Efron) of the groups alone: each point is one event, and the ratio that it alone suggests. "
        "Line: natural-spline smooth with pointwise 95% band. Null hypothesis of the test: the log hazard ratio is constant over time "
        f"(Grambsch-Therneau score test, Kaplan-Meier time scale); n = {model.n:,}, {words.count(model.events, 'event')}."
    ]
    if model.n_missing:
        parts.append(f"{words.count(model.n_missing, 'patient')} left out.")
    if strata:
        parts.append(f"Stratified by {words.column(strata)}.")
    return " ".join((*parts, "The axes leave out the last 1% of the events and the farthest residuals."))


def _warnings(test: PhTest) -> tuple[str, ...]:
    more = test.table.height - 1 - 4
    shown = (f"The first four of {test.table.height - 1} hazard ratios are drawn; the test is over all of them.",) if more > 0 else ()
    return (*(_plain(f"{note[:1].upper()}{note[1:]}.") for note in test.notes), *shown)

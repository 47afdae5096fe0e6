"""Adjusted: what survival would be in each group, had the groups the same covariates, beside the curves as observed."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.figures.adjusted_curves import adjusted_curves as figure
from core.response.predicted import Split
from core.survival.adjusted import AdjustedCurves, adjusted_curves
from core.survival.closer.compared import Compared
from core.survival.closer.covariates import Covariates
from core.survival.closer.difference import reference
from core.survival.closer.hazards import adjusted_for
from core.survival.closer.look import Look, about
from core.survival.kaplan_meier import Curves, kaplan_meier
from data.schema import ENDPOINTS
from data.store import Store

READ_AT = (24.0, 12.0, 6.0, 3.0)
LEAST_AT_RISK = 0.10


def adjusted(
    store: Store, query: CohortQuery, *, predictor: str = "", split: Split = "median", endpoint: str = "os", compare: str = "",
    landmark: str = "0", strata: str = "", adjust: str = "",
) -> Look:
    """Curves standardised over the cohort (g-formula on a Cox model) beside the Kaplan-Meier ones of the same patients.

    Parameters
    ----------
    As `core.survival.closer.hazards.hazards`.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `hazards`; or there is nothing to adjust for.
    """
    found, ready = adjusted_for(
        store, query, adjust=adjust, strata=strata, predictor=predictor, split=split, endpoint=endpoint, compare=compare, landmark=landmark
    )
    if not ready.terms and not ready.strata:
        raise TooFewPatients(
            "there is nothing to adjust for: choose at least one covariate that is not a part of what is compared"
        )
    frame = ready.frame.drop_nulls([*ready.terms, *ready.strata])
    if frame["group"].n_unique() < 2:
        raise TooFewPatients("the patients with every covariate are all in one group; choose fewer covariates")
    observed = kaplan_meier(frame, outcome=endpoint, by="group")
    ends = {c.group: float(c.steps.filter(pl.col("n_risk") >= max(1.0, LEAST_AT_RISK * c.n))["time"].to_numpy().max()) for c in observed.curves}
    at = next((t for t in READ_AT if t <= min(ends.values())), min(ends.values()))
    base = reference(found) or found.reference
    made = adjusted_curves(
        frame, outcome=endpoint, by="group", covariates=ready.terms, strata=ready.strata or None, reference={"group": base, **ready.references}, at=(at,)
    )
    chart = figure(
        observed.table().select("group", "time", "survival", "ci_low", "ci_high"), made.table, ends=ends, outcome_label=ENDPOINTS[endpoint],
        provenance=found.source(store, query, n=made.n), title=f"As observed and adjusted: {about(found)}",
    )  # fmt: skip
    return Look(
        sentence=_sentence(made, observed, (found, ready, at)),
        charts=(replace(chart, slug=f"adjusted-{found.key}", caption=_caption(made, ready, found), warnings=tuple(f"{n[:1].upper()}{n[1:]}." for n in made.notes[:3])),),
        remarks=(
            "Read it as association unless the covariates hold everything that both decides the group and changes the outcome. "
            "Standardising moves the curves only as far as the chosen covariates differ between the groups.",
        ),
    )  # fmt: skip


def _names(ready: Covariates) -> str:
    return words.listing([words.column(name) for name in (*ready.terms, *ready.strata)])


def _sentence(made: AdjustedCurves, observed: Curves, scene: tuple[Compared, Covariates, float]) -> str:
    found, ready, at = scene
    base = made.labels[0]
    rows = made.differences.filter((pl.col("a") == base) & (pl.col("time") == at)).rows(named=True)
    raw = {c.group: c.at(at)[0] for c in observed.curves}
    parts = []
    for row in rows[:2]:
        seen = f"; as observed {_points(raw[row['b']] - raw[base])}" if row["b"] in raw and base in raw else ""
        low, high = (_points(row[k], unit=False) for k in ("ci_low", "ci_high"))
        parts.append(f"{row['b']} against {base} {_points(row['difference'])} ({low} to {high}), {words.p(row['p_value'])}{seen}")
    if not parts:
        return f"Adjusted for {_names(ready)}, survival at {at:g} months cannot be compared here."
    return (
        f"Adjusted for {_names(ready)}, the difference in survival at {at:g} months: {'; '.join(parts)} "
        f"(n = {made.n:,} with {words.event(found.endpoint, made.events)})."
    )


def _points(share: float, *, unit: bool = True) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{100 * share:+.1f}{' points' if unit else ''}".replace("-", "−")


def _caption(made: AdjustedCurves, ready: Covariates, found: Compared) -> str:
    left = found.shown.height - made.n
    parts = [
        "Left: Kaplan-Meier estimate. Right: standardised curves (g-formula on a Cox model, Efron): the mean of the survival that the model predicts "
        f"for every patient, had all been in that group, with their own {_names(ready)}. Pointwise 95% bands, from influence functions; "
        f"n = {made.n:,} with every covariate, {words.event(found.endpoint, made.events)}{f'; {left:,} of those compared are left out' if left else ''}."
    ]
    if made.model.penalised:
        parts.append("Few events per coefficient: the model is penalised (ridge).")
    parts.append("The model takes hazard ratios as constant. Curves end where fewer than 10% of a group are at risk.")
    return " ".join((*parts, *ready.notes))

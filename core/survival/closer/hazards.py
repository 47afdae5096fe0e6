"""Hazard ratios: the groups and chosen covariates, each alone and all together, with what unmeasured confounding would take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures import words
from core.figures.cox_forest import cox_forest
from core.finding import Finding
from core.response.predicted import Split
from core.survival.closer.columns import default_covariates
from core.survival.closer.compared import Compared, compared
from core.survival.closer.covariates import Covariates, prepared
from core.survival.closer.difference import reference
from core.survival.closer.look import Look, about, require_groups
from core.survival.cox_model import CoxModel, cox_model, univariable
from core.survival.e_value import e_value
from data.schema import PATIENT
from data.store import Store
from models import MODULES, card

RARE = 0.15
"""Share of events under which a hazard ratio is read as a risk ratio (VanderWeele & Ding 2017)."""
NONE = "none"
"""What the list of covariates says where a person has chosen none."""


def hazards(
    store: Store, query: CohortQuery, *, predictor: str = "", split: Split = "median", endpoint: str = "os", compare: str = "",
    landmark: str = "0", strata: str = "", adjust: str = "",
) -> Look:
    """Univariable and multivariable Cox models of the groups and the covariates.

    Parameters
    ----------
    adjust : covariates, comma between; "" = the defaults of the cohort, 'none' = none. strata : a column by which both
        models are stratified. Others as `compared`.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `compared`; fewer than two groups, no events; nobody has all covariates.
    """
    options: dict[str, Any] = {"predictor": predictor, "split": split, "endpoint": endpoint, "compare": compare, "landmark": landmark}
    found, ready = adjusted_for(store, query, adjust=adjust, strata=strata, **options)
    base = {"group": reference(found) or found.reference, **ready.references}
    alone = univariable(ready.frame, outcome=endpoint, covariates=["group", *ready.terms], strata=strata or None, reference=base)
    model = cox_model(ready.frame, outcome=endpoint, covariates=["group", *ready.terms], strata=ready.strata or None, reference=base)
    table = _table(alone, model, (found, ready))
    chart = replace(
        cox_forest(table, provenance=found.source(store, query, n=model.n), title=f"Hazard ratios, {about(found)}"),
        slug=f"hazard-ratios-{found.key}", caption=_caption(model, (found, ready), n_alone=_of_group(alone)["n"].max()),
    )  # fmt: skip
    return Look(
        sentence=_sentence(model, alone, (found, ready)), charts=(replace(chart, warnings=(*(f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in model.notes[:3]), *_parts(found, ready))),),
        remarks=_e_value(model),
    )  # fmt: skip


def adjusted_for(
    store: Store, query: CohortQuery, *, adjust: str = "", strata: str = "", **options: Any
) -> tuple[Compared, Covariates]:
    """The comparison and its covariates, ready for a model; see `hazards`.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `compared` and `require_groups`.
    """
    names = tuple(dict.fromkeys(name for name in adjust.split(",") if name)) if adjust != NONE else ()
    if not adjust:
        names = usual(store, query, predictor=options.get("predictor", ""), compare=options.get("compare", ""), strata=strata)
    unknown = [name for name in names if name not in PATIENT.dtypes]
    if unknown:
        raise UnknownName(f"there is no covariate '{unknown[0]}'; choose one from the list")
    found = compared(store, query, columns=(*names, *((strata,) if strata else ())), **options)
    require_groups(found)
    return found, prepared(found.shown, [name for name in names if name != options.get("compare")], strata=strata)


def usual(store: Store, query: CohortQuery, *, predictor: str = "", compare: str = "", strata: str = "") -> tuple[str, ...]:
    """The covariates to begin with: the cohort's defaults without the parts of the predictor, the compared column and the stratum."""
    parts = card(predictor).inputs if predictor in MODULES and not compare else ()
    return default_covariates(store, query, without=(*parts, compare, strata))


def _of_group(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(pl.col("covariate") == "group")


def _table(alone: pl.DataFrame, model: CoxModel, about: tuple[Compared, Covariates]) -> pl.DataFrame:
    """Rows of the forest, groups first."""
    found, ready = about
    together = {row["term"]: row for row in model.table.iter_rows(named=True)}
    single = {row["term"]: row for row in alone.iter_rows(named=True)}
    rows = []
    many = {name for name in alone["covariate"].unique() if (alone["covariate"] == name).sum() > 1}
    for term in dict.fromkeys((*single, *together)):
        row = single.get(term) or together[term]
        name = row["covariate"]
        label = found.by[:1].upper() + found.by[1:] if name == "group" else ready.labels.get(name, name)
        if row["level"] is None:
            group, text = "", label
        elif name in many:
            group, text = f"{label} (against {row['reference']})", row["level"]
        else:
            group, text = "", f"{'' if name == 'group' else label + ': '}{row['level']} against {row['reference']}"
        values: dict[str, object] = {"group": group, "label": text, "n": row["n"], "events": row["events"]}
        for side, source in (("alone", single), ("adjusted", together)):
            from_model = source.get(term, {})
            values |= {side: from_model.get("hazard_ratio"), f"{side}_low": from_model.get("ci_low")}
            values |= {f"{side}_high": from_model.get("ci_high"), f"{side}_p": from_model.get("p_value")}
        rows.append(values)
    floats = {f"{side}{part}": pl.Float64 for side in ("alone", "adjusted") for part in ("", "_low", "_high", "_p")}
    return pl.DataFrame(rows, schema_overrides={"group": pl.String, "label": pl.String, **floats}, infer_schema_length=None)


def _finding(table: pl.DataFrame, model: CoxModel | None = None) -> Finding:
    """The first hazard ratio of a table."""
    row = _of_group(table).row(0, named=True)
    nan = float("nan")
    effect = nan if row["hazard_ratio"] is None else row["hazard_ratio"]
    ci = (nan, nan) if row["ci_low"] is None or row["ci_high"] is None else (row["ci_low"], row["ci_high"])
    return Finding(
        name=f"hazard ratio, Cox (Efron): {row['level']} against {row['reference']}", statistic=row["z"] if row["z"] is not None else nan,
        p_value=row["p_value"] if row["p_value"] is not None else nan, effect=effect, ci95=ci, n=model.n if model else 0,
        events=model.events if model else None, note=row["note"] or "",
    )  # fmt: skip


def _sentence(model: CoxModel, alone: pl.DataFrame, about: tuple[Compared, Covariates]) -> str:
    _, ready = about
    top, single = _finding(model.table, model), _finding(alone)
    pair = top.name.partition(": ")[2]
    others = [words.column(name) for name in ready.terms]
    layers = [words.column(name) for name in ready.strata]
    how = f"Adjusted for {words.listing(others)}" if others else "Not adjusted"
    how += f" and stratified by {words.listing(layers)}" if layers else ""
    numbers = f"n = {model.n:,} with {words.count(model.events, 'event')}"
    if top.effect is None or top.effect != top.effect:
        return f"{how}, the hazard ratio of {pair} cannot be estimated: {top.note or 'the likelihood has no maximum'}, {numbers}."
    low, high = top.ci95 or (float("nan"), float("nan"))
    verdict = "remains" if low > 1 or high < 1 else "includes no difference"
    was = f"; alone, {words.hazard(single)}" if others or layers else ""
    head = f"{how}, {pair}: {words.hazard(top)}, {words.p(top.p_value)}, {numbers}{was}."
    return head if not others and not layers else f"{head} The association {verdict}." if verdict == "remains" else f"{head} The interval includes no difference."


def _caption(model: CoxModel, about: tuple[Compared, Covariates], *, n_alone: Any) -> str:
    _, ready = about
    parts = [
        f"Hazard ratio, Cox (Efron), 95% CI and two-sided Wald p. Multivariable: {model.n:,} patients with every covariate, "
        f"{words.count(model.events, 'event')}; {model.n_missing:,} left out. Univariable: every patient who has the covariate."
    ]
    if model.penalised:
        parts.append(
            "Few events per coefficient: the multivariable model is penalised (ridge), which draws its ratios towards 1."
        )
    if ready.strata:
        parts.append(f"Stratified by {words.listing([words.column(s) for s in ready.strata])}: a baseline hazard of its own for each.")
    ratio = model.tests["likelihood_ratio"]
    if ratio.p_value == ratio.p_value and not model.penalised:
        parts.append(f"Likelihood-ratio test of the whole model: chi-square {ratio.statistic:.1f}, {ratio.df:g} df, {words.p(ratio.p_value)}.")
    c = model.concordance
    if c.effect is not None and c.effect == c.effect:
        parts.append(f"{words.estimate(c, letter='C-index')}, in-sample.")
    return " ".join((*parts, *ready.notes))


def _parts(found: Compared, ready: Covariates) -> tuple[str, ...]:
    """A warning where the model holds what the score is made of."""
    shared = [] if found.compare else [words.column(name) for name in (*ready.terms, *ready.strata) if name in found.inputs]
    if not shared:
        return ()
    return (f"{words.listing(shared)} {'is' if len(shared) == 1 else 'are'} part of {found.by}: adjusting for a part divides its effect.",)


def _e_value(model: CoxModel) -> tuple[str, ...]:
    """How strong unmeasured confounding would have to be, in two lines."""
    top = _finding(model.table, model)
    if top.effect is None or top.effect != top.effect or top.ci95 is None:
        return ()
    rare = model.events < RARE * model.n
    found = e_value(top.effect, top.ci95, measure="HR", rare=rare)
    if found.note:
        return ()
    how = "as the event is rare here, the hazard ratio is read as a risk ratio" if rare else "the hazard ratio is first turned into a risk ratio"
    return (
        f"E-value of {top.name.partition(': ')[2]}: {words.ratio(found.point)}, of the interval's end nearer to 1: {words.ratio(found.limit)}. "
        f"{found.sentence} A weaker confounder could not ({how}).",
    )

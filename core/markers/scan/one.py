"""One: a closer look at a single marker of a scan - its curves or response rates, or its effect in every cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery, Filter
from core.errors import CohortError, NotMeasured, TooFewPatients
from core.figures import words
from core.figures.chart import Chart
from core.figures.km import km
from core.figures.ranked import cohort_effects
from core.figures.response_rate import response_rate as rate_figure
from core.markers import marker as address
from core.markers.scan.effects import Effects, effects
from core.markers.scan.many import REASONS
from core.markers.scan.matrix import FROM_EXOME, Matrix, late
from core.markers.scan.meta import pooled
from core.markers.scan.outcome import OUTCOMES, Outcome, outcomes
from core.response.rate import response_rate
from core.survival.hazard_ratio import hazard_ratio
from core.survival.kaplan_meier import kaplan_meier
from core.survival.logrank import logrank
from core.survival.split import split as split_at
from data.store import Store

HALVES = "Halves are drawn because they can be seen; the cut is this cohort's own median and nothing to take elsewhere."


def one(
    store: Store,
    query: CohortQuery,
    *,
    marker: str,
    outcome: str = "response",
    split: str = "sd",
    covariates: Sequence[str] = (),
) -> Chart:
    """The figure of one marker: Kaplan-Meier curves or response rates of its halves; of several cohorts their effects.

    Parameters
    ----------
    marker : its address. outcome, split, covariates : as in `scan`; curves and rates are not adjusted.

    Raises
    ------
    UnknownName, NotMeasured, EmptyCohort, TooFewPatients
        As `scan`; or the marker has one value only.
    """
    found = outcomes(store, query, outcome=outcome, covariates=covariates)
    if len(found.cohorts) > 1:
        return _cohorts(store, query, (marker, outcome, split), found=found.cohorts)
    only = found.cohorts[0]
    x = _values(store, query, marker, one=only)
    known = np.isfinite(x)
    frame = pl.DataFrame({"value": x, "event": only.event}).with_columns(pl.col("value").fill_nan(None))
    label = address.label(marker)
    frame = _halves(frame, marker, label)
    n = int(known.sum())
    source = provenance(store, query, n=n, n_missing=len(x) - n)
    if only.time is None:
        rates = response_rate(frame.rename({"event": "response"}), by="group")
        chart = rate_figure(rates, provenance=source, title=f"Response rate by {words.inside(label)}")
    else:
        timed = frame.with_columns(pl.Series(f"{outcome}_months", only.time), pl.col("event").alias(f"{outcome}_event"))
        if only.entry is not None:
            timed = timed.with_columns(pl.Series("entry_months", only.entry).replace(-np.inf, None))
        chart = km(
            kaplan_meier(timed, outcome=outcome, by="group"), logrank(timed, outcome=outcome, by="group"),
            hazard_ratio(timed, outcome=outcome, by="group"), provenance=source,
            title=f"{OUTCOMES[outcome]} by {words.inside(label)}",
        )  # fmt: skip
    caption = chart.caption if address.is_binary(marker) else f"{chart.caption} {HALVES}"
    return replace(
        chart, slug=f"marker-{marker.replace(':', '-').replace('/', '-').lower()}-{outcome}", caption=caption
    )


def _halves(frame: pl.DataFrame, marker: str, label: str) -> pl.DataFrame:
    if address.is_binary(marker):
        yes, no = f"{label}: yes", f"{label}: no"
        if marker.startswith("mutation:"):
            yes, no = label, label.replace(" mutated", " not mutated")
        groups = pl.when(pl.col("value") == 1).then(pl.lit(yes)).when(pl.col("value") == 0).then(pl.lit(no))
        made = frame.with_columns(groups.alias("group"))
        present = [g for g in (yes, no) if g in set(made["group"].drop_nulls())]
        if len(present) < 2:
            raise TooFewPatients(f"{label} has the same value in every patient here; choose another marker")
        return made.with_columns(pl.col("group").cast(pl.Enum(present)))
    cut = split_at(frame, "value", label=label, unit="")
    upper, lower = cut.labels[0], cut.labels[-1]
    even = "half" if not cut.note else "group"
    short = {
        upper: f"Upper {even}, {upper.removeprefix(label).strip()}",
        lower: f"Lower {even}, {lower.removeprefix(label).strip()}",
    }
    halves = cut.groups.cast(pl.String).replace_strict(short, return_dtype=pl.Enum(list(short.values())))
    return frame.with_columns(halves.alias("group"))


def _values(store: Store, query: CohortQuery, marker: str, *, one: Outcome) -> np.ndarray:
    """A marker of a cohort's patients in their order, without samples taken after the start of treatment."""
    mine = CohortQuery((one.study,), (*query.filters, Filter("cohort", "in", (one.cohort,))))
    found = address.values(store, mine, marker)
    row = dict(found.select("patient_id", "value").iter_rows())
    kind, name = address.address(marker)
    gone = late(store, one.study)
    if kind in {"gene", "signature", "cell"}:
        dropped = gone.get("rna", set())
    elif kind == "mutation" or name in FROM_EXOME:
        dropped = gone.get("exome", set())
    else:
        dropped = set()
    values = [None if p in dropped else row.get(p) for p in one.patients]
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _cohorts(store: Store, query: CohortQuery, what: tuple[str, str, str], *, found: Sequence[Outcome]) -> Chart:
    marker, outcome, split = what
    binary = np.array([address.is_binary(marker)])
    done: list[tuple[Outcome, Matrix, Effects]] = []
    for cohort in found:
        try:
            x = _values(store, query, marker, one=cohort)[:, None]
        except CohortError:
            continue
        if not np.isfinite(x).any():
            continue
        done.append((cohort, Matrix(markers=(marker,), x=x, binary=binary), effects(cohort, x, binary, split=split)))
    if not done:
        raise NotMeasured(f"{address.label(marker)} is not measured in any of these cohorts; choose another marker")
    table, rows = pooled(done)
    row = table.row(0, named=True)
    known = row["log_ratio"] is not None and np.isfinite(row["log_ratio"])
    measure = "OR" if outcome == "response" else "HR"
    n = int(rows["n"].sum())
    source = provenance(store, query, n=n, n_missing=sum(len(c.patients) for c in found) - n)
    per = (
        "with against without"
        if binary[0]
        else "upper against lower half"
        if split == "median"
        else "per 1 SD of the cohort"
    )
    said = "Cohorts are pooled by random effects (REML, Hartung-Knapp, never narrower than the sampling errors allow)."
    if known:
        said += f" I² {words.percent(row['i2'])}; test of no association in any cohort: {words.p(row['p_value'])}."
    reasons = {r for r in rows["note"] if r} & set(REASONS.values())
    chart = cohort_effects(
        rows.drop("note", "marker"), (float(np.exp(row["log_ratio"])), row["ci_low"], row["ci_high"]) if known else None,
        provenance=source, measure=measure, title=f"{address.label(marker)} and {OUTCOMES[outcome].lower()}, cohort by cohort",
        caption=f"{'Odds' if measure == 'OR' else 'Hazard'} ratio {per}, with 95% CI; one model a cohort, patients are never pooled. {said}",
    )  # fmt: skip
    warnings = tuple(f"Not estimable in some cohorts: {reason}." for reason in sorted(reasons))
    return replace(
        chart, slug=f"cohorts-{marker.replace(':', '-').replace('/', '-').lower()}-{outcome}", warnings=warnings
    )

"""Mean: restricted mean survival time of the groups, which needs no constant hazard ratio, with its differences and ratios."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.cohort.query import CohortQuery
from core.errors import UnknownName
from core.figures import words
from core.figures.restricted_mean import restricted_mean
from core.response.predicted import Split
from core.survival.closer.compared import Compared, compared
from core.survival.closer.difference import reference
from core.survival.closer.look import Look, about, require_groups
from core.survival.rmst import compare
from data.store import Store

ROUND = (3.0, 6.0, 12.0, 18.0, 24.0, 36.0, 48.0, 60.0, 84.0, 120.0)
"""Horizons to choose from, months."""
HORIZONS = {"": "As long as a tenth of every group is followed", **{f"{h:g}": f"{h:g} months" for h in ROUND}}


def mean(
    store: Store, query: CohortQuery, *, predictor: str = "", split: Split = "median", endpoint: str = "os", compare: str = "",
    landmark: str = "0", horizon: str = "",
) -> Look:
    """Restricted mean survival times, and each group's difference from the reference and ratio to it.

    Parameters
    ----------
    horizon : months, a key of HORIZONS; "" = the longest of them that a tenth of every group is followed for.
        Others as `compared`.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `compared`; fewer than two groups, no events.
    """
    if horizon not in HORIZONS:
        raise UnknownName(f"there is no horizon '{horizon}'; choose one of {', '.join(h for h in HORIZONS if h)}")
    found = compared(store, query, predictor=predictor, split=split, endpoint=endpoint, compare=compare, landmark=landmark)
    require_groups(found)
    table, notes = means(found, horizon=float(horizon) if horizon else None)
    at = float(table["horizon"][0])
    groups = table.filter(pl.col("what") == "group")
    n = int(groups["n"].sum())
    chart = restricted_mean(
        table.drop("horizon"), provenance=found.source(store, query, n=n), horizon=at, title=f"Mean {about(found)}, within {at:g} months"
    )
    base = groups["label"][-1] if not (kept := reference(found)) else kept
    caption = (
        f"Restricted mean survival time: area under the Kaplan-Meier curve up to {at:g} months, so the mean number of months free of the event "
        f"within them; n = {n:,}, {words.event(endpoint, int(groups['events'].sum()))}. Differences and ratios against {base}, 95% CI and "
        "two-sided p by the normal approximation (ratio on the log scale); null hypothesis: equal means. Not adjusted, not stratified."
    )
    return Look(
        sentence=_sentence(table, found, at=at), charts=(replace(chart, slug=f"restricted-mean-{found.key}", caption=caption, warnings=notes),),
        remarks=(
            "The difference is the gain in mean survival within the horizon, in months. It needs no assumption about the hazards, but it is a "
            "statement about this horizon only.",
        ),
    )  # fmt: skip


def means(found: Compared, *, horizon: float | None = None) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Rows of the figure (what, label, horizon, n, events, estimate, ci_low, ci_high, p_value) and what to say about them."""
    shown, months = found.shown, f"{found.endpoint}_months"
    if horizon is None:
        reached = float(shown.group_by("group").agg(pl.col(months).quantile(0.9, interpolation="lower"))[months].to_numpy().min())
        horizon = max((h for h in ROUND if h <= reached), default=None)
    table = compare(shown, outcome=found.endpoint, by="group", horizon=horizon)
    base = reference(found)
    rows = []
    for row in table.iter_rows(named=True):
        if row["what"] == "group":
            rows.append({**row, "label": row["a"]})
        elif base in {row["a"], row["b"]}:
            rows.append({**(row if row["b"] == base else _turned(row)), "label": f"{row['a'] if row['b'] == base else row['b']} against {base}"})
    wanted = ["what", "label", "horizon", "n", "events", "estimate", "ci_low", "ci_high", "p_value"]
    notes = tuple(f"{row['a']}: {row['note']}." for row in table.iter_rows(named=True) if row["what"] == "group" and row["note"])
    return pl.DataFrame(rows, infer_schema_length=None).select(wanted).with_columns(pl.col("p_value").cast(pl.Float64)), notes


def _turned(row: dict[str, object]) -> dict[str, object]:
    """The same contrast the other way round."""
    flip = (lambda v: -v) if row["what"] == "difference" else (lambda v: 1 / v if v else None)
    value, low, high = (None if row[k] is None else flip(row[k]) for k in ("estimate", "ci_low", "ci_high"))  # type: ignore[no-untyped-call]
    return {**row, "a": row["b"], "b": row["a"], "estimate": value, "ci_low": high, "ci_high": low}


def _sentence(table: pl.DataFrame, found: Compared, *, at: float) -> str:
    rows = [row for row in table.filter(pl.col("what") == "difference").iter_rows(named=True) if row["ci_low"] is not None]
    if not rows:
        return f"Within {at:g} months the means cannot be compared here."
    n = int(table.filter(pl.col("what") == "group")["n"].sum())
    parts = []
    for row in rows[:3]:
        value, low, high = (f"{row[k]:+.1f}".replace("-", "−") for k in ("estimate", "ci_low", "ci_high"))
        parts.append(f"{row['label']} {value} months ({low} to {high}), {words.p(row['p_value'])}")
    if len(rows) > 1:
        return f"Difference in the mean within {at:g} months: {'; '.join(parts)}; n = {n:,}."
    shown = rows[0]["ci_low"] > 0 or rows[0]["ci_high"] < 0
    verdict = "a difference in mean time is shown" if shown else "the interval includes no difference"
    return f"Within {at:g} months {verdict} ({parts[0]}, n = {n:,})."

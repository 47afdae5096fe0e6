"""Does a predictor keep its AUC and its calibration from cohort to cohort?"""

from __future__ import annotations

import math
from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.transport import Summary as Pooled
from core.figures.transport import transport as transport_figure
from core.response.closer.compared import signed
from core.response.closer.patients import POOLED
from core.response.transport import Summary, Transport, transport
from data.store import Store

MOST_NAMED = 3


def everywhere(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> Answer:
    """One predictor over all cohorts of the database: AUC, and for a probability its calibration in the large.

    The cohort and its filters do not enter: every cohort is judged whole.

    Raises
    ------
    UnknownName, NotMeasured
        As `core.response.transport.transport`.
    """
    found = transport(store, predictor)
    studies = tuple(found.table["study"].unique(maintain_order=True))
    people = found.table.group_by("study", "cohort").agg(pl.col("n").max())
    source = provenance(store, CohortQuery(studies), n=int(people["n"].sum()))
    if len(studies) > MOST_NAMED:
        source = replace(source, cohort=words.count(len(studies), "study", plural="studies"))
    charts = [_chart(found, source, shift=False)]
    if any(s.measure == "intercept" for s in found.summaries):
        charts.append(_chart(found, source, shift=True))
    return Answer(sentence=_sentence(found), charts=tuple(charts))


def _chart(found: Transport, source: Provenance, *, shift: bool) -> Chart:
    value = "intercept" if shift else "auc"
    low, high = ("intercept_low", "intercept_high") if shift else ("ci_low", "ci_high")
    if shift:
        detail = pl.format("{} observed, {} expected", _share("responders", "n"), _share("expected", "n"))
    else:
        detail = pl.format("{} of {} respond", "responders", "n")
    rows = found.table.with_columns((pl.col("responders") / pl.col("observed_expected")).alias("expected")).select(
        "group", pl.when("apart").then(pl.format("{} *", "label")).otherwise("label").alias("label"), pl.col(value).alias("estimate"), pl.col(low).alias("ci_low"), pl.col(high).alias("ci_high"), "n", "responders",
        pl.when("apart").then(pl.format("{}, not pooled", detail)).otherwise(detail).alias("detail"), "study", "cohort", "protocol", "apart",
    )  # fmt: skip
    told = {s.protocol for s in found.summaries if s.measure == ("intercept" if shift else "auc")}
    rows = rows.filter(pl.col("protocol").is_in(sorted(told)))  # cross-fitted models have no shift by construction
    groups = rows.select("group", "protocol").unique(maintain_order=True)
    pooled = []
    for _, protocol in groups.iter_rows():
        summary = found.summary(protocol, "intercept" if shift else "auc")
        pooled.append(_diamond(summary, shift=shift) if summary is not None and summary.k > 1 else None)
    chart = transport_figure(
        rows, pooled, provenance=source, shift=shift,
        title=f"{found.label}: {'calibration in the large' if shift else 'AUC for response'} on every cohort",
        caption=_caption(found, shift=shift),
    )  # fmt: skip
    chart = replace(chart, slug=f"transport-{'calibration-' if shift else ''}{found.predictor}")
    return replace(chart, warnings=tuple(note for note in found.notes if ("shift" in note) == shift))


def _share(part: str, whole: str) -> pl.Expr:
    return pl.format("{}%", (100 * pl.col(part) / pl.col(whole)).round(0).cast(pl.Int64, strict=False).cast(pl.String).fill_null("–"))


def _diamond(summary: Summary, *, shift: bool) -> Pooled:
    ahead = summary.prediction_interval
    known = all(math.isfinite(v) for v in ahead)
    write = signed if shift else words.ratio
    told = f"new cohort: {write(ahead[0])} to {write(ahead[1])}" if known else "new cohort: not estimable"
    return Pooled(
        label=f"Pooled, {words.count(summary.k, 'cohort')}", estimate=summary.estimate, low=summary.ci95[0], high=summary.ci95[1],
        predicted=ahead if known else None, detail=told, n=summary.n,
    )  # fmt: skip


def _caption(found: Transport, *, shift: bool) -> str:
    parts = []
    for s in found.summaries:
        if s.measure == ("intercept" if shift else "auc") and s.k > 1:
            name = str(found.table.filter(pl.col("protocol") == s.protocol)["group"][0])
            parts.append(f"{name[:1].upper()}{name[1:]}: I² {words.percent(s.i2)}, τ² {s.tau2:.3f}, heterogeneity {words.p(float(s.pooled.p_heterogeneity))}")
    what = (
        "Calibration in the large: how far the observed log-odds of response lie above (right) or below (left) the predicted ones, with 95% CI; "
        "0 is ideal. "
        if shift
        else "AUC with DeLong 95% CI, pooled on the logit scale. "
    )
    return (
        f"{what}Squares grow with n; diamond: random-effects mean (REML, Hartung-Knapp 95% CI); thin line through it: 95% prediction interval for "
        f"a new cohort. {'; '.join(parts)}{'. ' if parts else ''}Whole cohorts, in-sample scores never."
    )


def _sentence(found: Transport) -> str:
    told: list[str] = []
    for s in found.summaries:
        if s.measure != "auc":
            continue
        name = str(found.table.filter(pl.col("protocol") == s.protocol)["group"][0])
        label = name if told else found.label if s.protocol == "published" else f"{found.label}, {name}"
        if s.k == 1:
            told.append(f"{label}: AUC {words.ratio(s.estimate)} ({words.interval(s.ci95)}) on its one cohort")
            continue
        ahead = s.prediction_interval
        new = f"; in a new cohort between {words.ratio(ahead[0])} and {words.ratio(ahead[1])}" if all(map(math.isfinite, ahead)) else ""
        apart = found.table.filter((pl.col("protocol") == s.protocol) & pl.col("apart")).height
        beside = f"; {words.count(apart, 'cohort')} that {'seems' if apart == 1 else 'seem'} to share patients with the training {'is' if apart == 1 else 'are'} not pooled" if apart else ""
        told.append(
            f"{label}: pooled AUC {words.ratio(s.estimate)} ({words.interval(s.ci95)}) over {words.count(s.k, 'cohort')}, n = {s.n:,}{new}, I² {words.percent(s.i2)}{beside}"
        )
    if not told:
        return f"{found.label} has no AUC that can be pooled: every cohort is too small."
    return ". ".join(f"{t[:1].upper()}{t[1:]}" for t in told) + "."

"""Which predictor separates responders from non-responders, where, and are its probabilities right?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import names, provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, TooFewPatients
from core.figures import words
from core.figures.calibration import calibration as calibration_figure
from core.figures.chart import Chart
from core.figures.forest import forest
from core.response.calibration import calibration
from core.response.leaderboard import leaderboard
from core.response.predicted import scores
from data.schema import PROTOCOLS
from data.store import Store
from models import MODULES, card

CAPTION = (
    "AUC for response (CR or PR) with DeLong 95% CI; squares grow with n; dashed line: chance, 0.5. Every score is out-of-sample; "
    "in-sample scores are never shown. Whole cohorts are judged: filters do not apply. DeLong intervals of cross-fitted scores do not "
    "include the variance of training; an AUC clearly under 0.5 in a small cohort is an artefact of cross-fitting."
)
FEWEST = 20
"""Patients that a calibration takes."""
FEWEST_OF_EACH = 5
"""Responders, and non-responders, that a calibration takes."""


def ranking(store: Store, query: CohortQuery, *, predictor: str = "") -> Answer:
    """Forest picture of every predictor on the query's studies; or of one predictor on every study.

    Raises
    ------
    NotMeasured
        No predictor could be judged there.
    """
    every = bool(predictor)
    rows = _rows(store, query, predictor)
    known = names(store.studies())
    table = rows.select(
        pl.when(pl.col("study").replace(known) == pl.col("cohort"))
        .then(pl.col("cohort"))
        .otherwise(pl.format("{}, {}", pl.col("study").replace(known), pl.col("cohort")))
        .alias("group"),
        "label",
        pl.col("auc").alias("estimate"),
        "ci_low",
        "ci_high",
        "n",
        pl.format("{} resp., {}", "responders", "protocol_label").alias("detail"),
    )
    if every:
        table = table.with_columns(pl.col("group").alias("label"), pl.lit("").alias("group"))
    patients = int(
        rows.unique(["study", "cohort", "predictor"]).group_by("study", "cohort").agg(pl.col("n").max())["n"].sum()
    )
    whole = CohortQuery(tuple(rows["study"].unique(maintain_order=True)))
    source = provenance(store, whole, n=patients)
    if every and len(source.studies) > 3:
        source = replace(
            source,
            cohort=words.count(len(whole.studies), "study", plural="studies"),
        )
    title = (
        f"{card(predictor).label}: AUC for response on every study" if every else "AUC for response of every predictor"
    )
    chart = replace(
        forest(table, provenance=source, title=title, caption=CAPTION), slug=f"performance-{predictor or 'by-cohort'}"
    )
    return Answer(sentence=_sentence(rows, predictor), charts=(chart,))


def reliability(store: Store, query: CohortQuery, *, predictor: str) -> Chart:
    """Calibration of a predictor's out-of-sample probabilities on this cohort.

    Raises
    ------
    NotMeasured, TooFewPatients
        The predictor gives no probability; or fewer than 20 patients, 5 responders or 5 non-responders have one.
    """
    about = card(predictor)
    if about.kind != "probability":
        raise NotMeasured(
            f"{about.label} is a marker, not a probability, so that it cannot be calibrated; pick LORIS or the elastic net"
        )
    everyone = cohort_frame.patients(store, query, columns=("patient_id", "response"))
    frame = everyone.join(scores(store, query, predictor), on="patient_id", how="inner").drop_nulls("probability")
    if frame["response"].drop_nulls().is_empty():
        raise cohort_frame.not_measured(f"Response with {about.label}", query, elsewhere=_judged(store, predictor))
    found = calibration(frame, probability="probability")
    others = found.n - found.responders
    if found.n < FEWEST or min(found.responders, others) < FEWEST_OF_EACH:
        raise TooFewPatients(
            f"{words.count(found.n, 'patient')} of {query.describe()} ({words.count(found.responders, 'responder')}, "
            f"{words.count(others, 'non-responder')}) {'has' if found.n == 1 else 'have'} a probability of {about.label} and a response; "
            f"calibration takes at least {FEWEST}, {FEWEST_OF_EACH} of each: {'relax a filter' if query.filters else 'pick a larger study'}"
        )
    source = provenance(store, query, n=found.n, n_missing=everyone.height - found.n)
    return replace(calibration_figure(found, provenance=source, label=about.label), slug=f"calibration-{predictor}")


def calibrated(store: Store, query: CohortQuery) -> dict[str, str]:
    """Predictors whose probabilities can be judged on the query's studies."""
    found = store.sql(
        "SELECT DISTINCT predictor FROM performance WHERE study = ANY($studies) AND protocol <> 'in_sample'",
        {"studies": list(query.studies)},
    )["predictor"].to_list()
    return {name: card(name).label for name in MODULES if name in found and card(name).kind == "probability"}


def judged(store: Store) -> dict[str, str]:
    """Predictors that were judged somewhere."""
    found = set(store.sql("SELECT DISTINCT predictor FROM performance WHERE protocol <> 'in_sample'")["predictor"])
    return {name: card(name).label for name in MODULES if name in found}


def _judged(store: Store, predictor: str) -> list[str]:
    found = store.sql(
        "SELECT study, sum(n) AS n FROM performance WHERE predictor = $p AND protocol <> 'in_sample' GROUP BY 1 ORDER BY 2 DESC, 1",
        {"p": predictor},
    )
    return list(found["study"])


def _rows(store: Store, query: CohortQuery, predictor: str) -> pl.DataFrame:
    try:
        return leaderboard(store, predictors=[predictor]) if predictor else leaderboard(store, studies=query.studies)
    except NotMeasured:
        elsewhere = store.sql("SELECT study, max(n) AS n FROM performance GROUP BY 1 ORDER BY 2 DESC, 1")[
            "study"
        ].to_list()
        raise cohort_frame.not_measured("Response with a predictor's score", query, elsewhere=elsewhere) from None


def _sentence(rows: pl.DataFrame, predictor: str) -> str:
    rows = rows.with_columns(pl.col("auc", "ci_low", "ci_high").fill_nan(None))
    known = rows.drop_nulls("auc")
    if known.is_empty():
        return "No AUC can be estimated here: every cohort holds responders only, or non-responders only."
    return _everywhere(known, predictor) if predictor else _here(known)


def _everywhere(rows: pl.DataFrame, predictor: str) -> str:
    """One predictor on every study: cohorts above chance, a clause a protocol, so that no cohort counts twice."""
    clauses = []
    for protocol in PROTOCOLS:
        mine = rows.filter(pl.col("protocol") == protocol)
        if mine.is_empty():
            continue
        above = mine.filter(pl.col("ci_low") > 0.5).height
        middle, low, high = (
            words.ratio(float(str(v))) for v in (mine["auc"].median(), mine["auc"].min(), mine["auc"].max())
        )
        clauses.append(
            f"{mine['protocol_label'][0]}, above chance (interval over 0.5) on {above} of {words.count(mine.height, 'cohort')}, "
            f"median AUC {middle}, from {low} to {high}"
        )
    return f"{card(predictor).label}: {'; '.join(clauses)}."


def _here(rows: pl.DataFrame) -> str:
    """Every predictor: the highest AUC of the largest cohort and the best of the other kind, with no claim of a winner."""
    distinct = _distinct(rows)
    largest = distinct.sort("n", descending=True, maintain_order=True).row(0, named=True)
    mine = [(distinct["study"] == largest["study"]), (distinct["cohort"] == largest["cohort"])]
    here = distinct.filter(mine[0] & mine[1])
    single = _one_protocol(here).sort("auc", descending=True, maintain_order=True)
    best = single.row(0, named=True)
    named = [best]
    other = single.filter(pl.col("kind") != best["kind"])
    if other.height:
        named.append(other.row(0, named=True))
    parts = []
    for row in named:
        parts.append(_spoken(row))
        again = here.filter((pl.col("predictor") == row["predictor"]) & (pl.col("protocol") == "leave_one_cohort_out"))
        if again.height and row["protocol"] != "leave_one_cohort_out":
            parts.append(_spoken(again.row(0, named=True)))
    if len(named) == 2:
        remark = _compared(named[0], named[1])
        parts += [remark] if remark else []
    place = f"on {largest['cohort']}" if rows.select("study", "cohort").n_unique() > 1 else "here"
    judged_once = _one_protocol(distinct)
    above = judged_once.filter(pl.col("ci_low") > 0.5).height
    each = "one a predictor" if place == "here" else "one a predictor and cohort"
    return (
        f"Highest AUC {place}: {'; '.join(parts)}. {above} of {words.count(judged_once.height, 'estimate')} ({each}) "
        f"{'lies' if above == 1 else 'lie'} above chance."
    )


def _distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows without recalibrated LORIS where LORIS itself was judged: a monotone transform, so the same AUC."""
    published = rows.filter(pl.col("predictor") == "loris").select("study", "cohort").unique()
    same = published.with_columns(pl.lit("loris_recalibrated").alias("predictor"))
    return rows.join(same, on=["study", "cohort", "predictor"], how="anti", maintain_order="left")


def _one_protocol(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a study, cohort and predictor: the first protocol in the order of the schema."""
    order = {name: i for i, name in enumerate(("published", "out_of_fold", "external", "leave_one_cohort_out"))}
    ranked = rows.with_columns(
        pl.col("protocol").replace_strict(order, default=len(order), return_dtype=pl.Int32).alias("_order")
    )
    kept = ranked.sort("_order", maintain_order=True).unique(
        ["study", "cohort", "predictor"], keep="first", maintain_order=True
    )
    return kept.drop("_order")


def _spoken(row: dict[str, Any]) -> str:
    """An estimate in words: "Elastic net, cross-fitted, 0.78 (0.71 to 0.84), n = 298"."""
    simple = row["kind"] == "marker"
    name = row["label"] if "LORIS" in row["label"] else row["label"].partition(" (")[0]
    how = " alone" if simple else "" if row["protocol"] == "published" else f", {row['protocol_label']},"
    bounded = row["ci_low"] is not None and row["ci_high"] is not None
    interval = f" ({words.interval((row['ci_low'], row['ci_high']))})" if bounded else ""
    return f"{name}{how} {words.ratio(row['auc'])}{interval}, n = {row['n']:,}"


def _compared(one: dict[str, Any], two: dict[str, Any]) -> str:
    """Whether two intervals overlap, and whether the same number of patients was judged; no test is made."""
    ends = [row[k] for row in (one, two) for k in ("ci_low", "ci_high")]
    said = []
    if None not in ends:
        apart = max(one["ci_low"], two["ci_low"]) > min(one["ci_high"], two["ci_high"])
        said.append("intervals do not overlap" if apart else "intervals overlap")
    if one["n"] != two["n"]:
        said.append("predictors were judged on different patients")
    return ", ".join(said)

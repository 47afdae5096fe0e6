"""Which predictor separates responders from non-responders, where, and are its probabilities right?"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import names, provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.figures import words
from core.figures.calibration import calibration as calibration_figure
from core.figures.chart import Chart
from core.figures.forest import forest
from core.response.calibration import calibration
from core.response.leaderboard import leaderboard
from core.response.predicted import scores
from data.store import Store
from models import MODULES, card

CAPTION = (
    "AUC for response (CR or PR) with DeLong 95% CI; squares grow with n; dashed line: chance, 0.5. Every score is out-of-sample; "
    "in-sample scores are never shown. Whole cohorts are judged: filters do not apply."
)


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
            studies=("citations: About page",),
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
        The predictor gives no probability, or too few patients have one and a response.
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
    above = rows.filter(pl.col("ci_low") > 0.5).height
    if predictor:
        middle = rows["auc"].median()
        return (
            f"{card(predictor).label}: AUC above chance (interval over 0.5) on {above} of {words.count(rows.height, 'cohort')}; "
            f"median AUC {words.ratio(float(str(middle)))}, from {words.ratio(float(str(rows['auc'].min())))} to {words.ratio(float(str(rows['auc'].max())))}."
        )
    largest = rows.sort("n", descending=True).row(0, named=True)["cohort"]
    here = rows.filter(pl.col("cohort") == largest).sort("auc", descending=True, nulls_last=True)
    best = here.row(0, named=True)
    interval = words.interval((best["ci_low"], best["ci_high"]))
    place = f"On {largest}" if rows["cohort"].n_unique() > 1 else "Here"
    return (
        f"{place}, {best['label'].partition(' (')[0] if 'LORIS' not in best['label'] else best['label']}, {best['protocol_label']}, separates responders best: AUC {words.ratio(best['auc'])} ({interval}), n = {best['n']:,}; "
        f"{above} of {words.count(rows.height, 'estimate')} {'lies' if above == 1 else 'lie'} above chance."
    )

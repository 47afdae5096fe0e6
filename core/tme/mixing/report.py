"""Report: cohort mixing and outcome signal before and after every correction, as stored when the database was built."""

from __future__ import annotations

import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import NotMeasured, StoreError
from core.figures import words
from core.figures.mixing import mixing as figure
from core.tme.mixing import LABELS
from data.store import Store

RULE = (
    "Default, by a rule fixed beforehand: the highest mean of mixing and outcome signal retained (AUC above .5 as a share of the "
    "uncorrected one within cohorts); within .01 the simplest."
)


def mixing(store: Store, query: CohortQuery) -> Answer:
    """How well the cohorts mix, and what is left of the outcome signal, for every correction.

    Everything is over the whole pool of treated cohorts with expression that the asked studies belong to, not over the
    asked patients alone: mixing is a property of a pool.

    Raises
    ------
    NotMeasured
        None of the studies is in a pool, or the database was built before there were any; names studies that are.
    """
    try:
        rows = store.sql("SELECT * FROM mixing ORDER BY rowid")
    except StoreError as error:
        raise NotMeasured("this database was built before cohort mixing was measured; run: python -m core build") from error
    pool = next((name for name, part in rows.group_by("pool", maintain_order=True) if {*part["studies"][0]} & {*query.studies}), None)
    if pool is None:
        there = sorted({study for studies in rows["studies"].to_list() for study in studies})
        remedy = f"{words.listing(there)} are" if there else "no two treated studies share enough signatures"
        raise NotMeasured(f"cohort mixing is measured over treated studies with gene expression, and {words.listing(list(query.studies))} is none; {remedy}", elsewhere=there)
    own = rows.filter(pl.col("pool") == pool[0])
    studies, features = own["studies"][0].to_list(), own["features"][0].to_list()
    whole = own.filter(pl.col("study") == "")
    n, missing = int(whole.filter(pl.col("measure") == "ilisi")["n"][0]), int(own["n_missing"][0] or 0)
    judged = whole.filter((pl.col("correction") == "none") & (pl.col("measure") == "auc")).row(0, named=True)
    cohorts = own.filter((pl.col("correction") == "none") & (pl.col("study") != "")).height
    caption = (
        f"{words.count(n, 'patient')} of {words.count(len(studies), 'study', plural='studies')} on the {len(features)} signatures that all have. kBET acceptance: "
        "share of neighbourhoods in which Pearson's test (.05) does not reject the cohorts' overall shares. iLISI: effective number of cohorts among neighbours, scaled from 0, cohorts apart, to 1, dealt at random. 95% CI "
        f"from halves of each cohort. Outcome signal: AUC of a ridge taught by the other cohorts, {cohorts} cohorts left out in turn (n = {judged['n']:,}), random "
        f"effects; dotted: taught and judged within each cohort, uncorrected. No correction sees a response. {RULE} {words.missing(missing, 'score for all of them')}"
    )
    source = provenance(store, CohortQuery(tuple(studies)), n=n, n_missing=missing)
    chart = figure(whole, provenance=source, labels=LABELS, caption=caption.strip())
    return Answer(sentence=_sentence(whole), charts=(chart,))


def _sentence(whole: pl.DataFrame) -> str:
    def of(correction: str, measure: str) -> dict[str, float]:
        return whole.filter((pl.col("correction") == correction) & (pl.col("measure") == measure)).row(0, named=True)

    chosen = str(whole.filter("chosen")["correction"][0])
    before, after = of("none", "mixing"), of(chosen, "mixing")
    lost, kept = of("none", "auc"), of(chosen, "auc")
    if chosen == "none":
        return f"No correction does better than none: mixing {words.ratio(before['value'])} of random, AUC for response {words.ratio(lost['value'])}."
    better = f"AUC for response in a left-out cohort {words.ratio(lost['value'])} before and {words.ratio(kept['value'])} ({words.interval((kept['ci_low'], kept['ci_high']))}; n = {kept['n']:,}) after"
    clear = "" if kept["ci_low"] is not None and kept["ci_low"] > 0.5 else ", so little that it may be none"
    return (
        f"{LABELS[chosen]} is the default: cohorts mix at {words.percent(after['value'])} of random ({words.percent(before['value'])} uncorrected; n = {after['n']:,}), and "
        f"{better}{clear}."
    )

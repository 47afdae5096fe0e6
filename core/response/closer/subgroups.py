"""Does a predictor work alike in women and men, young and old, first and later lines, cancer types and sites?"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.figures.subgroups import subgroups as subgroups_figure
from core.response.audit import FEWEST, FEWEST_OF_EACH, Audit, audit
from core.response.closer import patients
from core.response.closer.patients import POOLED
from data.store import Store


def subgroups(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> Answer:
    """AUC and response rate in each subgroup, with Holm-corrected tests of difference.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `core.response.audit.audit`; or no column divides the patients into two subgroups.
    """
    narrow = patients.narrowed(query, cohort)
    found = audit(store, narrow, predictor)
    everyone, levels = found.table.filter(pl.col("variable") == ""), found.table.filter(pl.col("variable") != "")
    if levels.is_empty():
        raise TooFewPatients(f"no column divides the {words.count(found.n, 'patient')} scored here into subgroups; pick a larger cohort or relax a filter")
    shown = levels.filter(pl.col("judged") | (pl.col("n") >= FEWEST))
    tests = found.tests.select("variable", "measure", "p_holm").pivot("measure", index="variable", values="p_holm")
    for measure in ("AUC", "response rate"):
        if measure not in tests.columns:
            tests = tests.with_columns(pl.lit(None, dtype=pl.Float64).alias(measure))
    table = pl.concat([everyone, shown]).join(tests, on="variable", how="left", maintain_order="left").select(
        "group", pl.col("level").alias("label"), pl.col("auc").alias("estimate"), "ci_low", "ci_high", "n", "responders", "rate", "rate_low",
        "rate_high", pl.col("AUC").alias("p_auc"), pl.col("response rate").alias("p_rate"),
    )  # fmt: skip
    source = patients.placed(store, query, cohort, n=found.n, n_missing=found.n_missing)
    chart = subgroups_figure(table, provenance=source, title=f"{found.label} in subgroups", caption=_caption(found, left_out=levels.height - shown.height))
    return Answer(sentence=_sentence(found), charts=(replace(chart, slug=f"subgroups-{predictor}"),))


def _caption(found: Audit, *, left_out: int) -> str:
    within = " AUCs compare patients of the same cohort only." if found.cohorts > 1 else ""
    few = f" {words.count(left_out, 'subgroup')} of fewer than {FEWEST} patients left out." if left_out else ""
    return (
        f"AUC with DeLong 95% CI and response rate with Wilson interval in each subgroup; n = {found.n:,}.{within} p values: heterogeneity of the AUC "
        f"(chi-square) and of the response rate (Fisher's exact or chi-square test), each Holm-corrected over the columns. An AUC takes {FEWEST_OF_EACH} "
        f"responders and {FEWEST_OF_EACH} non-responders.{few} No difference shown is not the same as no difference: subgroups are small."
        + (f" {' '.join(found.notes)}" if found.notes else "")
    )


def _sentence(found: Audit) -> str:
    tested = found.tests.filter((pl.col("measure") == "AUC") & pl.col("p_holm").is_not_null())
    if tested.is_empty():
        return f"{found.label}: no two subgroups are large enough to compare their AUCs, n = {found.n:,}."
    differ = tested.filter(pl.col("p_holm") < 0.05).sort("p_holm")
    columns = words.listing([words.inside(name) for name in tested["group"].to_list()])
    if differ.is_empty():
        least = float(str(tested["p_holm"].min()))
        return (
            f"{found.label}: no difference in AUC is shown between subgroups by {columns} (smallest {words.p(least)}, Holm over "
            f"{words.count(tested.height, 'test')}, n = {found.n:,})."
        )
    told = [f"{words.inside(name)} ({words.p(p)})" for name, p in differ.select("group", "p_holm").iter_rows()]
    return f"{found.label}: the AUC differs by {words.listing(told)}, Holm over {words.count(tested.height, 'test')}, n = {found.n:,}."

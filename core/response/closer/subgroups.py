"""Does a predictor work alike in women and men, young and old, first and later lines, cancer types and sites?"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.fairness import fairness as fairness_figure
from core.figures.subgroups import subgroups as subgroups_figure
from core.response.audit import FEWEST, FEWEST_OF_EACH, Audit, audit
from core.response.closer import patients
from core.response.closer.compared import signed
from core.response.closer.patients import POOLED
from core.response.fairness import MEASURES, Fairness, fairness
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
    calls = fairness(store, narrow, predictor)
    second = replace(_fair(calls, source), slug=f"fairness-{predictor}")
    return Answer(sentence=f"{_sentence(found)} {_opportunity(calls)}", charts=(replace(chart, slug=f"subgroups-{predictor}"), second))


def _fair(found: Fairness, source: Provenance) -> Chart:
    """What a call does in each subgroup."""
    short = {name: key for key, name in MEASURES.items()}
    tests = found.tests.with_columns(("p_" + pl.col("measure").replace_strict(short)).alias("key")).pivot("key", index="variable", values="p_holm")
    missing = [pl.lit(None, dtype=pl.Float64).alias(f"p_{key}") for key in MEASURES if f"p_{key}" not in tests.columns]
    table = found.table.filter((pl.col("variable") == "") | (pl.col("n") >= FEWEST_OF_EACH)).join(
        tests.with_columns(missing), on="variable", how="left", maintain_order="left"
    )
    within = " Cut within each cohort." if found.cohorts > 1 and "in each cohort" in found.how else ""
    shift = (
        " Calibration: observed less predicted log-odds of response, 0 = right on average, over 0 = predicted too low."
        if table["shift"].count()
        else ""
    )
    return fairness_figure(
        table, provenance=source, title=f"{found.label}: what a call does in subgroups",
        caption=f"Equal opportunity: difference in sensitivity from the subgroup with most responders, with Newcombe's 95% CI; {found.how}.{within}{shift} p values: Fisher's exact or "
        f"chi-square test (calibration: heterogeneity), Holm-corrected over the columns, each measure by itself. Where response rates differ, sensitivity, predictive value and "
        f"calibration cannot all be equal. Shares of fewer than 5 patients are not written. n = {found.n:,}, {words.count(found.responders, 'responder')}.",
    )  # fmt: skip


def _opportunity(found: Fairness) -> str:
    """Whether responders of every subgroup are called alike, with the largest difference."""
    tested = found.tests.filter((pl.col("measure") == MEASURES["sensitivity"]) & pl.col("p_holm").is_not_null())
    if tested.is_empty():
        return "Whether responders of every subgroup are called alike cannot be tested."
    differ = tested.filter(pl.col("p_holm") < 0.05).sort("p_holm")
    if differ.is_empty():
        least = words.p(float(str(tested["p_holm"].min())))
        return f"Equal opportunity: no difference in sensitivity is shown (smallest {least}, Holm over {words.count(tested.height, 'test')})."
    name, p = differ.select("group", "p_holm").row(0)
    rows = found.table.filter((pl.col("group") == name) & pl.col("gap").is_not_null())
    worst = rows.sort(pl.col("gap").abs(), descending=True).row(0, named=True)
    base = found.table.filter((pl.col("group") == name) & pl.col("reference")).row(0, named=True)
    return (
        f"Equal opportunity: responders are not called alike by {words.inside(name)} ({words.p(p)}, Holm): sensitivity {words.percent(worst['sensitivity'])} in {worst['level']}, "
        f"{words.percent(base['sensitivity'])} in {base['level']} (difference {signed(worst['gap'])}, {signed(worst['gap_low'])} to {signed(worst['gap_high'])})."
    )


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

"""Type outcome: response and survival by TME type, with the test corrected for the choice of clustering."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.errors import TooFewPatients
from core.figures import words
from core.figures.km import km
from core.figures.response_rate import response_rate as rate_figure
from core.finding import Finding
from core.response.rate import response_rate
from core.survival.endpoint import label
from core.survival.follow_up import median_follow_up
from core.survival.kaplan_meier import kaplan_meier
from core.tme.clusters.outcome import ByCluster, response_by_cluster, survival_by_cluster
from core.tme.composition import WITHIN
from data.store import Store

Ints = npt.NDArray[np.int64]

OWN = "tme_signatures"


def by_response(store: Store, query: CohortQuery) -> Answer:
    """Response rate of each TME type with Wilson's interval, and a permutation test corrected for the clusterings on offer.

    Null hypothesis: response goes with none of the clusterings.

    Raises
    ------
    NotMeasured, TooFewPatients
        No types or responses here, fewer than two types, or several studies.
    """
    frame, clusterings = _people(store, query, ("response",))
    if frame["response"].null_count() == frame.height:
        raise cohort_frame.not_measured("Response", query, elsewhere=cohort_frame.studies_with(store, "response"))
    found = response_by_cluster(frame["response"].cast(pl.Float64).fill_null(np.nan).to_numpy(), clusterings)
    test = _finding(found)
    rates = replace(response_rate(frame, by="type"), test=test)
    chart = rate_figure(rates, provenance=provenance(store, query, n=rates.n, n_missing=cohort_frame.count(store, query) - rates.n), title="Response by TME type")
    chart = replace(chart, slug="map-types-response", caption=f"{chart.caption} {found.note}.")
    ordered = rates.table.sort("rate", descending=True)
    low, high = ordered.row(-1, named=True), ordered.row(0, named=True)
    verdict = "Response differs between the types" if test.p_value < 0.05 else "No difference in response between the types is shown"
    spread = "; ".join(f"{r['group']} {words.rate(r['responders'], r['n'], ci=(r['ci_low'], r['ci_high']))}" for r in (high, low))
    return Answer(sentence=f"{verdict}: {spread}; {words.p(test.p_value)}, corrected for the choice of clustering, n = {rates.n:,}.", charts=(chart,))


def by_survival(store: Store, query: CohortQuery) -> Answer:
    """Overall survival of each TME type, and a permutation log-rank test corrected for the clusterings on offer.

    Null hypothesis: the hazards are equal in every clustering.

    Raises
    ------
    NotMeasured, TooFewPatients
        As `by_response`.
    """
    frame, clusterings = _people(store, query, ("os_months", "os_event", "entry_months", "response"))
    if frame["os_months"].null_count() == frame.height:
        raise cohort_frame.not_measured(label("os"), query, elsewhere=cohort_frame.studies_with(store, "os_months"))
    found = survival_by_cluster(frame, clusterings)
    test = _finding(found)
    curves = kaplan_meier(frame, by="type")
    chart = km(
        curves, test, (), provenance=provenance(store, query, n=curves.n, n_missing=cohort_frame.count(store, query) - curves.n), title="Overall survival by TME type",
        follow_up=median_follow_up(frame),
    )  # fmt: skip
    chart = replace(chart, slug="map-types-os", caption=f"{chart.caption} {found.note}.")
    medians = "; ".join(f"{c.group} {words.months(c.median)}" for c in curves.curves)
    verdict = "Survival differs between the types" if test.p_value < 0.05 else "No difference in survival between the types is shown"
    return Answer(
        sentence=f"{verdict}: medians {medians}; {words.p(test.p_value)}, corrected for the choice of clustering, n = {curves.n:,}, {words.event('os', curves.events)}.",
        charts=(chart,),
    )


def _people(store: Store, query: CohortQuery, columns: tuple[str, ...]) -> tuple[pl.DataFrame, dict[str, Ints]]:
    """Patients with a type (`type`, an Enum in the types' order), and their labels in every clustering on offer, -1 = in none."""
    if len(query.studies) > 1:
        raise TooFewPatients(f"{WITHIN}: pick one of {words.listing(list(query.studies))}")
    everyone = cohort_frame.patients(store, query, columns=("patient_id", *columns))
    rows = store.sql(
        "SELECT patient_id, space, cluster, name FROM cluster WHERE study = ANY($s) AND cluster IS NOT NULL ORDER BY space, cluster, patient_id", {"s": list(query.studies)}
    )
    own = rows.filter(pl.col("space") == OWN)
    here = everyone.join(own.select("patient_id", "cluster", "name"), on="patient_id", how="inner", maintain_order="left")
    if here.is_empty():
        there = store.sql("SELECT DISTINCT study FROM cluster WHERE space = $s ORDER BY study", {"s": OWN})["study"].to_list()
        raise cohort_frame.not_measured("A TME type", query, elsewhere=there)
    if here["name"].n_unique() < 2:
        raise TooFewPatients(f"{query.describe()} has one TME type only: there is nothing to compare; pick another study or relax the filters")
    levels = here.sort("cluster")["name"].unique(maintain_order=True)
    clusterings = {}
    for (space,), part in rows.group_by("space", maintain_order=True):
        labels = here.select("patient_id").join(part.select("patient_id", label="cluster"), on="patient_id", how="left", maintain_order="left")["label"]
        codes = labels.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
        clusterings[str(space)] = np.asarray(codes, dtype=np.int64)
    return here.with_columns(type=pl.col("name").cast(pl.Enum(levels))).drop("name", "cluster"), clusterings


def _finding(found: ByCluster) -> Finding:
    """The test of the types drawn, its p value corrected for all on offer."""
    row = found.tests.filter(pl.col("clustering") == OWN).row(0, named=True)
    return Finding(
        name=f"{found.name}, corrected for the choice of clustering", statistic=float(row["statistic"]), p_value=float(row["p_corrected"]), effect=None, ci95=None,
        n=int(row["n"]), n_missing=int(row["n_missing"]), note=found.note,
    )  # fmt: skip

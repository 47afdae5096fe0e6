"""Explanation: the attribution page's second half - kinds of measurement, faithfulness, what would flip a patient, in words."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.figures import words
from core.figures.attention import attention as attention_figure
from core.figures.chart import Chart
from core.figures.counterfactual import counterfactual as counterfactual_figure
from core.figures.deletion import deletion as deletion_figure
from core.figures.modality_share import modality_share as share_figure
from core.markers import attribution, paragraph
from core.markers.counterfactual import counterfactual
from core.markers.faithfulness import Faithfulness, faithfulness
from core.markers.modality_share import modality_share
from data.store import Store
from models import card


def kinds(store: Store, query: CohortQuery, *, predictor: str) -> Chart:
    """Share of each kind of measurement in what moves a predictor."""
    found = modality_share(store, query, predictor=predictor)
    chart = share_figure(found, provenance=provenance(store, query, n=found.n), title=f"What kind of measurement moves {short(predictor)}")
    return replace(chart, slug=f"modality-share-{predictor}".replace("_", "-"))


def trusted(store: Store, query: CohortQuery, *, predictor: str) -> Answer:
    """Deletion and insertion curves, and how steady the ranking is.

    Raises
    ------
    NotMeasured
        As `core.markers.faithfulness.faithfulness`.
    """
    found = faithfulness(store, query, predictor=predictor)
    source = provenance(store, query, n=found.n)
    where = found.cohort if found.cohorts.height > 1 else ""
    source = replace(source, cohort=f"{source.cohort}: {where}" if where and where != source.cohort else source.cohort)
    title = f"Does {short(predictor)} move with the features that SHAP names?"
    chart = deletion_figure(found, provenance=source, title=f"{title[:-1]}, on {where}?" if where else title)
    said, remarks = [_steady(found)], []
    if found.cohorts.height > 1:
        ratios = found.cohorts["value_deletion"].drop_nulls()
        said.append(
            f"Deletion ratios of all {found.cohorts.height} cohorts here: {words.ratio(ratios.min())} to {words.ratio(ratios.max())}; the curves are of the treated one with most patients."  # type: ignore[arg-type]
        )
    if query.filters:
        remarks.append(f"Curves and ranking are of the whole cohort {found.cohort}, however it is filtered.")
    sentence = (
        f"Taking features away in SHAP's order moves the output {words.ratio(found.deletion.value)} times as much as in a random order "
        f"(95% CI {words.interval((found.deletion.low, found.deletion.high))}, n = {found.n:,}, {found.cohort})."
    )
    return Answer(sentence=" ".join([sentence, *(s for s in said if s)]), charts=(replace(chart, warnings=(*chart.warnings, *remarks)),))


def looks(store: Store, query: CohortQuery, *, predictor: str) -> Answer:
    """Attention beside the share of |SHAP|; no chart where the model has no attention."""
    shares = attribution.rows(store, query, predictor)
    total = shares.group_by("feature").agg(pl.col("shap").abs().sum().alias("size"))
    found = store.sql("SELECT study, cohort, protocol, feature, n, attention FROM attribution_summary WHERE predictor = $p AND attention IS NOT NULL", {"p": predictor})
    here = found.join(shares.select("study", "cohort", "protocol").unique(), on=["study", "cohort", "protocol"], how="semi")
    if here.is_empty():
        return Answer(sentence="", charts=())
    n = int(here.select("study", "cohort", "n").unique()["n"].sum())
    table = (
        here.group_by("feature").agg((pl.col("attention") * pl.col("n")).sum() / n)
        .join(total, on="feature", how="left").with_columns((pl.col("size") / pl.col("size").sum()).fill_null(0.0).alias("shap_share"))
        .with_columns(pl.col("feature").map_elements(attribution.feature_label, return_dtype=pl.String).alias("label"))
        .select("label", "attention", "shap_share").sort("label")
    )  # fmt: skip
    chart = attention_figure(table, provenance=provenance(store, query, n=n), model=short(predictor))
    return Answer(sentence="", charts=(replace(chart, slug=f"attention-{predictor}"),))


def flip(store: Store, query: CohortQuery, *, predictor: str, patient: str) -> Answer:
    """What would take a patient's prediction across the threshold; no chart where no plausible change does.

    Raises
    ------
    NotMeasured
        As `core.markers.counterfactual.counterfactual`.
    """
    found = counterfactual(store, patient, predictor)
    sentence = paragraph.sentence(found)
    if not found.steps.height or not found.flips:
        return Answer(sentence=sentence, charts=())
    name = patient.partition(":")[2]
    chart = counterfactual_figure(
        found, provenance=provenance(store, query, n=1),
        title=f"Patient {name}: the smallest change that takes the prediction {'up to' if found.upwards else 'below'} {words.percent(found.chances[2])}",
    )  # fmt: skip
    warnings = ("Off the manifold: nobody in the cohort looks like this patient would, so the model's answer there is a guess.",) if found.off_manifold else ()
    return Answer(sentence=sentence, charts=(replace(chart, slug=f"counterfactual-{predictor}-{name}".lower(), warnings=warnings),))


def in_words(store: Store, query: CohortQuery, *, predictor: str, patient: str = "") -> paragraph.Paragraph:
    """The cohort, or a patient of it, in plain language."""
    if patient:
        return paragraph.of_patient(store, predictor=predictor, patient=patient)
    return paragraph.of_cohort(store, query, predictor=predictor)


def short(predictor: str) -> str:
    """A predictor as a title says it: "the elastic net"."""
    names = {"elastic_net": "the elastic net", "loris": "LORIS", "loris_recalibrated": "recalibrated LORIS", "multimodal": "the multimodal model"}
    return names.get(predictor, card(predictor).label)


def _steady(found: Faithfulness) -> str:
    if found.tau is None or found.overlap is None or found.tau.low is None:
        return ""
    over = "refits to bootstrap samples" if found.tau.detail == "refits" else "bootstrap samples of the patients (the model is not refitted)"
    return (
        f"The ranking over {found.tau.n} {over}: Kendall's tau {words.ratio(found.tau.value)} ({words.interval((found.tau.low, found.tau.high))}); of the "
        f"{found.overlap.detail} strongest features {words.percent(found.overlap.value)} stay so ({words.percent(found.overlap.low)} to {words.percent(found.overlap.high)})."
    )

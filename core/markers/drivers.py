"""What drives a prediction: SHAP values over a cohort, of one feature, and of one patient."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from core.answer import Answer
from core.cohort import frame as cohort_frame
from core.cohort.provenance import provenance
from core.cohort.query import CohortQuery
from core.figures import words
from core.figures.beeswarm import beeswarm
from core.figures.chart import Chart
from core.figures.dependence import dependence as dependence_figure
from core.figures.importance import importance
from core.figures.waterfall import waterfall as waterfall_figure
from core.markers.attribution import ADDITIVE, dependence, feature_label, summary, waterfall
from core.markers.explained import Summary
from core.speakers import KIND
from data.schema import PATIENT
from data.store import Store
from models import card


def drivers(store: Store, query: CohortQuery, *, predictor: str) -> Answer:
    """Beeswarm and bars of the strongest features.

    Raises
    ------
    NotMeasured, TooFewPatients, EmptyCohort, UnknownName
        As `core.markers.attribution.summary`.
    """
    found = summary(store, query, predictor)
    source = provenance(store, query, n=found.n, n_missing=found.n_missing - found.n_in_sample)
    remarks = _correlated(found)
    shown, left_out = replace(found, n_missing=0), _left_out(found)
    swarm = replace(
        beeswarm(shown, provenance=source, title=f"What moves {_short(found)}, patient by patient"), slug=f"attribution-{predictor}"
    )
    bars = replace(
        importance(shown, provenance=source, title=f"How much each feature moves {_short(found)}"), slug=f"importance-{predictor}"
    )
    swarm, bars = (replace(c, caption=f"{c.caption} {left_out}".strip()) for c in (swarm, bars))
    return Answer(sentence=_sentence(found), charts=(replace(swarm, warnings=(*swarm.warnings, *remarks)), bars))


def features(store: Store, query: CohortQuery, *, predictor: str) -> dict[str, str]:
    """Features of a predictor here, strongest first, in words; those without a value are left out."""
    found = summary(store, query, predictor)
    measured = set(found.points.drop_nulls("value")["feature"].unique())
    return {f: label for f, label in found.features.select("feature", "label").iter_rows() if f in measured}


def patients(store: Store, query: CohortQuery, *, predictor: str) -> dict[str, str]:
    """Patients that can be explained, most certain response first: id -> id with the predicted probability."""
    condition, params = query.where()
    found = store.sql(
        f"""SELECT patient_id, 1 / (1 + exp(-any_value(output))) AS probability FROM attribution
            WHERE predictor = $predictor AND protocol <> 'in_sample' AND patient_id IN (SELECT patient_id FROM patient WHERE {condition})
            GROUP BY 1 ORDER BY 2 DESC, 1""",
        {**params, "predictor": predictor},
    )
    return {p: f"{p.partition(':')[2]}, predicted {words.percent(v)}" for p, v in found.iter_rows()}


def explained(store: Store) -> list[str]:
    """Studies with out-of-sample attributions, most patients first."""
    found = store.sql(
        "SELECT study, count(DISTINCT patient_id) AS n FROM attribution WHERE protocol <> 'in_sample' GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    return list(found["study"])


def unexplained(store: Store, query: CohortQuery) -> str:
    """A sentence where the trained model scored patients of the cohort and nobody has had its scores explained; else ""."""
    condition, params = query.where()
    of_cohort = f"patient_id IN (SELECT patient_id FROM patient WHERE {condition})"
    counted = store.sql(
        f"""SELECT (SELECT count(*) FROM prediction WHERE predictor = $model AND {of_cohort}) AS scored,
                   (SELECT count(*) FROM attribution WHERE predictor = $model AND {of_cohort}) AS explained""",
        {**params, "model": KIND},
    ).row(0, named=True)
    if not counted["scored"] or counted["explained"]:
        return ""
    return f"The {card(KIND).label.lower()}'s scores are explained on demand, in some minutes a cohort: python -m core embed --explain"


def one_feature(store: Store, query: CohortQuery, *, predictor: str, feature: str) -> Chart:
    """A feature's contribution against its value, coloured by its strongest partner."""
    found = dependence(store, query, predictor, feature=feature)
    source = provenance(store, query, n=found.n, n_missing=cohort_frame.count(store, query) - found.n)
    return replace(dependence_figure(found, provenance=source), slug=f"dependence-{predictor}-{feature}".lower())


def one_patient(store: Store, query: CohortQuery, *, predictor: str, patient: str) -> Chart:
    """One patient's prediction taken apart."""
    found = waterfall(store, patient, predictor)
    source = provenance(store, query, n=1)
    name = patient.partition(":")[2]
    title = f"Patient {name}: predicted probability of response {words.percent(found.probability)}, taken apart"
    return replace(waterfall_figure(found, provenance=source, title=title), slug=f"waterfall-{predictor}-{name}".lower())


def _left_out(found: Summary) -> str:
    """Who is not explained, and why: those who trained the model apart from those without a score."""
    unscored = found.n_missing - found.n_in_sample
    none = f"{words.count(unscored, 'patient')} without a score left out." if unscored else ""
    if not found.n_in_sample:
        return none
    one = found.n_in_sample == 1
    trained = f"{words.count(found.n_in_sample, 'patient')} trained the model and {'is' if one else 'are'} left out"
    return f"{trained}; {unscored:,} {'has' if unscored == 1 else 'have'} no score." if unscored else f"{trained}."


def _correlated(found: Summary) -> tuple[str, ...]:
    """Groups of features among the strongest whose ranks correlate, so that they share their credit."""
    top = found.features.head(15).drop_nulls("group")
    groups = top.group_by("group", maintain_order=True).agg("label").filter(pl.col("label").list.len() > 1)
    return tuple(f"{words.listing(labels)} are correlated and share their credit." for labels in groups["label"].to_list())


def _sentence(found: Summary) -> str:
    strongest = [_inside(f) for f in found.features.head(3)["feature"].to_list()]
    judged = found.features.drop_nulls("beats_null")
    if judged.is_empty():
        formula = found.predictor in ADDITIVE
        tail = "a published formula, so that no refit to shuffled responses applies" if formula else "it was not refitted to shuffled responses"
    else:
        beating = int(judged["beats_null"].sum())
        tail = f"{beating} of {words.count(judged.height, 'feature')} beat models refitted to shuffled responses"
    return f"{_short(found)[:1].upper()}{_short(found)[1:]} is moved most by {words.listing(strongest)}; {tail} (n = {found.n:,})."


def _short(found: Summary) -> str:
    """The predictor as a title says it: "the elastic net"."""
    return {"elastic_net": "the elastic net", "loris": "LORIS", "loris_recalibrated": "recalibrated LORIS", "multimodal": "the multimodal model"}.get(found.predictor, found.predictor_label)


def _inside(feature: str) -> str:
    return words.column(feature) if feature in PATIENT.dtypes else feature_label(feature)

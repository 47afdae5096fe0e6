"""Do a predictor's probabilities come true, and does recalibration on other patients help?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from core.answer import Answer
from core.cohort.overlap import BASELINE, Overlap, shared_patients
from core.cohort.provenance import names
from core.cohort.query import CohortQuery
from core.errors import NotAProbability, NotMeasured, TooFewPatients
from core.figures import words
from core.figures.calibration import calibration as calibration_figure
from core.figures.calibration import recalibration as recalibration_figure
from core.figures.chart import Chart
from core.response import recalibration
from core.response.alarms import of_overlap
from core.response.calibration import Calibration, calibration
from core.response.closer import patients
from core.response.closer.compared import FEWEST, FEWEST_OF_EACH, enough
from core.response.closer.patients import POOLED, Judged, Variant
from core.response.outcome import Floats
from data.store import Store
from models import card

FIXED = ("published", "external")
"""Protocols of one model that stays the same from cohort to cohort."""
FEWEST_TO_FIT = 100
"""Patients of a cohort on which a recalibration is fitted."""


def reliability(
    store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED, fitted: str = ""
) -> Answer:
    """Calibration of a predictor's out-of-sample probabilities; then before and after recalibration fitted elsewhere.

    Parameters
    ----------
    fitted : "study/cohort" on whose patients the recalibration is fitted, one of `fits`; "" = none.

    Raises
    ------
    EmptyCohort, NotMeasured, TooFewPatients, UnknownName
        As `patients.judged`; the score is not a probability; or too few patients have one.
    """
    found, mine = probable(store, query, predictor=predictor, cohort=cohort)
    frame = found.frame.drop_nulls(mine.probability)
    result = calibration(frame, probability=mine.probability)
    source = patients.source(store, found, n=result.n)
    first = calibration_figure(result, provenance=source, label=mine.label)
    anew = (
        ""
        if mine.protocol in FIXED
        else " It is not recalibrated here: the model is fitted anew in every cohort, so there is no one probability to recalibrate."
    )
    warnings = (*first.warnings, *patients.pooled(frame))
    charts = [replace(first, slug=f"calibration-{predictor}", caption=first.caption + anew, warnings=warnings)]
    sentence = _sentence(mine, result)
    if fitted:
        chart, said = _recalibrated(store, found, mine=mine, fitted=fitted)
        charts.append(chart)
        sentence += f" {said}"
    return Answer(sentence=sentence, charts=tuple(charts))


def probable(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> tuple[Judged, Variant]:
    """The patients, and the variant of a predictor whose probabilities can be judged on them.

    Raises
    ------
    NotAProbability, NotMeasured, TooFewPatients
        The score is not a probability; nobody has one; or too few have.
    """
    about = card(predictor)
    if about.kind != "probability":
        raise NotAProbability(
            f"{about.label} is a measured marker, not a probability of response, so it is not drawn as one: it has no calibration and no "
            "net benefit; choose LORIS or the elastic net"
        )
    found = patients.judged(store, query, cohort=cohort)
    mine = patients.chosen(found, predictor)
    if not enough(found.frame, mine.probability):
        known = found.frame.drop_nulls(["response", mine.probability])["response"]
        raise TooFewPatients(
            f"{words.count(known.len(), 'patient')} ({words.count(int(known.sum()), 'responder')}) "
            f"{'has' if known.len() == 1 else 'have'} a probability of {mine.label} and a response; this takes at least {FEWEST}, "
            f"{FEWEST_OF_EACH} responders and {FEWEST_OF_EACH} non-responders among them: "
            f"{'relax a filter' if query.filters else 'pick a larger cohort'}"
        )
    return found, mine


def fits(store: Store, query: CohortQuery, *, predictor: str, cohort: str = POOLED) -> dict[str, str]:
    """Cohorts on which a recalibration can be fitted for these patients, by "study/cohort", largest first.

    None where the model itself is fitted anew in each cohort: there is no one probability to recalibrate. Cohorts whose
    patients are judged here are not offered.
    """
    if card(predictor).kind != "probability":
        return {}
    found = patients.judged(store, query, cohort=cohort)
    mine = found.preferred(predictor)
    if mine is None or mine.protocol not in FIXED:
        return {}
    rows = store.sql(
        """SELECT p.study, p.cohort, count(*) AS n, sum(CAST(q.response AS INTEGER)) AS responders
           FROM prediction p JOIN patient q USING (patient_id) JOIN study s ON s.study = p.study
           WHERE p.predictor = $predictor AND p.probability IS NOT NULL AND q.response IS NOT NULL
             AND coalesce(q.arm, '') <> 'control' AND p.protocol IN ('published', 'external', 'in_sample')
             AND coalesce(s.synthetic, false) = (SELECT bool_or(coalesce(synthetic, false)) FROM study WHERE study = ANY($here))
           GROUP BY 1, 2 HAVING n >= $least AND responders >= 20 AND n - responders >= 20 ORDER BY n DESC, 1, 2""",
        {"predictor": predictor, "least": FEWEST_TO_FIT, "here": list(query.studies)},
    )
    known = names(store.studies())
    here = set(found.frame.drop_nulls(mine.score).select("study", "cohort").unique().iter_rows())
    return {
        f"{study}/{name}": name if known.get(study, study) != name and study in query.studies else known.get(study, study)
        for study, name in rows.select("study", "cohort").iter_rows()
        if (study, name) not in here
    }


def fitting(store: Store, predictor: str, fitted: str) -> tuple[Floats, Floats, bool]:
    """Probability and response of the patients of the fit, and whether they trained the predictor itself."""
    study, _, name = fitted.partition("/")
    rows = store.sql(
        """SELECT p.probability, CAST(q.response AS DOUBLE) AS response, p.protocol FROM prediction p JOIN patient q USING (patient_id)
           WHERE p.predictor = $predictor AND p.study = $study AND p.cohort = $cohort AND p.probability IS NOT NULL
             AND q.response IS NOT NULL AND coalesce(q.arm, '') <> 'control' AND p.protocol IN ('published', 'external', 'in_sample')""",
        {"predictor": predictor, "study": study, "cohort": name},
    )
    trained = bool((rows["protocol"] == "in_sample").any())
    return rows["probability"].to_numpy(), rows["response"].to_numpy(), trained


def _recalibrated(store: Store, found: Judged, *, mine: Variant, fitted: str) -> tuple[Chart, str]:
    offered = fits(store, found.query, predictor=mine.predictor, cohort=address(found))
    if fitted not in offered:
        raise NotMeasured(f"no recalibration of {mine.label} can be fitted on '{fitted}' for these patients; pick one from the list")
    probability, response, trained = fitting(store, mine.predictor, fitted)
    fit = recalibration.fit(probability, response)
    judged = found.frame.drop_nulls(["response", mine.probability])
    result = recalibration.tested(fit, judged[mine.probability].to_numpy(), judged["response"].cast(pl.Float64).to_numpy())
    where = offered[fitted]
    change = result.brier_change
    low, high = change.ci95 or (np.nan, np.nan)
    word = "lowers" if high < 0 else "raises" if low > 0 else "does not change"
    said = (
        f"Recalibration fitted on {where} (n = {fit.n:,}) {word} the Brier score here{'' if high < 0 or low > 0 else ' for certain'}: "
        f"{result.raw.brier:.3f} to {result.recalibrated.brier:.3f} (change {_three(change.effect)}, {_three(low)} to {_three(high)}), "
        f"expected calibration error {result.raw.ece:.3f} to {result.recalibrated.ece:.3f}."
    )
    chart = recalibration_figure(
        result.raw, result.recalibrated, provenance=patients.source(store, found, n=result.n),
        labels=(f"{mine.label} as given", f"Recalibrated on {where}"),
        title=f"{mine.label} before and after recalibration fitted on {where}",
        caption=f"The same {result.n:,} patients before and after; the fit used another cohort: log-odds of response = "
        f"{words.signed(fit.intercept)} {'+' if fit.slope >= 0 else '−'} {abs(fit.slope):.2f} × log-odds of {mine.label}, fitted on {fit.n:,} patients of {where}, "
        f"{words.percent(fit.prevalence)} responders"
        + (f", who also trained {mine.label}" if trained else "")
        + f". Recalibration keeps the order of the patients, so the AUC stays. Brier score of {where}'s response rate for everybody: "
        f"{result.brier_fitted_prevalence:.3f}. Bins of about equal size with 95% Wilson intervals.",
    )  # fmt: skip
    warnings = [fit.note] if fit.note else []
    if not trained:  # else the alarms of the predictor itself say so
        warnings += [a.text for a in of_overlap(_shared(store, judged, fitted), label="the recalibration", training=where)]
    return replace(chart, slug=f"recalibration-{mine.predictor}", warnings=tuple(warnings)), said


def _shared(store: Store, judged: pl.DataFrame, fitted: str) -> Overlap:
    """Patients judged here who look like patients of the fit."""
    study, _, name = fitted.partition("/")
    columns = ", ".join(BASELINE)
    rows = store.sql(f"SELECT patient_id, study, cohort, {columns} FROM patient WHERE response IS NOT NULL")
    other = rows.filter((pl.col("study") == study) & (pl.col("cohort") == name))
    return shared_patients(other, rows.join(judged.select("patient_id"), on="patient_id", how="semi"))


def address(found: Judged) -> str:
    """"study/cohort" of the one cohort judged, or POOLED."""
    return f"{found.cohorts[0][0]}/{found.cohorts[0][1]}" if len(found.cohorts) == 1 else POOLED


def _three(value: float | None) -> str:
    if value is None or value != value:
        return words.UNDEFINED
    return "0.000" if abs(value) < 0.0005 else f"{value:+.3f}".replace("-", "−")


def _sentence(mine: Variant, result: Calibration) -> str:
    low, high = result.brier_ci95
    slope, shift = result.slope, result.intercept
    off = []
    if shift.ci95 is not None and shift.effect is not None:
        if shift.ci95[1] < 0:
            off.append("too high on average")
        if shift.ci95[0] > 0:
            off.append("too low on average")
    if slope.ci95 is not None and slope.effect is not None:
        if slope.ci95[1] < 1:
            off.append("too extreme")
        if slope.ci95[0] > 1:
            off.append("not extreme enough")
    verdict = f"its probabilities are {words.listing(off)}" if off else "no miscalibration is shown"
    against = "better than" if result.brier_null > high else "worse than" if result.brier_null < low else "not shown to be better than"
    return (
        f"{mine.label}: {verdict} (slope {words.estimate(slope)}, n = {result.n:,}); Brier score {result.brier:.3f} "
        f"({low:.3f} to {high:.3f}), {against} giving everybody the response rate ({result.brier_null:.3f})."
    )

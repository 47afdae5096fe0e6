"""Which predictor tells responders from non-responders?"""

from __future__ import annotations

import streamlit as st

from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.response.closer import LOOKS, decided, patients, reliability
from core.response.closer.concerns import concerns, concerns_of
from core.response.closer.look import look
from core.response.ranking import ranking
from pages.shared import cache, ui, words

FITS = {"calibration": ("Recalibrate on", reliability.fits), "decided": ("Calibrate on", decided.calibrations)}


def page() -> None:
    """Every predictor on this cohort, out-of-sample; whether a model beats a simple marker; and closer looks."""
    with ui.guard():
        place = ui.question("Which predictor tells responders from non-responders?")
        query = ui.pick_cohort()
        doubts = st.container()
        with ui.loading("performance"):
            try:
                found = cache.ask(ranking, query)
            except NotMeasured as error:
                ui.report(error)
                without_response(query)
                return
            ui.answer(place, found.sentence)
            for chart in found.charts:
                ui.show(chart)
        with doubts:
            for text in cache.ask(concerns, query):
                words.caution(text)
        closer()


def without_response(query: CohortQuery) -> None:
    """What is known of models on a study that has no response: their comparison on survival, where there is one."""
    try:
        found = cache.ask(look, query, kind="beside")
    except NotMeasured:
        return
    st.header(LOOKS["beside"], anchor=False)
    words.paragraph(found.sentence)
    for chart in found.charts:
        ui.show(chart)


@st.fragment
def closer() -> None:
    """One second look at one predictor; only the one that is chosen is computed."""
    with ui.guard():
        query = ui.cohort()
        st.header("Look closer", anchor=False)
        with ui.row("closer"):
            kind = ui.choose("Look", dict(LOOKS), name="look", search=True)
            asked = {"predictor": ui.choose("Predictor", ui.short(cache.ask(patients.predictors, query)), name="predictor", search=True)}
            cohorts = cache.ask(patients.cohorts, query)
            if len(cohorts) > 1 and kind not in {"transport", "recommended", "beside"}:
                asked["cohort"] = ui.choose("Cohort", cohorts, name="on", search=True)
            label, offers = FITS.get(kind, ("", None))
            fits = cache.ask(offers, query, **asked) if offers else {}
            if fits:
                asked["fitted"] = ui.choose(label, fits, name="fitted", search=True)
            ui.about(asked["predictor"])
        found = cache.ask(look, query, kind=kind, **asked)
        words.paragraph(found.sentence)
        asked.pop("fitted", None)
        for text in cache.ask(concerns_of, query, **asked) if kind not in {"transport", "change", "recommended", "beside"} else ():
            words.caution(text)
        for chart in found.charts:
            ui.show(chart)

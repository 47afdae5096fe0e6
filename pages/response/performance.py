"""Which predictor tells responders from non-responders?"""

from __future__ import annotations

import streamlit as st

from core.response.ranking import calibrated, judged, ranking, reliability
from pages.shared import cache, ui


def page() -> None:
    """Every predictor on every cohort, out-of-sample, and whether probabilities come true."""
    with ui.guard():
        place = ui.question("Which predictor tells responders from non-responders?")
        query = ui.pick_cohort()
        with ui.row("performance"):
            options = {"": "Every predictor on this study", **{k: f"{v} on every study" for k, v in cache.ask(judged).items()}}
            predictor = ui.choose("Show", options, name="show", search=True)
        with ui.loading("performance"):
            found = cache.ask(ranking, query, predictor=predictor)
            ui.answer(place, found.sentence)
            for chart in found.charts:
                ui.show(chart)
        calibration()


@st.fragment
def calibration() -> None:
    """Whether a predictor's probabilities come true on this cohort."""
    with ui.guard():
        query = ui.cohort()
        offered = cache.ask(calibrated, query)
        if offered:
            figure, panel = ui.split("calibration")
            with panel, ui.controls("calibration"):
                predictor = ui.choose("Probabilities of", ui.short(offered), name="probability", search=True)
                ui.about(predictor)
            with figure:
                ui.show(cache.ask(reliability, query, predictor=predictor))

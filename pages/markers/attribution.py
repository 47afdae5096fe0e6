"""What drives the prediction?"""

from __future__ import annotations

import streamlit as st

from core.cohort.frame import not_measured
from core.markers import attribution, drivers
from pages.markers import explanation
from pages.shared import cache, ui, words


def page() -> None:
    """SHAP values of a predictor: over the cohort, of one feature, of one patient."""
    with ui.guard():
        place = ui.question("What drives the prediction?")
        query = ui.pick_cohort()
        offered = dict(cache.ask(attribution.available, query).select("predictor", "label").iter_rows())
        if not offered:
            raise not_measured("An attribution", query, elsewhere=cache.ask(drivers.explained))
        figure, panel = ui.split()
        with panel, ui.controls("attribution"):
            predictor = ui.choose("Predictor", ui.short(offered), name="explained", search=True)
            ui.about(predictor)
            words.note(cache.ask(drivers.unexplained, query))
        with figure, ui.loading("attribution"):
            found = cache.ask(drivers.drivers, query, predictor=predictor)
            ui.answer(place, found.sentence)
            for chart in found.charts:
                ui.show(chart)
        feature(predictor)
        explanation.trust(predictor)
        explanation.in_words(predictor)
        explanation.patient(predictor)


@st.fragment
def feature(predictor: str) -> None:
    """One feature: its contribution against its value."""
    with ui.guard():
        figure, panel = ui.split("feature")
        with panel, ui.controls("feature"):
            chosen = ui.choose("Feature", cache.ask(drivers.features, ui.cohort(), predictor=predictor), name="feature", default="tmb_per_mb", search=True)
        with figure:
            ui.show(cache.ask(drivers.one_feature, ui.cohort(), predictor=predictor, feature=chosen))

"""The second half of the attribution page: kinds of measurement, faithfulness, one patient, in words."""

from __future__ import annotations

import streamlit as st

from core.markers import drivers, explanation
from pages.shared import cache, plain, ui, words


def trust(predictor: str) -> None:
    """How far the attribution can be trusted; a question that was not computed says so and stops nothing else."""
    st.header("What kind of measurement, and can it be trusted?", anchor=False)
    with ui.guard():
        ui.show(cache.ask(explanation.kinds, ui.cohort(), predictor=predictor))
    with ui.guard():
        for chart in cache.ask(explanation.looks, ui.cohort(), predictor=predictor).charts:
            ui.show(chart)
    with ui.guard():
        found = cache.ask(explanation.trusted, ui.cohort(), predictor=predictor)
        words.paragraph(found.sentence)
        for chart in found.charts:
            ui.show(chart)


@st.fragment
def patient(predictor: str) -> None:
    """One patient: the prediction taken apart, what would flip it, and both in words."""
    with ui.guard():
        st.header("One patient", anchor=False)
        figure, panel = ui.split("patient")
        with panel, ui.controls("patient"):
            chosen = ui.choose("Patient", cache.ask(drivers.patients, ui.cohort(), predictor=predictor), name="patient", search=True)
        with figure:
            ui.show(cache.ask(drivers.one_patient, ui.cohort(), predictor=predictor, patient=chosen))
            with ui.guard():
                found = cache.ask(explanation.flip, ui.cohort(), predictor=predictor, patient=chosen)
                words.paragraph(found.sentence)
                for chart in found.charts:
                    ui.show(chart)
            in_words(predictor, chosen)


def in_words(predictor: str, chosen: str = "") -> None:
    """The cohort or a patient in plain language, to be copied, with the origin of every number."""
    found = cache.ask(explanation.in_words, ui.cohort(), predictor=predictor, patient=chosen)
    name = "patient" if chosen else "cohort"
    st.html(f'<h2 class="figure-title">This {name} in words</h2>')
    with st.container(key=f"prose-{name}"):
        st.code(found.text, language=None, wrap_lines=True)
    with st.expander("Where each number comes from", key=f"facts-{name}"):
        plain.table(found.facts, caption=f"Numbers of the text on this {name}")

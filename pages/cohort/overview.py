"""Who are the patients?"""

from __future__ import annotations

import streamlit as st

from core.cohort.portrait import portrait
from pages.shared import bar, cache, ui


def page() -> None:
    """Pictures of the cohort, filters that count as they move, the flow, and what is missing."""
    with ui.guard():
        place = ui.question("Who are the patients?")
        query = ui.pick_cohort()
        figure, panel = ui.split()
        with panel, ui.controls("overview"):
            st.markdown("**Narrow the cohort**")
            bar.editor(query, key="page")
        with figure, ui.loading("overview"):
            found = cache.ask(portrait, query)
            ui.answer(place, found.sentence)
            for chart in found.charts:
                ui.show(chart)

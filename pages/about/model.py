"""What is this predictor, and how far can it be trusted?"""

from __future__ import annotations

import streamlit as st

from core.response import model_card
from core.response.recommended import RULE
from pages.shared import cache, plain, ui, words


def page() -> None:
    """Every predictor's card: use, limits, licence, training, performance on each cohort, calibration, what it never saw."""
    with ui.guard():
        place = ui.question("What is this predictor, and how far can it be trusted?")
        predictor = ui.choose("Predictor", cache.ask(model_card.listed), name="model", search=True)
        found = cache.ask(model_card.model_card, predictor=predictor)
        ui.answer(place, found.sentence)
        plain.table(found.facts, caption="The card")
        if found.chart is not None:
            ui.show(found.chart)
        if not found.calibration.is_empty():
            plain.table(
                found.calibration,
                caption="Calibration: a Brier score under that of the prevalence is better than giving everybody the response rate; ideal slope 1, intercept 0",
            )
        st.html('<h2 class="figure-title">Which one the app recommends</h2>')
        words.paragraph(RULE)
        words.paragraph("What is recommended for a cohort stands on the Performance page.")

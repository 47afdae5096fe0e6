"""Look closer: the second looks at the curves of the survival page."""

from __future__ import annotations

import streamlit as st

from core.survival.closer import LABELS, LOOKS, answer_of, columns, hazards
from core.survival.closer.mean import HORIZONS
from pages.shared import cache, ui, words


@st.fragment
def closer(asked, strata):
    """A second look at the curves: one at a time, and only that one is computed."""
    with ui.guard():
        st.header("Look closer", anchor=False)
        query, more = ui.cohort(), {"strata": strata}
        with ui.row("look"):
            chosen = ui.choose("What to look at", dict(LABELS), name="look", search=True)
            takes = LOOKS[chosen].options
            if "adjust" in takes:
                usual = cache.ask(hazards.usual, query, predictor=asked.get("predictor", ""), compare=asked["compare"], strata=strata)
                more["adjust"] = ui.choose_several("Adjust for", cache.ask(columns.covariates, query), name="adjust", default=usual)
            if "horizon" in takes:
                more["horizon"] = ui.choose("Up to", HORIZONS, name="horizon", search=True)
        with ui.loading(f"look-{chosen}"):
            found = cache.ask(answer_of(chosen), query, **asked, **{k: v for k, v in more.items() if k in takes})
            words.paragraph(found.sentence)
            for chart in found.charts:
                ui.show(chart)
            for remark in found.remarks:
                words.paragraph(remark)

"""Which markers go with response or survival, and how many would by chance?"""

from __future__ import annotations

import streamlit as st

from core.cohort.frame import not_measured, studies_with
from core.markers import marker as markers
from core.markers.scan import answers
from pages.shared import cache, ui


def page() -> None:
    """Volcano and ranked table of every marker; the null distribution; one marker closer."""
    with ui.guard():
        place = ui.question("Which markers go with the outcome?")
        query = ui.pick_cohort()
        outcomes = cache.ask(answers.offered, query)
        if not outcomes:
            raise not_measured("Response or survival", query, elsewhere=cache.ask(studies_with, column="os_months"))
        figure, panel = ui.split("scan")
        with panel, ui.controls("scan"):
            outcome = ui.choose("Outcome", ui.short(outcomes), name="outcome")
            group = ui.choose("Markers", {k: name for k, (name, _) in answers.GROUPS.items()}, name="kinds", default="all")
            how = ui.choose("Effect", answers.HOW, name="how", default="sd")
            held = ui.choose_several("Adjust for", cache.ask(answers.covariates, query), name="adjust")
        asked = {"outcome": outcome, "group": group, "split": how, "held": held}
        with figure, ui.loading("scan"), st.spinner("Scanning every marker of the cohort"):
            found = cache.ask(answers.answer, query, **asked)
            ui.answer(place, found.sentence)
            for chart in found.charts:
                ui.show(chart)
        chance(asked)
        closer(asked, found.strongest)


@st.fragment
def chance(asked: dict[str, cache.Option]) -> None:
    """The scan on shuffled outcomes."""
    with ui.guard():
        ui.show(cache.ask(answers.check, ui.cohort(), **asked))


@st.fragment
def closer(asked: dict[str, cache.Option], strongest: dict[str, str]) -> None:
    """One marker: its curves or rates, or its effect in every cohort."""
    if not strongest:
        return
    with ui.guard():
        figure, panel = ui.split("marker")
        with panel, ui.controls("marker"):
            chosen = ui.choose("Marker", strongest, name="marker", search=True)
            if not markers.is_binary(chosen):
                ui.link("Choose and lock a cut-off for it", page="cutoff", marker=chosen)
        with figure:
            ui.show(cache.ask(answers.closer, ui.cohort(), marker=chosen, outcome=asked["outcome"], split=asked["split"], held=asked["held"]))

"""How do the cells of a tumour lie to each other, and does it go with survival?"""

from __future__ import annotations

import streamlit as st

from core.spatial import cells
from pages.shared import cache, ui

FUNCTIONS = {"cross_l": "Cross-L, all distances", "nearest": "Nearest neighbour"}


def page() -> None:
    """A field's cells, how densely they lie, and densities and neighbourhoods against survival."""
    with ui.guard():
        place = ui.question("How do the cells of a tumour lie to each other, and does it go with survival?")
        query = ui.pick_cohort()
        if cache.ask(cells.patients, query):
            field()
            with ui.guard():
                found = cache.ask(cells.against_survival, query)
                ui.answer(place, found.sentence)
                ui.show(found.charts[0])


@st.fragment
def field() -> None:
    """A patient: the map of a field, the densities, and two types together."""
    with ui.guard():
        query = ui.cohort()
        figure, panel = ui.split("cells")
        with panel, ui.controls("cells"):
            patient = ui.choose("Patient", cache.ask(cells.patients, query), name="patient", search=True)
            number = ui.choose("Field", cache.ask(cells.fields, query, patient=patient), name="field", search=True)
        with figure, ui.loading("cells"):
            ui.show(cache.ask(cells.field_map, query, patient=patient, field=number))
        figure, panel = ui.split("pattern")
        with panel, ui.controls("pattern"):
            kinds = cache.ask(cells.kinds, query)
            first = ui.choose("Around", kinds, name="from", search=True)
            second = ui.choose("How do these lie?", {k: v for k, v in kinds.items() if k != first}, name="to", search=True)
            function = ui.choose("Measured by", FUNCTIONS, name="function", search=True)
        with figure, ui.guard():
            ui.show(cache.ask(cells.pattern, query, patient=patient, first=first, second=second, function=function))
        ui.show(cache.ask(cells.densities, query, patient=patient))

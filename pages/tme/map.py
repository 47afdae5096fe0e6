"""What kinds of tumour microenvironment are there?"""

from __future__ import annotations

import streamlit as st

from core.tme.atlas import atlas, groupings, mixture
from core.tme.map import colours
from pages.shared import cache, plain, ui


def page() -> None:
    """The map of patients by their tumour microenvironment, its types, and what they go with."""
    with ui.guard():
        place = ui.question("What kinds of tumour microenvironment are there?")
        query = ui.pick_cohort()
        figure, panel = ui.split()
        with panel, ui.controls("map"):
            colour = ui.choose("Colour by", cache.ask(colours, query), name="colour", search=True)
            gene = ui.type_in("or by a gene", name="gene", hint="CD8A")
        with figure, ui.loading("map"):
            found = cache.ask(atlas, query, colour=f"gene:{gene.upper()}" if gene else colour)
            ui.answer(place, found.sentence)
            for chart in found.charts:
                ui.show(chart)
        with figure, st.expander("The types, their size and stability", expanded=True):
            plain.table(cache.named(found.types))
        composition()


@st.fragment
def composition() -> None:
    """Which types the groups of a column are made of."""
    with ui.guard():
        query = ui.cohort()
        figure, panel = ui.split("composition")
        with panel, ui.controls("composition"):
            by = ui.choose("Types by", cache.ask(groupings, query), name="by", search=True)
        with figure:
            ui.show(cache.ask(mixture, query, by=by))

"""What kinds of tumour microenvironment are there?"""

from __future__ import annotations

import streamlit as st

from core.tme import looks
from core.tme.atlas import atlas, groupings, mixture
from core.tme.map import colours
from core.tme.spaces import layouts, spaces
from pages.shared import cache, plain, ui
from pages.tme import map_group, map_picture


def page() -> None:
    """The map of patients by their tumour microenvironment, its types, groups drawn on it, and what they go with."""
    with ui.guard():
        place = ui.question("What kinds of tumour microenvironment are there?")
        query = ui.pick_cohort()
        figure, panel = ui.split()
        with panel, ui.controls("map"):
            ui.choose("Colour by", cache.ask(colours, query), name="colour", search=True)
            ui.type_in("or by a gene", name="gene", hint="CD8A")
            ui.choose("Space", cache.ask(spaces, query), name="space")
            ui.choose("Layout", layouts(), name="layout")
            map_group.offer()
        with figure, ui.loading("map"):
            found = cache.ask(atlas, query, **map_picture.options())
            ui.answer(place, found.sentence)
        with figure:
            group_on_the_map()
            with st.expander("The types, their size and stability", expanded=not map_picture.chosen()):
                plain.table(cache.named(found.types))
        types()


@st.fragment
def group_on_the_map() -> None:
    """The picture, and what is known about the group that is drawn on it."""
    map_picture.picture()
    map_group.section()


@st.fragment
def types() -> None:
    """What the types go with; one question at a time, computed when it is asked."""
    with ui.guard():
        query = ui.cohort()
        figure, panel = ui.split("composition")
        with panel, ui.controls("composition"):
            look = ui.choose("About the types", dict(looks.LABELS), name="types")
            by = ui.choose("Types by", cache.ask(groupings, query), name="by", search=True) if look == looks.COLUMN else ""
        with figure, ui.guard():
            if look == looks.COLUMN:
                ui.show(cache.ask(mixture, query, by=by))
            else:
                found = cache.ask(looks.answer_of(look), query)
                ui.say(found.sentence)
                for chart in found.charts:
                    ui.show(chart)

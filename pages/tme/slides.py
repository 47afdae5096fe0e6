"""What do the slides show, and what do pictures say about expression?"""

from __future__ import annotations

import streamlit as st

from core.spatial import gallery
from pages.shared import cache, plain, ui

KINDS = {"cell type": "Cell types", "gene": "Genes"}


def page() -> None:
    """Slides with their tissue, tiles and attention; then pictures against expression."""
    with ui.guard():
        place = ui.question("What do the slides show?")
        ui.pick_cohort()
        if cache.shelf(gallery.slides):
            ui.answer(place, cache.shelf(gallery.summary))
            slide()
            with st.expander("All slides"):
                plain.table(cache.shelf(gallery.table))
    expression()


@st.fragment
def slide() -> None:
    """One slide: tissue, tiles, attention."""
    with ui.guard():
        figure, panel = ui.split("slides")
        with panel, ui.controls("slides"):
            chosen = ui.choose("Slide", cache.shelf(gallery.slides), name="slide", search=True)
        with figure:
            for part in (gallery.tissue, gallery.tiles):
                with ui.guard():
                    ui.show(cache.shelf(part, slide=chosen))
        with ui.guard():
            ui.show(cache.shelf(gallery.attention, slide=chosen))


@st.fragment
def expression() -> None:
    """Whether tiles predict expression and cell types of a patient left out."""
    with ui.guard():
        st.header("Do pictures say what is expressed?", anchor=False)
        with ui.row("expression"):
            kind = ui.choose("Predicted", KINDS, name="features")
        found = cache.shelf(gallery.expression, kind=kind)
        ui.say(found.sentence)
        ui.show(found.charts[0])

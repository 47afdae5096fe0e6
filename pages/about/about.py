"""What is in here, and where does it come from?"""

from __future__ import annotations

import streamlit as st

from core.cohort import sources
from pages.shared import cache, plain, ui, words


def page() -> None:
    """Studies with licence and citation, versions, what is synthetic, data dictionary, definitions."""
    with ui.guard():
        place = ui.question("What is in here, and where does it come from?")
        ui.answer(place, cache.ask(sources.sentence))
        studies, statistics, dictionary, software = st.tabs(["Studies", "Statistics", "Data dictionary", "Versions"])
        with studies:
            plain.table(cache.ask(sources.studies), caption="Studies, their licence and how to cite them")
            words.paragraph(sources.SYNTHETIC)
        with statistics:
            words.glossary()
        with dictionary:
            name = ui.choose("Table", sources.tables(), name="table", search=True)
            plain.table(sources.columns(name), caption=sources.tables()[name])
        with software:
            plain.table(cache.ask(sources.versions), caption="Versions: every number of this database comes from these")
            words.paragraph(sources.USE)

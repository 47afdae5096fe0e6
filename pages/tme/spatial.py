"""What lies where in the tissue?"""

from __future__ import annotations

import streamlit as st

from core.spatial import atlas
from core.spatial.section import colours, sections, spot_facts
from core.tme.map import STABLE
from pages.shared import cache, plain, tissue_view, ui

GROUPS = (
    "Clusters by smoothed marker expression, by consensus clustering (stability: how often its fits keep two spots of a cluster together); niches by the cell "
    f"types around a spot, relative to its section (stability: Jaccard overlap over resamples). Under {STABLE:g} a group is unstable: take its borders as uncertain."
)


def page() -> None:
    """A tissue section to zoom into, its spots, and what lies beside what in it."""
    with ui.guard():
        place = ui.question("What lies where in the tissue?")
        query = ui.pick_cohort()
        figure, panel = ui.split()
        with panel, ui.controls("tissue"):
            section = ui.choose("Section", cache.ask(sections, query), name="section", search=True)
            colour = ui.choose("Colour spots by", cache.ask(colours, query, section=section), name="colour", search=True)
            gene = ui.type_in("or by a gene", name="gene", hint="CXCL13")
        with figure, ui.loading("tissue"):
            found = cache.ask(atlas.tissue, query, section=section, colour=f"gene:{gene.upper()}" if gene else colour, folder=tissue_view.folder())
            ui.answer(place, found.sentence)
            chosen = tissue_view.chosen(found)
            tissue_view.show(found, chosen=chosen)
            ui.downloads(found.charts[0], found.charts[0].slug)
        with panel, ui.guard():
            if chosen:
                tissue_view.spot(cache.ask(spot_facts, query, section=section, spot=chosen, folder=tissue_view.folder()), found)
            else:
                tissue_view.astray(found)
        beside(section)


@st.fragment
def beside(section: str) -> None:
    """Clusters and niches, pairs of cell types, lymphoid peaks."""
    query = ui.cohort()
    with ui.guard():
        plain.table(cache.ask(atlas.groups, query, section=section), caption=GROUPS)
    with ui.guard():
        ui.show(cache.ask(atlas.pairs, query, section=section))
    with ui.guard():
        ui.say("Where may tertiary lymphoid structures lie? Peaks of B-cell, T-cell and chemokine expression, candidates for a pathologist to look at.")
        plain.table(cache.ask(atlas.peaks, query, section=section), caption="p: maximum of the section under random order of the spots, one-sided, 499 permutations")

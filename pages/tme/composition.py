"""What are these tumours made of?"""

from __future__ import annotations

import streamlit as st

from core.tme import cell_groups
from core.tme.cell_composition import bars_of, cell_composition, methods, pairs
from core.tme.group_tests import CORRECTIONS
from core.tme.two_measurements import comparisons, two_measurements
from pages.shared import cache, plain, ui, words


def page() -> None:
    """Immune and stromal cells of a cohort, their differences between groups, and how far two measurements of them agree."""
    with ui.guard():
        place = ui.question("What are these tumours made of?")
        query = ui.pick_cohort()
        figure, panel = ui.split()
        with figure, ui.loading("composition"):
            offered, groups = cache.ask(methods, query), cache.ask(cell_groups.groupings, query)
        with panel, ui.controls("composition"):
            method = ui.choose("Cells by", offered, name="counted", search=True)
            by = ui.choose("Group by", groups, name="grouped", search=True)
            bars = ui.choose("Bars", bars_of(method), name="bars")
        with figure, ui.loading("composition"):
            found = cache.ask(cell_composition, query, method=method, by=by, bars=bars)
            ui.answer(place, found.sentence)
            for chart in found.charts:
                ui.show(chart)
        with figure:
            if found.tests.height:
                with st.expander("The test of every cell type"):
                    plain.table(found.tests, caption="Kruskal-Wallis test between groups; q: corrected for the number of cell types")
            if found.rules:
                with st.expander("How TILs, TAMs and other sums are made"):
                    for rule in found.rules:
                        words.paragraph(f"{rule}.")
        if by and found.tests.height:
            apart(method, by, found.cells)
        agreement()


@st.fragment
def apart(method: str, by: str, cells: tuple[str, ...]) -> None:
    """How far groups are apart, pair by pair."""
    with ui.guard():
        figure, panel = ui.split("pairs")
        options = {}
        if cells:
            with panel, ui.controls("pairs"):
                options["cell"] = ui.choose("Cell type", {c: c for c in cells}, name="cell", search=True)
                options["correction"] = ui.choose("Correct p by", CORRECTIONS, name="correction", search=True)
        with figure:
            ui.show(cache.ask(pairs, ui.cohort(), method=method, by=by, **options))


@st.fragment
def agreement() -> None:
    """Slides beside RNA, where the cohort has both."""
    with ui.guard():
        query = ui.cohort()
        offered = cache.ask(comparisons, query)
        if not offered:
            return
        figure, panel = ui.split("agreement")
        with panel, ui.controls("agreement"):
            chosen = ui.choose("Compare", offered, name="measures", search=True)
        with figure:
            found = cache.ask(two_measurements, query, pairs=chosen)
            ui.say(found.sentence)
            for chart in found.charts:
                ui.show(chart)

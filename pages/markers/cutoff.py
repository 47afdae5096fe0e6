"""Does this cut-off hold in other patients?"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.answer import Answer
from core.cohort.query import CohortQuery
from core.markers.cutoff import bench, checklist, comparator, offered, required, shown, treatment
from pages.shared import cache, plain, ui, workbench

ASK = {"no": "Not asked", "yes": "Ask, as one more try"}


def page() -> None:
    """Choose a cut-off on one cohort, lock it, and read the outcomes of other patients once."""
    with ui.guard():
        place = ui.question("Does this cut-off hold in other patients?")
        query = ui.pick_cohort()
        lock = workbench.locked()
        with ui.guard():
            if lock:
                opened(place, lock)
            else:
                chosen(place, query)
        workbench.ledger_view()


def chosen(place: ui.DeltaGenerator, query: CohortQuery) -> None:
    """A cut-off on the derivation cohort, and its lock."""
    workbench.step("1 · Choose on the derivation cohort", "Then lock it, then validate it once on other patients.")
    figure, panel = ui.split()
    with panel, ui.controls("cutoff"):
        query = workbench.pick_derivation(query)
        choice = workbench.choice(query)
    with figure, workbench.drawing():
        found = cache.kept(bench.derivation, query, **workbench.options(choice))
        ui.answer(place, found.sentence)
        for chart in found.charts:
            ui.show(chart)
        workbench.step("2 · Lock it before any other patient is looked at")
        workbench.lock_form(query, choice)
        workbench.later("3 · Validation on other patients and 4 · Agreement with another assay open after the lock.")
        interaction(lambda: cache.kept(treatment.of_choice, query, **workbench.options(choice)))
        workbench.later("6 · Size of a validation study and 7 · Reporting checklist (REMARK, STARD) open after the lock.")


def opened(place: ui.DeltaGenerator, lock: str) -> None:
    """A lock: its facts, one look at other patients, the result, and what else it needs."""
    workbench.step("2 · Locked")
    workbench.lock_card(lock)
    ui.answer(place, cache.kept(shown.waiting, lock=lock))
    workbench.step("3 · Validate once, on other patients", "Until their outcomes are read, a cohort is known here by its name and by how many have the marker.")
    with ui.row("validation"):
        other = workbench.pick_validation(lock)
    if other is not None and workbench.is_validated(lock, other):
        found = cache.kept(shown.validated, lock=lock, cohort=other.key())
        ui.answer(place, found.sentence)
        for chart in found.charts:
            ui.show(chart)
        prevalence(lock, other.key())
        agreement(lock, other.key())
        interaction(lambda: cache.kept(treatment.of_lock, other, lock=lock))
    else:
        if other is not None:
            workbench.read_form(lock, other)
        workbench.later("4 · Agreement with another assay and 5 · Predictive or prognostic open after a validation.")
    size(lock)
    checks(lock)


@st.fragment
def prevalence(lock: str, cohort: str) -> None:
    """Predictive values where responses are rarer or more frequent."""
    with ui.guard():
        figure, panel = ui.split("prevalence")
        with panel, ui.controls("prevalence"):
            rate = workbench.slide("Response rate", name="prevalence", default=20)
        with figure:
            ui.show(cache.kept(shown.at_prevalence, lock=lock, cohort=cohort, prevalence=rate))


@st.fragment
def agreement(lock: str, cohort: str) -> None:
    """Agreement with another assay at its published cut."""
    with ui.guard():
        query = CohortQuery.from_key(cohort)
        found = cache.kept(offered.comparators_of, query, lock=lock)
        if not found:
            workbench.later("4 · Agreement with another assay: no other assay with a published cut is measured on these patients.")
        else:
            workbench.step("4 · Agreement with another assay")
            with ui.row("agreement"):
                other = ui.choose("Comparator", found, name="comparator", search=True)
            workbench.told(cache.kept(comparator.compared_with, query, lock=lock, comparator=other))


@st.fragment
def interaction(answer: Callable[[], Answer]) -> None:
    """Predictive or prognostic: computed when a person asks."""
    with ui.guard():
        workbench.step("5 · Predictive or prognostic?", "Does the marker tell who benefits from treatment, or who lives longer anyway? It needs patients without the treatment.")
        with ui.row("treated"):
            asked = ui.choose("Treatment by marker", ASK, name="treated")
        if asked == "yes":
            workbench.told(answer())


@st.fragment
def size(lock: str) -> None:
    """How many patients a validation study would need."""
    with ui.guard():
        workbench.step("6 · How large must a validation study be?", "Expected: the derivation's numbers less their optimism; 80% power, two-sided 5%.")
        with ui.row("size"):
            wide = ui.choose("95% interval of sensitivity and specificity", required.HALF_WIDTHS, name="width", default="10")
        plain.table(cache.kept(required.required, lock=lock, half_width=wide))


@st.fragment
def checks(lock: str) -> None:
    """REMARK and STARD, filled from what is known."""
    with ui.guard():
        workbench.step("7 · Reporting checklist")
        with ui.row("guideline"):
            guideline = ui.choose("Guideline", checklist.GUIDELINES, name="guideline")
        ui.show(cache.told(checklist.filled, guideline=guideline, lock=lock), table=False)

"""Designed states: first run, nobody matches, not measured here, anything a person can put right."""

from __future__ import annotations

import re
from html import escape

import streamlit as st

from core.cohort import frame
from core.cohort.provenance import names
from core.cohort.query import CohortQuery
from core.errors import CohortError, EmptyCohort, NoDatabase, NotAProbability, NotMeasured, TooFewPatients, UnknownName
from pages.shared import address, cache

QUOTED = re.compile(r"('[^'\s]*:[^'\s]*')")


def show(error: CohortError, query: CohortQuery | None) -> None:
    """What happened, why, and what to do about it."""
    if isinstance(error, NoDatabase):
        first_run()
    elif isinstance(error, EmptyCohort) and query is not None:
        _card("Nobody matches", sentence(error))
        _relax(query)
    elif isinstance(error, NotMeasured):
        title = "Too few patients for this question" if isinstance(error, TooFewPatients) else "Not measured here"
        _card("Not a probability" if isinstance(error, NotAProbability) else title, sentence(error))
        _elsewhere(error, query)
    else:
        _card("Not found" if isinstance(error, UnknownName) else "This cannot be shown", sentence(error))


def first_run() -> None:
    """No database yet: how to get one."""
    _card(
        "No cohort has been built yet",
        "TMEscope shows what a build has put into its database, and there is none. In the folder of TMEscope, run one of these, "
        "then reload this page.",
    )
    st.markdown("**The embedded synthetic cohort**, without a network, in under a minute; every figure is labelled synthetic:")
    st.code("python -m core build --synthetic always", language="bash")
    st.markdown("**The published studies**, downloaded and verified once, in about three minutes:")
    st.code("python -m core build", language="bash")
    if st.button("Look again"):
        st.rerun()


def sentence(error: Exception) -> str:
    """An error's message as a sentence, studies by name; an address that is quoted stays as it was typed."""
    text = str(error)
    try:
        pieces = QUOTED.split(text)
        for study, name in names(cache.studies()).items():
            pieces[::2] = [piece.replace(study, name) for piece in pieces[::2]]
        text = "".join(pieces)
    except CohortError:
        pass
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def _card(title: str, text: str) -> None:
    st.html(f'<section class="state" role="status"><h2>{escape(title)}</h2><p>{escape(text)}</p></section>')


def _relax(query: CohortQuery) -> None:
    for number, condition in enumerate(query.canonical_filters()):
        relaxed = query.without(condition)
        words = CohortQuery((), (condition,)).describe().strip(" ()")
        n = cache.ask(frame.count, relaxed)
        st.button(
            f"Remove the filter “{words}”: {n:,} patients", key=f"relax-{number}", on_click=address.go, args=(relaxed,)
        )


def _elsewhere(error: NotMeasured, query: CohortQuery | None) -> None:
    labels = names(cache.studies())
    with st.container(horizontal=True):
        for study in error.elsewhere[:5]:
            st.button(f"Open {labels.get(study, study)}", key=f"open-{study}", on_click=address.go, args=(CohortQuery((study,)),))
        if query is not None and query.filters:
            st.button("Remove all filters", key="open-all", on_click=address.go, args=(CohortQuery(query.studies),))

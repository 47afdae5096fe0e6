"""What every page is made of: question, answer, cohort bar, figure with its words and downloads, guard."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.cohort.query import CohortQuery
from core.errors import CohortError
from core.export import MIME, export, filename
from core.figures.chart import Chart
from core.glossary import spans
from pages.shared import address, bar, cache, plain, states

log = logging.getLogger("tmescope")
KINDS = {
    "png": "PNG picture", "svg": "SVG drawing", "pdf": "PDF page", "html": "HTML, interactive", "csv": "CSV, the numbers",
}  # fmt: skip


@contextmanager
def guard() -> Iterator[None]:
    """Turn what a person can put right into words; anything else is logged and shown without its traceback."""
    try:
        yield
    except CohortError as error:
        report(error)


def report(error: CohortError) -> None:
    """Show what a person can put right, as its designed state."""
    log.info("%s: %s", type(error).__name__, error)
    states.show(error, cohort() if "cohort" in st.session_state else None)


def question(text: str) -> DeltaGenerator:
    """The page's question as its heading; returns the place for the answer under it."""
    st.title(text, anchor=False)
    return st.empty()


def answer(place: DeltaGenerator, sentence: str) -> None:
    """The answer in one sentence, with its number."""
    place.html(f'<p class="answer" role="status">{escape(_tied(sentence))}</p>')


def say(sentence: str) -> None:
    """The answer of one step, above its figure."""
    st.html(f'<p class="definition">{escape(_tied(sentence))}</p>')


def pick_cohort() -> CohortQuery:
    """The cohort bar; returns the cohort that the URL and the bar name."""
    query = address.current(cache.with_patients())
    for message in address.notices():
        st.html(f'<p class="caution" role="alert">{escape(states.sentence(ValueError(message)))}</p>')
    if address.notices():
        st.button("Dismiss", key="dismiss-notices", type="tertiary", on_click=address.dismiss)
    bar.draw(query)
    if cache.synthetic(query):
        st.html('<p class="synthetic">Synthetic data: these patients are simulated. Nothing on this page is an observation.</p>')
    return query


@contextmanager
def controls(name: str) -> Iterator[None]:
    """The panel beside a figure that holds its controls."""
    with st.container(key=f"controls-{name}"):
        yield


@contextmanager
def row(name: str) -> Iterator[None]:
    """A row of controls above a figure that needs the whole width."""
    with st.container(key=f"controls-{name}", horizontal=True, vertical_alignment="bottom"):
        yield


def short(options: dict[str, str]) -> dict[str, str]:
    """Labels without their brackets, where they stay different from each other."""
    cut = {key: label.partition(" (")[0] for key, label in options.items()}
    return {key: cut[key] if list(cut.values()).count(cut[key]) == 1 else label for key, label in options.items()}


@contextmanager
def loading(page: str) -> Iterator[None]:
    """The main figure's place: a skeleton while a page is drawn for the first time; where the cohort cannot answer, its
    designed state, and nothing more of the page."""
    seen = st.session_state.setdefault("seen", set())
    place = st.empty()
    if page not in seen:
        place.skeleton(height=520)
        seen.add(page)
    failed = False
    try:
        yield
    except CohortError as error:
        failed = True
        place.empty()
        report(error)
    else:
        place.empty()
    if failed:
        st.stop()


def cohort() -> CohortQuery:
    """The cohort that the bar holds, for a fragment."""
    return CohortQuery.from_key(st.session_state["cohort"])


def split(name: str = "main") -> Sequence[DeltaGenerator]:
    """A wide place for a figure and a narrow one for its controls (above it on a small screen)."""
    with st.container(key=f"page-split-{name}"):
        return st.columns((3.3, 1), gap="medium")


def choose(label: str, options: dict[str, str], *, name: str, default: str | None = None, search: bool = False) -> str:
    """One of a few options, kept in the URL and while a person walks between pages; buttons where they fit, else a list."""
    keys = list(options)
    if not keys:
        return ""
    slot = address.control(name, keys, default=default if default in keys else keys[0])
    if search or len(keys) > 5 or sum(map(len, options.values())) > 40:
        picked = st.selectbox(
            label, keys, format_func=lambda k: options.get(k, k), key=slot, on_change=address.keep, args=(name, slot)
        )
    else:
        picked = st.segmented_control(
            label, keys, format_func=lambda k: options[k], key=slot, required=True, on_change=address.keep, args=(name, slot)
        )
    return picked if picked in keys else keys[0]


def choose_several(label: str, options: dict[str, str], *, name: str, default: Sequence[str] = ()) -> str:
    """Some of a few options, kept in the URL; gives them with commas between, or "none"."""
    slot = address.several(name, list(options), default=default)
    picked = st.multiselect(
        label, list(options), format_func=lambda k: options.get(k, k), key=slot, on_change=address.keep_several, args=(name, slot),
        placeholder="None",
    )  # fmt: skip
    return ",".join(picked) or "none"


def link(label: str, *, page: str, **params: str) -> None:
    """A link to another page with the same cohort and these parts of the address."""
    address_ = f"{page}?{urlencode({**params, 'cohort': cohort().key()})}"
    st.html(f'<p class="caption"><a href="{escape(address_, quote=True)}" target="_self">{escape(label)}</a></p>')


def type_in(label: str, *, name: str, hint: str = "") -> str:
    """A short text, kept in the URL; Enter applies it."""
    slot = address.control(name, None, default="")
    typed = st.text_input(label, key=slot, placeholder=hint, max_chars=40, on_change=address.keep, args=(name, slot))
    return (typed or "").strip()


def show(chart: Chart, *, table: bool = True, key: str = "", select: Callable[[], None] | None = None) -> None:
    """A figure with its title, warnings, caption, source and downloads; the same chart goes to every export.

    `select` is called when a person has outlined or boxed points; what they drew is in the session, under "plot-" and the key.
    """
    slug = key or chart.slug
    dark = cache.dark()
    with st.container(key=f"figure-{slug}"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.html(f'<h2 class="figure-title">{escape(chart.title)}</h2>', width="stretch")
            with st.container(width="content"):
                downloads(chart, slug)
        with st.container(key=f"wide-{slug}"):
            st.html('<p class="sideways" tabindex="0">Wider than this screen: scroll sideways.</p>')
            st.plotly_chart(
                cache.screen(chart, dark=dark), theme=None, key=f"plot-{slug}", config={"displayModeBar": False, "responsive": True},
                alt=chart.alt or chart.title, **({} if select is None else {"on_select": select, "selection_mode": ("box", "lasso")}),
            )  # fmt: skip
        for warning in chart.warnings:
            st.html(f'<p class="caution">{escape(warning)}</p>')
        st.html(f'<p class="caption">{_linked(chart.caption)}</p><p class="caption">{escape(chart.provenance.line())}</p>')
        if table:
            numbers(chart, slug)


@st.fragment
def numbers(chart: Chart, slug: str) -> None:
    """The table behind a figure, sent when a person opens it."""
    place = st.expander("The numbers behind this figure", key=f"numbers-{slug}", on_change="rerun")
    if place.open:
        with place:
            plain.numbers(chart.table, key=slug)


@st.fragment
def downloads(chart: Chart, slug: str) -> None:
    """The download menu of a figure, sent when a person opens it; nothing is drawn until a person asks."""
    menu = st.popover("Download", help="Picture, page or numbers of this figure", key=f"downloads-{slug}", on_change="rerun")
    if not menu.open:
        return
    dark = cache.dark()
    with menu:
        for kind, words in KINDS.items():
            st.download_button(
                words, data=lambda kind=kind: export(chart, kind=kind, dark=dark and kind == "html"), file_name=filename(chart, kind),
                mime=MIME[kind], key=f"download-{slug}-{kind}", on_click="ignore", type="tertiary",
            )  # fmt: skip


def _tied(sentence: str) -> str:
    """Numbers stay on the line of their letter ("n = 272")."""
    return re.sub(r"\b(n|p|HR|AUC) (=|<|>|\d)( ?)", lambda m: f"{m[1]}\u00a0{m[2]}" + ("\u00a0" if m[3] else ""), sentence)


def _linked(text: str) -> str:
    """A caption in which the first mention of each statistic leads to its two-line explanation."""
    return "".join(
        f'<a href="about#{term.slug}" target="_blank" title="{escape(term.text, quote=True)}">{escape(piece)}</a>'
        if term
        else escape(piece)
        for piece, term in spans(text)
    )


def about(predictor: str) -> None:
    """What a predictor is and what it must not be used for, from its card."""
    with st.popover("About this predictor"):
        card = cache.card(predictor)
        st.markdown(f"**{card.label}**")
        st.markdown(f"{card.intended_use}\n\n{card.limits}")
        st.caption(f"{card.reference}, doi [{card.doi}](https://doi.org/{card.doi})")

"""The slim bar of every page: study, chips of the cohort, filter editor, share link."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.cohort import filters, frame, overview
from core.cohort.provenance import describe, names
from core.cohort.query import CohortQuery, Filter, poolable
from core.figures.sparkline import sparkline
from data.schema import PATIENT, Column
from pages.shared import address, cache


def draw(query: CohortQuery) -> None:
    """Show the cohort and let a person change it."""
    known = names(cache.studies())
    with st.container(key="cohort-bar", horizontal=True, vertical_alignment="center", gap="small"):
        _study(query, known)
        for study in query.studies[1:]:
            st.button(
                f"{known.get(study, study)} ✕", key=f"chip-{study}", help="Remove this study", on_click=address.go,
                args=(replace(query, studies=tuple(s for s in query.studies if s != study)),),
            )  # fmt: skip
        for number, condition in enumerate(query.canonical_filters()):
            words = CohortQuery((), (condition,)).describe().strip(" ()")
            st.button(
                f"{words} ✕", key=f"chip-{number}", help="Remove this filter", on_click=address.go, args=(query.without(condition),)
            )
        with st.popover("Filter", help="Narrow the cohort, or add a study"):
            editor(query, key="bar")
            _pool(query, known)
        matching, everyone = cache.ask(frame.count, query), cache.ask(frame.count, CohortQuery(query.studies))
        of = f" of {everyone:,}" if matching != everyone else ""
        st.html(f'<p class="n">{matching:,}{of} patients</p>')
        with st.popover("Share", help="A link that opens this view"):
            st.markdown("This link opens the same view, cohort and controls included.")
            st.code(address.link(), language=None, wrap_lines=True)
            st.caption(f"{describe(query, known)}; {matching:,} patients")


def editor(query: CohortQuery, *, key: str) -> None:
    """One filter at a time: what its values are among these patients, and how many would remain."""
    columns: list[Column] = cache.ask(overview.filterable, studies=query.studies)
    if not columns:
        st.caption("No column of this study has more than one value.")
        return
    usual = [c for c in ("tmb_per_mb", "age_years", "sex", "cancer_type") if c in {column.name for column in columns}]
    name = st.selectbox(
        "Filter by", [c.name for c in columns], format_func=lambda c: PATIENT.column(c).label, key=f"{key}-column",
        index=[c.name for c in columns].index(usual[0]) if usual else 0,
    )  # fmt: skip
    column = PATIENT.column(name)
    others = replace(query, filters=tuple(f for f in query.filters if f.column != name))
    here = [f for f in query.filters if f.column == name]
    if column.kind in {"number", "time"}:
        _range(others, here, place=(column, key))
    else:
        _levels(others, here, place=(column, key))
    st.toggle(
        "Only patients with a known value", value=any(f.op == "known" for f in here), key=f"{key}-{name}-known-{query.key()}",
        on_change=_set_known, args=(query, name, f"{key}-{name}-known-{query.key()}"),
    )  # fmt: skip


def _range(others: CohortQuery, here: list[Filter], *, place: tuple[Column, str]) -> None:
    column, key = place
    limits = cache.ask(overview.bounds, studies=others.studies, column=column.name)
    low, high = limits
    chosen = (
        next((float(f.value) for f in here if f.op == "ge" and isinstance(f.value, float | int)), low),
        next((float(f.value) for f in here if f.op == "le" and isinstance(f.value, float | int)), high),
    )
    chosen = (min(max(chosen[0], low), high), max(min(chosen[1], high), low))
    counted = cache.ask(overview.distribution, others, column=column.name)
    st.html(sparkline(counted, label=column.label, chosen=chosen))
    slot = f"{key}-{column.name}-range-{others.key()}-{chosen}"
    st.slider(
        column.axis, low, high, chosen, step=_step(low, high), key=slot, format="%.4g", on_change=_set_range,
        args=(others, column.name, (slot, limits)),
    )  # fmt: skip


def _levels(others: CohortQuery, here: list[Filter], *, place: tuple[Column, str]) -> None:
    column, key = place
    counted = cache.ask(filters.level_counts, others, column=column.name)
    values = list(counted["value"])
    chosen = next((list(f.value) for f in here if f.op == "in" and isinstance(f.value, tuple)), [])
    labels = {value: f"{filters.spoken(value)} · {n:,}" for value, n in counted.iter_rows()}
    slot = f"{key}-{column.name}-levels-{others.key()}"
    make = st.pills if len(values) <= 12 else st.multiselect
    extra = {"selection_mode": "multi"} if len(values) <= 12 else {"placeholder": "Type to search"}
    make(
        column.label, values, default=[v for v in chosen if v in values], format_func=lambda v: labels.get(v, v), key=slot,
        on_change=_set_levels, args=(others, column.name, slot), **extra,
    )  # fmt: skip


def _study(query: CohortQuery, known: dict[str, str]) -> None:
    options = cache.with_patients()
    counts = dict(cache.studies().select("study", "patients").iter_rows())
    slot = f"study-{query.studies[0]}"
    st.selectbox(
        "Study", list(options), index=options.index(query.studies[0]), key=slot, label_visibility="collapsed",
        format_func=lambda study: f"{known[study]} · {counts[study]:,}", on_change=_set_study, args=(query, slot), width=320,
    )  # fmt: skip


def _pool(query: CohortQuery, known: dict[str, str]) -> None:
    slot = f"pool-{query.key()}"
    options = [s for s in cache.with_patients() if s in query.studies[1:] or s in poolable((*query.studies, s))[1:]]
    st.multiselect(
        "Pool with another study", options, default=list(query.studies[1:]),
        format_func=lambda study: known[study], key=slot, on_change=_set_pool, args=(query, slot), placeholder="One study",
    )  # fmt: skip


def _set_study(query: CohortQuery, slot: str) -> None:
    address.go(CohortQuery((st.session_state[slot],)))


def _set_pool(query: CohortQuery, slot: str) -> None:
    address.go(replace(query, studies=poolable((query.studies[0], *st.session_state[slot]))))


def _set_levels(others: CohortQuery, name: str, slot: str) -> None:
    values = tuple(st.session_state[slot])
    address.go(others.with_filter(Filter(name, "in", values)) if values else others)


def _set_range(others: CohortQuery, name: str, where: tuple[str, tuple[float, float]]) -> None:
    slot, (low, high) = where
    start, end = st.session_state[slot]
    query = others.with_filter(Filter(name, "ge", float(start))) if start > low else others
    address.go(query.with_filter(Filter(name, "le", float(end))) if end < high else query)


def _set_known(query: CohortQuery, name: str, slot: str) -> None:
    condition = Filter(name, "known")
    address.go(query.with_filter(condition) if st.session_state[slot] else query.without(condition))


def _step(low: float, high: float) -> float:
    span = high - low
    return 1.0 if span >= 50 else 0.1 if span >= 5 else max(span / 100, 1e-6)

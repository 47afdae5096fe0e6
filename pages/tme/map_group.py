"""The group of the map: who is in it, what it is made of, how it goes on, and whether its rule holds elsewhere."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.errors import CohortError
from core.tme import group, group_outcome, group_profile, group_rule, selection
from core.tme.spaces import LABELS, NAMES
from pages.shared import address, cache, states, ui, words
from pages.tme import map_picture

LOOKS = {"made_of": "Make-up", "response": "Response", "survival": "Survival", "genes": "Genes", "rule": "Rule"}
TYPE = "map-type"


def offer() -> None:
    """Take a whole type as the group: the way to one without a mouse."""
    try:
        types = cache.ask(group.types, ui.cohort(), **map_picture.place())
    except CohortError:
        return
    if types:
        now = map_picture.chosen()
        st.session_state[TYPE] = now if now in types else ""
        st.selectbox(
            "Group: a type, or outline one", ["", *types], key=TYPE, format_func=lambda k: types.get(k, "As drawn"),
            on_change=lambda: address.put("group", st.session_state[TYPE]),
        )


def section() -> None:
    """What is known about the group that the URL holds."""
    with ui.guard():
        chosen = map_picture.chosen()
        if not chosen:
            st.html('<p class="caption">Drag around patients on the map, or take a type, to make a group: its make-up, response, survival, genes and rule appear here.</p>')
            return
        st.html('<h2 class="figure-title">The group</h2>')
        query = ui.cohort()
        try:
            said = cache.ask(group.summary, query, chosen=chosen)
        except CohortError as error:
            words.caution(states.sentence(error))
            _clear()
            return
        with ui.row("map-group"):
            _name(chosen)
            _clear()
        ui.say(said)
        moved = cache.ask(group.group, query, chosen=chosen).moved
        if moved:
            words.caution(moved)
        made = selection.read(chosen)
        if made.corners and (made.space, made.layout) != tuple(map_picture.place().values()):
            words.caution(f"It was outlined on another picture ({NAMES[made.layout]}, {LABELS[made.space]}), so that its outline is not on this one.")
        look = ui.choose("About the group", LOOKS, name="about")
        with ui.guard():
            _look(look, chosen)


def _look(look: str, chosen: str) -> None:
    query = ui.cohort()
    if look == "survival":
        offered = cache.ask(group_outcome.endpoints, query, chosen=chosen)
        endpoint = ui.choose("Endpoint", offered, name="endpoint") if len(offered) > 1 else next(iter(offered), "os")
        found = cache.ask(group_outcome.survival, query, chosen=chosen, endpoint=endpoint)
    elif look == "rule":
        others = cache.ask(group_rule.others, query, chosen=chosen)
        onto = ui.choose_several("Apply the rule to", others, name="onto", default=list(others)) if others else "none"
        found = cache.ask(group_rule.as_rule, query, chosen=chosen, studies=onto)
    else:
        function = {"made_of": group_profile.made_of, "response": group_outcome.response, "genes": group_profile.genes}[look]
        found = cache.ask(function, query, chosen=chosen)
    ui.say(found.sentence)
    for chart in found.charts:
        ui.show(chart)


def _name(chosen: str) -> None:
    made = selection.read(chosen)
    slot = f"map-name-{escape(chosen)}"
    st.text_input(
        "Name of the group", value=made.name, key=slot, max_chars=selection.LONGEST_NAME, on_change=lambda: _rename(chosen, slot)
    )


def _rename(chosen: str, slot: str) -> None:
    name = str(st.session_state[slot]).strip()
    if name:
        address.put("group", selection.read(chosen).named(name).text())


def _clear() -> None:
    st.button("Clear the group", key="map-clear", type="tertiary", on_click=lambda: address.put("group", ""))

"""The map's picture: outline or box a group on it, zoom, and how far the picture can be trusted."""

from __future__ import annotations

from html import escape

import streamlit as st

from core.errors import BadLink, CohortError, TooFewPatients
from core.tme import group, zoom
from core.tme.atlas import atlas
from core.tme.layout import judged
from core.tme.spaces import layouts, spaces
from pages.shared import address, cache, states, ui, words

KEY, SAID = "tme-map", "map-said"
DRAGS = {"lasso": "Outline a group", "box": "Box a group", "zoom": "Zoom"}
TOOLS = {"lasso": "lasso", "box": "select", "zoom": "select"}
MOVES = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, 1), "Down": (0, -1)}


def _held(name: str) -> str:
    """What the URL, or the session, holds for a part of the address that no widget shows."""
    return str(st.session_state[address.control(name, None, default="")])


def chosen() -> str:
    """The selection that the URL holds; '' where there is none."""
    return _held("group")


def place() -> dict[str, str]:
    """Space and layout of the picture, as options of a question."""
    query = ui.cohort()
    return {
        name: str(st.session_state[address.control(name, list(offered), default=next(iter(offered)))])
        for name, offered in (("space", cache.ask(spaces, query)), ("layout", layouts()))
    }


def options() -> dict[str, str]:
    """Everything that the picture depends on, from the URL."""
    drag = st.session_state.get("kept", {}).get("drag") or "lasso"
    gene, colour = (str(st.session_state.get(f"control-{name}", "") or "").strip() for name in ("gene", "colour"))
    return {**place(), "colour": colour or "cluster", "gene": gene, "chosen": chosen(), "view": _held("view"), "drag": TOOLS.get(drag, "lasso")}


def picture() -> None:
    """The map itself; what a person draws on it goes into the URL. In a fragment: an outline redraws nothing else."""
    with ui.guard():
        query = ui.cohort()
        with ui.row("map-tools"):
            drag = ui.choose("Dragging on the map", DRAGS, name="drag")
            _steps()
        said = st.session_state.pop(SAID, "")
        if said:
            words.caution(said)
        found = cache.ask(atlas, query, **options())
        if found.notice:
            words.caution(states.sentence(ValueError(found.notice)))
        chart = found.charts[0]
        panels = list(chart.figure.layout.meta["studies"])
        ui.show(chart, key=KEY, select=lambda: _drawn(panels, drag))
        with ui.guard():
            try:
                line = cache.ask(judged, query, **place())
            except TooFewPatients as error:
                line = states.sentence(error)
            st.html(f'<p class="caption">{escape(line)}</p>')


def _steps() -> None:
    view = _held("view")
    if not view:
        return
    st.button("Show all", key="map-all", on_click=lambda: address.put("view", ""))
    try:
        zoom.read(view)
    except BadLink:
        return
    for label, (right, up) in MOVES.items():
        st.button(label, key=f"map-{label}", on_click=_go, args=(view, right, up), help=f"Move {label.lower()}")
    st.button("Zoom out", key="map-out", on_click=lambda: address.put("view", zoom.out(view)))


def _go(view: str, right: int, up: int) -> None:
    address.put("view", zoom.moved(view, right=right, up=up))


def _drawn(panels: list[str], drag: str) -> None:
    """Somebody has outlined or boxed a part of the map."""
    drawn = st.session_state[f"plot-{KEY}"]["selection"]
    shapes = [*drawn.get("lasso", []), *drawn.get("box", [])]
    if not shapes:
        return
    shape = shapes[-1]
    study = panels[int(str(shape.get("xref", "x")).removeprefix("x") or 1) - 1]
    if drag == "zoom":
        address.put("view", zoom.boxed(study, shape["x"], shape["y"]))
        return
    corners = "_".join(f"{v:.6g}" for pair in zip(shape["x"], shape["y"], strict=True) for v in pair)
    try:
        address.put("group", cache.ask(group.drawn, ui.cohort(), corners=corners, study=study, **place()))
    except CohortError as error:
        st.session_state[SAID] = states.sentence(error) + (" The group before it is kept." if chosen() else "")

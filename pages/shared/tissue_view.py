"""The tissue viewer: a component of our own on a canvas, with the picture's tiles below and the spots above."""

from __future__ import annotations

from functools import cache as once
from html import escape
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from core.figures.theme import DARK, LINE, SEQUENTIAL
from core.settings import Settings
from core.spatial.atlas import Tissue
from core.spatial.section import SpotFacts
from pages.shared import address, cache, plain

HTML = """<section class="tissue">
<div class="bar" role="toolbar" aria-label="View"><button data-do="in" aria-label="Zoom in">+</button><button data-do="out" aria-label="Zoom out">−</button>
<button data-do="all">Whole section</button><button data-do="spot" disabled>Go to the chosen spot</button>
<label>Colour of spots <input type="range" min="0" max="100" value="55" aria-label="Strength of the spots' colour, percent"></label></div>
<div class="stage"><canvas tabindex="0" role="application" aria-label="Tissue section"></canvas><div class="card" hidden></div></div>
<p class="told" role="status" aria-live="polite"></p></section>"""
MOST_ZOOM_SPOT_PX = 900.0
KEYS = (
    "Drag to move; scroll (after a click) or pinch to zoom; click on a spot for its tile and numbers. Keyboard: arrows go from spot to spot, Enter opens one, "
    "+ and \N{MINUS SIGN} zoom, Shift and arrows move, 0 shows the whole section."
)


@once
def _viewer():  # type: ignore[no-untyped-def]
    here = Path(__file__).parent
    css, js = ((here / f"tissue_view.{ending}").read_text(encoding="utf-8") for ending in ("css", "js"))
    return component("tmescope_tissue", html=HTML, css=css, js=js)


def folder() -> str:
    """The cache that holds the tiles."""
    return str(Settings.from_env().cache_dir)


def asked() -> str:
    """The spot that the URL names."""
    return str(st.session_state[address.control("spot", None, default="")] or "")


def chosen(found: Tissue) -> str:
    """The spot that the URL names, if the section has it."""
    spot = asked()
    return spot if spot in set(found.view.frame["spot_id"]) else ""


def astray(found: Tissue) -> None:
    """Say that the spot of the URL is not in this section, and offer to forget it."""
    spot = asked()
    if spot and not chosen(found):
        name = spot if len(spot) <= 40 else f"{spot[:40]}…"
        st.html(f'<p class="caution" role="status">Section {escape(found.view.section)} has no spot \'{escape(name)}\'. Click on a spot in the section to open it.</p>')
        st.button("Forget this spot", on_click=address.put, args=("spot", ""), key="forget-spot")


def show(found: Tissue, *, chosen: str) -> None:
    """The section; a click on a spot puts it into the URL."""
    view = found.view
    rows = view.frame
    dark = cache.dark()
    picture = None
    if view.picture is not None:
        picture = {"url": f"picture/{view.picture.name}", "levels": [list(size) for size in view.picture.levels], "tile": view.picture.tile_px}
    key = "tissue-view"
    _viewer()(
        key=key,
        data={
            "section": f"{view.study}:{view.section}", "label": f"Section {view.section}, {view.n} spots coloured by {view.label}. {KEYS}", "picture": picture,
            "x": rows["x"].round(1).to_list(), "y": rows["y"].round(1).to_list(), "spot": rows["spot_id"].to_list(), "colour": list(found.colours),
            "text": list(found.said), "radius": view.radius, "um_per_unit": view.um_per_unit, "most_zoom": MOST_ZOOM_SPOT_PX / view.radius / 2,
            "line": DARK.get(LINE, LINE) if dark else LINE, "dark": dark, "chosen": chosen,
        },
        on_spot_change=lambda: address.put("spot", str((st.session_state.get(key) or {}).get("spot") or "")),
    )  # fmt: skip
    legend(found)
    if view.without:
        st.html(f'<p class="caution">{escape(view.without)}</p>')
    elif view.picture is not None and view.picture.estimated:
        st.html(f'<p class="caption">The picture\'s file does not say how large a pixel is; {view.picture.um_per_px:.2f} µm was taken from the distance of the spots.</p>')
    chart = found.charts[0]
    st.html(f'<p class="caption">{escape(KEYS)}</p><p class="caption">{escape(chart.caption)}</p><p class="caption">{escape(chart.provenance.line())}</p>')


def legend(found: Tissue) -> None:
    """What the colours mean."""
    view = found.view
    if found.limits is None:
        items = "".join(
            f'<span style="white-space:nowrap;margin-right:1.1rem"><span aria-hidden="true" style="display:inline-block;width:.8rem;height:.8rem;border-radius:50%;background:{colour}"></span> '
            f"{escape(name)} ({escape(said)})</span>"
            for name, (colour, said) in found.legend.items()
        )
    else:
        low, high = found.limits
        items = (
            f'{low:.2g} <span role="img" aria-label="dark is low, light is high" style="display:inline-block;width:11rem;height:.8rem;vertical-align:middle;'
            f'background:linear-gradient(90deg,{",".join(SEQUENTIAL)})"></span> {high:.2g}{f" {escape(view.unit)}" if view.unit else ""}'
        )
    missing = f" {view.n_missing:,} spots without a value are drawn as empty circles." if view.n_missing else ""
    st.html(f'<p class="definition" style="margin:.2rem 0"><strong>{escape(view.label)}.</strong> {items}{missing}</p>')


def spot(facts: SpotFacts, found: Tissue) -> None:
    """A spot's square of the picture and its numbers, and the way back."""
    picture = found.view.picture
    st.html(f'<h2 class="figure-title">Spot {escape(facts.spot)}</h2>')
    st.button("Close the spot", on_click=address.put, args=("spot", ""), key="close-spot")
    if picture is not None and facts.square is not None:
        left, top, side = facts.square
        st.html(
            f'<img src="picture/{escape(picture.name)}/square/{left}/{top}/{side}" width="224" height="224" style="border-radius:.4rem;max-width:100%" '
            f'alt="H&amp;E of 224 by 224 µm around spot {escape(facts.spot)}"><p class="caption">224 x 224 µm around the spot.</p>'
        )
    rows = "".join(f"<tr><th scope='row' style='border-bottom:1px solid var(--line);vertical-align:top'>{escape(what)}</th><td>{escape(value)}</td></tr>" for what, value in facts.facts)
    st.html(f'<table class="plain">{rows}</table>')
    if facts.cells.height:
        plain.table(facts.cells, caption="Cell types, proportions by the authors")
    with st.expander("Scores beside the section's other spots"):
        plain.table(facts.scores.rename({"above": "share"}), caption="Share: of the section's spots that score lower")

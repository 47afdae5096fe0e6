"""Theme: every colour, font and size of the app's figures.

Figures are drawn in the light colours; `dress` turns a finished figure into the dark theme by replacing each colour
with its dark partner, so that a group keeps its hue everywhere. Qualitative colours are Okabe and Ito's (2008,
jfly.uni-koeln.de/color), safe for the common kinds of colour blindness. No figure relies on colour alone: lines also
differ in dash, points in symbol, and labels stand beside what they name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.figures import raster

FONT = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
TEXT_SIZE = 15
SMALL_SIZE = 14
TITLE_SIZE = 26

# Okabe-Ito
BLUE = "#0072B2"
VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
YELLOW = "#D8C400"  # darker than the original #F0E442, which cannot be seen on white
BLACK = "#30363C"

QUALITATIVE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
DASHES = ("solid", "9px,3px", "3px,2px", "9px,3px,2px,3px", "14px,4px", "6px,2px", "2px,4px", "12px,2px")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "x", "hexagon")

INK = "#1B2733"
MUTED = "#51606E"
FAINT = "#8A97A3"
GRID = "#E3E8EC"
LINE = "#AEB9C2"
PAPER = "#FFFFFF"
PANEL = "#F4F6F8"
UNKNOWN = "#A9B2BA"
CAUTION = "#8A5A00"
SYNTHETIC = "#7A3E9D"
EDGE = "#FDFDFD"  # around points, and text on dark fills
VEIL = "rgba(255, 255, 255, 0.75)"  # behind text that stands on marks
CLEAR = "rgba(0, 0, 0, 0)"
RASTER = "raster"
"""Name of a picture in a figure whose pixels have this module's colours."""

SEQUENTIAL = (
    "#00224E", "#083370", "#35456C", "#4F576C", "#666970", "#7D7C78", "#948E77", "#AEA371", "#C8B866", "#E5CF52",
    "#FEE838",
)  # fmt: skip
"""Cividis (Nunez 2018, doi 10.1371/journal.pone.0199239): perceptually uniform, low to high = dark to light."""

DIVERGING = (
    "#145785", "#4D749A", "#7791AF", "#A0B0C5", "#C8D0DB", "#F1F1F1", "#E4CABD", "#D4A48B", "#C17F5C", "#AA5B2E",
    "#913700",
)  # fmt: skip
"""Blue - grey - vermillion, equal steps in CIELAB from the middle to either end: below, at and above zero."""

DARK: Mapping[str, str] = {
    BLUE: "#4AA8E0",
    VERMILLION: "#F07F2D",
    GREEN: "#2FC79B",
    PURPLE: "#DB94BD",
    ORANGE: "#F0B43A",
    SKY: "#8ACDF4",
    YELLOW: "#F0E442",
    BLACK: "#D5DBE1",
    INK: "#E9EEF2",
    MUTED: "#B3BEC8",
    FAINT: "#84919D",
    GRID: "#2A343D",
    LINE: "#4C5965",
    PAPER: "#10161C",
    PANEL: "#1A222A",
    UNKNOWN: "#67737E",
    CAUTION: "#F0C465",
    SYNTHETIC: "#CDA2EA",
    EDGE: "#101010",
}

IMMUNE_SUBTYPES: Mapping[str, str] = {
    "C1": "wound healing",
    "C2": "IFN-γ dominant",
    "C3": "inflammatory",
    "C4": "lymphocyte depleted",
    "C5": "immunologically quiet",
    "C6": "TGF-β dominant",
}
"""The six immune subtypes and their published meaning (Thorsson 2018, doi 10.1016/j.immuni.2018.03.023)."""

GREYS = ("#4F5963", "#C9D0D6")
"""Dark and light end of the greys of groups that are unstable, where more than one has to be told apart."""

FIXED: Mapping[str, str] = {
    "responder": BLUE, "non-responder": VERMILLION, "responders": BLUE, "non-responders": VERMILLION,
    "yes": BLUE, "no": VERMILLION, "high": BLUE, "low": VERMILLION, "middle": GREEN,
    "predicted responder": BLUE, "predicted non-responder": VERMILLION, "predicted high": BLUE,
    "predicted low": VERMILLION,
    "cr": BLUE, "pr": SKY, "sd": ORANGE, "pd": VERMILLION,
    "desert": ORANGE, "excluded": PURPLE, "inflamed": GREEN,
    "immune-enriched": GREEN, "immune-enriched fibrotic": BLUE, "fibrotic": PURPLE, "mixed": BLACK,
    "c1": VERMILLION, "c2": ORANGE, "c3": GREEN, "c4": SKY, "c5": BLUE, "c6": PURPLE,
    "icb": BLUE, "control": BLACK, "female": PURPLE, "male": GREEN, "known": BLUE, "missing": UNKNOWN,
    "unknown": UNKNOWN, "not evaluable": UNKNOWN, "all patients": BLUE,
    "tmb": BLUE, "pdl1": ORANGE, "pd-l1": ORANGE, "cyt": GREEN, "gep": PURPLE, "cd8": SKY, "loris": VERMILLION,
    "loris_recalibrated": YELLOW, "loris recalibrated": YELLOW, "elastic_net": BLACK, "elastic net": BLACK,
}  # fmt: skip
"""Groups that have the same colour on every page."""

STATUS: Mapping[str, tuple[str, str]] = {
    "pass": (GREEN, "✓"),
    "fail": (VERMILLION, "✕"),
    "not applicable": (GRID, "–"),
}
"""Colour and mark of a data check's outcome."""


def colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each group: the fixed one where the name is known, else the next one that is not taken.

    Labels of a numeric split ("TMB ≥ 10", "TMB < 10") take the colours of high and low; those in between the ones
    of the palette. Past eight groups colours repeat (symbols and labels tell them apart).
    """
    result: dict[str, str] = {}
    for label in labels:
        name = label.strip().lower()
        if name in FIXED:
            result[label] = FIXED[name]
        elif "≥" in label and " to " not in label:
            result[label] = BLUE
        elif re.search(r"[<≤]", label) and " to " not in label:
            result[label] = VERMILLION
    free = [c for c in QUALITATIVE if c not in result.values()] or list(QUALITATIVE)
    for position, label in enumerate(label for label in labels if label not in result):
        result[label] = free[position] if position < len(free) else QUALITATIVE[position % len(QUALITATIVE)]
    return {label: result[label] for label in labels}


def fade(colour: str, alpha: float) -> str:
    """A colour with transparency, as rgba(); `dress` knows it too."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r}, {g}, {b}, {alpha:g})"


def on(colour: str) -> str:
    """The text colour that can be read on a palette colour, in both themes."""
    return EDGE if colour in {BLUE, BLACK, INK, MUTED} else "#111111"


def on_scale(share: float) -> str:
    """The text colour that can be read on the sequential scale at 0 (dark) to 1 (light)."""
    return "#FEFEFE" if share < 0.5 else "#111111"


def scale(stops: Sequence[str]) -> list[list[float | str]]:
    """A plotly colour scale from equally spaced stops."""
    return [[i / (len(stops) - 1), stop] for i, stop in enumerate(stops)]


def _template() -> go.layout.Template:
    axis = {
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "linecolor": LINE,
        "linewidth": 1,
        "ticks": "outside",
        "ticklen": 5,
        "tickcolor": LINE,
        "gridcolor": GRID,
        "nticks": 6,
        "tickfont": {"size": SMALL_SIZE, "color": INK},
        "title": {"font": {"size": TEXT_SIZE, "color": INK}, "standoff": 10},
        "automargin": False,
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": TEXT_SIZE, "color": INK},
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "colorway": list(QUALITATIVE),
            "colorscale": {"sequential": scale(SEQUENTIAL), "diverging": scale(DIVERGING)},
            "xaxis": axis,
            "yaxis": axis,
            "hovermode": "closest",
            "hoverlabel": {
                "font": {"family": FONT, "size": SMALL_SIZE, "color": INK},
                "bgcolor": PANEL,
                "bordercolor": LINE,
                "align": "left",
            },
            "legend": {"font": {"size": TEXT_SIZE, "color": INK}, "bgcolor": CLEAR, "tracegroupgap": 2},
            "coloraxis": {"colorbar": {"outlinewidth": 0, "tickfont": {"size": SMALL_SIZE}, "thickness": 14}},
            "annotationdefaults": {"font": {"size": TEXT_SIZE, "color": INK}, "showarrow": False},
        }
    )


TEMPLATE = _template()

_PARTNERS: Mapping[str, str] = {
    **{light.lower(): dark for light, dark in DARK.items()},
}
_RGBA = {
    tuple(int(light[i : i + 2], 16) for i in (1, 3, 5)): tuple(int(dark[i : i + 2], 16) for i in (1, 3, 5))
    for light, dark in DARK.items()
}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|rgba\((\d+), (\d+), (\d+), ([\d.]+)\)")


def _partner(match: re.Match[str]) -> str:
    text = match.group(0)
    if text.startswith("#"):
        return _PARTNERS.get(text.lower(), text)
    r, g, b = (int(match.group(i)) for i in (1, 2, 3))
    found = _RGBA.get((r, g, b))
    return text if found is None else f"rgba({found[0]}, {found[1]}, {found[2]}, {match.group(4)})"


def dress(figure: go.Figure, *, dark: bool = False, transparent: bool = False) -> go.Figure:
    """The figure in the light or dark theme; the figure that is given stays as it is.

    Parameters
    ----------
    figure : drawn with this module's light colours. transparent : no background, for a page that has its own.
    """
    if dark:
        text = _COLOUR.sub(_partner, figure.to_json())
        result = go.Figure(json.loads(text), skip_invalid=False)
        for image in result.layout.images:
            if image.name == RASTER:
                image.source = raster.dyed(image.source, _RGBA)
    else:
        result = go.Figure(figure)
    if transparent:
        result.update_layout(paper_bgcolor=CLEAR, plot_bgcolor=CLEAR)
    return result

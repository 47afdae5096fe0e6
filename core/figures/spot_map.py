"""Spot map: the spots of a tissue section where they lie, as circles of their true size, in the colour of one value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import EDGE, FAINT, GREYS, INK, SEQUENTIAL, SMALL_SIZE, TEXT_SIZE, UNKNOWN, colours, scale

if TYPE_CHECKING:
    from core.spatial.section import SectionView

WIDTH_PX, HEIGHT_PX = 1180, 640
MEANING = {"cluster": "how often the fits keep two of its spots together", "niche": "mean Jaccard overlap over resamples"}
"""What stability is of the groupings of `core.spatial.section.GROUPINGS`."""

LOW, HIGH = 2.0, 98.0
"""Percentiles at which colours end, so that one bright spot does not leave the others dark."""


def limits(view: SectionView) -> tuple[float, float]:
    """Values at the two ends of the colours."""
    values = view.frame["value"].drop_nulls().to_numpy().astype(np.float64)
    low, high = np.percentile(values, [LOW, HIGH])
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return float(low), float(high if high > low else low + 1.0)


def palette(view: SectionView) -> dict[str, str]:
    """The colour of every group; those that are unstable in grey, as on the TME map, from dark to light where there are several."""
    dark, light = ([int(end[i : i + 2], 16) for i in (1, 3, 5)] for end in GREYS)
    last = max(len(view.unstable) - 1, 1)
    greys = ["#" + "".join(f"{round(a + (b - a) * step / last):02X}" for a, b in zip(dark, light, strict=True)) for step in range(len(view.unstable))]
    return {**colours(view.levels), **dict(zip(view.unstable, greys if len(greys) > 1 else [UNKNOWN], strict=False))}


def painted(view: SectionView) -> list[str]:
    """The colour of every spot, '' where the value is missing."""
    if view.kind == "category":
        paint = palette(view)
        return [paint.get(value, "") if value is not None else "" for value in view.frame["value"]]
    low, high = limits(view)
    steps = len(SEQUENTIAL) - 1
    stops = [tuple(int(stop[i : i + 2], 16) for i in (1, 3, 5)) for stop in SEQUENTIAL]
    made = []
    for value in view.frame["value"]:
        if value is None:
            made.append("")
            continue
        place = min(max((value - low) / (high - low), 0.0), 1.0) * steps
        at = min(int(place), steps - 1)
        part = place - at
        made.append("#" + "".join(f"{round(a + (b - a) * part):02X}" for a, b in zip(stops[at], stops[at + 1], strict=True)))
    return made


def spoken(view: SectionView) -> list[str]:
    """What is said about every spot: its value, and its region where that is another thing."""
    said = []
    for value, label in view.frame.select("value", "label").iter_rows():
        text = "not known" if value is None else value if view.kind == "category" else f"{words.number(value)}"
        text += " (unstable)" if value in view.unstable else ""
        also = f"; region: {label}" if label and view.colour != "label" else ""
        said.append(f"{view.label} {text}{also}")
    return said


def legend(view: SectionView) -> Mapping[str, tuple[str, int]]:
    """Groups of a coloured category that the section has: name -> (colour, spots)."""
    paint = palette(view)
    counts = dict(view.frame.group_by("value").len().iter_rows())
    return {level: (paint[level], int(counts[level])) for level in view.levels if counts.get(level)}


def counted(view: SectionView, group: str, n: int) -> str:
    """What stands behind a group's name in a legend: its spots, and its stability where that is low."""
    return f"n = {n:,}" if group not in view.unstable else f"n = {n:,}, unstable: {view.unstable[group]:.2f}"


def doubt(view: SectionView) -> str:
    """The sentence that names the unstable groups of a section with their stability, or ""."""
    shown = set(view.frame["value"].drop_nulls())
    weak = [f"{group} ({stability:.2f})" for group, stability in view.unstable.items() if group in shown]
    return f"Grey: {words.listing(weak)}, unstable (stability under {view.stable_from:g}: {MEANING[view.colour]}); take their borders as uncertain." if weak else ""


def spot_map(view: SectionView, *, provenance: Provenance, title: str = "") -> Chart:
    """The spots alone, for a slide or a paper; the page shows them over the picture.

    Parameters
    ----------
    view : from `core.spatial.section.section_view`. provenance : of the cohort.
    """
    rows = view.frame
    x, y = rows["x_um"].to_numpy() / 1000, rows["y_um"].to_numpy() / 1000
    um = view.radius * view.um_per_unit
    pad = 3 * um / 1000
    across, down = float(np.ptp(x)) + 2 * pad, float(np.ptp(y)) + 2 * pad
    named = view.kind == "category"
    entries = [f"<span style='color:{colour}'>●</span> {shorten(level, 44)} ({counted(view, level, n)})" for level, (colour, n) in legend(view).items()] if named else []
    right = widest(entries) + 50 if named else 130
    room = (WIDTH_PX - 80 - right, HEIGHT_PX - 90)
    pixels = min(room[0] / across, room[1] / down)
    figure = frame(height=HEIGHT_PX, least=HEIGHT_PX, margin={"l": 70, "r": right, "t": 16, "b": 60}, showlegend=False)
    low, high = (0.0, 1.0) if named else limits(view)
    bar = {"cmin": low, "cmax": high, "colorscale": scale(SEQUENTIAL), "showscale": True,
           "colorbar": {"title": {"text": view.unit or view.label, "font": {"size": SMALL_SIZE}}, "tickfont": {"size": SMALL_SIZE}, "thickness": 18}}  # fmt: skip
    colour = [c or EDGE for c in painted(view)] if named else rows["value"].fill_null(float("nan")).to_numpy()
    edges = [EDGE if c else FAINT for c in painted(view)] if named else EDGE
    figure.add_trace(
        go.Scatter(
            x=x, y=y, mode="markers", text=[f"Spot {spot}: {said}" for spot, said in zip(rows["spot_id"], spoken(view), strict=True)],
            hovertemplate="%{text}<extra></extra>", cliponaxis=False,
            marker={"size": max(4.0, 2 * um / 1000 * pixels), "color": colour, "line": {"width": 0.5, "color": edges}, **({} if named else bar)},
        )
    )  # fmt: skip
    figure.update_layout(
        xaxis={"range": [x.min() - pad, x.max() + pad], "title": {"text": "mm"}, "constrain": "domain", "nticks": 6},
        yaxis={"range": [y.max() + pad, y.min() - pad], "title": {"text": "mm"}, "scaleanchor": "x", "constrain": "domain", "nticks": 6},
    )
    if named:
        note(figure, f"<b>{view.label}</b><br>" + "<br>".join(entries), xref="paper", x=1, xanchor="left", xshift=20, yref="paper", y=1, yanchor="top",
             font={"size": TEXT_SIZE, "color": INK}, align="left")  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    caption = f"Section {view.section}: each circle is a spot of {2 * um:.0f} µm at its place; colour: {view.label}{f', {view.unit}' if view.unit else ''}. n = {view.n:,} spots."
    if view.n_missing:
        caption += f" {words.count(view.n_missing, 'spot')} without a value drawn {'as empty circles' if named else 'in grey'}."
    if view.unstable:
        caption += f" {doubt(view)}"
    if not named:
        caption += f" Colours end at the {LOW:.0f}nd and {HIGH:.0f}th percentile."
    return Chart(
        slug=f"tissue-{view.section}-{view.colour}".replace(":", "-").replace("_", "-").replace(" ", "-").lower(), title=title or f"{view.label} in section {view.section}",
        figure=figure, table=rows.drop("x", "y"), caption=caption, provenance=provenance,
        alt=f"Map of {view.n} spots of section {view.section} coloured by {view.label}.",
    )  # fmt: skip

"""Point pattern figure: a function of distance with its envelope under random labelling."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, widest
from core.figures.theme import BLUE, GRID, INK, MUTED, TEXT_SIZE, VEIL, fade
from core.spatial.random_labelling import Curve

FUNCTIONS = {
    "cross_l": ("Cross-L less its mean under random labelling, µm", "translation edge correction", "L = sqrt(K / π)"),
    "nearest": ("Share with a neighbour within this distance", "Kaplan-Meier edge correction", "G"),
}


def point_pattern(curve: Curve, *, function: str, names: tuple[str, str], provenance: Provenance, name: str = "") -> Chart:
    """The observed curve, its mean under random labelling and a global envelope.

    Parameters
    ----------
    curve : from `core.spatial.random_labelling`. function : 'cross_l' (drawn less its expectation) or 'nearest'. names : the two types.
    name : whose fields.
    """
    axis, edges, letter = FUNCTIONS[function]
    base = curve.expected if function == "cross_l" else np.zeros_like(curve.expected)
    observed, expected, low, high = (values - base for values in (curve.observed, curve.expected, curve.low, curve.high))
    label, null = "observed", "random labelling"
    figure = frame(height=430, margin={"l": 78, "r": widest([label, null]) + 26, "t": 20, "b": 62}, showlegend=False)
    figure.add_trace(
        go.Scatter(
            x=np.concatenate([curve.radii, curve.radii[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself", mode="lines",
            line={"width": 0}, fillcolor=fade(MUTED, 0.22), hoverinfo="skip",
        )
    )  # fmt: skip
    figure.add_trace(go.Scatter(x=curve.radii, y=expected, mode="lines", line={"color": INK, "width": 1.6, "dash": "dash"}, hoverinfo="skip"))
    figure.add_trace(
        go.Scatter(x=curve.radii, y=observed, mode="lines", line={"color": BLUE, "width": 3}, hovertemplate="%{x:.0f} µm<br>%{y:.3g}<extra></extra>")
    )
    ends = [float(observed[-1]), float(expected[-1])]
    room = float(max(high.max(), observed.max()) - min(low.min(), observed.min())) * 0.07
    if abs(ends[0] - ends[1]) < room:
        sign = 1 if ends[0] >= ends[1] else -1
        middle = sum(ends) / 2
        ends = [middle + sign * room / 2, middle - sign * room / 2]
    for content, y, colour in ((label, ends[0], BLUE), (null, ends[1], INK)):
        note(figure, content, xref="paper", x=1, xanchor="left", xshift=8, yref="y", y=y, font={"size": TEXT_SIZE, "color": colour}, bgcolor=VEIL)
    share = {"tickformat": ".0%"} if function == "nearest" else {}
    figure.update_layout(
        xaxis={"title": {"text": "Distance, µm"}, "range": [0, float(curve.radii[-1])]},
        yaxis={"title": {"text": axis}, "showgrid": True, "gridcolor": GRID, **share},
    )
    if provenance.synthetic:
        badge(figure)
    outside = (curve.observed > curve.high) | (curve.observed < curve.low)
    direction = _direction(curve, outside)
    first, second = (_plural(one) for one in names)
    return Chart(
        slug=f"pattern-{function.replace('_', '-')}",
        title=f"{second[:1].upper()}{second[1:]} around {first}: {direction}",
        figure=figure,
        table=pl.DataFrame({"radius_um": curve.radii, "observed": curve.observed, "expected": curve.expected, "low": curve.low, "high": curve.high}),
        caption=(
            f"{letter} of {curve.first:,} {first} and {curve.second:,} {second}{f' of {name}' if name else ''}, {edges}, fields pooled by their cells and area. "
            f"Null: the same cells with their types dealt anew within each field (random labelling), {curve.permutations} permutations; band: global "
            f"envelope, which a curve leaves anywhere with probability 5% (studentised maximum deviation): {words.p(curve.p_value)}."
        ),
        provenance=provenance,
        alt=f"{second} around {first}: {direction}, {words.p(curve.p_value)}.",
    )  # fmt: skip


def _plural(name: str) -> str:
    """ "Tumour cell" -> "tumour cells"; "CD8 T cell" -> "CD8 T cells"."""
    inside = name[:1].lower() + name[1:] if name[1:2].islower() else name
    return inside + ("s" if name.endswith("cell") else "")


def _direction(curve: Curve, outside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    """What the curve says, in words."""
    if not outside.any():
        return "as if dealt at random"
    above, below = (curve.radii[outside & sign] for sign in (curve.observed > curve.expected, curve.observed < curve.expected))
    parts = [
        f"{what} {'at' if where.size == 1 else 'from'} {where[0]:.0f}{'' if where.size == 1 else f' to {where[-1]:.0f}'} µm"
        for what, where in (("nearer than chance", above), ("farther apart than chance", below))
        if where.size
    ]
    return " and ".join(parts)

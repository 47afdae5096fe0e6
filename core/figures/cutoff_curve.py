"""Cut-off curve figure: what every cut of a marker would give, the chosen one marked, the search's own 5% line drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, write
from core.figures.theme import BLUE, GRID, INK, LINE, MUTED, PANEL, SMALL_SIZE, VERMILLION, fade
from core.survival.endpoint import Floats

if TYPE_CHECKING:
    from core.markers.cutoff.derivation import Derivation

TALL = {"hazard": 210, "statistic": 170, "youden": 210, "rate": 190, "share": 90}
GAP = 34
RIGHT = 236
RATIO_TICKS = (0.1, 0.2, 0.33, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
SKEWED = 40.0
"""Largest over smallest cut from which the axis is logarithmic."""


def cutoff_curve(derivation: Derivation, *, provenance: Provenance, title: str = "") -> Chart:
    """The curve of a derivation.

    Parameters
    ----------
    derivation : from `core.markers.cutoff.derivation.derive`.

    Panels for a response: Youden's index with sensitivity and specificity, response rates on either side, the share that
    is positive. For survival: the hazard ratio, the statistic that is maximised with its 5% lines, the share.

    Raises
    ------
    NotMeasured
        There is no cut to draw.
    """
    table = derivation.curve.table
    if table.is_empty():
        raise NotMeasured(f"{derivation.label} has no cut to draw: {derivation.curve.note}")
    response = derivation.endpoint == "response"
    panels = ("youden", "rate", "share") if response else ("hazard", "statistic", "share")
    area = sum(TALL[p] for p in panels) + GAP * (len(panels) - 1)
    figure = frame(
        height=area + 20 + 70, least=area + 60, margin={"l": 92, "r": RIGHT, "t": 20, "b": 70}, showlegend=False
    )
    x = table["cut"].to_numpy()
    logarithmic = bool(x.min() > 0 and x.max() / x.min() > SKEWED)
    pieces: list[dict[str, object]] = []
    top = 1.0
    for number, panel in enumerate(panels, start=1):
        low = max(top - TALL[panel] / area, 0.0)
        axis = "yaxis" if number == 1 else f"yaxis{number}"
        drawn, settings, words_ = DRAWN[panel](derivation, x)
        for trace in drawn:
            figure.add_trace(trace.update(yaxis=axis.replace("axis", "")))
        figure.update_layout({axis: {"domain": [low, top], "showgrid": True, "anchor": "x", **settings}})
        for i, line in enumerate(words_):
            pieces.append(
                text(line, xref="paper", x=1, xanchor="left", xshift=12, yref="paper", y=top, yanchor="top", yshift=-24 * i + 2,
                     font={"size": SMALL_SIZE, "color": INK})
            )  # fmt: skip
        top = low - GAP / area
    unit = f", {derivation.unit}" if derivation.unit else ""
    figure.update_layout(
        xaxis={
            **marker_axis(float(x.min()), float(x.max()), logarithmic=logarithmic), "anchor": f"y{len(panels)}",
            "title": {"text": f"Cut of {words.inside(derivation.label)}{unit}" + (" (log scale)" if logarithmic else "")},
        }
    )  # fmt: skip
    _mark(figure, derivation)
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    return Chart(
        slug=f"cutoff-curve-{derivation.endpoint}",
        title=title or f"Every possible cut of {words.inside(derivation.label)}",
        figure=figure,
        table=table,
        caption=_caption(derivation),
        provenance=provenance,
        alt=_alt(derivation),
    )


def marker_axis(low: float, high: float, *, logarithmic: bool) -> dict[str, object]:
    """Type and ticks of an axis over a marker: at most six, 1, 2 and 5 times a power of ten on a log scale."""
    if not logarithmic:
        return {"type": "linear", "nticks": 6}
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [s * 10.0**p for p in powers for s in steps if low <= s * 10.0**p <= high]
        if len(ticks) <= 6:
            break
    ticks = ticks[:: 1 + len(ticks) // 7]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}


def _mark(figure: go.Figure, derivation: Derivation) -> None:
    """The chosen cut through all panels, and where the bootstrap puts it."""
    low, high = derivation.cut_ci
    shapes: list[dict[str, object]] = []
    if np.isfinite(low) and np.isfinite(high):
        shapes.append(
            {"type": "rect", "xref": "x", "yref": "paper", "x0": low, "x1": high, "y0": 0, "y1": 1, "fillcolor": PANEL,
             "line": {"width": 0}, "layer": "below"}
        )  # fmt: skip
    shapes.append(
        {"type": "line", "xref": "x", "yref": "paper", "x0": derivation.cut, "x1": derivation.cut, "y0": 0, "y1": 1,
         "line": {"color": INK, "width": 1.6}}
    )  # fmt: skip
    figure.layout.shapes = [*figure.layout.shapes, *shapes]


def _line(x: Floats, y: pl.Series, look: tuple[str, str], **style: object) -> go.Scatter:
    name, colour = look
    # a cut between two observed values parts the patients as the upper one does
    return go.Scatter(
        x=x, y=y.to_numpy(), mode="lines", name=name, line={"color": colour, "width": 2.2, "shape": "vh", **style},
        hovertemplate=f"cut %{{x:.4g}}<br>{name} %{{y:.2f}}<extra></extra>",
    )  # fmt: skip


def _band(x: Floats, limits: tuple[pl.Series, pl.Series], colour: str) -> go.Scatter:
    """A band between two step functions; gaps where a limit is unknown."""
    a, b = (limit.to_numpy().astype(np.float64) for limit in limits)
    known = np.isfinite(a) & np.isfinite(b)
    steps, a, b = np.repeat(x[known], 2)[:-1], np.repeat(a[known], 2)[1:], np.repeat(b[known], 2)[1:]
    return go.Scatter(
        x=np.concatenate((steps, steps[::-1])), y=np.concatenate((b, a[::-1])), fill="toself", mode="lines",
        line={"width": 0}, fillcolor=fade(colour, 0.16), hoverinfo="skip",
    )  # fmt: skip


def _hazard(d: Derivation, x: Floats) -> tuple[list[go.Scatter], dict[str, object], list[str]]:
    t = d.curve.table
    inside = np.concatenate((t["hazard_ratio"].drop_nulls().to_numpy(), [0.7, 1.4]))
    low, high = max(inside.min() / 1.6, 0.05), min(inside.max() * 1.6, 20.0)
    limits = (t["hr_low"].clip(low, high), t["hr_high"].clip(low, high))
    null = go.Scatter(
        x=[x[0], x[-1]], y=[1, 1], mode="lines", line={"color": MUTED, "width": 1.2, "dash": "dash"}, hoverinfo="skip"
    )
    settings: dict[str, object] = {
        "type": "log", "range": [np.log10(low), np.log10(high)], "title": {"text": "Hazard ratio"}, "gridcolor": GRID,
        "tickvals": [v for v in RATIO_TICKS if low <= v <= high], "ticktext": [f"{v:g}" for v in RATIO_TICKS if low <= v <= high],
    }  # fmt: skip
    said = ["<b>At or above against below</b>", "with 95% CI of one fixed cut"]
    return [_band(x, limits, BLUE), null, _line(x, t["hazard_ratio"], ("hazard ratio", BLUE))], settings, said


def _statistic(d: Derivation, x: Floats) -> tuple[list[go.Scatter], dict[str, object], list[str]]:
    size = d.selected.path["statistic"].abs()
    if size.is_empty():
        return [], {"title": {"text": "Statistic"}, "range": [0, 4]}, ["<b>Not estimable</b>"]
    ends = [float(x[0]), float(x[-1])]
    lines = [
        go.Scatter(
            x=ends, y=[level] * 2, mode="lines", hoverinfo="skip", line={"color": colour, "width": 1.4, "dash": dash}
        )
        for level, colour, dash in ((1.96, MUTED, "2px,4px"), (d.selected.critical, VERMILLION, "9px,3px"))
    ]
    most = max(float(size.to_numpy().max()), d.selected.critical) * 1.12
    said = [
        "<b>Log-rank statistic, |z|</b>",
        f"<span style='color:{VERMILLION}'>– –</span> 5%, corrected: {d.selected.critical:.2f}",
        f"<span style='color:{MUTED}'>· · ·</span> 5%, one fixed cut: 1.96",
        f"largest: {d.selected.statistic:.2f}",
        f"corrected {words.p(d.selected.p_value)}",
    ]
    return (
        [*lines, _line(x, size, ("statistic", BLUE))],
        {"title": {"text": "Statistic"}, "range": [0, most], "gridcolor": GRID},
        said,
    )


def _youden(d: Derivation, x: Floats) -> tuple[list[go.Scatter], dict[str, object], list[str]]:
    t = d.curve.table
    low = d.direction == "low"
    lines = [
        _line(
            x, 1 - t["sensitivity"] if low else t["sensitivity"], ("sensitivity", VERMILLION), width=1.6, dash="9px,3px"
        ),
        _line(x, 1 - t["specificity"] if low else t["specificity"], ("specificity", MUTED), width=1.6, dash="3px,2px"),
        _line(x, -t["youden"] if low else t["youden"], ("Youden index", BLUE)),
    ]
    said = [
        f"<span style='color:{BLUE}'>——</span> Youden index",
        f"<span style='color:{VERMILLION}'>– –</span> sensitivity",
        f"<span style='color:{MUTED}'>· · ·</span> specificity",
        f"best cut, corrected {words.p(d.p_corrected if d.rule == 'youden' else d.selected.p_value)}",
    ]
    inside = np.nan_to_num((-t["youden"] if low else t["youden"]).to_numpy().astype(np.float64))
    return (
        lines,
        {"title": {"text": "Share"}, "range": [min(0.0, float(inside.min())) * 1.1 - 0.02, 1.02], "gridcolor": GRID},
        said,
    )


def _rate(d: Derivation, x: Floats) -> tuple[list[go.Scatter], dict[str, object], list[str]]:
    t = d.curve.table
    drawn = []
    for side, colour, name in (("high", BLUE, "at or above"), ("low", VERMILLION, "below")):
        drawn += [
            _band(x, (t[f"orr_{side}_low"], t[f"orr_{side}_high"]), colour),
            _line(x, t[f"orr_{side}"], (f"response rate {name}", colour)),
        ]
    most = float(
        np.nanmax([t["orr_high_high"].to_numpy().astype(np.float64), t["orr_low_high"].to_numpy().astype(np.float64)])
    )
    said = [
        f"<span style='color:{BLUE}'>——</span> at or above the cut",
        f"<span style='color:{VERMILLION}'>——</span> below the cut",
        "with 95% CI of one fixed cut",
    ]
    return (
        drawn,
        {
            "title": {"text": "Response rate"},
            "range": [0, min(1.0, most * 1.05)],
            "tickformat": ".0%",
            "gridcolor": GRID,
        },
        said,
    )


def _share(d: Derivation, x: Floats) -> tuple[list[go.Scatter], dict[str, object], list[str]]:
    share = d.curve.table["prevalence"]
    share = share if d.direction == "high" else 1 - share
    settings: dict[str, object] = {
        "title": {"text": "Positive"}, "range": [0, 1], "tickvals": [0, 0.5, 1], "tickformat": ".0%", "gridcolor": GRID,
    }  # fmt: skip
    side = "at or above" if d.direction == "high" else "below"
    return [_line(x, share, ("share positive", LINE))], settings, [f"share {side} the cut"]


DRAWN = {"hazard": _hazard, "statistic": _statistic, "youden": _youden, "rate": _rate, "share": _share}


def _caption(d: Derivation) -> str:
    curve = d.curve
    outcome = (
        "response (CR or PR)"
        if d.endpoint == "response"
        else {"os": "overall survival", "pfs": "progression-free survival"}[d.endpoint]
    )
    parts = [
        f"Every cut that leaves {words.percent(curve.minprop)} to {words.percent(curve.maxprop)} of the patients below it "
        f"({words.count(table_height := curve.table.height, 'cut')}), against {outcome}; n = {d.n:,}, "
        f"{words.count(d.events, 'responder' if d.endpoint == 'response' else 'event')}.",
        f"Vertical line: the chosen cut, {words.number(d.cut)}"
        + (
            f"; grey: its 95% bootstrap interval, {words.number(d.cut_ci[0])} to {words.number(d.cut_ci[1])}."
            if np.isfinite(d.cut_ci[0])
            else "."
        ),
        "Intervals are those of one fixed cut, not corrected for the search.",
    ]
    if table_height and d.n_missing:
        parts.append(f"{words.count(d.n_missing, 'patient')} without the marker or the endpoint left out.")
    return " ".join(parts)


def _alt(d: Derivation) -> str:
    row = d.at_cut
    if d.endpoint == "response":
        what = (
            f"Youden index {words.signed(float(row['youden'] or 0))}"
            if row["youden"] is not None
            else "no Youden index"
        )
    else:
        what = f"hazard ratio {words.ratio(row['hazard_ratio'])}"
    return (
        f"Cut-off curve of {d.label} over {d.curve.table.height} cuts; at the chosen cut {words.number(d.cut)}: {what}."
    )

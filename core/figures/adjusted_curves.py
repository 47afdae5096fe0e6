"""Adjusted curves: survival as observed, and standardised over the cohort, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, spread, text, thinned, widest, write
from core.figures.theme import DASHES, GRID, INK, TEXT_SIZE, colours, fade
from core.survival.kaplan_meier import round_ticks

PANEL = 400


def adjusted_curves(
    observed: pl.DataFrame, adjusted: pl.DataFrame, *, provenance: Provenance, ends: Mapping[str, float], outcome_label: str = "Overall survival",
    title: str = "", caption: str = "",
) -> Chart:
    """Curves as observed on the left; on the right the adjusted ones, with those observed as thin dots behind them.

    Parameters
    ----------
    observed, adjusted : group, time (months), survival, ci_low, ci_high (null = no limit); groups in order of appearance.
    ends : group -> months at which its curves stop.

    Raises
    ------
    NotMeasured
        There is no adjusted curve.
    """
    adjusted = adjusted.drop_nulls("survival")
    if adjusted.is_empty():
        raise NotMeasured("no adjusted curve can be drawn; choose fewer covariates")
    groups = observed["group"].unique(maintain_order=True).to_list()
    colour = colours(groups)
    names = [shorten(g, 30) for g in groups]
    end = max([*ends.values(), 1e-9])
    figure = frame(height=PANEL + 52 + 64, least=420, margin={"l": 84, "r": widest(names) + 44, "t": 52, "b": 64}, showlegend=False)
    heights: list[float] = []
    for i, group in enumerate(groups):
        dash = DASHES[i % len(DASHES)]
        raw, made = (t.filter((pl.col("group") == group) & (pl.col("time") <= ends[group])).sort("time") for t in (observed, adjusted))
        _draw(figure, raw, (colour[group], dash, group), axes=("x", "y", ends[group]))
        _draw(figure, raw, (colour[group], "1px,3px", f"{group}, as observed"), axes=("x2", "y2", ends[group]), faint=True)
        heights.append(_draw(figure, made, (colour[group], dash, group), axes=("x2", "y2", ends[group])))
    ticks = list(round_ticks(end, most=5))
    time = {
        "range": [-0.012 * end, end * 1.012], "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks],
        "title": {"text": f"{outcome_label}, months"},
    }  # fmt: skip
    share = {"range": [0, 1.02], "tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0%", "25%", "50%", "75%", "100%"], "showgrid": True, "gridcolor": GRID}
    figure.update_layout(
        xaxis={**time, "anchor": "y", "domain": [0, 0.475]}, yaxis={**share, "anchor": "x", "title": {"text": "Free of the event"}},
        xaxis2={**time, "anchor": "y2", "domain": [0.525, 1]}, yaxis2={**share, "anchor": "x2", "showticklabels": False},
    )  # fmt: skip
    pieces = [
        text(f"<b>{head}</b>", xref="paper", x=x, xanchor="left", yref="paper", y=1, yanchor="bottom", yshift=8, font={"size": TEXT_SIZE, "color": INK})
        for head, x in (("As observed", 0), ("Adjusted (dots: as observed)", 0.525))
    ]
    for group, name, y in zip(groups, names, spread(heights, gap=24 / PANEL, low=0.02, high=0.98), strict=True):
        pieces.append(
            text(
                f"<span style='color:{colour[group]}'>■</span> <b>{name}</b>", xref="paper", x=1, xanchor="left", xshift=8, yref="y2", y=y,
                yanchor="middle", font={"size": TEXT_SIZE, "color": INK},
            )
        )  # fmt: skip
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    both = pl.concat(
        [t.select(pl.lit(kind).alias("curve"), "group", "time", "survival", "ci_low", "ci_high") for kind, t in (("observed", observed), ("adjusted", adjusted))]
    )
    return Chart(
        slug="adjusted-curves", title=title or "Survival as observed and adjusted", figure=figure, table=both,
        caption=caption or "Left: Kaplan-Meier estimate. Right: standardised over the cohort. Pointwise 95% bands.", provenance=provenance,
        alt=f"Survival curves as observed and adjusted of {words.listing(names)}.",
    )  # fmt: skip


def _draw(
    figure: go.Figure, part: pl.DataFrame, style: tuple[str, str, str], *, axes: tuple[str, str, float], faint: bool = False
) -> float:
    """One curve, with its band unless it is faint; gives its height at the end."""
    colour, dash, name = style
    x_axis, y_axis, end = axes
    part = thinned(part, "survival")
    time = np.concatenate(([0.0], part["time"].to_numpy(), [end]))

    def column(which: str) -> np.ndarray:
        values = part[which].cast(pl.Float64).fill_null(np.nan).to_numpy()
        return np.concatenate(([1.0], values, values[-1:] if values.size else [1.0]))

    y, low, high = (column(which) for which in ("survival", "ci_low", "ci_high"))
    low, high = np.where(y >= 1, 1.0, low), np.where(y >= 1, 1.0, high)
    shown = np.isfinite(low) & np.isfinite(high)
    if not faint and shown.any():
        x, upper, lower = np.repeat(time[shown], 2)[1:], np.repeat(high[shown], 2)[:-1], np.repeat(low[shown], 2)[:-1]
        figure.add_trace(
            go.Scatter(
                x=np.concatenate((x, x[::-1])), y=np.concatenate((upper, lower[::-1])), fill="toself", mode="lines", line={"width": 0},
                fillcolor=fade(colour, 0.14), hoverinfo="skip", name=f"{name}, 95% band", xaxis=x_axis, yaxis=y_axis,
            )
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=time, y=y, mode="lines", line={"shape": "hv", "color": fade(colour, 0.7) if faint else colour, "width": 1.4 if faint else 2.6, "dash": dash},
            name=name, xaxis=x_axis, yaxis=y_axis, hovertemplate=f"<b>{name}</b><br>%{{x:.1f}} months: %{{y:.0%}}<extra></extra>",
        )
    )  # fmt: skip
    return float(y[-1])

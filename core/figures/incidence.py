"""Incidence figure: cumulative incidence of competing events by group, with 95% bands."""

from __future__ import annotations

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


def incidence(
    table: pl.DataFrame, tests: pl.DataFrame, *, provenance: Provenance, end: float, title: str = "", caption: str = ""
) -> Chart:
    """Aalen-Johansen curves, one panel a cause, side by side.

    Parameters
    ----------
    table : group, cause (in words), time (months), incidence, ci_low, ci_high; panels and groups in order of appearance.
    tests : cause, name, p_value: Gray's test of each panel. end : months at which the curves stop.

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured("there is no event to count; choose a study with two kinds of events")
    causes = table["cause"].unique(maintain_order=True).to_list()
    groups = table["group"].unique(maintain_order=True).to_list()
    colour = colours(groups)
    names = [shorten(g, 30) for g in groups]
    figure = frame(height=PANEL + 64 + 64, least=420, margin={"l": 84, "r": widest(names) + 44, "t": 64, "b": 64}, showlegend=False)
    highest = float(table.filter(pl.col("time") <= end).select(pl.max_horizontal(pl.col("incidence").max(), pl.col("ci_high").max())).item() or 0.1)
    top = min(1.0, max(0.1, highest * 1.06))
    step = 0.25 if top > 0.6 else 0.1 if top > 0.25 else 0.05
    levels = [round(step * i, 2) for i in range(int(top / step + 1e-9) + 1)]
    ticks = list(round_ticks(end, most=5))
    pieces = []
    ends: list[float] = []
    width = 1 / len(causes)
    for i, cause in enumerate(causes):
        suffix = "" if i == 0 else str(i + 1)
        domain = [i * width + (0.035 if i else 0), (i + 1) * width - (0.035 if i < len(causes) - 1 else 0)]
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    "anchor": f"y{suffix}", "domain": domain, "range": [-0.012 * end, end * 1.012], "tickvals": ticks,
                    "ticktext": [f"{t:g}" for t in ticks], "title": {"text": "Months"},
                },
                f"yaxis{suffix}": {
                    "anchor": f"x{suffix}", "range": [0, top], "tickvals": levels, "ticktext": [f"{100 * v:.0f}%" for v in levels], "showgrid": True,
                    "gridcolor": GRID, "title": {"text": "Cumulative incidence" if i == 0 else ""}, "showticklabels": i == 0,
                },
            }
        )  # fmt: skip
        for j, group in enumerate(groups):
            part = table.filter((pl.col("cause") == cause) & (pl.col("group") == group) & (pl.col("time") <= end)).sort("time")
            height = _draw(figure, part, (colour[group], DASHES[j % len(DASHES)], group), axes=(f"x{suffix}", f"y{suffix}", end))
            if i == len(causes) - 1:
                ends.append(height)
        found = tests.filter(pl.col("cause") == cause)
        line = f"<b>{cause}</b>" + (f"<br>{found['name'][0]} {words.p(found['p_value'][0])}" if found.height else "")
        pieces.append(text(line, xref="paper", x=domain[0], xanchor="left", yref="paper", y=1, yanchor="bottom", yshift=8, font={"size": TEXT_SIZE, "color": INK}))
    suffix = "" if len(causes) == 1 else str(len(causes))
    for group, name, y in zip(groups, names, spread(ends, gap=24 / PANEL * top, low=0.02 * top, high=0.97 * top), strict=True):
        pieces.append(
            text(
                f"<span style='color:{colour[group]}'>■</span> <b>{name}</b>", xref="paper", x=1, xanchor="left", xshift=8, yref=f"y{suffix}", y=y,
                yanchor="middle", font={"size": TEXT_SIZE, "color": INK},
            )
        )  # fmt: skip
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    said = "; ".join(f"{c}: {n} {words.p(p)}" for c, n, p in tests.select("cause", "name", "p_value").iter_rows())
    return Chart(
        slug="incidence", title=title or "Cumulative incidence of competing events", figure=figure, table=table,
        caption=caption or "Cumulative incidence (Aalen-Johansen) with pointwise 95% band.", provenance=provenance,
        alt=f"Cumulative incidence curves of {words.listing([str(c).lower() for c in causes])}. {said}.",
    )  # fmt: skip


def _draw(figure: go.Figure, part: pl.DataFrame, style: tuple[str, str, str], *, axes: tuple[str, str, float]) -> float:
    """One curve with its band; gives its height at the end."""
    colour, dash, group = style
    x_axis, y_axis, end = axes
    part = thinned(part, "incidence")
    time = np.concatenate(([0.0], part["time"].to_numpy(), [end]))

    def column(name: str) -> np.ndarray:
        values = part[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        return np.concatenate(([0.0], values, values[-1:] if values.size else [0.0]))

    y, low, high = (column(name) for name in ("incidence", "ci_low", "ci_high"))
    low, high = np.where(y <= 0, 0.0, low), np.where(y <= 0, 0.0, high)
    shown = np.isfinite(low) & np.isfinite(high)
    x, upper, lower = np.repeat(time[shown], 2)[1:], np.repeat(high[shown], 2)[:-1], np.repeat(low[shown], 2)[:-1]
    figure.add_trace(
        go.Scatter(
            x=np.concatenate((x, x[::-1])), y=np.concatenate((upper, lower[::-1])), fill="toself", mode="lines", line={"width": 0},
            fillcolor=fade(colour, 0.14), hoverinfo="skip", name=f"{group}, 95% band", xaxis=x_axis, yaxis=y_axis,
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=time, y=y, mode="lines", line={"shape": "hv", "color": colour, "width": 2.6, "dash": dash}, name=group, xaxis=x_axis, yaxis=y_axis,
            hovertemplate=f"<b>{group}</b><br>%{{x:.1f}} months: %{{y:.0%}}<extra></extra>",
        )
    )  # fmt: skip
    return float(y[-1])

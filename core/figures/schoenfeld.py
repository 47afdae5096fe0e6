"""Schoenfeld figure: whether a hazard ratio stays the same over time - residuals, their smooth with its band, the fitted ratio."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, write
from core.figures.theme import BLUE, FAINT, GRID, INK, MUTED, SMALL_SIZE, TEXT_SIZE, VERMILLION, fade

PANEL_HEIGHT = 340
RATIOS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0, 100.0)
MOST_PANELS = 4


def schoenfeld(
    residuals: pl.DataFrame, smooth: pl.DataFrame, tests: pl.DataFrame, *, provenance: Provenance, outcome_label: str = "Overall survival",
    title: str = "", caption: str = "",
) -> Chart:
    """Scaled Schoenfeld residuals of every term against time.

    Parameters
    ----------
    residuals : term, time (months), value (log hazard ratio that this event alone would suggest).
    smooth : term, time, value, low, high (log hazard ratio; 95% band). tests : term, label, log_hazard_ratio (fitted,
        constant), p_value; one row a term, in order; at most four are drawn.

    Raises
    ------
    NotMeasured
        There is no term.
    """
    if tests.is_empty():
        raise NotMeasured("there is no hazard ratio to follow over time; compare at least two groups with events")
    drawn = tests.head(MOST_PANELS).rows(named=True)
    k = len(drawn)
    gap = 92
    area = k * PANEL_HEIGHT + (k - 1) * gap
    figure = frame(height=area + 60 + 64, least=area if k > 1 else 330, margin={"l": 96, "r": 30, "t": 60, "b": 64}, showlegend=False)
    pieces = []
    last = float(np.quantile(residuals["time"].to_numpy(), 0.99)) * 1.04 if residuals.height else 1.0
    for i, row in enumerate(drawn):
        top = 1 - i * (PANEL_HEIGHT + gap) / area
        bottom = top - PANEL_HEIGHT / area
        suffix = "" if i == 0 else str(i + 1)
        points = residuals.filter((pl.col("term") == row["term"]) & (pl.col("time") <= last))
        line = smooth.filter((pl.col("term") == row["term"]) & (pl.col("time") <= last)).sort("time")
        low, high = _range(points, line, fitted=float(row["log_hazard_ratio"]))
        _panel(figure, (points, line), (f"x{suffix}", f"y{suffix}", float(row["log_hazard_ratio"])))
        ticks = [r for r in RATIOS if low <= np.log(r) <= high]
        ticks = ticks if len(ticks) <= 6 else ticks[ticks.index(1.0) % 2 :: 2] if 1.0 in ticks else ticks[::2]
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    "anchor": f"y{suffix}", "range": [-0.012 * last, last * 1.02],
                    "title": {"text": f"{outcome_label}, months" if i == k - 1 else ""}, "nticks": 6,
                },
                f"yaxis{suffix}": {
                    "anchor": f"x{suffix}", "domain": [max(bottom, 0), top], "range": [low, high], "tickvals": [float(np.log(r)) for r in ticks],
                    "ticktext": [f"{r:g}" for r in ticks], "title": {"text": "Hazard ratio at that time"}, "showgrid": True, "gridcolor": GRID,
                },
            }
        )  # fmt: skip
        head = f"<b>{shorten(str(row['label']), 60)}</b>   constant ratio {words.ratio(float(np.exp(row['log_hazard_ratio'])))}; test of constancy {words.p(row['p_value'])}"
        pieces.append(text(head, xref="paper", x=0, xanchor="left", yref="paper", y=top, yanchor="bottom", yshift=22, font={"size": TEXT_SIZE, "color": INK}))
        if i == 0:
            key = (
                f"<span style='color:{BLUE}'>━</span> smooth with 95% band   <span style='color:{VERMILLION}'>╌</span> constant ratio   "
                f"<span style='color:{INK}'>┄</span> no effect   <span style='color:{FAINT}'>●</span> one event"
            )
            pieces.append(text(key, xref="paper", x=0, xanchor="left", yref="paper", y=top, yanchor="bottom", yshift=2, font={"size": SMALL_SIZE, "color": MUTED}))
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    said = "; ".join(f"{r['label']}: {words.p(r['p_value'])}" for r in drawn)
    return Chart(
        slug="schoenfeld", title=title or "Does the hazard ratio stay the same over time?", figure=figure, table=smooth,
        caption=caption or "Scaled Schoenfeld residuals with a smooth and its 95% band; a flat smooth means a constant hazard ratio.",
        provenance=provenance, alt=f"Scaled Schoenfeld residuals against time. Test of a constant hazard ratio: {said}.",
    )  # fmt: skip


def _range(points: pl.DataFrame, line: pl.DataFrame, *, fitted: float) -> tuple[float, float]:
    """The axis holds the smooth, its band where that is not far wider than the residuals, and nearly all residuals."""
    inner = np.nanquantile(points["value"].to_numpy(), [0.01, 0.99]) if points.height else np.zeros(0)
    inner = np.concatenate((inner, line["value"].to_numpy(), (0.0, fitted)))
    low, high = float(np.nanmin(inner)), float(np.nanmax(inner))
    band = np.concatenate([line[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("low", "high")])
    reach = 0.5 * (high - low) + 0.5
    values = np.append(band[np.isfinite(band)].clip(low - reach, high + reach), (low, high))
    room = 0.06 * (float(values.max() - values.min()) or 1.0)
    return min(float(values.min()) - room, -0.9), max(float(values.max()) + room, 0.9)


def _panel(figure: go.Figure, data: tuple[pl.DataFrame, pl.DataFrame], place: tuple[str, str, float]) -> None:
    points, line = data
    x, y, fitted = place
    axes = {"xaxis": x, "yaxis": y}
    figure.add_trace(
        go.Scatter(
            x=points["time"].to_numpy(), y=points["value"].to_numpy(), mode="markers", name="one event", **axes,
            marker={"size": 6, "color": fade(FAINT, 0.55)}, hovertemplate="%{x:.1f} months<extra></extra>",
        )
    )  # fmt: skip
    time = line["time"].to_numpy()
    shown = line.drop_nulls(["low", "high"])
    at = shown["time"].to_numpy()
    figure.add_trace(
        go.Scatter(
            x=np.concatenate((at, at[::-1])), y=np.concatenate((shown["high"].to_numpy(), shown["low"].to_numpy()[::-1])), fill="toself",
            mode="lines", line={"width": 0}, fillcolor=fade(BLUE, 0.16), hoverinfo="skip", name="95% band", **axes,
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=time, y=line["value"].to_numpy(), mode="lines", line={"color": BLUE, "width": 2.6}, name="smooth",
            customdata=np.exp(line["value"].to_numpy()), hovertemplate="%{x:.1f} months: hazard ratio %{customdata:.2f}<extra></extra>", **axes,
        )
    )  # fmt: skip
    ends = [float(time.min()), float(time.max())] if time.size else [0.0, 1.0]
    for value, colour, dash in ((0.0, INK, "dot"), (fitted, VERMILLION, "dash")):
        figure.add_trace(
            go.Scatter(x=ends, y=[value, value], mode="lines", line={"color": colour, "width": 1.4, "dash": dash}, hoverinfo="skip", name="constant", **axes)
        )

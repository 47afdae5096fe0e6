"""Predictive-values figure: PPV and NPV of a test over the response rate of the patients it is used in."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, spread
from core.figures.theme import BLUE, FAINT, INK, MUTED, VERMILLION, fade

HEIGHT = 400


def predictive_values(
    table: pl.DataFrame, *, at: float, observed: float, provenance: Provenance, title: str = "", caption: str = ""
) -> Chart:
    """Two curves, with their values at one response rate.

    Parameters
    ----------
    table : prevalence, ppv, npv and their limits from `core.response.confusion.predictive_values`. at : the response rate that is asked
        for; observed : that of the validation cohort, nan where it is not known.
    """
    figure = frame(height=HEIGHT, least=360, margin={"l": 96, "r": 250, "t": 20, "b": 66}, showlegend=False)
    x = table["prevalence"].to_numpy()
    here = {}
    for name, colour, dash, label in (("ppv", BLUE, "solid", "PPV"), ("npv", VERMILLION, "9px,3px", "NPV")):
        y = table[name].cast(pl.Float64).to_numpy()
        band(figure, table, name=name, colour=colour)
        figure.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines", name=label, line={"color": colour, "width": 2.6, "dash": dash},
                hovertemplate=f"{label} %{{y:.0%}} at a response rate of %{{x:.0%}}<extra></extra>",
            )
        )  # fmt: skip
        here[label] = _value(table, name, at)
        known = here[label] is not None
        figure.add_trace(
            go.Scatter(
                x=[at] if known else [], y=[here[label]] if known else [], mode="markers", hoverinfo="skip",
                marker={"color": colour, "size": 11, "line": {"color": INK, "width": 1}},
            )
        )  # fmt: skip
    marks = [(at, INK, "solid")]
    if observed == observed:
        marks.append((observed, FAINT, "dot"))
    figure.layout.shapes = [
        {"type": "line", "xref": "x", "yref": "paper", "x0": v, "x1": v, "y0": 0, "y1": 1, "line": {"color": c, "width": 1.3, "dash": d}, "layer": "below"}
        for v, c, d in marks
    ]
    ends = [float(table[name].drop_nulls()[-1]) if table[name].drop_nulls().len() else 0.5 for name in ("ppv", "npv")]
    shades = {"PPV": BLUE, "NPV": VERMILLION}
    for (label, value), height in zip(here.items(), spread(ends, gap=0.17, low=0.06, high=0.95), strict=True):
        long = "positive" if label == "PPV" else "negative"
        note(
            figure, f"<span style='color:{shades[label]}'>■</span> <b>{label} {words.percent(value)}</b>{_limits(table, label.lower(), at)}<br>of a {long} result",
            xref="paper", x=1, xanchor="left", xshift=14, yref="y", y=height, yanchor="middle",
        )  # fmt: skip
    rate = f"At a response rate of {words.percent(at)}"
    dotted = f"<br><span style='color:{MUTED}'>Dotted: {words.percent(observed)},<br>as validated</span>" if observed == observed else ""
    note(figure, f"{rate}{dotted}", xref="paper", x=1, xanchor="left", xshift=14, yref="y", y=0.6, yanchor="middle")
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axis = {"range": [-0.01, 1.01], "tickvals": ticks, "ticktext": [f"{t:.0%}" for t in ticks]}
    figure.update_layout(
        xaxis={**axis, "title": {"text": "Response rate of the patients tested"}},
        yaxis={**axis, "title": {"text": "Predictive value"}, "showgrid": True},
    )
    if provenance.synthetic:
        badge(figure)
    return Chart(
        slug="predictive-values",
        title=title or "Predictive values where responses are rarer or more frequent",
        figure=figure,
        table=table,
        caption=caption,
        provenance=provenance,
        alt=f"At a response rate of {words.percent(at)}: PPV {words.percent(here['PPV'])}{_limits(table, 'ppv', at)}, "
        f"NPV {words.percent(here['NPV'])}{_limits(table, 'npv', at)}.",
    )


def band(figure: go.Figure, table: pl.DataFrame, *, name: str, colour: str) -> None:
    """The 95% limits of one predictive value, where they exist."""
    if f"{name}_low" not in table.columns:
        return
    known = table.drop_nulls([f"{name}_low", f"{name}_high"])
    if known.is_empty():
        return
    x = known["prevalence"].to_list()
    figure.add_trace(
        go.Scatter(
            x=[*x, *x[::-1]], y=[*known[f"{name}_high"].to_list(), *known[f"{name}_low"].to_list()[::-1]], fill="toself",
            mode="none", fillcolor=fade(colour, 0.16), hoverinfo="skip", name=f"{name} 95% interval",
        )
    )  # fmt: skip


def _limits(table: pl.DataFrame, name: str, at: float) -> str:
    if f"{name}_low" not in table.columns:
        return ""
    low, high = _value(table, f"{name}_low", at), _value(table, f"{name}_high", at)
    return "" if low is None or high is None else f" ({words.percent(low)} to {words.percent(high)})"


def _value(table: pl.DataFrame, name: str, at: float) -> float | None:
    row = table.with_columns((pl.col("prevalence") - at).abs().alias("far")).sort("far").head(1)
    value = row[name][0]
    return None if value is None else float(value)

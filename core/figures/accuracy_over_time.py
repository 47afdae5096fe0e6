"""Accuracy over time: AUC(t) of a score with its interval beside chance, and Brier(t) beside the Kaplan-Meier null."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, write
from core.figures.theme import BLUE, GRID, INK, MUTED, SMALL_SIZE, TEXT_SIZE, VERMILLION, fade
from core.survival.kaplan_meier import round_ticks

PANEL = 360


def accuracy_over_time(
    ranks: pl.DataFrame, errors: pl.DataFrame, *, provenance: Provenance, title: str = "", caption: str = "", label: str = "score"
) -> Chart:
    """AUC(t) on the left, Brier(t) on the right.

    Parameters
    ----------
    ranks : time (months), auc, ci_low, ci_high, cases, controls; nulls are left out. errors : time, brier, ci_low, ci_high,
        brier_null; empty = the right panel says that it cannot be computed. label : the score in words.

    Raises
    ------
    NotMeasured
        No AUC can be drawn.
    """
    ranks, errors = ranks.drop_nulls("auc"), errors.drop_nulls("brier") if errors.height else errors
    if ranks.is_empty():
        raise NotMeasured("the score cannot be judged at any time here; choose a cohort with more events")
    figure = frame(height=PANEL + 56 + 92, least=420, margin={"l": 84, "r": 28, "t": 56, "b": 92}, showlegend=False)
    end = float(ranks["time"].to_numpy().max()) * 1.06
    ticks = list(round_ticks(end, most=6))
    _ranks(figure, ranks, label)
    _errors(figure, errors, label)
    low = min(0.4, float(np.floor(10 * np.nanmin(ranks["ci_low"].fill_null(np.nan).to_numpy())) / 10) if ranks["ci_low"].drop_nulls().len() else 0.4)
    shares = [round(v, 1) for v in np.arange(max(low, 0.0), 1.01, 0.1 if low >= 0.4 else 0.2)]
    highest = max(
        [0.27, *(float(errors[c].drop_nulls().to_numpy().max()) * 1.08 for c in ("ci_high", "brier_null") if errors.height and errors[c].drop_nulls().len())]
    )
    time = {"range": [0, end], "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks], "title": {"text": "Months"}}
    figure.update_layout(
        xaxis={**time, "anchor": "y", "domain": [0, 0.455]},
        yaxis={
            "anchor": "x", "range": [max(low, 0.0), 1.0], "tickvals": shares, "ticktext": [f"{v:g}" for v in shares], "showgrid": True,
            "gridcolor": GRID, "title": {"text": "AUC for an event by then"},
        },
        xaxis2={**time, "anchor": "y2", "domain": [0.555, 1]},
        yaxis2={"anchor": "x2", "range": [0, highest], "showgrid": True, "gridcolor": GRID, "nticks": 6, "title": {"text": "Brier score"}},
    )  # fmt: skip
    pieces = [
        text(f"<b>{head}</b>", xref="paper", x=x, xanchor="left", yref="paper", y=1, yanchor="bottom", yshift=12, font={"size": TEXT_SIZE, "color": INK})
        for head, x in (("Ranking: higher is better", 0), ("Error of the predicted risk: lower is better", 0.555))
    ]
    keys = (
        (f"<span style='color:{BLUE}'>●</span> {label}, 95% CI   <span style='color:{INK}'>╌</span> chance", 0),
        (f"<span style='color:{BLUE}'>●</span> {label}, 95% CI   <span style='color:{VERMILLION}'>◆</span> no score: Kaplan-Meier for everyone", 0.555),
    )
    pieces += [
        text(key, xref="paper", x=x, xanchor="left", yref="paper", y=0, yanchor="top", yshift=-58, font={"size": SMALL_SIZE, "color": MUTED})
        for key, x in keys
    ]
    if errors.is_empty():
        pieces.append(
            text("Not computable here", xref="x2 domain", x=0.5, xanchor="center", yref="y2 domain", y=0.5, font={"size": TEXT_SIZE, "color": MUTED})
        )
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    shown = "; ".join(f"{t:g} months {words.ratio(a)}" for t, a in ranks.select("time", "auc").iter_rows())
    wanted = ["time", "auc", "auc_low", "auc_high", "cases", "controls", "brier", "brier_low", "brier_high", "brier_null"]
    table = ranks.rename({"ci_low": "auc_low", "ci_high": "auc_high"})
    if errors.height:
        table = table.join(errors.rename({"ci_low": "brier_low", "ci_high": "brier_high"}), on="time", how="left")
    return Chart(
        slug="accuracy-over-time", title=title or f"How well {label} ranks patients over time", figure=figure,
        table=table.select([c for c in wanted if c in table.columns]), caption=caption or "AUC(t) and Brier(t), weighted for censoring, with 95% CI.",
        provenance=provenance, alt=f"AUC of {label} over time: {shown}.",
    )  # fmt: skip


def _ranks(figure: go.Figure, ranks: pl.DataFrame, label: str) -> None:
    time, auc = ranks["time"].to_numpy(), ranks["auc"].to_numpy()
    figure.add_shape(type="line", xref="x domain", yref="y", x0=0, x1=1, y0=0.5, y1=0.5, line={"color": INK, "width": 1.2, "dash": "dash"})
    _with_interval(figure, ranks, (BLUE, "x", "y"))
    said = [f"{words.ratio(a)} ({words.interval((lo, hi))})" for a, lo, hi in ranks.select("auc", "ci_low", "ci_high").iter_rows()]
    figure.add_trace(
        go.Scatter(
            x=time, y=auc, mode="lines+markers", name=label, line={"color": BLUE, "width": 2}, marker={"size": 9, "color": BLUE},
            customdata=said, hovertemplate="%{x:g} months: AUC %{customdata}<extra></extra>", xaxis="x", yaxis="y",
        )
    )  # fmt: skip


def _errors(figure: go.Figure, errors: pl.DataFrame, label: str) -> None:
    if errors.is_empty():
        figure.add_trace(go.Scatter(x=[], y=[], xaxis="x2", yaxis="y2", hoverinfo="skip", name=label))
        return
    time = errors["time"].to_numpy()
    _with_interval(figure, errors, (BLUE, "x2", "y2"))
    for column, colour, symbol, dash, name in (
        ("brier_null", VERMILLION, "diamond", "4px,4px", "Kaplan-Meier for everyone"),
        ("brier", BLUE, "circle", "solid", label),
    ):
        figure.add_trace(
            go.Scatter(
                x=time, y=errors[column].to_numpy(), mode="lines+markers", name=name, line={"color": colour, "width": 2, "dash": dash},
                marker={"size": 9, "color": colour, "symbol": symbol}, hovertemplate=f"{name}<br>%{{x:g}} months: %{{y:.3f}}<extra></extra>", xaxis="x2", yaxis="y2",
            )
        )  # fmt: skip


def _with_interval(figure: go.Figure, table: pl.DataFrame, look: tuple[str, str, str]) -> None:
    """Whiskers of the interval."""
    time = table["time"].to_numpy()
    colour, x, y = look
    low, high = (table[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("ci_low", "ci_high"))
    shown = np.isfinite(low) & np.isfinite(high)
    gaps = np.full(int(shown.sum()), np.nan)
    figure.add_trace(
        go.Scatter(
            x=np.stack((time[shown], time[shown], gaps), axis=1).ravel(), y=np.stack((low[shown], high[shown], gaps), axis=1).ravel(), mode="lines",
            line={"color": fade(colour, 0.45), "width": 4}, hoverinfo="skip", name="95% CI", xaxis=x, yaxis=y,
        )
    )  # fmt: skip

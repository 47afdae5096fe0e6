"""Calibration figure: observed response rate against predicted probability."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, text, write
from core.figures.theme import BLUE, FAINT, GREEN, INK, MUTED
from core.response.calibration import Calibration

SIDE = 460
PAIR_SIDE = 360
AXIS = {"range": [-0.01, 1.01], "tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0%", "25%", "50%", "75%", "100%"]}


def calibration(result: Calibration, *, provenance: Provenance, label: str = "", title: str = "") -> Chart:
    """Reliability diagram with Wilson intervals.

    Parameters
    ----------
    result : from `core.response.calibration.calibration`. label : predictor in words.
    """
    figure = frame(height=SIDE + 16 + 66, least=420, margin={"l": 86, "r": 400, "t": 16, "b": 66}, showlegend=False)
    _draw(figure, result, axes=("x", "y"), colour=BLUE)
    figure.update_layout(
        xaxis={**AXIS, "title": {"text": "Predicted probability of response"}, "constrain": "domain"},
        yaxis={**AXIS, "title": {"text": "Observed response rate"}, "scaleanchor": "x", "constrain": "domain"},
    )
    figure.update_xaxes(constraintoward="right")
    lines = [
        *([f"<b>{label}</b>"] if label else []),
        f"n = {result.n:,}, {words.count(result.responders, 'responder')}",
        "",
        *_numbers(result),
        "",
        f"<span style='color:{MUTED}'>Dotted line: ideal, slope 1<br>Circles grow with n</span>",
    ]
    note(figure, "<br>".join(lines), xref="x", x=1, xanchor="left", xshift=24, yref="paper", y=0.98, yanchor="top")
    if provenance.synthetic:
        badge(figure)
    caption = (
        f"Reliability in {words.count(result.bins.height, 'bin')} of about equal size, 95% Wilson intervals; n = {result.n:,}, "
        f"{words.count(result.responders, 'responder')}. Slope and intercept: logistic recalibration. Brier score with 95% CI, beside that of "
        "the response rate for everybody. Expected calibration error: over these bins, beside the mean that chance alone gives."
    )
    if result.n_missing:
        caption += f" {words.count(result.n_missing, 'patient')} without probability or response left out."
    return Chart(
        slug="calibration",
        title=title or f"Calibration of {label or 'the predicted probability of response'}",
        figure=figure,
        table=result.bins,
        caption=caption,
        provenance=provenance,
        alt=f"Calibration: slope {words.estimate(result.slope)}, expected calibration error {result.ece:.2f}.",
    )


def recalibration(
    before: Calibration, after: Calibration, *, provenance: Provenance, labels: tuple[str, str] = ("As given", "Recalibrated"),
    title: str = "", caption: str = "",
) -> Chart:  # fmt: skip
    """Two reliability diagrams of the same patients, side by side.

    Parameters
    ----------
    before, after : the probabilities as given, and recalibrated on other patients. labels : over each of them.
    """
    figure = frame(height=PAIR_SIDE + 40 + 66 + 176, least=600, margin={"l": 86, "r": 24, "t": 40, "b": 66 + 176}, showlegend=False)
    _draw(figure, before, axes=("x", "y"), colour=BLUE)
    _draw(figure, after, axes=("x2", "y2"), colour=GREEN)
    share = {**AXIS, "title": {"text": "Predicted probability of response"}, "constrain": "domain", "constraintoward": "left"}
    figure.update_layout(
        xaxis={**share, "domain": [0, 0.45]},
        xaxis2={**share, "domain": [0.55, 1], "anchor": "y2"},
        yaxis={**AXIS, "title": {"text": "Observed response rate"}, "scaleanchor": "x", "constrain": "domain", "constraintoward": "top"},
        yaxis2={**AXIS, "scaleanchor": "x2", "anchor": "x2", "constrain": "domain", "constraintoward": "top"},
    )  # fmt: skip
    pieces = []
    for label, result, axis in zip(labels, (before, after), ("x", "x2"), strict=True):
        pieces.append(text(f"<b>{label}</b>", xref=axis, x=0, xanchor="left", yref="paper", y=1, yanchor="bottom", yshift=8))
        pieces.append(
            text("<br>".join(_numbers(result)), xref=axis, x=0, xanchor="left", yref="paper", y=0, yanchor="top", yshift=-64)
        )
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    table = pl.concat([r.bins.select(pl.lit(n).alias("probability"), pl.all()) for n, r in zip(labels, (before, after), strict=True)])
    return Chart(
        slug="recalibration",
        title=title or "Calibration before and after recalibration",
        figure=figure,
        table=table,
        caption=caption or f"The same {before.n:,} patients before and after recalibration on other patients; 95% Wilson intervals.",
        provenance=provenance,
        alt=f"Calibration. {labels[0]}: Brier score {before.brier:.3f}, expected calibration error {before.ece:.2f}. "
        f"{labels[1]}: Brier score {after.brier:.3f}, expected calibration error {after.ece:.2f}.",
    )


def _draw(figure: go.Figure, result: Calibration, *, axes: tuple[str, str], colour: str) -> None:
    """The diagonal, and the bins with their intervals."""
    bins = result.bins
    place = {"xaxis": axes[0], "yaxis": axes[1]}
    figure.add_trace(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip", name="ideal", **place,
            line={"color": FAINT, "width": 1.4, "dash": "dot"},
        )
    )  # fmt: skip
    observed = bins["observed"].to_numpy()
    figure.add_trace(
        go.Scatter(
            x=bins["predicted"].to_numpy(), y=observed, mode="markers+lines", name="observed", **place,
            line={"color": colour, "width": 1.6},
            marker={
                "color": colour,
                "size": [8 + 14 * (n / bins["n"].to_numpy().max()) ** 0.5 for n in bins["n"].to_list()],
                "line": {"color": INK, "width": 1},
            },
            error_y={
                "type": "data", "symmetric": False, "array": bins["ci_high"].to_numpy() - observed,
                "arrayminus": observed - bins["ci_low"].to_numpy(), "color": colour, "thickness": 1.6, "width": 4,
            },
            customdata=bins.select("n", "ci_low", "ci_high").to_numpy(),
            hovertemplate="predicted %{x:.0%}<br>observed %{y:.0%} (%{customdata[1]:.0%} to %{customdata[2]:.0%})"
            "<br>n = %{customdata[0]:.0f}<extra></extra>",
        )
    )  # fmt: skip


def _numbers(result: Calibration) -> list[str]:
    """Slope, intercept, calibration error and Brier score, a line each."""
    low, high = result.brier_ci95
    interval = f" ({low:.3f} to {high:.3f})" if low == low and high == high else ""
    if result.brier_null < low:
        against = "worse than"
    else:
        against = "better than" if result.brier_null > high else "not shown better than"
    return [
        f"Slope {words.estimate(result.slope)}",
        f"Intercept {_signed(result)}",
        "",
        f"Brier score {result.brier:.3f}{interval}",
        f"{against} the prevalence alone, {result.brier_null:.3f}",
        "",
        f"Expected calibration error {result.ece:.3f}",
        f"({result.ece_expected:.3f} by chance alone)",
    ]


def _signed(result: Calibration) -> str:
    value, ci = result.intercept.effect, result.intercept.ci95
    if value is None or value != value or ci is None:
        return words.UNDEFINED
    return f"{words.signed(value)} ({words.signed(ci[0])} to {words.signed(ci[1])})"

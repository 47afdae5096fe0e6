"""Calibration figure: observed response rate against predicted probability."""

from __future__ import annotations

import plotly.graph_objects as go

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note
from core.figures.theme import BLUE, FAINT, INK, MUTED
from core.response.calibration import Calibration

SIDE = 460


def calibration(result: Calibration, *, provenance: Provenance, label: str = "", title: str = "") -> Chart:
    """Reliability diagram with Wilson intervals.

    Parameters
    ----------
    result : from `core.response.calibration.calibration`. label : predictor in words.
    """
    bins = result.bins
    figure = frame(height=SIDE + 16 + 66, least=420, margin={"l": 86, "r": 400, "t": 16, "b": 66}, showlegend=False)
    figure.add_trace(
        go.Scatter(
            x=[0, 1], y=[0, 1], mode="lines", hoverinfo="skip", name="ideal",
            line={"color": FAINT, "width": 1.4, "dash": "dot"},
        )
    )  # fmt: skip
    observed = bins["observed"].to_numpy()
    figure.add_trace(
        go.Scatter(
            x=bins["predicted"].to_numpy(), y=observed, mode="markers+lines", name="observed",
            line={"color": BLUE, "width": 1.6},
            marker={
                "color": BLUE,
                "size": [8 + 14 * (n / bins["n"].to_numpy().max()) ** 0.5 for n in bins["n"].to_list()],
                "line": {"color": INK, "width": 1},
            },
            error_y={
                "type": "data", "symmetric": False, "array": bins["ci_high"].to_numpy() - observed,
                "arrayminus": observed - bins["ci_low"].to_numpy(), "color": BLUE, "thickness": 1.6, "width": 4,
            },
            customdata=bins.select("n", "ci_low", "ci_high").to_numpy(),
            hovertemplate="predicted %{x:.0%}<br>observed %{y:.0%} (%{customdata[1]:.0%} to %{customdata[2]:.0%})"
            "<br>n = %{customdata[0]:.0f}<extra></extra>",
        )
    )  # fmt: skip
    axis = {
        "range": [-0.01, 1.01],
        "tickvals": [0, 0.25, 0.5, 0.75, 1],
        "ticktext": ["0%", "25%", "50%", "75%", "100%"],
    }
    figure.update_layout(
        xaxis={**axis, "title": {"text": "Predicted probability of response"}, "constrain": "domain"},
        yaxis={**axis, "title": {"text": "Observed response rate"}, "scaleanchor": "x", "constrain": "domain"},
    )
    figure.update_xaxes(constraintoward="right")
    better = "better" if result.brier < result.brier_null else "no better"
    lines = [
        f"<b>{label}</b>" if label else "",
        f"n = {result.n:,}, {words.count(result.responders, 'responder')}",
        "",
        f"Slope {words.estimate(result.slope)}",
        f"Intercept {_signed(result)}",
        f"Expected calibration error {result.ece:.2f}",
        "",
        f"Brier score {result.brier:.3f}",
        f"{better} than the prevalence alone ({result.brier_null:.3f})",
        "",
        f"<span style='color:{MUTED}'>Dotted line: ideal, slope 1<br>Circles grow with n</span>",
    ]
    note(
        figure, "<br>".join(lines if label else lines[1:]), xref="x", x=1, xanchor="left", xshift=24, yref="paper", y=0.98,
        yanchor="top",
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    caption = (
        f"Reliability in {words.count(bins.height, 'bin')} of about equal size, 95% Wilson intervals; n = {result.n:,}, "
        f"{words.count(result.responders, 'responder')}. Slope and intercept: logistic recalibration."
    )
    if result.n_missing:
        caption += f" {words.count(result.n_missing, 'patient')} without probability or response left out."
    return Chart(
        slug="calibration",
        title=title or f"Calibration of {label or 'the predicted probability of response'}",
        figure=figure,
        table=bins,
        caption=caption,
        provenance=provenance,
        alt=f"Calibration: slope {words.estimate(result.slope)}, expected calibration error {result.ece:.2f}.",
    )


def _signed(result: Calibration) -> str:
    value, ci = result.intercept.effect, result.intercept.ci95
    if value is None or value != value or ci is None:
        return words.UNDEFINED
    return f"{words.signed(value)} ({words.signed(ci[0])} to {words.signed(ci[1])})"

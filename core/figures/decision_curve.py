"""Decision-curve figure: net benefit of treating by a probability, against treating everybody and nobody."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, spread, wrap
from core.figures.theme import BLACK, BLUE, DASHES, FAINT, QUALITATIVE, fade

HEIGHT = 430
RIGHT = 330
FIRST = 2
"""Place of the first curve after treat all and treat none."""


def decision_curve(
    curves: Sequence[tuple[str, pl.DataFrame]], *, provenance: Provenance, title: str = "", caption: str = ""
) -> Chart:
    """Net benefit over the threshold probability.

    Parameters
    ----------
    curves : (predictor in words, table from `core.response.decision_curve`), all of the same patients; the first has a
        band. Columns read: threshold, net_benefit, ci_low, ci_high, treat_all.

    Raises
    ------
    NotMeasured
        There is no curve.
    """
    if not curves or curves[0][1].is_empty():
        raise NotMeasured("no probability can be judged by its net benefit here; choose a predictor that gives one")
    first = curves[0][1]
    figure = frame(height=HEIGHT, least=380, margin={"l": 96, "r": RIGHT, "t": 20, "b": 66}, showlegend=False)
    x = first["threshold"].to_numpy()
    top = max(float(str(t["ci_high"].max())) for _, t in curves)
    top = max(min(top, float(str(first["treat_all"].max())) * 1.6 + 0.02), 0.02) * 1.06
    bottom = -0.25 * top
    figure.add_trace(
        go.Scatter(
            x=[*x, *x[::-1]], y=[*_kept(first["ci_high"], bottom, top), *_kept(first["ci_low"], bottom, top)[::-1]],
            fill="toself", fillcolor=fade(BLUE, 0.16), line={"width": 0}, hoverinfo="skip", mode="lines", name="95% band",
        )
    )  # fmt: skip
    lines: list[tuple[str, pl.Series, str, str]] = [
        ("Treat all", first["treat_all"], FAINT, "dot"),
        ("Treat none", first["threshold"] * 0.0, BLACK, "dash"),
    ]
    paints = [BLUE, *(c for c in QUALITATIVE if c not in {BLUE, BLACK})]
    lines += [
        (label, t["net_benefit"], paints[i % len(paints)], DASHES[i % len(DASHES)])
        for i, (label, t) in enumerate(curves)
    ]
    ends = []
    for label, values, colour, dash in lines:
        y = values.to_numpy()
        figure.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines", name=label, line={"color": colour, "width": 2.6 if label not in {"Treat all", "Treat none"} else 1.8, "dash": dash},
                hovertemplate=f"<b>{label}</b><br>at a threshold of %{{x:.0%}}: net benefit %{{y:.3f}}<extra></extra>",
            )
        )  # fmt: skip
        inside = (y >= bottom) & (y <= top)
        last = int(inside.nonzero()[0][-1]) if inside.any() else 0
        ends.append((label, float(x[last]), float(y[last]), colour))
    _labels(figure, ends, (bottom, top))
    step = next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (top - bottom) / s <= 6), 0.5)
    ticks = [round(step * k, 3) for k in range(int(bottom / step), int(top / step) + 1)]
    shown = [t for t in (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0) if x[0] - 1e-9 <= t <= x[-1] + 1e-9]
    figure.update_layout(
        xaxis={
            "range": [float(x[0]), float(x[-1])], "tickvals": shown[-6:], "ticktext": [f"{t:.0%}" for t in shown[-6:]],
            "title": {"text": "Threshold: treat when the probability of response is at least this"},
        },
        yaxis={
            "range": [bottom, top], "tickvals": ticks, "ticktext": [f"{t:g}".replace("-", "−") for t in ticks],
            "title": {"text": "Net benefit, responders per patient"},
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    table = pl.concat([t.select(pl.lit(label).alias("predictor"), pl.all()) for label, t in curves])
    return Chart(
        slug="decision-curve",
        title=title or "Net benefit of treating by the predicted probability",
        figure=figure,
        table=table,
        caption=caption or f"Decision curve with a pointwise 95% band; n = {provenance.n:,}.",
        provenance=provenance,
        alt=f"Decision curve of {words.listing([label for label, _ in curves])} against treating all and treating none.",
    )


def _kept(values: pl.Series, low: float, high: float) -> list[float]:
    return [float(v) for v in values.clip(low, high).to_list()]


def _labels(figure: go.Figure, ends: Sequence[tuple[str, float, float, str]], span: tuple[float, float]) -> None:
    """Names at the right of the plot, kept apart, in the colour of their line; the first curve's in bold."""
    low, high = span
    names = [wrap(label, RIGHT - 50) for label, _, _, _ in ends]
    line = (high - low) * 21 / (HEIGHT - 86)
    at = spread([y for _, _, y, _ in ends], gap=line * max(map(len, names)) * 1.05, low=low + line / 2, high=high - line / 2)
    for i, ((_, _, _, colour), lines, y) in enumerate(zip(ends, names, at, strict=True)):
        name = "<br>    ".join(lines)
        note(
            figure, f"<span style='color:{colour}'>■</span> {f'<b>{name}</b>' if i == FIRST else name}", xref="paper", x=1,
            xanchor="left", xshift=10, yref="y", y=y, yanchor="middle",
        )  # fmt: skip

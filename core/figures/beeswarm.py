"""Beeswarm figure: every patient's SHAP values, one row a feature, coloured by the feature's value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, widest
from core.figures.theme import FAINT, GRID, INK, LINE, SEQUENTIAL, SMALL_SIZE, TEXT_SIZE, UNKNOWN, scale
from data.schema import PROTOCOLS

if TYPE_CHECKING:
    from core.markers.explained import Summary

ROW = 34
WEBGL_FROM = 2_000


def beeswarm(summary: Summary, *, provenance: Provenance, top: int = 15, title: str = "") -> Chart:
    """What pushes patients towards response or away from it.

    Parameters
    ----------
    summary : from `core.markers.attribution.summary`. top : so many features, strongest first.

    Colour = rank of the feature's value among the cohort's patients; open circle = value not known. Features that do not beat
    the null (permuted labels) have a greyed name. `customdata` starts with patient_id.
    """
    features = summary.features.head(top)
    rows = features.rows(named=True)
    points = summary.points.filter(pl.col("feature").is_in(features["feature"].to_list()))
    names = [_name(row) for row in rows]
    figure = frame(
        height=ROW * len(rows) + 16 + 66, least=24 * len(rows) + 82, showlegend=False,
        margin={"l": widest(names) + 30, "r": 150, "t": 16, "b": 66},
    )  # fmt: skip
    trace = go.Scattergl if points.height > WEBGL_FROM else go.Scatter
    figure.add_shape(type="line", xref="x", yref="paper", x0=0, x1=0, y0=0, y1=1, line={"color": LINE, "width": 1.2})
    reach = float(np.abs(points["shap"].to_numpy()).max()) if points.height else 1.0
    size = float(np.clip(150 / np.sqrt(max(summary.n, 1)), 3.5, 8))
    xs, ys, colour, cards = [], [], [], []
    for i, row in enumerate(rows):
        mine = points.filter(pl.col("feature") == row["feature"])
        shap = mine["shap"].to_numpy().astype(np.float32)
        xs.append(shap)
        ys.append((i + swarm(shap, reach=reach)).astype(np.float32))
        colour.append(mine["place"].cast(pl.Float32).fill_null(np.nan).to_numpy())
        unit = f" {row['unit']}" if row["unit"] else ""
        cards += [
            [patient, row["label"], "unknown" if value is None else f"{value:.3g}{unit}"]
            for patient, value in mine.select("patient_id", "value").iter_rows()
        ]
    x, y, c = (np.concatenate(v) if v else np.zeros(0, dtype=np.float32) for v in (xs, ys, colour))
    hover = "<b>%{customdata[0]}</b><br>%{customdata[1]}: %{customdata[2]}<br>SHAP %{x:+.2f}<extra></extra>"
    known = np.isfinite(c)
    for mask, marker in (
        (~known, {"color": UNKNOWN, "symbol": "circle-open", "size": size * 0.85}),
        (known, {
            "color": c[known], "colorscale": scale(SEQUENTIAL), "cmin": 0, "cmax": 1, "size": size, "opacity": 0.95, "line": {"width": 0.4, "color": FAINT},
            "colorbar": {
                "title": {"text": "Feature value", "font": {"size": TEXT_SIZE}}, "tickvals": [0.02, 0.98],
                "ticktext": ["low", "high"], "ticks": "", "len": 0.6, "y": 0.95, "yanchor": "top", "outlinewidth": 0, "thickness": 14,
                "x": 1.02, "tickfont": {"size": SMALL_SIZE},
            },
        }),
    ):  # fmt: skip
        if mask.any():
            figure.add_trace(
                trace(
                    x=x[mask], y=y[mask], mode="markers", marker=marker, hovertemplate=hover,
                    customdata=[card for card, keep in zip(cards, mask, strict=True) if keep],
                )
            )  # fmt: skip
    figure.update_layout(
        xaxis={
            "range": [-reach * 1.06, reach * 1.06], "showgrid": True, "gridcolor": GRID,
            "title": {"text": "SHAP value, log-odds   (left: towards no response,  right: towards response)"},
        },
        yaxis={
            "range": [len(rows) - 0.4, -0.6], "tickvals": list(range(len(rows))), "ticktext": names, "ticks": "",
            "showline": False, "tickfont": {"size": TEXT_SIZE, "color": INK}, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    return Chart(
        slug=f"shap-beeswarm-{summary.predictor}".replace("_", "-"),
        title=title or f"What drives {summary.predictor_label}",
        figure=figure,
        table=points,
        caption=caption(summary, rows),
        provenance=provenance,
        alt=f"SHAP values of {summary.predictor_label}; strongest: {words.listing([r['label'] for r in rows[:3]])}.",
    )


def _name(row: dict[str, object]) -> str:
    text = shorten(str(row["label"]), 44)
    return f"<span style='color:{FAINT}'>{text}</span>" if row["beats_null"] is False else text


def caption(summary: Summary, rows: list[dict[str, object]]) -> str:
    """Method, n, protocol, additivity; what grey means where something is grey."""
    how = "; ".join(PROTOCOLS.get(p, p).partition(":")[0] for p in summary.protocols)
    parts = [
        f"SHAP values of {summary.predictor_label} ({how}); n = {summary.n:,}; base + sum of SHAP = model output within {summary.residual:.0e}."
    ]
    if summary.n_missing:
        parts.append(f"{words.count(summary.n_missing, 'patient')} without a score left out.")
    if any(row["beats_null"] is False for row in rows):
        parts.append("Grey names: no stronger than with permuted labels.")
    parts.append("Associations in the model, not causes.")
    return " ".join(parts)


def swarm(values: npt.NDArray[np.float32], *, reach: float, half: float = 0.40) -> npt.NDArray[np.float64]:
    """Vertical offsets that show density: points of one slot are stacked from the middle outwards.

    The same values give the same picture: nothing is random.
    """
    slots = np.round(values / max(reach, 1e-9) * 70).astype(np.int64)
    order = np.lexsort((values, slots))
    _, starts, counts = np.unique(slots[order], return_index=True, return_counts=True)
    position = np.arange(values.size) - np.repeat(starts, counts)
    side = np.where(position % 2 == 0, 1.0, -1.0) * ((position + 1) // 2)
    widest_half = max(1.0, (counts.max() if counts.size else 1) / 2)
    offsets = np.zeros(values.size)
    offsets[order] = side * min(half / widest_half, 0.09)
    return offsets

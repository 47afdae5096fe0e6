"""Image to expression figure: how well pictures predict genes on a patient left out, beside every null."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import frame, text, widest, write
from core.figures.theme import BLUE, GRID, INK, MUTED, ORANGE, PANEL, SKY, SMALL_SIZE, fade
from data.schema_cells import IMAGE_EXPRESSION

ROW = 40
LOOK = {"trained": ("DINOv2, trained", BLUE), "untrained": ("Same network, random weights", SKY), "colour": ("Colour and stain only", ORANGE)}


def image_expression(table: pl.DataFrame, *, provenance: Provenance, kind: str = "gene") -> Chart:
    """A row a patient left out and kind of features: the middle half and middle 90% of the correlations, the median, the null.

    Parameters
    ----------
    table : rows of table image_expression. kind : 'gene' or 'cell type'.
    """
    chosen = IMAGE_EXPRESSION.conform(table).filter(pl.col("kind") == kind)
    rows: list[tuple[float, str, dict[str, float]]] = []
    heads: list[tuple[float, str]] = []
    y = 0.0
    for patient in chosen["patient_id"].unique(maintain_order=True).sort():
        part = chosen.filter(pl.col("patient_id") == patient)
        heads.append((y, f"Patient {patient.rpartition(':')[2]} left out (section {part['section_id'][0]}, {part['n'][0]} spots)"))
        y += 1
        for features in LOOK:
            own = part.filter(pl.col("features") == features)
            if own.height:
                rows.append((y, features, _summary(own)))
                y += 1
        y += 0.3
    names = [LOOK[features][0] for _, features, _ in rows]
    numbers = [f"{_signed(s['median'])}" for _, _, s in rows]
    beats = [f"{int(s['beats']):,} of {int(s['n']):,}" for _, _, s in rows]
    left, wide = widest(names) + 34, widest([*numbers, "median"]) + 40
    figure = frame(
        height=ROW * y + 110, margin={"l": left, "r": wide + widest([*beats, "q ≤ .05"]) + 34, "t": 36, "b": 64}, showlegend=False,
    )  # fmt: skip
    figure.layout.shapes = [
        {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": at - 0.42, "y1": at + 0.42, "fillcolor": PANEL, "line": {"width": 0}, "layer": "below"}
        for at, _ in heads
    ] + [{"type": "line", "xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "line": {"color": INK, "width": 1.2, "dash": "dash"}}]
    pieces = [text(f"<b>{head}</b>", xref="paper", x=0, xanchor="left", xshift=-left + 12, yref="y", y=at) for at, head in heads]
    for number, (at, features, s) in enumerate(rows):
        colour = LOOK[features][1]
        for low, high, thick in (("p05", "p95", 3), ("p25", "p75", 11)):
            figure.add_trace(
                go.Scatter(x=[s[low], s[high]], y=[at, at], mode="lines", line={"width": thick, "color": fade(colour, 1.0 if thick > 3 else 0.6)}, hoverinfo="skip")
            )
        figure.add_trace(
            go.Scatter(
                x=[s["median"]], y=[at], mode="markers", marker={"symbol": "line-ns-open", "size": 20, "line": {"width": 3}, "color": INK},
                hovertemplate=f"<b>{names[number]}</b><br>median rho {s['median']:.3f}<br>middle half {s['p25']:.2f} to {s['p75']:.2f}<extra></extra>",
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=[s["null"]], y=[at], mode="markers", marker={"symbol": "triangle-down", "size": 11, "color": MUTED}, cliponaxis=False,
                hovertemplate=f"typical 95th percentile under shifts: {s['null']:.2f}<extra></extra>",
            )
        )  # fmt: skip
        for content, shift in ((numbers[number], 16), (beats[number], wide)):
            pieces.append(text(content, xref="paper", x=1, xanchor="left", xshift=shift, yref="y", y=at))
    for content, shift in (("median", 16), ("q ≤ .05", wide)):
        pieces.append(
            text(f"<b>{content}</b>", xref="paper", x=1, xanchor="left", xshift=shift, yref="paper", y=1, yanchor="bottom", yshift=4, font={"size": SMALL_SIZE, "color": MUTED})
        )
    write(figure, pieces)
    ends = [s[key] for _, _, s in rows for key in ("p05", "p95", "null")]
    figure.update_layout(
        xaxis={"title": {"text": "Spearman's rho, predicted against measured"}, "showgrid": True, "gridcolor": GRID, "range": [min([*ends, -0.2]) - 0.04, max([*ends, 0.4]) + 0.04]},
        yaxis={"range": [y - 0.3, -0.6], "tickvals": [at for at, _, _ in rows], "ticktext": names, "ticks": "", "showline": False, "ticklabelstandoff": 8},
    )  # fmt: skip
    what = "genes" if kind == "gene" else "cell types"
    n = chosen["target"].n_unique()
    return Chart(
        slug=f"image-expression-{kind.replace(' ', '-')}",
        title=f"What a picture says about {words.count(n, kind)} of a patient it was not trained on",
        figure=figure,
        table=chosen,
        caption=(
            f"Bars: middle half and middle 90% of the rank correlations of {n:,} {what} over the spots of the left-out patient's section; vertical stroke: median; triangle: "
            "where the 95th percentile of a typical one lies when predictions are moved across the section by at least three spots (keeps that neighbours are alike); "
            "q: share beyond it, Benjamini-Hochberg within the row. Ridge on the tile around each spot (155 µm at 112 px), trained on the other two patients, penalty chosen "
            "on them alone; features and targets standardised within a section. DINOv2 was trained on photographs, not on pathology. A1's picture has 3.2 µm a pixel, the "
            "others 0.69: patient A is not only another patient but a coarser picture."
        ),
        provenance=provenance,
        alt="Median correlations. " + "; ".join(f"{name}: {number}" for name, number in zip(names, numbers, strict=True)) + ".",
    )


def _summary(own: pl.DataFrame) -> dict[str, float]:
    from core.markers.scan.multiplicity import benjamini_hochberg

    rho = own["spearman"].drop_nulls().to_numpy()
    q = benjamini_hochberg(own["p_value"].fill_null(np.nan).to_numpy())
    marks = np.percentile(rho, (5, 25, 50, 75, 95)) if rho.size else np.full(5, np.nan)
    return {
        **dict(zip(("p05", "p25", "median", "p75", "p95"), (float(m) for m in marks), strict=True)),
        "null": float(own["null_95"].drop_nulls().to_numpy().mean()), "n": float(rho.size), "beats": float((q <= 0.05).sum()),
    }  # fmt: skip


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")



"""Image to expression figure: how well pictures predict genes on a patient left out, beside every null."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import frame, text, widest, write
from core.figures.theme import BLUE, GRID, INK, MUTED, ORANGE, SKY, SMALL_SIZE, fade
from core.spatial.image_expression import TILE_PX, TILE_UM, Correlations
from data.schema_cells import IMAGE_EXPRESSION, IMAGE_EXPRESSION_MEDIAN

ROW = 40
LOOK = {"trained": ("{encoder}, trained", BLUE), "untrained": ("Same network, random weights", SKY), "colour": ("Colour and stain only", ORANGE)}
COARSER = 1.5
"""How many times as many µm a pixel has, from which a picture is said to be coarser than the finest."""


def image_expression(found: Correlations, *, provenance: Provenance, kind: str = "gene") -> Chart:
    """A row a patient left out and kind of features: the median correlation with its interval, the spread over targets, and both nulls.

    Parameters
    ----------
    found : tables image_expression and image_expression_median. kind : 'gene' or 'cell type'.
    """
    chosen = IMAGE_EXPRESSION.conform(found.targets).filter(pl.col("kind") == kind)
    medians = IMAGE_EXPRESSION_MEDIAN.conform(found.medians).filter(pl.col("kind") == kind)
    rows: list[tuple[float, str, dict[str, float]]] = []
    heads: list[tuple[float, str]] = []
    y = 0.0
    for patient in medians["patient_id"].unique().sort():
        part = medians.filter(pl.col("patient_id") == patient)
        heads.append((y, f"Patient {patient.rpartition(':')[2]} left out (section {part['section_id'][0]}, n = {part['n'][0]:,} spots)"))
        y += 1
        for features in LOOK:
            for row in part.filter(pl.col("features") == features).iter_rows(named=True):
                rows.append((y, features, {**row, **_spread(chosen.filter((pl.col("patient_id") == patient) & (pl.col("features") == features)))}))
                y += 1
        y += 0.3
    encoder, places = str(medians["encoder"][0]), digits(medians)
    names = [LOOK[features][0].format(encoder=encoder) for _, features, _ in rows]
    columns = (
        ("median (95% CI)", [_estimate(s, "median", "ci", digits=places) for _, _, s in rows]),
        ("less random weights", [_estimate(s, "beyond", "beyond", digits=places) for _, _, s in rows]),
        ("q ≤ .05", [f"{int(s['beats']):,} of {int(s['known']):,}" for _, _, s in rows]),
    )
    wide = [widest([head, *values]) + 26 for head, values in columns]
    left = widest(names) + 34
    figure = frame(height=ROW * y + 110, margin={"l": left, "r": sum(wide) + 12, "t": 36, "b": 64}, showlegend=False)
    figure.layout.shapes = [{"type": "line", "xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "line": {"color": INK, "width": 1.2, "dash": "dash"}}]
    pieces = [text(f"<b>{head}</b>", xref="paper", x=0, xanchor="left", xshift=-left + 12, yref="y", y=at) for at, head in heads]
    for number, (at, features, s) in enumerate(rows):
        _draw(figure, (at, names[number], LOOK[features][1]), s)
        for place, (_, values) in enumerate(columns):
            pieces.append(text(values[number], xref="paper", x=1, xanchor="left", xshift=16 + sum(wide[:place]), yref="y", y=at))
    for place, (head, _) in enumerate(columns):
        pieces.append(
            text(
                f"<b>{head}</b>", xref="paper", x=1, xanchor="left", xshift=16 + sum(wide[:place]), yref="paper", y=1, yanchor="bottom", yshift=4,
                font={"size": SMALL_SIZE, "color": MUTED},
            )
        )  # fmt: skip
    write(figure, pieces)
    ends = [s[key] for _, _, s in rows for key in ("p25", "p75", "ci_low", "ci_high", "null_95") if np.isfinite(s[key])]
    figure.update_layout(
        xaxis={"title": {"text": "Spearman's rho, predicted against measured"}, "showgrid": True, "gridcolor": GRID, "range": [min([*ends, -0.1]) - 0.02, max([*ends, 0.2]) + 0.02]},
        yaxis={"range": [y - 0.3, -0.6], "tickvals": [at for at, _, _ in rows], "ticktext": names, "ticks": "", "showline": False, "ticklabelstandoff": 8},
    )  # fmt: skip
    n = chosen["target"].n_unique()
    return Chart(
        slug=f"image-expression-{kind.replace(' ', '-')}",
        title=f"What a picture says about {words.count(n, kind)} of a patient it was not trained on",
        figure=figure,
        table=chosen,
        caption=_caption(medians, targets=f"{n:,} {'genes' if kind == 'gene' else 'cell types'}"),
        provenance=provenance,
        alt="Median correlations. " + "; ".join(f"{name}: {value}" for name, value in zip(names, columns[0][1], strict=True)) + ".",
    )


def _draw(figure: go.Figure, row: tuple[float, str, str], s: dict[str, float]) -> None:
    """The middle half of the targets, the interval of the median, the median, the null."""
    at, name, colour = row
    figure.add_trace(go.Scatter(x=[s["p25"], s["p75"]], y=[at, at], mode="lines", line={"width": 15, "color": fade(colour, 0.3)}, hoverinfo="skip"))
    figure.add_trace(go.Scatter(x=[s["ci_low"], s["ci_high"]], y=[at, at], mode="lines", line={"width": 3, "color": colour}, hoverinfo="skip"))
    figure.add_trace(
        go.Scatter(
            x=[s["median"]], y=[at], mode="markers", marker={"symbol": "circle", "size": 11, "color": colour, "line": {"width": 1, "color": INK}},
            hovertemplate=f"<b>{name}</b><br>median rho {_estimate(s, 'median', 'ci', digits=3)}<br>{words.p(s['p_value'])}, predictions shifted<br>"
            f"middle half of the targets {words.interval((s['p25'], s['p75']))}<extra></extra>",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=[s["null_95"]], y=[at], mode="markers", marker={"symbol": "triangle-down", "size": 11, "color": MUTED}, cliponaxis=False,
            hovertemplate=f"95th percentile of the median under shifts: {s['null_95']:.2f}<extra></extra>",
        )
    )  # fmt: skip


def _caption(medians: pl.DataFrame, *, targets: str) -> str:
    resolved = {section: um for section, um in medians.select("section_id", "um_per_px").unique(maintain_order=True).sort("section_id").iter_rows() if um}
    finest = min(resolved.values(), default=0.0)
    scales = words.listing([f"{um:.2f} ({section})" for section, um in resolved.items()])
    coarse = [section for section, um in resolved.items() if um > COARSER * finest]
    patients = dict(medians.select("section_id", "patient_id").iter_rows())
    coarser = "".join(f" Patient {patients[section].rpartition(':')[2]} is not only another patient but a coarser picture." for section in coarse)
    return (
        f"Dot and line: median rank correlation of {targets} over the spots of the left-out patient's section, with its 95% CI (spots resampled in blocks of five by five; the trained "
        "model is held). Pale band: middle half of the targets. Triangle: where the 95th percentile of that median lies when predictions are moved across the section by at least "
        "three spots (keeps that neighbours are alike). Less random weights: median rho less that of the same network that has seen nothing, on the same resamples. q: targets beyond "
        f"the shifts, Benjamini-Hochberg within the row. Ridge on the tile around each spot ({TILE_UM:.0f} µm at {TILE_PX} px), trained on the other "
        f"{words.count(medians['patient_id'].n_unique() - 1, 'patient')}, penalty chosen on them alone; features and targets standardised within a section. "
        f"{medians['encoder'][0]} was trained on {medians['trained_on'][0]}."
        + (f" The pictures have {scales} µm a pixel, from the distance of the spots.{coarser}" if resolved else "")
    )


def _spread(own: pl.DataFrame) -> dict[str, float]:
    """Middle half of the correlations, how many are known, and how many lie beyond the shifts."""
    from core.markers.scan.multiplicity import benjamini_hochberg

    rho = own["spearman"].drop_nulls().to_numpy()
    q = benjamini_hochberg(own["p_value"].fill_null(np.nan).to_numpy())
    low, high = np.percentile(rho, (25, 75)) if rho.size else (np.nan, np.nan)
    return {"p25": float(low), "p75": float(high), "known": float(rho.size), "beats": float((q <= 0.05).sum())}


def digits(medians: pl.DataFrame) -> int:
    """Behind the point, so that small correlations can be told apart: three where all are under 0.1, else two."""
    most = medians["median"].abs().max()
    return 3 if isinstance(most, float) and most < 0.1 else 2


def _estimate(row: dict[str, float], name: str, interval: str, *, digits: int) -> str:
    """ "+0.10 (+0.02 to +0.18)", or a dash where there is none."""
    if row[name] is None:
        return "–"
    value, low, high = (words.signed(row[key], digits=digits) for key in (name, f"{interval}_low", f"{interval}_high"))
    return f"{value} ({low} to {high})"

"""Forest figure: one row an estimate, squares by weight, intervals, the null line, numbers at the right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, widest
from core.figures.theme import GRID, INK, MUTED, PANEL, SMALL_SIZE, SYMBOLS, TEXT_SIZE, colours
from core.response.forest import COLUMNS

ROW = 28
LOG_TICKS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0, 50.0)


def forest(
    table: pl.DataFrame,
    *,
    provenance: Provenance,
    measure: str = "AUC",
    title: str = "",
    caption: str = "",
) -> Chart:
    """Estimates of several predictors on several cohorts.

    Parameters
    ----------
    table : from `core.response.forest.forest_table`: group (cohort; heads a block), label (predictor), estimate,
        ci_low, ci_high, n, detail; rows are drawn in order.
    measure : 'AUC' (linear, null line .5), 'c-index' (the same) or 'HR' (log scale, null line 1).

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured("no predictor can be judged on this cohort; choose a study that reports response or survival")
    ratio = measure == "HR"
    null = 1.0 if ratio else 0.5
    rows = table.select(COLUMNS).rows(named=True)
    heads: list[tuple[float, str]] = []
    places: list[float] = []
    y, seen = 0.0, None
    for row in rows:
        if row["group"] != seen:
            seen = row["group"]
            if seen:
                y += 0.35 if places else 0.0
                heads.append((y, seen))
                y += 1.0
        places.append(y)
        y += 1.0
    labels = list(dict.fromkeys(row["label"] for row in rows))
    colour = colours(labels)
    symbol = {label: SYMBOLS[i % 6] for i, label in enumerate(labels)}
    names = [shorten(row["label"], 42) for row in rows]
    left = max(widest(names) + 30, max((widest([h]) for _, h in heads), default=0) * 0.75 + 16, 120)
    numbers = [_numbers(row, ratio=ratio) for row in rows]
    counts = [f"{row['n']:,}" if row["n"] is not None else "" for row in rows]
    details = [row["detail"] or "" for row in rows]
    wide = [
        widest(numbers) + 22,
        max(widest(counts), 20) + 22,
        widest(details, size=SMALL_SIZE) + 8 if any(details) else 0,
    ]
    right = sum(wide) + 16
    top = 34
    height = max(ROW * y, 60)
    figure = frame(
        height=height + top + 64,
        least=23 * y + top + 64,
        margin={"l": left, "r": right, "t": top, "b": 64},
        showlegend=False,
    )
    low, high, ticks = _scale(rows, ratio=ratio)
    at = math.log10 if ratio else float
    for position, text in heads:
        figure.add_shape(
            type="rect", xref="paper", x0=0, x1=1, yref="y", y0=position - 0.45, y1=position + 0.45,
            fillcolor=PANEL, line={"width": 0}, layer="below",
        )  # fmt: skip
        note(figure, f"<b>{text}</b>", xref="paper", x=0, xanchor="left", xshift=-left + 12, yref="y", y=position)
    figure.add_shape(
        type="line",
        xref="x",
        yref="paper",
        x0=null,
        x1=null,
        y0=0,
        y1=1,
        line={"color": INK, "width": 1.2, "dash": "dash"},
    )
    _draw(figure, rows, (places, colour, symbol, (low, high)))
    column = [22, 22 + wide[0], 22 + wide[0] + wide[1]]
    for i, row in enumerate(rows):
        defined = row["estimate"] is not None and row["estimate"] == row["estimate"]
        ink = INK if defined else MUTED
        for text, shift, size in (
            (numbers[i], column[0], TEXT_SIZE),
            (counts[i], column[1], TEXT_SIZE),
            (details[i], column[2], SMALL_SIZE),
        ):
            if text:
                note(
                    figure, text, xref="paper", x=1, xanchor="left", xshift=shift, yref="y", y=places[i],
                    font={"size": size, "color": ink if shift == column[0] else MUTED},
                )  # fmt: skip
    for text, shift in ((f"{measure} (95% CI)", column[0]), ("n", column[1])):
        note(
            figure, f"<b>{text}</b>", xref="paper", x=1, xanchor="left", xshift=shift, yref="paper", y=1,
            yanchor="bottom", yshift=4, font={"size": SMALL_SIZE, "color": MUTED},
        )  # fmt: skip
    figure.update_layout(
        xaxis={
            "type": "log" if ratio else "linear",
            "range": [at(low), at(high)],
            "tickvals": ticks,
            "ticktext": [f"{t:g}" for t in ticks],
            "title": {"text": {"HR": "Hazard ratio (log scale)", "AUC": "AUC for response"}.get(measure, measure)},
            "showgrid": True,
            "gridcolor": GRID,
        },
        yaxis={
            "range": [y - 0.4, -0.6],
            "tickvals": places,
            "ticktext": names,
            "ticks": "",
            "showline": False,
            "tickfont": {"size": TEXT_SIZE},
            "ticklabelstandoff": 10,
        },
    )
    if provenance.synthetic:
        badge(figure)
    what = {"AUC": "AUC for response (CR or PR)", "HR": "Hazard ratio, Cox (Efron)"}.get(measure, measure)
    described = "; ".join(f"{r['group']} {r['label']} {n}" for r, n in zip(rows[:12], numbers, strict=False))
    return Chart(
        slug=f"forest-{measure.lower()}",
        title=title or f"{what}, by cohort",
        figure=figure,
        table=table,
        caption=caption
        or f"{what} with 95% interval; squares grow with the number of patients; dashed line: no effect ({null:g}).",
        provenance=provenance,
        alt=f"Forest plot. {described}.",
    )


def _numbers(row: dict[str, object], *, ratio: bool) -> str:
    value, low, high = row["estimate"], row["ci_low"], row["ci_high"]
    if not isinstance(value, float) or math.isnan(value):
        return words.UNDEFINED
    if not isinstance(low, float) or not isinstance(high, float) or math.isnan(low) or math.isnan(high):
        return words.ratio(value)
    return f"{words.ratio(value)} ({words.interval((low, high))})"


def _scale(rows: Sequence[dict[str, object]], *, ratio: bool) -> tuple[float, float, list[float]]:
    """Ends of the axis and its ticks."""
    values = [
        v
        for row in rows
        for k in ("estimate", "ci_low", "ci_high")
        if isinstance(v := row[k], float) and math.isfinite(v)
    ]
    if ratio:
        inside = [v for v in values if v > 0]
        low = max(min([*inside, 0.5]) / 1.1, 0.02)
        high = min(max([*inside, 2.0]) * 1.1, 50.0)
        return low, high, _few([t for t in LOG_TICKS if low <= t <= high])
    low = max(0.0, math.floor(min([*values, 0.45]) * 10) / 10)
    high = min(1.0, math.ceil(max([*values, 0.75]) * 10) / 10)
    step = 0.1 if high - low <= 0.55 else 0.2
    return low, high, [round(low + step * i, 2) for i in range(int((high - low) / step + 1.001))]


def _few(ticks: list[float]) -> list[float]:
    """At most six ticks, 1 among them."""
    if len(ticks) <= 6:
        return ticks
    start = ticks.index(1.0) % 2
    return ticks[start::2]


def _draw(
    figure: go.Figure,
    rows: Sequence[dict[str, object]],
    look: tuple[list[float], dict[str, str], dict[str, str], tuple[float, float]],
) -> None:
    """Intervals (with an arrowhead where they leave the axis) and squares by weight."""
    places, colour, _, (low, high) = look
    largest = max((int(str(r["n"])) for r in rows if r["n"]), default=1)
    for row, y in zip(rows, places, strict=True):
        value, lower, upper = row["estimate"], row["ci_low"], row["ci_high"]
        if not isinstance(value, float) or math.isnan(value):
            continue
        paint = colour[str(row["label"])]
        text = f"<b>{row['label']}</b><br>{row['group'] or ''}<br>{_numbers(row, ratio=False)}<br>n = {row['n']}"
        if isinstance(lower, float) and isinstance(upper, float) and math.isfinite(lower) and math.isfinite(upper):
            a, b = max(lower, low), min(upper, high)
            figure.add_trace(
                go.Scatter(
                    x=[a, b], y=[y, y], mode="lines+markers", hoverinfo="skip", line={"color": paint, "width": 2},
                    marker={
                        "symbol": ["triangle-left" if lower < low else "line-ns-open", "triangle-right" if upper > high else "line-ns-open"],
                        "size": [10 if lower < low else 8, 10 if upper > high else 8],
                        "color": paint,
                        "line": {"width": 2, "color": paint},
                    },
                    cliponaxis=False,
                )
            )  # fmt: skip
        if low <= value <= high:
            size = 8 + 12 * math.sqrt(int(str(row["n"] or 0)) / largest)
            figure.add_trace(
                go.Scatter(
                    x=[value], y=[y], mode="markers", hovertemplate=text + "<extra></extra>",
                    marker={"symbol": "square", "size": size, "color": paint, "line": {"width": 1, "color": INK}},
                )
            )  # fmt: skip

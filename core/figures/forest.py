"""Forest figure: one row an estimate, squares by weight, intervals, the null line, numbers at the right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.theme import GRID, INK, MUTED, PANEL, SMALL_SIZE, TEXT_SIZE, colours
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
        ci_low, ci_high, n, detail; rows are drawn in order. A further column `mark` is written in bold after the detail.
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
    names = [shorten(row["label"], 42) for row in rows]
    left = max(widest(names) + 30, max((widest([h]) for _, h in heads), default=0) * 0.75 + 16, 120)
    numbers = [_numbers(row) for row in rows]
    counts = [f"{row['n']:,}" if row["n"] is not None else "" for row in rows]
    marks = table["mark"].to_list() if "mark" in table.columns else [None] * len(rows)
    details = [f"{row['detail'] or ''}{f', <b>{mark}</b>' if mark else ''}" for row, mark in zip(rows, marks, strict=True)]
    wide = [
        widest(numbers) + 22,
        max(widest(counts), 20) + 22,
        widest(details, size=SMALL_SIZE) + (22 if any(marks) else 8) if any(details) else 0,  # bold letters are wider
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
    bands = [
        {
            "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": position - 0.45, "y1": position + 0.45,
            "fillcolor": PANEL, "line": {"width": 0}, "layer": "below",
        }
        for position, _ in heads
    ]  # fmt: skip
    null_line = {
        "type": "line", "xref": "x", "yref": "paper", "x0": null, "x1": null, "y0": 0, "y1": 1,
        "line": {"color": INK, "width": 1.2, "dash": "dash"},
    }  # fmt: skip
    figure.layout.shapes = [*bands, null_line]
    pieces = [
        text(f"<b>{head}</b>", xref="paper", x=0, xanchor="left", xshift=-left + 12, yref="y", y=position)
        for position, head in heads
    ]
    _draw(figure, rows, (places, colour, (low, high)))
    column = [22, 22 + wide[0], 22 + wide[0] + wide[1]]
    for i, row in enumerate(rows):
        defined = row["estimate"] is not None and row["estimate"] == row["estimate"]
        for content, shift, size, colour_ in (
            (numbers[i], column[0], TEXT_SIZE, INK if defined else MUTED),
            (counts[i], column[1], TEXT_SIZE, MUTED),
            (details[i], column[2], SMALL_SIZE, MUTED),
        ):
            if content:
                font = {"size": size, "color": colour_}
                pieces.append(
                    text(content, xref="paper", x=1, xanchor="left", xshift=shift, yref="y", y=places[i], font=font)
                )
    for content, shift in ((f"{measure} (95% CI)", column[0]), ("n", column[1])):
        pieces.append(
            text(
                f"<b>{content}</b>", xref="paper", x=1, xanchor="left", xshift=shift, yref="paper", y=1, yanchor="bottom",
                yshift=4, font={"size": SMALL_SIZE, "color": MUTED},
            )
        )  # fmt: skip
    write(figure, pieces)
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


def _numbers(row: dict[str, object]) -> str:
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
    look: tuple[list[float], dict[str, str], tuple[float, float]],
) -> None:
    """Intervals (with an arrowhead where they leave the axis) and squares by weight; two traces a predictor."""
    places, colour, (low, high) = look
    largest = max((int(str(r["n"])) for r in rows if r["n"]), default=1)
    for label, paint in colour.items():
        lines: list[tuple[float | None, float | None, str, int]] = []
        squares: list[tuple[float, float, float, str]] = []
        for row, y in zip(rows, places, strict=True):
            value, lower, upper = row["estimate"], row["ci_low"], row["ci_high"]
            if row["label"] != label or not isinstance(value, float) or math.isnan(value):
                continue
            if isinstance(lower, float) and isinstance(upper, float) and math.isfinite(lower) and math.isfinite(upper):
                left, right = lower < low, upper > high
                lines += [
                    (max(lower, low), y, "triangle-left" if left else "line-ns-open", 10 if left else 8),
                    (min(upper, high), y, "triangle-right" if right else "line-ns-open", 10 if right else 8),
                    (None, None, "line-ns-open", 8),
                ]
            if low <= value <= high:
                size = 8 + 12 * math.sqrt(int(str(row["n"] or 0)) / largest)
                card = f"<b>{label}</b><br>{row['group'] or ''}<br>{_numbers(row)}<br>n = {row['n']}"
                squares.append((value, y, size, card))
        figure.add_trace(
            go.Scatter(
                x=[p[0] for p in lines], y=[p[1] for p in lines], mode="lines+markers", hoverinfo="skip", name=label,
                line={"color": paint, "width": 2}, cliponaxis=False,
                marker={
                    "symbol": [p[2] for p in lines], "size": [p[3] for p in lines], "color": paint,
                    "line": {"width": 2, "color": paint},
                },
            )
        )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=[p[0] for p in squares], y=[p[1] for p in squares], mode="markers", name=label,
                customdata=[p[3] for p in squares], hovertemplate="%{customdata}<extra></extra>",
                marker={"symbol": "square", "size": [p[2] for p in squares], "color": paint, "line": {"width": 1, "color": INK}},
            )
        )  # fmt: skip

"""Ranked figure: the strongest markers of a scan, each with effect, interval, p, false discovery rate, n and n missing."""

from __future__ import annotations

import math

import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, write
from core.figures.rows import Axis, Row
from core.figures.rows import rows as rows_figure
from core.figures.theme import BLUE, FAINT, GRID, INK, MUTED, PANEL, SMALL_SIZE, TEXT_SIZE, VERMILLION
from core.figures.volcano import LETTERS
from core.survival.kaplan_meier import Z95

ROW = 27
TICKS = (0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
LEVEL = 0.10
DEFAULT = "Effect with 95% CI, smallest p first; FDR: false discovery rate at which the marker is called; grey: not at 10%; k: cohorts."
LONGEST = 27
"""Characters of a marker's name that leave room for the numbers on a narrow page."""
MARK = "†"
"""Beside a marker whose Wald test rests on outlying values."""


def ranked(table: pl.DataFrame, *, provenance: Provenance, measure: str = "HR", top: int = 25, title: str = "", caption: str = "") -> Chart:
    """Effects of the markers with the smallest p values, in that order.

    Parameters
    ----------
    table : from `core.markers.scan.scan`, smallest p first; column `fragile` (bool) where the scan has it. measure : 'HR' or
        'OR'. top : how many rows are drawn; the chart's own table has them all.

    Raises
    ------
    NotMeasured
        No marker has a p value.
    """
    shown = table.drop_nulls("p_value").head(top)
    if shown.is_empty():
        raise NotMeasured("no marker could be tested here; choose other markers or a larger cohort")
    rows = shown.rows(named=True)
    names = [f"{i + 1}  {shorten(r['label'], LONGEST)}{' ' + MARK if r.get('fragile') else ''}" for i, r in enumerate(rows)]
    columns = _columns(rows, measure)
    wide = [max(widest(cells), widest([head], size=SMALL_SIZE)) + 14 for head, cells in columns]
    left = max(widest(names) + 20, 150)
    high = ROW * len(rows)
    figure = frame(
        height=high + 34 + 62, least=22 * len(rows) + 90, margin={"l": left, "r": sum(wide) + 8, "t": 34, "b": 62}, showlegend=False
    )
    low, far, ticks = _scale(rows)
    figure.layout.shapes = [
        *(
            {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": i - 0.5, "y1": i + 0.5, "fillcolor": PANEL, "line": {"width": 0}, "layer": "below"}
            for i in range(0, len(rows), 2)
        ),
        {"type": "line", "xref": "x", "yref": "paper", "x0": 1, "x1": 1, "y0": 0, "y1": 1, "line": {"color": INK, "width": 1.2, "dash": "dash"}},
    ]  # fmt: skip
    _draw(figure, rows, (low, far, measure))
    pieces = []
    for number, (head, cells) in enumerate(columns):
        shift = 14 + sum(wide[:number])
        place = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": shift}
        pieces.append(text(f"<b>{head}</b>", **place, yref="paper", y=1, yanchor="bottom", yshift=4, font={"size": SMALL_SIZE, "color": MUTED}))
        for i, cell in enumerate(cells):
            pieces.append(text(cell, **place, yref="y", y=i, font={"size": TEXT_SIZE, "color": INK if number == 0 else MUTED}))
    write(figure, pieces)
    figure.update_layout(
        xaxis={
            "type": "log", "range": [math.log10(low), math.log10(far)], "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks],
            "title": {"text": f"{LETTERS[measure]} (log scale)"}, "showgrid": True, "gridcolor": GRID,
        },
        yaxis={
            "range": [len(rows) - 0.5, -0.5], "tickvals": list(range(len(rows))), "ticktext": names, "ticks": "", "showline": False,
            "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    described = "; ".join(f"{r['label']} {measure} {_estimate(r)}, {words.p(r['p_value'])}" for r in rows[:8])
    return Chart(
        slug=f"ranked-{measure.lower()}", title=title or f"The {len(rows)} markers with the smallest p values", figure=figure, table=table,
        caption=caption or DEFAULT, provenance=provenance, alt=f"Ranked markers. {described}.",
    )  # fmt: skip


def _estimate(row: dict[str, object]) -> str:
    value, low, high = (row[k] for k in ("effect", "ci_low", "ci_high"))
    if not isinstance(value, float) or not math.isfinite(value):
        return words.UNDEFINED
    if not isinstance(low, float) or not isinstance(high, float):
        return words.ratio(value)
    return f"{words.ratio(value)} ({words.interval((low, high))})"


def _columns(rows: list[dict[str, object]], measure: str) -> list[tuple[str, list[str]]]:
    """Heading and cells of each column of words."""
    found = [
        (f"{measure} (95% CI)", [_estimate(r) for r in rows]),
        ("p", [_small(r["p_value"]) for r in rows]),
        ("FDR", [_rate(r["q_value"]) for r in rows]),
        ("n (missing)", [f"{r['n']:,} ({r['n_missing']:,})" for r in rows]),
    ]
    if any(int(str(r["cohorts"])) > 1 for r in rows):
        found.append(("k, I²", [f"{r['cohorts']}, {words.percent(_number(r.get('i2')))}" for r in rows]))
    elif any(r.get("auc") is not None for r in rows):
        found.append(("AUC", [words.ratio(_number(r.get("auc"))) for r in rows]))
    elif any(r.get("n_high") is not None for r in rows):
        found.append(("responded", [_rates(r) for r in rows]))
    return found


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None


def _rates(row: dict[str, object]) -> str:
    shares = []
    for side in ("high", "low"):
        n, hits = _number(row.get(f"n_{side}")), _number(row.get(f"responders_{side}"))
        shares.append(words.percent(hits / n) if n and hits is not None else "–")
    return ", ".join(shares)


def _small(value: object) -> str:
    """A p value as a column writes it: its size matters far below .001 here."""
    if not isinstance(value, float) or not math.isfinite(value):
        return "–"
    if value < 1e-99:
        return "< 10<sup>−99</sup>"
    if value < 0.001:
        power = math.floor(math.log10(value))
        lead = f"{value / 10.0**power:.1f}"
        if lead == "10.0":
            lead, power = "1.0", power + 1
        return f"{lead} × 10<sup>−{-power}</sup>" if power < -3 else f"{value:.4f}"[1:]
    return words.p(value).removeprefix("p = ").removeprefix("p ")


def _rate(value: object) -> str:
    """A false discovery rate: two digits, "< .001"."""
    return words.p(value).removeprefix("p = ").removeprefix("p ") if isinstance(value, float) and math.isfinite(value) else "–"


def _scale(rows: list[dict[str, object]]) -> tuple[float, float, list[float]]:
    """Ends of the axis, within 0.03 and 30, and at most six ticks."""
    values = [v for r in rows for k in ("effect", "ci_low", "ci_high") if isinstance(v := r[k], float) and v > 0 and math.isfinite(v)]
    low = max(min([*values, 0.8]) / 1.08, 0.03)
    far = min(max([*values, 1.25]) * 1.08, 30.0)
    ticks = [t for t in TICKS if low <= t <= far]
    while len(ticks) > 6:
        ticks = ticks[ticks.index(1.0) % 2 :: 2]
    return low, far, ticks


def _draw(figure: object, rows: list[dict[str, object]], look: tuple[float, float, str]) -> None:
    """Intervals, with an arrowhead where they leave the axis, and squares; grey where not called at 10%."""
    import plotly.graph_objects as go

    low, far, measure = look
    for paint in (BLUE, VERMILLION, FAINT):
        lines: list[tuple[float | None, int | None, str, int]] = []
        squares: list[tuple[float, int, str]] = []
        for i, row in enumerate(rows):
            value, lower, upper = (_number(row[k]) for k in ("effect", "ci_low", "ci_high"))
            if value is None or _paint(row, measure) != paint:
                continue
            if lower is not None and upper is not None and upper > low and lower < far:
                off = (lower < low, upper > far)
                lines += [
                    (max(lower, low), i, "triangle-left" if off[0] else "line-ns-open", 9 if off[0] else 7),
                    (min(upper, far), i, "triangle-right" if off[1] else "line-ns-open", 9 if off[1] else 7),
                    (None, None, "line-ns-open", 7),
                ]
            if low <= value <= far:
                squares.append((value, i, f"<b>{row['label']}</b><br>{measure} {_estimate(row)}<br>{words.p(float(str(row['p_value'])))}, n = {row['n']}"))
        if lines:
            figure.add_trace(  # type: ignore[attr-defined]
                go.Scatter(
                    x=[p[0] for p in lines], y=[p[1] for p in lines], mode="lines+markers", hoverinfo="skip", line={"color": paint, "width": 2}, cliponaxis=False,
                    marker={"symbol": [p[2] for p in lines], "size": [p[3] for p in lines], "color": paint, "line": {"width": 2, "color": paint}},
                )
            )  # fmt: skip
        if squares:
            figure.add_trace(  # type: ignore[attr-defined]
                go.Scatter(
                    x=[p[0] for p in squares], y=[p[1] for p in squares], mode="markers", customdata=[p[2] for p in squares],
                    hovertemplate="%{customdata}<extra></extra>", marker={"symbol": "square", "size": 10, "color": paint, "line": {"width": 1, "color": INK}},
                )
            )  # fmt: skip


def _paint(row: dict[str, object], measure: str) -> str:
    q, value = _number(row["q_value"]), _number(row["effect"])
    if q is None or q > LEVEL or value is None:
        return FAINT
    return BLUE if (value < 1) == (measure == "HR") else VERMILLION


def cohort_effects(
    table: pl.DataFrame, pooled: tuple[float, float, float] | None, *, provenance: Provenance, measure: str = "HR", title: str = "", caption: str = ""
) -> Chart:
    """One marker's effect in every cohort, and pooled.

    Parameters
    ----------
    table : cohort, log_ratio, se, n, events; null = not estimable. pooled : ratio with its limits, or None. measure : 'HR' or
        'OR'.

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured("this marker is estimable in no cohort here; choose another")
    lines, largest = [], max(int(str(table["n"].max())), 1)
    two = math.log(2.0)
    for row in table.iter_rows(named=True):
        value, se = row["log_ratio"], row["se"]
        at: tuple[float, ...] = () if value is None or se is None else (value, value - Z95 * se, value + Z95 * se)
        ratios = [math.exp(v) for v in at]
        numbers = f"{words.ratio(ratios[0])} ({words.interval((ratios[1], ratios[2]))})" if at else words.UNDEFINED
        place = [v / two for v in at] if at else [None, None, None]
        lines.append(
            Row(
                label=row["cohort"], estimate=place[0], low=place[1], high=place[2], weight=row["n"] / largest,
                columns=(numbers, f"{row['n']:,}", f"{row['events']:,}"),
            )
        )  # fmt: skip
    if pooled is not None:
        mean, low, high = (math.log2(v) for v in pooled)
        lines.append(
            Row(
                label="Pooled, random effects", estimate=mean, low=low, high=high, pooled=True,
                columns=(f"{words.ratio(pooled[0])} ({words.interval(pooled[1:])})", "", ""),
            )
        )  # fmt: skip
    axis = Axis(title=f"{LETTERS[measure]} (log scale)", null=0.0, low=-0.6, high=0.6, least=-4.0, most=4.0, write=lambda v: f"{2.0**v:.2g}")
    headers = (f"{measure} (95% CI)", "n", "responders" if measure == "OR" else "events")
    figure = rows_figure(lines, axis=axis, headers=headers, synthetic=provenance.synthetic, measure=measure)
    return Chart(
        slug=f"cohorts-{measure.lower()}", title=title or "The same marker in every cohort", figure=figure, table=table, caption=caption,
        provenance=provenance, alt="Forest plot. " + "; ".join(f"{line.label} {line.columns[0]}" for line in lines[:12]) + ".",
    )  # fmt: skip

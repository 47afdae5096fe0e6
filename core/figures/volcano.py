"""Volcano figure: every marker's effect against its p value, the ones called by the false discovery rate marked and named."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, width, write
from core.figures.theme import BLUE, FAINT, GRID, INK, LINE, MUTED, SMALL_SIZE, VEIL, VERMILLION

HIGH = 520
LEVELS = (0.05, 0.10)
MOST_CLOUD = 500
"""Grey marks from which on those that lie under others are not drawn: a browser takes 0.1 ms for each."""
CELL = 9.0
"""Marks of one cell of so many pixels hide each other; the one with the smallest p is drawn."""
ACROSS = 1000.0
"""Width of the plot, pixels, on a wide screen."""
NAMED = 14
TICKS = (0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
DEFAULT = "Effect against p value, a point a marker; full: called at a false discovery rate of 5%, open: at 10%, grey: at neither."
LETTERS = {"HR": "Hazard ratio", "OR": "Odds ratio of response"}
SIDES = {"HR": ("longer survival", "shorter survival"), "OR": ("less response", "more response")}
"""What a ratio under 1, and one over 1, goes with."""


def volcano(table: pl.DataFrame, *, provenance: Provenance, measure: str = "HR", title: str = "", caption: str = "") -> Chart:
    """Effect (log scale) against p value (log scale) of every marker.

    Parameters
    ----------
    table : from `core.markers.scan.scan`: label, contrast, effect, ci_low, ci_high, p_value, q_value, n, n_missing; rows
        without an effect or p are not drawn. measure : 'HR' or 'OR'.

    Blue: goes with the better outcome, vermillion: with the worse; full marks are called at a false discovery rate of 5%,
    open ones at 10%, grey ones at neither.

    Raises
    ------
    NotMeasured
        No marker has an effect and a p value.
    """
    known = table.drop_nulls(["effect", "p_value"]).filter(pl.col("effect") > 0)
    if known.is_empty():
        raise NotMeasured("no marker has an estimable effect here; choose other markers or a larger cohort")
    reach = _reach(known)
    top = max(-math.log10(max(float(str(known["p_value"].min())), 1e-300)) * 1.08, 3.6)
    drawn = _thinned(known, reach=reach, top=top)
    x = np.log10(drawn["effect"].to_numpy())
    y = -np.log10(np.maximum(drawn["p_value"].to_numpy(), 1e-300))
    q = drawn["q_value"].fill_null(1.0).to_numpy()
    shown = np.clip(x, -reach, reach)
    better = BLUE, VERMILLION
    if measure == "OR":
        better = VERMILLION, BLUE
    figure = frame(height=HIGH, least=HIGH * 0.8, margin={"l": 74, "r": 24, "t": 44, "b": 68}, showlegend=False)
    hover = [_card(row, measure) for row in drawn.iter_rows(named=True)]
    for kind, chosen in (("grey", q > LEVELS[1]), ("open", (q > LEVELS[0]) & (q <= LEVELS[1])), ("full", q <= LEVELS[0])):
        for side, colour in ((x < 0, better[0]), (x >= 0, better[1])):
            rows = np.flatnonzero(chosen & side)
            if rows.size:
                figure.add_trace(_marks(rows, (shown, y, x), (kind, colour, reach), hover=hover))
    lines = _bars(known, top)
    figure.layout.shapes = [
        {"type": "line", "xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "line": {"color": INK, "width": 1.2, "dash": "dash"}, "layer": "below"},
        *(
            {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": at, "y1": at, "line": {"color": LINE, "width": 1.2, "dash": "dot"}, "layer": "below"}
            for at, _ in lines
        ),
    ]  # fmt: skip
    pieces = [
        text(said, xref="paper", x=1, xanchor="right", xshift=-2, yref="y", y=at, yanchor="bottom", font={"size": SMALL_SIZE, "color": MUTED}, bgcolor=VEIL)
        for at, said in lines
    ]
    for side, said, anchor in ((0.0, SIDES[measure][0], "left"), (1.0, SIDES[measure][1], "right")):
        colour = better[0] if side == 0 else better[1]
        arrow = f"← {said}" if side == 0 else f"{said} →"
        pieces.append(text(f"<b>{arrow}</b>", xref="paper", x=side, xanchor=anchor, yref="paper", y=1, yanchor="bottom", yshift=10, font={"size": SMALL_SIZE, "color": colour}))
    write(figure, [*pieces, *_names(drawn, (shown, y), (reach, top), lines=lines)])
    ticks = _few([t for t in TICKS if -reach <= math.log10(t) <= reach])
    powers = _powers(top)
    figure.update_layout(
        xaxis={
            "range": [-reach * 1.04, reach * 1.04], "tickvals": [math.log10(t) for t in ticks], "ticktext": [f"{t:g}" for t in ticks],
            "title": {"text": f"{LETTERS[measure]} {_per(known)} (log scale)"}, "showgrid": True, "gridcolor": GRID,
        },
        yaxis={
            "range": [-0.04 * top, top], "tickvals": powers, "ticktext": [_power(v) for v in powers], "showgrid": True, "gridcolor": GRID,
            "title": {"text": "p value (log scale, smaller is higher)", "standoff": 6},
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    called = [known.filter(pl.col("q_value") <= level).height for level in LEVELS]
    left_out = known.height - drawn.height
    thinned = f" {left_out:,} grey marks that lie under others are not drawn." if left_out else ""
    best = known.sort("p_value").head(5)
    described = "; ".join(f"{r['label']} {measure} {words.ratio(r['effect'])}, {words.p(r['p_value'])}" for r in best.iter_rows(named=True))
    return Chart(
        slug=f"volcano-{measure.lower()}", title=title or "Every marker against the outcome", figure=figure, table=table,
        caption=f"{caption or DEFAULT}{thinned}", provenance=provenance,
        alt=f"Volcano plot of {words.count(known.height, 'marker')}: {called[0]} at a false discovery rate of 5%, {called[1]} at 10%. {described}.",
    )  # fmt: skip


def _thinned(known: pl.DataFrame, *, reach: float, top: float) -> pl.DataFrame:
    """All markers that are called or may be named, and of the others those that can be told apart; the same ones every time."""
    ranked = known.sort("p_value", maintain_order=True).with_row_index("_rank")
    loud = (pl.col("q_value").fill_null(1.0) <= LEVELS[1]) | (pl.col("_rank") < 3 * NAMED)
    clear, cloud = ranked.filter(loud), ranked.filter(~loud)
    if cloud.height > MOST_CLOUD:
        column = (pl.col("effect").log10().clip(-reach, reach) * (ACROSS / (2.08 * reach * CELL))).round()
        line = (-pl.col("p_value").clip(1e-300).log10() * ((HIGH - 112) / (1.04 * top * CELL))).round()
        cloud = cloud.unique([column.alias("_column").cast(pl.Int32), line.alias("_line").cast(pl.Int32)], keep="first", maintain_order=True)
    return pl.concat([clear, cloud]).drop("_rank")


def _reach(known: pl.DataFrame) -> float:
    """Half the width of the axis, log10: everything that is called or named fits, and all but a few wild effects."""
    far = known.select(pl.col("effect").log10().abs().alias("far"), "p_value", "q_value")
    firm = far.filter((pl.col("q_value") <= LEVELS[1]) | (pl.col("p_value") <= pl.col("p_value").bottom_k(2 * NAMED).max()))["far"]
    clear = far.filter(pl.col("p_value") <= 0.05)["far"]
    ends = [far["far"].quantile(0.99), firm.quantile(0.97) if firm.len() > 60 else firm.max(), clear.quantile(0.98), 0.12]
    return min(max(float(str(v)) for v in ends if v is not None) * 1.1, math.log10(60))


def _marks(rows: np.ndarray, at: tuple[np.ndarray, np.ndarray, np.ndarray], look: tuple[str, str, float], *, hover: Sequence[str]) -> go.Scatter:
    shown, y, x = at
    kind, colour, reach = look
    over = ["triangle-right" if v > reach else "triangle-left" if v < -reach else "circle" for v in x[rows]]
    marker: dict[str, object] = {"size": 7, "color": FAINT, "opacity": 0.45, "symbol": over, "line": {"width": 0}}
    if kind == "open":
        marker = {"size": 8, "color": colour, "symbol": [f"{s}-open" for s in over], "line": {"width": 1.6, "color": colour}}
    elif kind == "full":
        marker = {"size": 9, "color": colour, "opacity": 0.9, "symbol": over, "line": {"width": 0}}
    return go.Scatter(
        x=np.round(shown[rows], 4), y=np.round(y[rows], 3), mode="markers", marker=marker, cliponaxis=False, name=kind,
        customdata=[hover[i] for i in rows], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _card(row: dict[str, object], measure: str) -> str:
    low, high = row["ci_low"], row["ci_high"]
    ci = f" ({words.interval((float(str(low)), float(str(high))))})" if low is not None and high is not None else ""
    missing = f", {row['n_missing']:,} without a value" if row["n_missing"] else ""
    q = row["q_value"]
    rate = f"<br>false discovery rate {words.p(float(str(q))).replace('p ', '')}" if q is not None else ""
    return (
        f"<b>{row['label']}</b><br>{measure} {words.ratio(float(str(row['effect'])))}{ci} {_contrast(str(row['contrast']))}<br>"
        f"{words.p(float(str(row['p_value'])))}{rate}<br>n = {row['n']:,}{missing}"
    )


def _contrast(contrast: str) -> str:
    return {"yes": "with against without", "upper half": "upper against lower half"}.get(contrast, contrast)


def _per(known: pl.DataFrame) -> str:
    kinds = known["contrast"].unique().to_list()
    if "upper half" in kinds:
        return "of the upper half"
    return "per 1 SD (of a 0/1 marker: with against without)" if "yes" in kinds and len(kinds) > 1 else "with against without" if kinds == ["yes"] else "per 1 SD"


def _bars(known: pl.DataFrame, top: float) -> list[tuple[float, str]]:
    """Heights of the p values that the false discovery rates set; of p = .05 where none is called."""
    found = []
    for level in LEVELS:
        called = known.filter(pl.col("q_value") <= level)["p_value"]
        if called.len():
            found.append((-math.log10(max(float(str(called.max())), 1e-300)), f"false discovery rate {level:.0%}"))
    if not found:
        return [(-math.log10(0.05), "p = .05; nothing is called at a false discovery rate of 10%")]
    if len(found) == 2 and found[0][0] - found[1][0] < 0.045 * top:
        found = [(found[0][0], "false discovery rate 5% and 10%")]
    return found


def _names(
    drawn: pl.DataFrame, at: tuple[np.ndarray, np.ndarray], box: tuple[float, float], *, lines: Sequence[tuple[float, str]]
) -> list[dict[str, object]]:
    """Labels of the strongest markers, where they do not overlap another label."""
    shown, y = at
    reach, top = box
    wide, high = ACROSS / (2.08 * reach), (HIGH - 112) / (1.04 * top)
    across = 2.08 * reach * wide
    taken = [(across - width(said, size=SMALL_SIZE) - 8, h * high - 2, across + 8, h * high + 19) for h, said in lines]
    pieces: list[dict[str, object]] = []
    order = np.argsort(-y, kind="stable")[: NAMED * 3]
    for i in order:
        if len(pieces) >= NAMED or y[i] < -math.log10(0.05):
            break
        label = shorten(str(drawn["label"][int(i)]).removesuffix(" expression"), 26)
        long = width(label, size=SMALL_SIZE) + 10
        px, py = (shown[i] + 1.04 * reach) * wide, y[i] * high
        outward = shown[i] >= 0
        for right in (outward, not outward):
            left = px + 8 if right else px - 8 - long
            spot = (left, py - 9, left + long, py + 9)
            inside = left > 0 and left + long < across
            if inside and not any(spot[0] < b[2] and spot[2] > b[0] and spot[1] < b[3] and spot[3] > b[1] for b in taken):
                break
        else:
            continue
        taken.append(spot)
        pieces.append(
            text(
                label, xref="x", yref="y", x=float(shown[i]), y=float(y[i]), xanchor="left" if right else "right", yanchor="middle",
                xshift=7 if right else -7, font={"size": SMALL_SIZE, "color": INK}, bgcolor=VEIL, borderpad=1,
            )
        )  # fmt: skip
    return pieces


def _few(ticks: list[float]) -> list[float]:
    """At most seven ticks, 1 among them."""
    while len(ticks) > 7:
        ticks = ticks[ticks.index(1.0) % 2 :: 2]
    return ticks


def _powers(top: float) -> list[float]:
    """Heights of the p axis' ticks: whole powers of ten."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100) if top / s <= 5.5)
    return [float(v) for v in range(0, int(top) + 1, step)]


def _power(height: float) -> str:
    if height < 3.5:
        return {0: "1", 1: ".1", 2: ".01", 3: ".001"}[int(height)]
    return f"10<sup>−{int(height)}</sup>"

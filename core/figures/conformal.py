"""Conformal figures: what the sets say in those who responded and those who did not; and coverage against the level promised."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, text, widest, width, write
from core.figures.theme import (
    BLUE,
    GREEN,
    GRID,
    INK,
    MUTED,
    ORANGE,
    PANEL,
    SMALL_SIZE,
    TEXT_SIZE,
    UNKNOWN,
    VERMILLION,
    fade,
    on,
)

SAYS = (
    ("responder", "says responder", BLUE),
    ("either", "either: not decided", UNKNOWN),
    ("none", "none: like neither", ORANGE),
    ("non_responder", "says non-responder", VERMILLION),
)
"""Columns of the table in the order of the bar, what each is called, its colour."""
BAR, TOP, BOTTOM = 40, 66, 58
NARROWEST = 0.055
"""Share from which a part of a bar has room for its number."""
LINES = {"all": ("All patients", INK, "solid"), "responder": ("Responders", BLUE, "9px,3px"), "non-responder": ("Non-responders", VERMILLION, "3px,2px")}


def conformal(
    table: pl.DataFrame,
    *,
    provenance: Provenance,
    level: float,
    title: str = "",
    caption: str = "",
    warnings: tuple[str, ...] = (),
) -> Chart:
    """Stacked bars of what the sets say, a bar a class, with the coverage at the right.

    Parameters
    ----------
    table : blocks of `core.response.conformal.coverage` with a column `block` (heading of each). level : promised.

    Raises
    ------
    NotMeasured
        The table has no patient.
    """
    shown = table.filter(pl.col("n") > 0)
    if shown.is_empty():
        raise NotMeasured("no patient has a conformal set; pick another cohort")
    names: list[str] = []
    places: list[float] = []
    heads: list[tuple[float, str]] = []
    y, seen = 0.0, None
    for r in shown.iter_rows(named=True):
        if r["block"] != seen:
            seen = r["block"]
            y += 0.25 if heads else 0.0
            heads.append((y, seen))
            y += 0.8
        names.append(f"{LINES[r['who']][0]}, n = {r['n']:,}")
        places.append(y)
        y += 1.0
    told = [f"{words.percent(r['coverage'])} ({words.percent(r['ci_low'])} to {words.percent(r['ci_high'])})" for r in shown.iter_rows(named=True)]
    decided = [words.percent(r["decided"]) for r in shown.iter_rows(named=True)]
    headers = (f"coverage (95% CI); promised {words.percent(level)}", "decided")
    left = max(widest(names) + 26, 150)
    first = max(widest(told), widest([headers[0]], size=SMALL_SIZE)) + 22
    right = first + widest([headers[1]], size=SMALL_SIZE) + 40
    figure = frame(
        height=BAR * y + TOP + BOTTOM, least=30 * y + TOP + BOTTOM, barmode="stack", showlegend=False, bargap=0.3,
        margin={"l": left, "r": right, "t": TOP, "b": BOTTOM},
    )  # fmt: skip
    for column, name, colour in SAYS:
        shares = shown[column].to_list()
        figure.add_trace(
            go.Bar(
                x=shares, y=places, orientation="h", name=name, marker={"color": colour, "line": {"width": 1, "color": INK}},
                width=0.66, text=[words.percent(s) if s >= NARROWEST else "" for s in shares], textposition="inside", insidetextanchor="middle",
                textangle=0, constraintext="none", textfont={"size": SMALL_SIZE, "color": on(colour)},
                hovertemplate=f"{name}: %{{x:.1%}}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_layout(
        xaxis={
            "range": [0, 1], "tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0%", "25%", "50%", "75%", "100%"],
            "title": {"text": "Share of patients"}, "showgrid": False,
        },
        yaxis={
            "range": [y - 0.4, -0.5], "tickvals": places, "ticktext": names, "ticks": "", "showline": False, "tickfont": {"size": TEXT_SIZE},
            "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    figure.layout.shapes = [
        {
            "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": h - 0.4, "y1": h + 0.4, "fillcolor": PANEL, "line": {"width": 0},
            "layer": "below",
        }
        for h, _ in heads
    ]  # fmt: skip
    pieces = [text(f"<b>{head}</b>", xref="paper", x=0, xanchor="left", xshift=-left + 12, yref="y", y=h) for h, head in heads]
    grey = {"size": SMALL_SIZE, "color": MUTED}
    for shift, header, cells in ((22, headers[0], told), (22 + first, headers[1], decided)):
        place = {"xref": "paper", "x": 1, "xanchor": "left", "xshift": shift}
        pieces.append(text(f"<b>{header}</b>", **place, yref="paper", y=1, yanchor="bottom", yshift=4, font=grey))
        pieces += [text(cell, **place, yref="y", y=at) for cell, at in zip(cells, places, strict=True)]
    keys = [f"<span style='color:{colour}'>■</span> {name}" for _, name, colour in SAYS]
    shift = -left + 12.0
    for key in keys:
        pieces.append(text(key, xref="paper", x=0, xanchor="left", xshift=shift, yref="paper", y=1, yanchor="bottom", yshift=32))
        shift += width(key) + 30
    write(figure, pieces)
    if provenance.synthetic:
        badge(figure)
    said = "; ".join(f"{r['block']}, {LINES[r['who']][0].lower()}: coverage {t}, decided {d}" for r, t, d in zip(shown.iter_rows(named=True), told, decided, strict=True))
    return Chart(
        slug="conformal-sets", title=title or f"What sets that promise {words.percent(level)} coverage say", figure=figure, table=table,
        caption=caption or f"Conformal sets; coverage = share of sets that hold what was observed, 95% Wilson interval; promised {words.percent(level)}.",
        provenance=provenance, alt=f"Stacked bars. {said}.", warnings=warnings,
    )  # fmt: skip


def conformal_coverage(
    table: pl.DataFrame, *, provenance: Provenance, title: str = "", caption: str = "", warnings: tuple[str, ...] = ()
) -> Chart:
    """Coverage against the level promised, and the share of patients decided at each level.

    Parameters
    ----------
    table : rows of `core.response.conformal.coverage` with a column `level`, in order of level.

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured("no level can be tested; pick another cohort")
    figure = frame(height=420, least=380, margin={"l": 78, "r": 250, "t": 18, "b": 66}, showlegend=False)
    low = float(table["level"].min())  # type: ignore[arg-type]
    figure.add_trace(
        go.Scatter(x=[low, 1], y=[low, 1], mode="lines", line={"color": MUTED, "width": 1.4, "dash": "dot"}, hoverinfo="skip", name="promised")
    )  # fmt: skip
    ends: list[tuple[float, str, str]] = []
    for who, (name, colour, dash) in LINES.items():
        mine = table.filter((pl.col("who") == who) & (pl.col("n") > 0))
        if mine.is_empty():
            continue
        x = mine["level"].to_list()
        if who == "all":
            figure.add_trace(
                go.Scatter(
                    x=[*x, *x[::-1]], y=[*mine["ci_high"].to_list(), *mine["ci_low"].to_list()[::-1]], fill="toself", fillcolor=fade(colour, 0.1),
                    line={"width": 0}, hoverinfo="skip", name="95% CI", mode="lines",
                )
            )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=x, y=mine["coverage"].to_list(), mode="lines", line={"color": colour, "width": 2.4, "dash": dash}, name=name,
                hovertemplate=f"<b>{name}</b><br>promised %{{x:.0%}}, covered %{{y:.1%}}<extra></extra>",
            )
        )  # fmt: skip
        ends.append((0.0, f"covered, {name.lower()}", colour))
    decided = table.filter(pl.col("who") == "all")
    figure.add_trace(
        go.Scatter(
            x=decided["level"].to_list(), y=decided["decided"].to_list(), mode="lines", line={"color": GREEN, "width": 2.4, "dash": "14px,4px"},
            name="Decided", hovertemplate="promised %{x:.0%}<br>decided %{y:.1%} of patients<extra></extra>",
        )
    )  # fmt: skip
    ends.append((0.0, "decided, all patients", GREEN))
    shares = [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    figure.update_layout(
        xaxis={"range": [low, 1], "tickvals": [t / 100 for t in range(50, 101, 10)], "ticktext": [f"{t}%" for t in range(50, 101, 10)], "title": {"text": "Coverage promised"}},
        yaxis={
            "range": [0, 1.01], "tickvals": shares, "ticktext": [words.percent(s) for s in shares], "title": {"text": "Share of patients"},
            "showgrid": True, "gridcolor": GRID,
        },
    )  # fmt: skip
    key = "<br>".join([*(f"<span style='color:{c}'>■</span> {name}" for _, name, c in ends), f"<span style='color:{MUTED}'>dotted: covered as promised</span>"])
    write(figure, [text(key, xref="paper", x=1, xanchor="left", xshift=20, yref="paper", y=0.98, yanchor="top")])
    if provenance.synthetic:
        badge(figure)
    at = decided.filter((pl.col("level") - 0.9).abs() < 1e-9)
    said = f"At 90% promised {words.percent(at['coverage'][0])} are covered and {words.percent(at['decided'][0])} decided." if at.height else ""
    return Chart(
        slug="conformal-coverage", title=title or "Coverage at every level promised, and the share decided", figure=figure, table=table,
        caption=caption or "Coverage of conformal sets against the level promised; grey band: 95% Wilson interval of all patients.",
        provenance=provenance, alt=f"Lines of coverage against the level promised. {said}", warnings=warnings,
    )  # fmt: skip

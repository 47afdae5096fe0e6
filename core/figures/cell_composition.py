"""Cell composition figure: parts of the whole, stacked, a bar a group or a bar a patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, note, shorten, text, widest, write
from core.figures.theme import (
    BLACK,
    BLUE,
    GREEN,
    GRID,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    TEXT_SIZE,
    VERMILLION,
    YELLOW,
    fade,
    on,
)  # fmt: skip

if TYPE_CHECKING:
    from core.tme.cell_groups import CellGroups
    from core.tme.cells import Method
    from core.tme.estimates import Estimates

FAMILIES: Mapping[str, str] = {
    "cd8": BLUE, "cd4": SKY, "treg": fade(BLUE, 0.45), "gd": fade(SKY, 0.45), "nk": BLACK, "b": GREEN, "plasma": fade(GREEN, 0.5),
    "m1": VERMILLION, "m2": fade(VERMILLION, 0.6), "m0": fade(VERMILLION, 0.3), "monocyte": ORANGE, "dendritic": PURPLE, "mast": fade(PURPLE, 0.5),
    "granulocyte": YELLOW, "fibroblast": fade(ORANGE, 0.5), "endothelial": fade(YELLOW, 0.5), "rest": GRID, "cancer": GRID, "total": INK,
}  # fmt: skip
"""A family of cells has one hue on every page: T cells blue, B cells green, macrophages vermillion, other myeloid cells orange to purple."""
MOST_PATIENTS = 450
"""Bars, one a patient, that a screen can tell apart."""
SORTED_FROM = 9
"""Groups from which bars are sorted by the share of the rest instead of standing in the order of their names."""
WRITTEN = 0.055
"""Share of the widest bar from which a number is written into a segment."""


def cell_composition(
    found: Estimates, compared: CellGroups, *, provenance: Provenance, patients: bool = False, caption: str = "", warnings: tuple[str, ...] = ()
) -> Chart:
    """Stacked bars of the mean composition of each group, or of every patient.

    Parameters
    ----------
    found : from `core.tme.estimates.estimates`; a method whose parts may be stacked. compared : from `core.tme.cell_groups.cell_groups`.
    patients : one bar a patient, sorted inside each group; for at most MOST_PATIENTS patients.
    """
    method = found.method
    figure, table = _patients(found, compared) if patients else _groups(method, compared)
    if provenance.synthetic:
        badge(figure)
    by = f" by {words.inside(compared.label)}" if compared.by else ""
    what = f"every patient{',' if by else ''}{by}" if patients else by.strip() or "on average"
    unit = f"share {method.unit}" if method.kind == "fraction" else method.unit
    order = ", ".join(part.name for part in method.pieces())
    return Chart(
        slug=f"cells-{'patients' if patients else 'groups'}",
        title=f"Cells of {what}: {unit}" if patients else f"Cells {what}: {unit}",
        figure=figure,
        table=table,
        caption=caption,
        provenance=provenance,
        warnings=warnings,
        alt=f"Stacked bars, {what}. From left to right: {order}." if not patients else f"Stacked bars, one a patient. From below: {order}.",
    )


def _legend(method: Method) -> list[str]:
    return [f"<span style='color:{FAMILIES[part.family]}'>■</span> {shorten(part.name, 34)}" for part in method.pieces()]


def ink_on(colour: str) -> str:
    """The text colour that can be read on a family's colour, in both themes."""
    return INK if colour.startswith("rgba") or colour == GRID else on(colour)


def _write(method: Method, value: float) -> str:
    return words.percent(value) if method.kind == "fraction" else words.number(value)


def _groups(method: Method, compared: CellGroups) -> tuple[go.Figure, pl.DataFrame]:
    means = {(g, c): m for g, c, m in compared.table.select("group", "cell_type", "mean").iter_rows()}
    names = [name for name in compared.groups.labels if any(means.get((name, part.name)) is not None for part in method.pieces())]
    rest = [part.name for part in method.pieces() if part.family in {"rest", "cancer"}]
    if len(names) >= SORTED_FROM:
        names.sort(key=lambda name: sum(means.get((name, r)) or 0.0 for r in rest))
    sizes = dict(compared.table.group_by("group", maintain_order=True).agg(pl.col("n").max()).iter_rows())
    tall = 54 if len(names) < SORTED_FROM else 28
    joint = "<br>" if tall > 40 else ", "
    labels = [f"{shorten(name, 32)}{joint}n = {sizes[name]:,}" for name in names]
    legend = _legend(method)
    longest = max(sum(means.get((name, part.name)) or 0.0 for part in method.pieces()) for name in names)
    figure = frame(
        height=max(tall * len(names), 25 * len(legend) + 10) + 84, least=max(round(0.85 * tall) * len(names), 24 * len(legend) + 10) + 84,
        margin={"l": widest(labels) + 28, "r": widest(legend) + 44, "t": 12, "b": 64}, barmode="stack", showlegend=False,
    )  # fmt: skip
    for part in method.pieces():
        shares = [means.get((name, part.name)) or 0.0 for name in names]
        paint = FAMILIES[part.family]
        figure.add_trace(
            go.Bar(
                x=shares, y=list(range(len(names))), orientation="h", name=part.name, width=0.7,
                marker={"color": paint, "line": {"color": PAPER, "width": 1}},
                text=[_write(method, s) if s >= WRITTEN * longest else "" for s in shares], textposition="inside", insidetextanchor="middle", textangle=0,
                textfont={"size": TEXT_SIZE, "color": ink_on(paint)}, constraintext="none",
                customdata=[[name, words.percent(s, digits=1) if method.kind == "fraction" else words.number(s)] for name, s in zip(names, shares, strict=True)],
                hovertemplate=f"<b>{part.name}</b><br>%{{customdata[0]}}: mean %{{customdata[1]}}<extra></extra>",
            )
        )  # fmt: skip
    note(figure, "<br>".join(legend), xref="paper", x=1, xanchor="left", xshift=18, yref="paper", y=1, yanchor="top")
    figure.update_layout(
        xaxis=_axis(method, longest),
        yaxis={
            "range": [len(names) - 0.45, -0.55], "tickvals": list(range(len(names))), "ticktext": labels, "ticks": "", "showline": False,
            "tickfont": {"size": TEXT_SIZE}, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    return figure, compared.table


def _axis(method: Method, longest: float) -> dict[str, object]:
    if method.kind != "fraction":
        return {"range": [0, longest * 1.02], "title": {"text": f"Mean {method.unit}"}}
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    return {"range": [0, 1], "tickvals": ticks, "ticktext": [f"{t:.0%}" for t in ticks], "title": {"text": f"Mean share {method.unit}"}}


def _patients(found: Estimates, compared: CellGroups) -> tuple[go.Figure, pl.DataFrame]:
    method = found.method
    pieces = method.pieces()
    rest = [part.name for part in pieces if part.family in {"rest", "cancer"}]
    counted = [part.name for part in pieces if part.name not in rest]
    labels = [compared.groups.labels[code] if code >= 0 else None for code in compared.groups.codes]
    order = {name: number for number, name in enumerate(compared.groups.labels)}
    frame_ = (
        found.frame.with_columns(group=pl.Series(labels, dtype=pl.String))
        .filter(pl.col("group").is_not_null())
        .with_columns(place=pl.col("group").replace_strict(order, return_dtype=pl.Int64, default=-1), counted=pl.sum_horizontal(counted))
        .sort("place", "counted", "patient_id", descending=(False, True, False))
    )
    gap = max(1, round(frame_.height / 60))
    at = [i + gap * place for i, place in enumerate(frame_["place"])]
    legend = _legend(method)
    figure = frame(
        height=max(430, 25 * len(legend) + 130), least=max(380, 24 * len(legend) + 120), barmode="stack", bargap=0, showlegend=False,
        margin={"l": 74, "r": widest(legend) + 44, "t": 14, "b": 60},
    )  # fmt: skip
    for part in pieces:
        figure.add_trace(
            go.Bar(
                x=at, y=frame_[part.name].to_list(), name=part.name, marker={"color": FAMILIES[part.family], "line": {"width": 0}}, width=1,
                hovertemplate=f"<b>{part.name}</b><br>%{{y:.1%}}<extra></extra>" if method.kind == "fraction" else f"<b>{part.name}</b><br>%{{y:.0f}}<extra></extra>",
            )
        )  # fmt: skip
    note(figure, "<br>".join(legend), xref="paper", x=1, xanchor="left", xshift=18, yref="paper", y=1, yanchor="top")
    write(figure, _heads(frame_, at))
    top = 1.0 if method.kind == "fraction" else float(frame_.select(pl.sum_horizontal(p.name for p in pieces).max()).item() or 1.0)
    vertical = _axis(method, top)
    figure.update_layout(
        xaxis={"visible": False, "range": [-1, (at[-1] if at else 0) + 1]},
        yaxis={**vertical, "title": {"text": f"Share {method.unit}" if method.kind == "fraction" else method.unit.capitalize()}},
    )
    return figure, frame_.drop("place", "counted")


def _heads(table: pl.DataFrame, at: Sequence[int]) -> list[dict[str, object]]:
    """Each group's name and size under its bars."""
    placed = table.select("group").with_columns(at=pl.Series(at))
    spans = placed.group_by("group", maintain_order=True).agg(pl.col("at").min().alias("first"), pl.col("at").max().alias("last"), pl.len().alias("n"))
    whole = max((at[-1] if at else 1), 1)
    pieces = []
    for name, first, last, n in spans.iter_rows():
        room = max(4, int(90 * (last - first) / whole))
        pieces.append(
            text(f"{shorten(name, room)}<br>n = {n:,}", x=(first + last) / 2, xanchor="center", yref="paper", y=0, yanchor="top", yshift=-8, align="center")
        )
    return pieces

"""Annotation figure: the features that tell each TME type from the rest, as dots by effect."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.layout import badge, frame, shorten, text, widest, wrap, write
from core.figures.theme import DIVERGING, GRID, INK, SMALL_SIZE, TEXT_SIZE, scale

ROW, TOP, BOTTOM = 28, 100, 20
LARGEST = 20
LEVEL = 0.05
COLUMN = 120


def annotation(table: pl.DataFrame, *, provenance: Provenance, names: pl.DataFrame, kind: str = "signatures", title: str = "", caption: str = "") -> Chart:
    """Dot plot: one row a feature, one column a type; colour and area are Cliff's delta against the other patients.

    Parameters
    ----------
    table : type, feature, label, made_types, delta, q_value, ... from `core.tme.annotation`, in drawing order. names : type, n,
        name, rule; one row a type, in drawing order.

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured(f"no {kind} tell these types apart; choose a larger cohort")
    types = names["type"].to_list()
    features = table["feature"].unique(maintain_order=True).to_list()
    spoken = {r["feature"]: ("• " if r["made_types"] else "") + shorten(r["label"], 46) for r in table.iter_rows(named=True)}
    labels = [spoken[f] for f in features]
    figure = frame(
        height=ROW * len(features) + TOP + BOTTOM, least=22 * len(features) + TOP + BOTTOM, showlegend=False,
        margin={"l": widest(labels) + 30, "r": 110, "t": TOP, "b": BOTTOM},
    )  # fmt: skip
    rows = [r for r in table.iter_rows(named=True) if r["delta"] is not None]
    sure = [r["q_value"] is not None and r["q_value"] < LEVEL for r in rows]
    figure.add_trace(
        go.Scatter(
            x=[types.index(r["type"]) for r in rows], y=[features.index(r["feature"]) for r in rows], mode="markers", cliponaxis=False,
            marker={
                "size": [6 + (LARGEST - 6) * abs(r["delta"]) for r in rows], "color": [r["delta"] for r in rows], "cmin": -1, "cmax": 1,
                "colorscale": scale(DIVERGING), "symbol": ["circle" if s else "circle-open" for s in sure],
                "line": {"width": [1 if s else 2 for s in sure], "color": INK},
                "colorbar": {
                    "title": {"text": "Cliff's<br>delta", "font": {"size": SMALL_SIZE}}, "tickvals": [-1, -0.5, 0, 0.5, 1],
                    "ticktext": ["−1", "−0.5", "0", "0.5", "1"], "len": 1.0, "lenmode": "fraction", "thickness": 14, "x": 1.03,
                },
            },
            customdata=[_card(r) for r in rows], hovertemplate="%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    heads = [
        text(
            f"<b>{'<br>'.join(wrap(shorten(r['type'], 44), COLUMN))}</b><br>n = {r['n']:,}", x=i, xref="x", yref="paper", y=1,
            yanchor="bottom", yshift=8, xanchor="center", align="center",
        )
        for i, r in enumerate(names.iter_rows(named=True))
    ]  # fmt: skip
    write(figure, heads)
    figure.update_layout(
        xaxis={"range": [-0.6, len(types) - 0.4], "showticklabels": False, "ticks": "", "showline": False, "zeroline": False},
        yaxis={
            "range": [len(features) - 0.4, -0.6], "tickvals": list(range(len(features))), "ticktext": labels, "ticks": "", "showline": False,
            "tickfont": {"size": TEXT_SIZE, "color": INK}, "showgrid": True, "gridcolor": GRID, "ticklabelstandoff": 8,
        },
    )  # fmt: skip
    if provenance.synthetic:
        badge(figure)
    said = "; ".join(_named(r["type"], r["name"], r["rule"]) for r in names.iter_rows(named=True))
    ruled = f"Names: {said}. High: a quarter of a standard deviation above the cohort's mean or more."
    return Chart(
        slug=f"type-{kind}", title=title or f"{kind.capitalize()} that tell the types apart", figure=figure, table=table,
        caption=f"{caption} {ruled if kind == 'signatures' else ''}".strip(), provenance=provenance,
        alt=f"Dots of {len(features)} {kind} in {words.count(len(types), 'type')}. {said}.",
    )  # fmt: skip


def _named(kind: str, name: str, rule: str) -> str:
    """A type with the rule that named it, and the name that the rule gives now where that is another."""
    return f"{kind}: {rule}" + ("" if kind.startswith(name) else f", so by the rule {words.inside(name)}")


def _card(row: dict[str, object]) -> str:
    delta = words.signed(float(str(row["delta"])))
    ends = [row.get("delta_low"), row.get("delta_high")]
    inside = f" ({words.signed(float(str(ends[0])))} to {words.signed(float(str(ends[1])))})" if None not in ends else ""
    q = row["q_value"]
    rate = f"FDR {words.p(float(q))}".replace("FDR p ", "FDR ") if isinstance(q, float) else "not tested"
    made = "<br>went into the types: describes only" if row["made_types"] else ""
    return f"<b>{row['label']}</b><br>{row['type']}: delta {delta}{inside}<br>{rate}; n = {row['n_in']} against {row['n_out']}{made}"



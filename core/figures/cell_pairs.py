"""Cell pairs figure: Cliff's delta of pairs of groups, or of every cell type between two groups, with its interval and test."""

from __future__ import annotations

import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.rows import Axis, Row, numbers, rows

MOST_ROWS = 20
"""Rows that are drawn; the table holds every one."""


def _tick(value: float) -> str:
    return f"{value:+g}" if value else "0"


def cell_pairs(
    table: pl.DataFrame, *, provenance: Provenance, ends: tuple[str, str], title: str = "", caption: str = "", warnings: tuple[str, ...] = ()
) -> Chart:
    """Forest of Cliff's delta.

    Parameters
    ----------
    table : label, n_first, n_second, delta, low, high, z, p_value, p_adjusted; the first MOST_ROWS rows are drawn, in order.
        A column `q_value` takes the place of p_adjusted at the right. ends : what the left and the right end of the axis mean.

    Raises
    ------
    NotMeasured
        There is no pair.
    """
    if table.is_empty():
        raise NotMeasured("there are no two groups with at least three patients each; group by another column or widen the cohort")
    corrected, header, written = ("q_value", "q", words.q) if "q_value" in table.columns else ("p_adjusted", "p, corrected", words.p)
    largest = max(int(a + b) for a, b in table.select("n_first", "n_second").iter_rows()) or 1
    lines = [
        Row(
            label=r["label"], estimate=r["delta"], low=r["low"], high=r["high"], weight=(r["n_first"] + r["n_second"]) / largest,
            columns=(numbers(r["delta"], r["low"], r["high"], write=words.signed), f"{r['n_first']:,} / {r['n_second']:,}", written(r[corrected])[2:].removeprefix("= ")),
        )
        for r in table.head(MOST_ROWS).iter_rows(named=True)
    ]  # fmt: skip
    axis = Axis(title=f"Cliff's delta: {ends[0]} ← 0 → {ends[1]}", null=0.0, low=-0.5, high=0.5, least=-1.0, most=1.0, write=_tick)
    headers = ("delta (95% CI)", "n / n", header)
    return Chart(
        slug="cell-pairs", title=title or "How far groups are apart", figure=rows(lines, axis=axis, headers=headers, synthetic=provenance.synthetic, measure="Cliff's delta"),
        table=table, caption=caption, provenance=provenance, warnings=warnings, alt=f"Forest of Cliff's delta, {words.count(len(lines), 'row')}.",
    )  # fmt: skip

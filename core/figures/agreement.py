"""Agreement figure: rank correlations of pairs of measurements, a block a pair, a row a cancer type."""

from __future__ import annotations

import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import BLUE, INK


def _tick(value: float) -> str:
    return f"{value:g}"


AXIS = Axis(title="Spearman's rank correlation", null=0.0, low=-0.2, high=1.0, least=-1.0, most=1.0, write=_tick)


def agreement(table: pl.DataFrame, *, provenance: Provenance, title: str = "", caption: str = "", warnings: tuple[str, ...] = ()) -> Chart:
    """Forest of rank correlations.

    Parameters
    ----------
    table : rows of `core.tme.agreement.agreement` with the columns pair (heads a block), first and second (the measurements in words).

    Raises
    ------
    NotMeasured
        There is no correlation to draw.
    """
    if table.is_empty():
        raise NotMeasured("no group has enough patients with both measurements; widen the cohort")
    largest = max(int(n) for n in table.filter(~pl.col("pooled"))["n"]) or 1
    lines: list[Row] = []
    single = table.height == table["pair"].n_unique() and table["group"].n_unique() == 1
    for pair in table["pair"].unique(maintain_order=True):
        own = table.filter(pl.col("pair") == pair)
        if not single:
            lines.append(Row(label=f"{pair}: {own['first'][0]} – {own['second'][0]}"))
        lines += [
            Row(
                label=pair if single else r["group"], estimate=r["rho"], low=r["low"], high=r["high"], weight=r["n"] / largest, pooled=r["pooled"], colour=INK if r["pooled"] else BLUE,
                columns=(numbers(r["rho"], r["low"], r["high"]), f"{r['n']:,}", f"{r['n_missing']:,}"),
            )
            for r in own.iter_rows(named=True)
        ]  # fmt: skip
    figure = rows(lines, axis=AXIS, headers=("rho (95% CI)", "n", "missing"), synthetic=provenance.synthetic, measure="rho")
    return Chart(
        slug="agreement", title=title or "How far two measurements of the same tumours agree", figure=figure, table=table, caption=caption, provenance=provenance, warnings=warnings,
        alt=f"Forest of rank correlations of {words.count(table['pair'].n_unique(), 'pair')} of measurements.",
    )  # fmt: skip

"""Superiority figure: for each measurement, how often a patient of a group has more of it than one of the rest."""

from __future__ import annotations

import polars as pl

from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import BLUE, FAINT, VERMILLION

MOST = 10
"""Measurements shown on either side."""


def superiority(table: pl.DataFrame, *, provenance: Provenance, slug: str, title: str, caption: str, group: str = "the group") -> Chart:
    """Measurements that are highest in a group, then those that are lowest, with 95% CI.

    Parameters
    ----------
    table : label, auc, ci_low, ci_high; optionally q (false discovery rate: grey where it is 5% or more), ordered or not.
    group : what the caption and the heads call the group.
    """
    known = table.drop_nulls("auc").filter(pl.col("auc").is_not_nan())
    high = known.filter(pl.col("auc") > 0.5).sort("auc", descending=True, maintain_order=True).head(MOST)
    low = known.filter(pl.col("auc") < 0.5).sort("auc", maintain_order=True).head(MOST)
    tested = "q" in table.columns
    lines = []
    for head, part, colour in ((f"Higher in {group}", high, BLUE), (f"Lower in {group}", low, VERMILLION)):
        if part.is_empty():
            continue
        lines.append(Row(label=head))
        for row in part.rows(named=True):
            texts = [numbers(row["auc"], row["ci_low"], row["ci_high"], write=words.percent)]
            if tested:
                texts.append(words.p(row["q"]).removeprefix("p ").removeprefix("= "))
            clear = not tested or (row["q"] is not None and row["q"] < 0.05)
            lines.append(
                Row(
                    label=row["label"], estimate=row["auc"], low=row["ci_low"], high=row["ci_high"], weight=0.25, columns=tuple(texts),
                    colour=colour if clear else FAINT,
                )
            )  # fmt: skip
    axis = Axis(title="Probability that a patient of the group has more", null=0.5, low=0.3, high=0.7, least=0.0, most=1.0, write="{:.0%}".format)
    headers = ["probability (95% CI)", *(["FDR"] if tested else [])]
    figure = rows(lines, axis=axis, headers=headers, synthetic=provenance.synthetic, measure="probability")
    return Chart(
        slug=slug, title=title, figure=figure, table=table, caption=caption, provenance=provenance,
        alt=f"{title}. Highest: {words.listing(high['label'].head(3).to_list()) or 'none'}; lowest: {words.listing(low['label'].head(3).to_list()) or 'none'}.",
    )  # fmt: skip

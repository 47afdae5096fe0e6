"""Subgroup figure: the AUC of one predictor in each subgroup, with n and a corrected test of difference."""

from __future__ import annotations

import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import BLUE, INK

AXIS = Axis(title="AUC for response", null=0.5, low=0.4, high=0.8, least=0.0, most=1.0)


def subgroups(
    table: pl.DataFrame,
    *,
    provenance: Provenance,
    title: str = "",
    caption: str = "",
    warnings: tuple[str, ...] = (),
) -> Chart:
    """Forest of subgroups.

    Parameters
    ----------
    table : group (column in words; heads a block, "" = all patients), label (level), estimate, ci_low, ci_high (AUC), n,
        responders, rate, rate_low, rate_high, p_auc, p_rate (corrected tests of the block, the same in all its rows;
        null = not tested); in order.

    Raises
    ------
    NotMeasured
        No subgroup can be judged.
    """
    if table.is_empty():
        raise NotMeasured("no column of this cohort divides its patients into subgroups; choose a larger study")
    largest = max(int(n or 0) for n in table["n"].to_list()) or 1
    lines: list[Row] = []
    seen = None
    for r in table.iter_rows(named=True):
        if r["group"] != seen:
            seen = r["group"]
            if seen:
                tested = " and ".join(
                    f"in {what} {words.p(r[p])}" for what, p in (("AUC", "p_auc"), ("response rate", "p_rate")) if r[p] is not None
                )
                lines.append(Row(label=f"{seen} · {f'difference {tested}' if tested else 'too few to test'}"))
        everyone = not r["group"]
        lines.append(
            Row(
                label=r["label"], estimate=r["estimate"], low=r["ci_low"], high=r["ci_high"], weight=(r["n"] or 0) / largest,
                colour=INK if everyone else BLUE,
                columns=(
                    numbers(r["estimate"], r["ci_low"], r["ci_high"]), f"{r['n']:,}",
                    f"{words.percent(r['rate'])} ({words.percent(r['rate_low'])} to {words.percent(r['rate_high'])})",
                ),
            )
        )  # fmt: skip
    figure = rows(lines, axis=AXIS, headers=("AUC (95% CI)", "n", "response rate (95% CI)"), synthetic=provenance.synthetic, measure="AUC")
    said = "; ".join(f"{r['label']} {numbers(r['estimate'], r['ci_low'], r['ci_high'])}" for r in table.head(14).iter_rows(named=True))
    return Chart(
        slug="subgroups", title=title or "AUC for response in subgroups", figure=figure, table=table,
        caption=caption.strip() or "AUC with DeLong 95% CI in each subgroup; p values corrected for the number of columns tested.",
        provenance=provenance, alt=f"Forest plot of subgroups. {said}.", warnings=warnings,
    )  # fmt: skip

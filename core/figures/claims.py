"""Claims figure: what a locked cut-off did on new patients, beside the derivation and beside what re-tuning would have claimed."""

from __future__ import annotations

import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.rows import Axis, Row, rows
from core.figures.theme import BLACK, BLUE, VERMILLION

SERIES = {
    "validated": ("Locked, other patients", BLUE),
    "derivation": ("Derivation, apparent", BLACK),
    "retuned": ("Re-tuned here: do not report", VERMILLION),
}
"""What each claim is called, and its colour."""


def claims(table: pl.DataFrame, *, provenance: Provenance, title: str = "", caption: str = "") -> Chart:
    """One block a measure, one row a claim.

    Parameters
    ----------
    table : measure, claim (key of SERIES), estimate, ci_low, ci_high, n; null = not estimable. Rows in order. Measures on
        a scale of shares: sensitivity, specificity, predictive values, Youden's J, share positive, AUC.

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured("nothing can be compared: nobody validated has the outcome; choose another cohort")
    lines: list[Row] = []
    for (measure,), part in table.group_by("measure", maintain_order=True):
        lines.append(Row(label=str(measure)))
        for row in part.iter_rows(named=True):
            name, colour = SERIES[row["claim"]]
            known = row["estimate"] is not None
            lines.append(
                Row(
                    label=name, estimate=row["estimate"], low=row["ci_low"], high=row["ci_high"], colour=colour, weight=0.35,
                    columns=(
                        f"{words.ratio(row['estimate'])} ({words.interval((row['ci_low'], row['ci_high']))})" if known else words.UNDEFINED,
                        "" if row["n"] is None else f"{row['n']:,}",
                    ),
                )
            )  # fmt: skip
    figure = rows(
        lines, axis=Axis(title="Estimate, 95% CI", null=0.0, low=0.0, high=1.0, least=-1.0, most=1.0),
        headers=("estimate (95% CI)", "n"), synthetic=provenance.synthetic,
    )  # fmt: skip
    return Chart(
        slug="locked-cut-off",
        title=title or "The locked cut-off on new patients",
        figure=figure,
        table=table,
        caption=caption,
        provenance=provenance,
        alt="; ".join(
            f"{r['measure']}, {SERIES[r['claim']][0].lower()}: {words.ratio(r['estimate'])}" for r in table.iter_rows(named=True)
        ),
    )

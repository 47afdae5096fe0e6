"""Fairness figure: difference in sensitivity between subgroups, with what else a call does in each."""

from __future__ import annotations

import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import BLUE, INK

FEWEST = 5
"""Patients from which a share is written."""


def _tick(value: float) -> str:
    return f"{value:+g}" if value else "0"


AXIS = Axis(title="Difference in sensitivity from the subgroup with most responders", null=0.0, low=-0.3, high=0.3, least=-1.0, most=1.0, write=_tick)


def fairness(table: pl.DataFrame, *, provenance: Provenance, title: str = "", caption: str = "", warnings: tuple[str, ...] = ()) -> Chart:
    """Forest of equal-opportunity differences.

    Parameters
    ----------
    table : `core.response.fairness.Fairness.table`, with columns p_sensitivity, p_specificity, p_ppv, p_shift: corrected
        tests of the block (null = not tested).

    Raises
    ------
    NotMeasured
        There is no subgroup.
    """
    if table.height < 2:
        raise NotMeasured("no column of this cohort divides its patients into subgroups; choose a larger study")
    largest = max(int(r or 0) for r in table["responders"].to_list()) or 1
    probable = table["shift"].count() > 0
    lines: list[Row] = []
    seen = ""
    for r in table.iter_rows(named=True):
        if r["group"] and r["group"] != seen:
            seen = r["group"]
            told = [f"{what} {words.p(r[p])}" for what, p in (("sens.", "p_sensitivity"), ("spec.", "p_specificity"), ("PPV", "p_ppv"), ("calibration", "p_shift")) if r[p] is not None]
            lines.append(Row(label=f"{seen} · {', '.join(told) if told else 'too few to test'}"))
        first = "" if not r["group"] else "reference" if r["reference"] else numbers(r["gap"], r["gap_low"], r["gap_high"], write=_signed)
        lines.append(
            Row(
                label=r["level"], estimate=0.0 if r["reference"] else r["gap"], low=r["gap_low"], high=r["gap_high"], weight=(r["responders"] or 0) / largest,
                colour=INK if r["reference"] else BLUE,
                columns=(
                    first or "–", f"{r['n']:,} ({r['responders']:,})", _share(r["sensitivity"], r["responders"]), _share(r["specificity"], r["n"] - r["responders"]), _share(r["ppv"], r["called"]),
                    *((_signed(r["shift"]) if r["shift"] is not None else "–",) if probable else ()),
                ),
            )
        )  # fmt: skip
    headers = ("difference (95% CI)", "n (resp.)", "sens.", "spec.", "PPV", *(("calibration",) if probable else ()))
    figure = rows(lines, axis=AXIS, headers=headers, synthetic=provenance.synthetic, measure="Difference")
    said = "; ".join(f"{r['level']}: sensitivity {_share(r['sensitivity'], r['responders'])}" for r in table.head(14).iter_rows(named=True))
    return Chart(
        slug="fairness", title=title or "What a call does in subgroups", figure=figure, table=table,
        caption=caption or "Difference in sensitivity with Newcombe's 95% CI; p values corrected for the number of columns tested.",
        provenance=provenance, alt=f"Forest plot of subgroups. {said}.", warnings=warnings,
    )  # fmt: skip


def _share(value: float | None, n: int) -> str:
    return "–" if value is None or n < FEWEST else words.percent(value)


def _signed(value: float) -> str:
    return "0.00" if abs(value) < 0.005 else words.signed(value)

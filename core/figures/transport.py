"""Transport figure: one predictor on every cohort, pooled by random effects, with the interval for a new cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from core.errors import NotMeasured
from core.figures import words
from core.figures.chart import Chart, Provenance
from core.figures.rows import Axis, Row, numbers, rows
from core.figures.theme import BLUE, ORANGE

AUC = Axis(title="AUC for response", null=0.5, low=0.4, high=0.8, least=0.0, most=1.0)
SHIFT = Axis(title="Calibration in the large, log-odds (0 = ideal)", null=0.0, low=-0.5, high=0.5, least=-4.0, most=4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The pooled row of one block.

    Attributes
    ----------
    label : "Pooled, 8 cohorts". estimate, low, high : with its 95% interval. predicted : 95% prediction interval for a
        new cohort, or None. detail : at the right, in words. n : patients pooled.
    """

    label: str
    estimate: float
    low: float
    high: float
    predicted: tuple[float, float] | None
    detail: str
    n: int = 0


def transport(
    table: pl.DataFrame,
    pooled: Sequence[Summary | None],
    *,
    provenance: Provenance,
    shift: bool = False,
    title: str = "",
    caption: str = "",
) -> Chart:
    """Forest of one predictor over cohorts.

    Parameters
    ----------
    table : group (protocol; heads a block when there are several), label (cohort), estimate, ci_low, ci_high, n,
        detail; in order. pooled : one a group, in the order of the groups; None = nothing to pool.
    shift : the estimates are calibration in the large (log-odds), not AUC.

    Raises
    ------
    NotMeasured
        The table has no row.
    """
    if table.is_empty():
        raise NotMeasured("this predictor was judged on no cohort; choose another predictor")
    axis = SHIFT if shift else AUC
    write = words.signed if shift else words.ratio
    groups = list(dict.fromkeys(table["group"].to_list()))
    largest = max(int(n or 0) for n in table["n"].to_list()) or 1
    lines: list[Row] = []
    for i, group in enumerate(groups):
        mine = table.filter(pl.col("group") == group)
        if len(groups) > 1 and group:
            lines.append(Row(label=group[:1].upper() + group[1:]))
        lines += [
            Row(
                label=r["label"], estimate=r["estimate"], low=r["ci_low"], high=r["ci_high"], weight=(r["n"] or 0) / largest,
                columns=(numbers(r["estimate"], r["ci_low"], r["ci_high"], write=write), f"{r['n']:,}", r["detail"] or ""),
            )
            for r in mine.iter_rows(named=True)
        ]  # fmt: skip
        p = pooled[i] if i < len(pooled) else None
        if p is not None:
            lines.append(
                Row(
                    label=p.label, estimate=p.estimate, low=p.low, high=p.high, pooled=True, outer=p.predicted, colour=ORANGE,
                    columns=(numbers(p.estimate, p.low, p.high, write=write), f"{p.n:,}" if p.n else "", p.detail),
                )
            )  # fmt: skip
    measure = "Calibration shift" if shift else "AUC"
    figure = rows(
        lines, axis=axis, headers=(f"{'shift' if shift else 'AUC'} (95% CI)", "n", "in this cohort"), synthetic=provenance.synthetic,
        measure=measure,
    )  # fmt: skip
    said = "; ".join(f"{r.label} {r.columns[0]}" for r in lines[:14] if r.columns)
    return Chart(
        slug=f"transport-{'calibration' if shift else 'auc'}",
        title=title or f"{measure} on every cohort",
        figure=figure,
        table=table,
        caption=caption or "Squares grow with n; diamond: random-effects estimate; thin line: prediction interval for a new cohort.",
        provenance=provenance,
        alt=f"Forest plot over cohorts. {said}.",
    )


__all__ = ["AUC", "BLUE", "SHIFT", "Summary", "transport"]

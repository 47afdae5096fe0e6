"""Forest table: findings of several predictors on several cohorts as rows of one table.

Lewis & Clarke 2001, doi 10.1136/bmj.322.7300.1479.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from core.finding import Finding

COLUMNS = ("group", "label", "estimate", "ci_low", "ci_high", "n", "detail")
SCHEMA = {
    "group": pl.String(),
    "label": pl.String(),
    "estimate": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "n": pl.Int64(),
    "detail": pl.String(),
}


def forest_table(rows: Iterable[tuple[str, str, Finding, str]]) -> pl.DataFrame:
    """Rows for `core.figures.forest`.

    Parameters
    ----------
    rows : (group, label, finding, detail): cohort, predictor, its AUC or hazard ratio, a short remark ("out-of-fold").

    Returns
    -------
    group, label, estimate, ci_low, ci_high (null = not estimable), n, detail; in the order given.
    """
    out = []
    for group, label, finding, detail in rows:
        low, high = finding.ci95 if finding.ci95 is not None else (None, None)
        out.append((group, label, finding.effect, low, high, finding.n, detail))
    return pl.DataFrame(out, schema=SCHEMA, orient="row").with_columns(
        pl.col("estimate", "ci_low", "ci_high").fill_nan(None)
    )

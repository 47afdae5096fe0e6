"""Leaderboard: every predictor on every cohort, with its protocol, as the forest picture and the command line show it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from core.errors import NotMeasured, UnknownName
from data.schema import PROTOCOLS
from data.store import Store
from models import MODULES, card

PROTOCOL_LABELS = {
    "published": "published formula",
    "out_of_fold": "cross-fitted",
    "leave_one_cohort_out": "leave one cohort out",
    "external": "fitted elsewhere",
    "in_sample": "in-sample",
}


def leaderboard(
    store: Store,
    *,
    studies: Sequence[str] | None = None,
    predictors: Sequence[str] | None = None,
    in_sample: bool = False,
) -> pl.DataFrame:
    """Discrimination and calibration of every predictor on every cohort.

    Columns: study, cohort, predictor, label, kind, protocol, protocol_label, protocol_words, n, n_missing, responders,
    response_rate, auc, ci_low, ci_high, brier, brier_null, calibration_slope, calibration_intercept, synthetic.
    Ordered by study and cohort, then as the predictors are listed. AUC: DeLong 95% interval. In-sample rows are left
    out unless `in_sample` asks for them (for an audit, never for a page).

    Raises
    ------
    UnknownName
        A predictor that `models` does not list.
    NotMeasured
        No row matches.
    """
    for name in predictors or ():
        if name not in MODULES:
            raise UnknownName(f"there is no predictor '{name}'; there are {', '.join(MODULES)}")
    rows = store.sql(
        """SELECT p.*, s.synthetic FROM performance p LEFT JOIN study s USING (study)
           WHERE ($all OR p.study = ANY($studies)) AND ($every OR p.predictor = ANY($predictors))
             AND ($in_sample OR p.protocol <> 'in_sample') ORDER BY s.rowid, p.rowid""",
        {
            "all": studies is None,
            "studies": list(studies or []),
            "every": predictors is None,
            "predictors": list(predictors or []),
            "in_sample": in_sample,
        },
    )
    if rows.is_empty():
        where = ", ".join(studies) if studies else "any study"
        raise NotMeasured(
            f"no predictor could be judged on {where}: it takes response and a predictor's inputs; try loris or imvigor210"
        )
    order = {name: position for position, name in enumerate(MODULES)}
    labels = {name: card(name).label for name in MODULES}
    kinds = {name: card(name).kind for name in MODULES}
    cohorts = rows.select("study", "cohort").unique(maintain_order=True).with_row_index("place")
    return (
        rows.join(cohorts, on=["study", "cohort"], maintain_order="left")
        .with_columns(
            pl.col("predictor").replace_strict(order, default=len(order), return_dtype=pl.Int32).alias("order"),
            pl.col("predictor").replace_strict(labels, default=pl.col("predictor"), return_dtype=pl.String).alias("label"),
            pl.col("predictor").replace_strict(kinds, default="marker", return_dtype=pl.String).alias("kind"),
            pl.col("protocol").replace_strict(PROTOCOL_LABELS, default=pl.col("protocol"), return_dtype=pl.String).alias("protocol_label"),
            pl.col("protocol").replace_strict(dict(PROTOCOLS), default=pl.col("protocol"), return_dtype=pl.String).alias("protocol_words"),
            (pl.col("responders") / pl.col("n")).alias("response_rate"),
        )
        .sort("place", "order", "protocol")
        .select(
            "study", "cohort", "predictor", "label", "kind", "protocol", "protocol_label", "protocol_words", "n", "n_missing",
            "responders", "response_rate", "auc", "ci_low", "ci_high", "brier", "brier_null", "calibration_slope",
            "calibration_intercept", "synthetic",
        )
    )  # fmt: skip

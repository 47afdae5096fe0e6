"""Performance: how well each predictor separates responders on each cohort."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.response.calibration import calibration
from core.response.roc import auc
from models import MODULES, card


def judge(predictions: pl.DataFrame, patients: pl.DataFrame) -> pl.DataFrame:
    """Rows of `performance`.

    Judged on patients with a known response who are not in a control arm; a cohort without responders or without
    non-responders has no AUC and no row. `n_missing`: judged patients of the cohort without the predictor.
    """
    judged = patients.filter(pl.col("response").is_not_null() & (pl.col("arm").fill_null("ICB") != "control"))
    sizes = {(s, c): n for s, c, n in judged.group_by("study", "cohort").len().iter_rows()}
    joined = predictions.join(
        judged.select("patient_id", "response"), on="patient_id", how="inner", maintain_order="left"
    )
    found = []
    for (study, cohort, predictor, protocol), part in joined.group_by(
        "study", "cohort", "predictor", "protocol", maintain_order=True
    ):
        response = part["response"].to_numpy().astype(bool)
        if response.all() or not response.any():
            continue
        judged_auc = auc(part, score="score")
        row: dict[str, object] = {
            "study": study,
            "cohort": cohort,
            "predictor": predictor,
            "protocol": protocol,
            "n": part.height,
            "n_missing": sizes[study, cohort] - part.height,
            "responders": int(response.sum()),
            "auc": judged_auc.effect,
            "ci_low": _number(judged_auc.ci95[0] if judged_auc.ci95 else None),
            "ci_high": _number(judged_auc.ci95[1] if judged_auc.ci95 else None),
        }
        if str(predictor) in MODULES and card(str(predictor)).kind == "probability":
            row |= _calibrated(part)
        found.append(row)
    schema = {
        "brier": pl.Float64,
        "brier_null": pl.Float64,
        "calibration_slope": pl.Float64,
        "calibration_intercept": pl.Float64,
    }
    frame = pl.DataFrame(
        found, schema_overrides={**schema, "ci_low": pl.Float64, "ci_high": pl.Float64}, infer_schema_length=None
    )
    return frame.with_columns(pl.lit(None, dtype=t).alias(c) for c, t in schema.items() if c not in frame.columns)


def _calibrated(part: pl.DataFrame) -> dict[str, float | None]:
    """Brier score, that of the prevalence, slope and calibration in the large; null where they do not exist."""
    found = calibration(part, probability="probability")
    return {
        "brier": found.brier,
        "brier_null": found.brier_null,
        "calibration_slope": _number(found.slope.effect),
        "calibration_intercept": _number(found.intercept.effect),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)

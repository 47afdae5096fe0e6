"""Embedded: the trained models of a database and what they say of each patient, as stored. Nothing is computed here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured, StoreError
from data.store import Store

OLD = "this database was built before there were trained models; run: python -m core build"
NONE = "no trained model has embedded patients here; run: python -m core train, then python -m core embed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """A study's patients as the trained models see them.

    Attributes
    ----------
    vectors : (n, d) float32; rows of different models have no common axes, see `rows["space"]`.
    rows : (n,) patient_id, cohort, space (the model), protocol, input_hash, seen, umap_1, umap_2, log_odds, os_risk, pfs_risk,
        subtype. In-sample rows are there; they show patients, not how well a model does.
    """

    vectors: npt.NDArray[np.float32]
    rows: pl.DataFrame


def models(store: Store) -> pl.DataFrame:
    """One row a trained model, the main one first: the columns of table `model`; empty where none has embedded patients."""
    try:
        return store.sql("SELECT * FROM model ORDER BY main DESC, created DESC, model")
    except StoreError as error:
        raise NotMeasured(OLD) from error


def metrics(row: dict[str, Any]) -> list[dict[str, Any]]:
    """What a model's card says of cohorts that it, or a sister trained without them, never saw: cohort, endpoint, measure, n, events,
    value, ci_low, ci_high."""
    found = json.loads(row["metrics"] or "{}")
    return [*found.get("left_out", []), *found.get("leave_one_cohort_out", [])]


def embedding(store: Store, study: str, *, cohorts: Sequence[str] = ()) -> Embedding:
    """The stored embedding of a study, or of some of its cohorts.

    Raises
    ------
    NotMeasured
        No model has embedded these patients.
    """
    try:
        rows = store.sql(
            """SELECT e.*, p.cohort FROM embedding e JOIN patient p USING (patient_id, study)
               WHERE e.study = $s AND e.space IN (SELECT model FROM model) AND ($all OR p.cohort = ANY($c)) ORDER BY p.rowid""",
            {"s": study, "c": list(cohorts), "all": not cohorts},
        )
    except StoreError as error:
        raise NotMeasured(OLD) from error
    if rows.is_empty():
        listed = store.sql("SELECT DISTINCT study FROM embedding WHERE space IN (SELECT model FROM model) ORDER BY study")["study"].to_list()
        raise NotMeasured(f"{study} has no patient that a trained model can read; {', '.join(listed)} have" if listed else NONE, elsewhere=listed)
    flat = rows["vector"].explode().to_numpy().astype(np.float32, copy=False)
    return Embedding(vectors=flat.reshape(rows.height, -1), rows=rows.drop("vector", "study"))

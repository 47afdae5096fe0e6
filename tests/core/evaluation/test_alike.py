"""Patients that two cohorts seem to share are found, and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from core.evaluation.alike import look_alikes


class Tables:
    """A patient table that answers the one question asked."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def sql(self, statement: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        return self.frame.filter(pl.col("study").is_in((params or {})["s"]))


def cohort(study: str, n: int, *, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame({
        "patient_id": [f"{study}:{k}" for k in range(n)], "study": study, "cohort": study.upper(),
        "age_years": rng.uniform(30, 85, n).round(2), "tmb_per_mb": rng.exponential(8, n).round(3),
        "os_months": rng.exponential(15, n).round(2), "nlr": rng.exponential(4, n).round(3), "sex": rng.choice(["female", "male"], n),
    })  # fmt: skip


def test_planted_twins_are_found_and_strangers_are_not() -> None:
    a, b = cohort("a", 80, seed=0), cohort("b", 40, seed=1)
    shared = a.head(3).with_columns(
        patient_id=pl.Series([f"b:twin{k}" for k in range(3)]), study=pl.lit("b"), cohort=pl.lit("B")
    )
    strangers = look_alikes(Tables(pl.concat([a, b])), judged=["b/B"], studies=("a", "b"))
    assert (strangers.pairs, strangers.compared) == ((), 1)
    found = look_alikes(Tables(pl.concat([a, b, shared])), judged=["b/B"], studies=("a", "b"))
    assert {frozenset(pair) for pair in found.pairs} == {frozenset((f"a:{k}", f"b:twin{k}")) for k in range(3)}
    assert "may be the same" in found.said[0]


def test_cohorts_that_are_not_judged_are_not_compared() -> None:
    tables = Tables(pl.concat([cohort("a", 30, seed=0), cohort("b", 30, seed=1)]))
    assert look_alikes(tables, judged=[], studies=("a", "b")).compared == 0

"""Beside simpler models: the rule on a stored comparison, and what the figure and the sentence say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.cohort.query import CohortQuery
from core.errors import NotMeasured
from core.evaluation import record
from core.pipeline.enrich import evaluated
from core.pipeline.staging import Staging
from core.response.closer.beside import beside, ranked
from core.speakers import COMPARISON
from data.schema import EVALUATION
from data.store import Store
from models import EVALUATED, MODULES

LABELS = {"tmb": "TMB", "additive_fusion": "Additive fusion", "multimodal": "Multimodal model", "multimodal - genome": "Without genome"}
SYNTHETIC = CohortQuery(("synthetic_a",))


def row(predictor: str, value: float, *, against: str = "", study: str = "", half: float = 0.04, **more: Any) -> dict[str, Any]:
    return {
        "evaluation": "unseen_cohorts", "protocol": "leave_one_cohort_out", "endpoint": "response", "study": study, "cohort": study.upper(),
        "predictor": predictor, "label": LABELS[predictor], "simple": predictor != "multimodal", "against": against, "metric": "auc", "estimate": value,
        "ci_low": value - half, "ci_high": value + half, "n": 400, "events": 120, "repeats": 1, "seed": 0, "shuffled": False, "model": "m-1", **more,
    }  # fmt: skip


def comparison(*, gain: float) -> pl.DataFrame:
    """TMB .60, additive fusion .68, the multimodal model `gain` above it."""
    return record.table([
        row("tmb", 0.60), row("additive_fusion", 0.68), row("multimodal", 0.68 + gain), row("multimodal - genome", 0.62),
        row("additive_fusion", 0.08, against="tmb"), row("multimodal", 0.08 + gain, against="tmb"), row("multimodal", gain, against="additive_fusion"),
        row("multimodal", 0.51, shuffled=True), row("tmb", 0.58, study="synthetic_a"),
    ])  # fmt: skip


class Shelf:
    """A store whose table of comparisons is given."""

    def __init__(self, store: Store, table: pl.DataFrame) -> None:
        self._store, self._table = store, table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def sql(self, statement: str, params: Any = None) -> pl.DataFrame:
        return self._table if "FROM evaluation" in statement else self._store.sql(statement, params)


@pytest.mark.parametrize(("gain", "key"), [(0.01, "additive_fusion"), (0.06, "multimodal")])
def test_a_simpler_model_is_recommended_until_the_deep_one_is_shown_to_be_better(gain: float, key: str) -> None:
    found = ranked(comparison(gain=gain))
    assert found.picked is not None
    assert found.picked.key == key
    assert "multimodal - genome" not in {c.key for c in found.candidates}


def test_figure_and_sentence_say_the_same(synthetic_store: Store) -> None:
    told = beside(Shelf(synthetic_store, comparison(gain=0.01)), SYNTHETIC)  # type: ignore[arg-type]
    assert "Additive fusion, AUC 0.68 (0.64 to 0.72), n = 400, is recommended" in told.sentence
    assert "the multimodal model, 0.69 (0.65 to 0.73), is not shown to be better than Additive fusion (+0.01, −0.03 to +0.05, n = 400)" in told.sentence
    chart = told.charts[0]
    assert chart.table["shuffled"].to_list() == [0.51, None, None, None]
    assert "Multimodal model: m-1." in chart.caption
    assert "slightly optimistic" in chart.caption


def test_a_study_that_takes_no_part_is_a_sentence(synthetic_store: Store) -> None:
    with pytest.raises(NotMeasured, match="no study chosen here takes part in a comparison of models"):
        beside(Shelf(synthetic_store, comparison(gain=0.01)), CohortQuery(("synthetic_b",)))  # type: ignore[arg-type]
    with pytest.raises(NotMeasured, match=r"make one: python benchmarks/model\.py"):
        beside(Shelf(synthetic_store, EVALUATION.empty()), SYNTHETIC)  # type: ignore[arg-type]


def test_the_comparison_that_comes_with_the_software_is_whole(tmp_path: Path) -> None:
    table = record.read(COMPARISON)
    overall = table.filter((pl.col("cohort") == "") & ~pl.col("shuffled"))
    assert {"unseen_cohorts", "imvigor_response", "imvigor_survival", "tcga_survival"} == set(overall["evaluation"])
    for _, part in table.group_by("evaluation"):
        assert ranked(part).picked is not None
        assert part.filter(pl.col("shuffled") & pl.col("predictor").str.starts_with("multimodal")).height
    assert set(overall["predictor"]) & set(EVALUATED) and set(overall["predictor"]) & set(MODULES)
    damaged = tmp_path / "evaluation.json"
    damaged.write_text("{", encoding="utf-8")
    said: list[str] = []
    staging = Staging(tmp_path / "x.duckdb")
    try:
        staging._connection.execute("CREATE TABLE evaluation (a INTEGER)")
        evaluated(staging, progress=said.append, path=damaged)
    finally:
        staging.close()
    assert said == ["no comparison of models: evaluation.json holds no evaluation (JSONDecodeError); make it anew with benchmarks/model.py --json"]

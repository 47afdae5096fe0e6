"""What the sentence on predictors claims, what it counts, and who is too few for a calibration."""

from __future__ import annotations

import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import TooFewPatients
from core.response.ranking import _everywhere, _here, ranking, reliability
from data.store import Store


def table(*rows: tuple[str, str, str, float, int]) -> pl.DataFrame:
    """(predictor, kind, protocol, AUC, n), all on one cohort, intervals of 0.06 to either side."""
    named = {"out_of_fold": "cross-fitted", "leave_one_cohort_out": "leave one cohort out", "published": "published formula"}
    return pl.DataFrame(
        [
            {
                "study": "trial", "cohort": "Trial", "predictor": predictor, "label": predictor.upper(), "kind": kind,
                "protocol": protocol, "protocol_label": named[protocol], "n": n, "auc": auc, "ci_low": auc - 0.06, "ci_high": auc + 0.06,
            }
            for predictor, kind, protocol, auc, n in rows
        ]
    )  # fmt: skip


NET = ("elastic_net", "probability", "out_of_fold", 0.78, 298)
OUT = ("elastic_net", "probability", "leave_one_cohort_out", 0.69, 288)


def test_no_winner_is_claimed_and_both_protocols_are_told() -> None:
    said = _here(table(("tmb", "marker", "published", 0.73, 234), NET, OUT))
    assert said.startswith("Highest AUC here: ELASTIC_NET, cross-fitted, 0.78 (0.72 to 0.84), n = 298; ELASTIC_NET, leave one cohort out, 0.69")
    assert "TMB alone 0.73 (0.67 to 0.79), n = 234; intervals overlap, predictors were judged on different patients." in said
    assert "2 of 2 estimates" in said
    assert "best" not in said


def test_a_better_marker_comes_first() -> None:
    said = _here(table(("tmb", "marker", "published", 0.93, 298), NET))
    assert said.index("TMB alone") < said.index("ELASTIC_NET")
    assert "intervals do not overlap." in said
    assert "different patients" not in said


def test_recalibrated_loris_does_not_count_beside_loris() -> None:
    both = table(("loris", "probability", "published", 0.7, 90), ("loris_recalibrated", "probability", "out_of_fold", 0.7, 90))
    assert "1 of 1 estimate " in _here(both)
    assert "1 of 1 estimate " in _here(both.filter(pl.col("predictor") == "loris_recalibrated"))


def test_cohorts_count_once_a_protocol() -> None:
    said = _everywhere(table(NET, OUT), "elastic_net")
    assert said.count("on 1 of 1 cohort,") == 2


def test_the_ranking_of_a_study(synthetic_store: Store) -> None:
    found = ranking(synthetic_store, CohortQuery(("synthetic_a",)))
    assert found.sentence.startswith("Highest AUC ")
    assert "variance of training" in found.charts[0].caption


def test_calibration_takes_enough_patients(synthetic_store: Store) -> None:
    query = CohortQuery(("synthetic_a",))
    assert reliability(synthetic_store, query, predictor="elastic_net").provenance.n >= 20
    with pytest.raises(TooFewPatients, match="relax a filter"):
        reliability(synthetic_store, query.with_filter(Filter("response", "in", ("true",))), predictor="elastic_net")

"""One predictor over all cohorts: who enters, how it is pooled, and LORIS as published."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.errors import NotMeasured, UnknownName
from core.pooling import random_effects
from core.response.sharing import Sharing
from core.response.transport import SCHEMA, pool, transport
from data.store import Store


def test_every_cohort_by_protocol_and_never_in_sample(synthetic_store: Store) -> None:
    found = transport(synthetic_store, "elastic_net")
    assert dict(found.table.schema) == SCHEMA
    assert found.probability
    assert "in_sample" not in set(found.table["protocol"])
    listed = synthetic_store.sql(
        "SELECT study, protocol, auc FROM performance WHERE predictor = 'elastic_net' AND protocol <> 'in_sample'"
    )
    both = found.table.join(listed, on=["study", "protocol"], suffix="_listed")
    assert both.height == listed.height
    np.testing.assert_allclose(both["auc"], both["auc_listed"], atol=1e-12)
    for row in found.table.iter_rows(named=True):
        assert row["ci_low"] <= row["auc"] <= row["ci_high"]
        assert row["n"] > row["responders"] > 0


def test_summaries_pool_the_rows_of_one_protocol(synthetic_store: Store) -> None:
    found = transport(synthetic_store, "elastic_net")
    for summary in found.summaries:
        rows = found.table.filter(pl.col("protocol") == summary.protocol)
        assert summary.k + summary.left_out == rows.height
        assert summary.n <= rows["n"].sum()
        if summary.measure == "auc" and summary.k > 1:
            auc, variance = (rows[c].to_numpy() for c in ("auc", "variance"))
            again = random_effects(np.log(auc / (1 - auc)), np.sqrt(variance) / (auc * (1 - auc)))
            assert summary.estimate == pytest.approx(1 / (1 + np.exp(-float(again.estimate))))
            low, high = summary.prediction_interval
            assert low <= summary.ci95[0] <= summary.estimate <= summary.ci95[1] <= high
    assert {s.measure for s in found.summaries if s.protocol == "out_of_fold"} == {"auc", "slope"}
    assert any("by construction" in note for note in found.notes)


def test_a_cohort_that_shares_patients_with_the_training_is_shown_and_not_pooled(
    synthetic_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = transport(synthetic_store, "elastic_net")
    first = whole.table.filter(pl.col("protocol") == "leave_one_cohort_out").row(0, named=True)

    def shared(_: Store, scored: pl.DataFrame) -> tuple[Sharing, ...]:
        here = scored.filter(pl.col("protocol") == "leave_one_cohort_out").height > 0
        return (Sharing(study=first["study"], cohort=first["cohort"], training="another", declared=("another",)),) if here else ()

    monkeypatch.setattr("core.response.transport.sharing", shared)
    found = transport(synthetic_store, "elastic_net")
    assert found.table["apart"].sum() == 1
    assert found.table.drop("apart").equals(whole.table.drop("apart"))
    before, after = whole.summary("leave_one_cohort_out"), found.summary("leave_one_cohort_out")
    assert before is not None
    assert (after.k if after else 0) == before.k - 1
    assert any("not out-of-sample" in note for note in found.notes)
    kept, same = whole.summary("out_of_fold"), found.summary("out_of_fold")
    assert kept is not None
    assert same is not None
    assert same.estimate == kept.estimate


def test_no_synthetic_cohort_shares_patients(synthetic_store: Store) -> None:
    assert not transport(synthetic_store, "elastic_net").table["apart"].any()


def test_a_marker_has_no_calibration(synthetic_store: Store) -> None:
    found = transport(synthetic_store, "tmb")
    assert not found.probability
    assert found.table["slope"].null_count() == found.table.height
    assert {s.measure for s in found.summaries} == {"auc"}
    assert found.summary("published") is not None
    assert found.summary("published", "slope") is None


def test_pooling_scales() -> None:
    _, (value, low, high, *_) = pool(np.array([0.7, 0.7]), np.array([0.05, 0.04]), measure="auc")
    assert value == pytest.approx(0.7)
    assert 0 < low <= value <= high < 1
    found, (ratio, *_) = pool(np.array([0.5, 2.0, np.nan]), np.array([0.1, 0.1, 0.1]), measure="observed_expected")
    assert ratio == pytest.approx(1)
    assert int(found.k) == 2
    kept, _ = pool(np.array([1.0, 0.8, 0.6]), np.array([0.0, 0.05, 0.1]), measure="auc")
    assert int(kept.k) == 2  # an AUC of 1 has no standard error


def test_refusals(synthetic_store: Store) -> None:
    with pytest.raises(UnknownName, match="no predictor 'magic'"):
        transport(synthetic_store, "magic")
    with pytest.raises(NotMeasured):
        transport(_Empty(synthetic_store), "tmb")


class _Empty(Store):
    """A store without predictions."""

    def __init__(self, store: Store) -> None:
        self._inner = store

    def sql(self, statement: str, params: object = None) -> pl.DataFrame:
        return self._inner.sql(statement, params).head(0)  # type: ignore[arg-type]

    def studies(self) -> pl.DataFrame:
        return self._inner.studies()


@pytest.mark.realdata
def test_loris(real_store: Store) -> None:
    found = transport(real_store, "loris")
    rows = {row["cohort"]: row for row in found.table.iter_rows(named=True)}
    assert "Chowell_train" not in rows
    assert found.in_sample == 964
    for cohort, auc in (("Chowell_test", 0.754), ("MSK1", 0.699), ("Kato", 0.793), ("Pradat", 0.711)):
        assert rows[cohort]["auc"] == pytest.approx(auc, abs=6e-4)
    pooled = found.summary("published")
    assert pooled is not None
    assert pooled.k == 6
    assert pooled.estimate == pytest.approx(0.71, abs=0.01)
    assert [name for name, row in rows.items() if row["apart"]] == ["Vanguri"]
    assert any("Vanguri seems to share patients" in note for note in found.notes)
    assert rows["Pradat"]["observed_expected"] > 1.4 > 0.7 > rows["MSK1"]["observed_expected"]

"""LORIS with a locked cut-off on the published cohorts: every number equal to R."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from core.cohort.query import CohortQuery, Filter
from core.errors import Refused
from core.markers import marker as markers
from core.markers.cutoff.ledger import Ledger
from core.markers.cutoff.lock import Choice, lock
from core.markers.cutoff.treatment import CLOCK, CONFOUNDED, compared, modification, modified
from core.markers.cutoff.validation import labels, validate
from core.response import recalibration
from data.store import Store

pytestmark = pytest.mark.realdata
STORED = json.loads((Path(__file__).parents[3] / "references" / "cutoff_loris.json").read_text(encoding="utf-8"))
MARKER = "predictor:loris"


def cohort(*names: str) -> CohortQuery:
    return CohortQuery(("loris",), (Filter("cohort", "in", names),))


def test_locked_then_validated_equals_r(real_store: Store, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    made = lock(real_store, cohort("Chowell_train"), Choice(marker=MARKER), ledger=ledger, intended_use="Select patients for ICB")
    assert made.content["cut"] == pytest.approx(STORED["cut"], abs=1e-9)
    assert any("in-sample" in note for note in made.content["notes"])
    train = real_store.patients(cohort("Chowell_train").where(), columns=("patient_id", "response"))
    train = train.join(markers.values(real_store, cohort("Chowell_train"), MARKER, in_sample=True), on="patient_id")
    fitted = recalibration.fit(train["value"].to_numpy(), train["response"].cast(pl.Float64).to_numpy())
    for name in ("Chowell_test", "MSK1"):
        stored = STORED[name]
        found = validate(real_store, cohort(name), ledger=ledger, lock=made.hash)
        assert found.performance.cells == tuple(stored[k] for k in ("tp", "fp", "fn", "tn"))
        assert found.performance.measure("youden")[0] == pytest.approx(stored["j"], abs=1e-9)
        assert found.retuned.performance is not None
        assert found.retuned.performance.measure("youden")[0] == pytest.approx(stored["retuned_j"], abs=1e-9)
        assert found.performance.calibration["brier"] == pytest.approx(stored["brier_raw"], abs=1e-9)
        assert found.record.content["overlap"]["same_id"] == 0
        frame, _ = labels(real_store, cohort(name), ledger=ledger, lock=made.hash)
        judged = recalibration.tested(fitted, frame["value"].to_numpy(), frame["response"].cast(pl.Float64).to_numpy())
        assert judged.recalibrated.brier == pytest.approx(stored["brier_recalibrated"], abs=1e-8)
        assert judged.recalibrated.brier < judged.raw.brier_null < judged.raw.brier
    with pytest.raises(Refused, match="known to share patients"):
        validate(real_store, CohortQuery(("samstein2019",)), ledger=ledger, lock=_tmb(real_store, ledger))


def _tmb(store: Store, ledger: Ledger) -> str:
    choice = Choice(marker="clinical:tmb_per_mb", endpoint="os", rule="given", cut=10.0)
    return lock(store, cohort("Chowell_train"), choice, ledger=ledger, intended_use="Select patients for ICB").hash


@pytest.mark.parametrize(("key", "marker", "cut"), [("loris", MARKER, STORED["cut"] - 1e-9), ("tmb", "clinical:tmb_per_mb", 10.0)])
def test_the_interaction_with_treatment_equals_r(real_store: Store, key: str, marker: str, cut: float) -> None:
    data = compared(real_store, cohort("Chowell_test", "MSK1"), marker=marker)
    assert data.added == 841
    assert not data.randomised
    found = modified(data.frame, name=key, cut=cut).interaction
    stored = STORED[key]
    assert found.n == stored["n"]
    assert found.effect == pytest.approx(stored["hr"], rel=1e-7)
    assert found.ci95 == pytest.approx((stored["low"], stored["high"]), rel=1e-7)
    assert found.p_value == pytest.approx(stored["p"], rel=1e-5)


def test_a_hazard_ratio_of_treatment_over_1_on_both_sides_is_explained(real_store: Store) -> None:
    found = modification(real_store, cohort("Chowell_test", "MSK1"), marker="clinical:tmb_per_mb", cut=10.0)
    assert CONFOUNDED in found.charts[0].warnings
    assert CLOCK in found.charts[0].warnings

"""Rules: a planted group is found again in words, nothing is claimed of noise, and another cohort is sorted by it."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from core.errors import BadLink, NotMeasured, TooFewPatients
from core.figures.chart import Provenance
from core.figures.rule_transfer import rule_transfer
from core.pooling import random_effects
from core.survival.hazard_ratio import hazard_ratio
from core.tme.rule import conditions_of, fidelity, learn, transfer
from core.tme.rule_effect import cautious, moved
from core.tme.rule_search import MOST_CELLS, matthews, sample
from core.tme.signature_frame import signature_frame
from data.store import Store

NAMES = ("gep", "f_tbrs", "cyt", "mcp_b_lineage", "mcp_fibroblasts")


def planted(n: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).normal(size=(n, len(NAMES)))
    return x, (x[:, 0] >= 0.5) & (x[:, 1] < 0.25)


def test_a_planted_rule_is_found_and_said_in_words() -> None:
    x, member = planted()
    rule = learn(x, member, names=NAMES, seed=0, name="Inflamed")
    assert [(c.feature, c.at_least, c.cut) for c in rule.conditions] == [("gep", True, 0.5), ("f_tbrs", False, 0.25)]
    np.testing.assert_array_equal(rule.applies(x), member)
    assert rule.in_sample.balanced_accuracy == 1.0
    assert rule.cross_validated.balanced_accuracy > 0.97
    assert rule.faithful
    assert "T-cell-inflamed gene expression profile at least 0.5 SD above the mean and Pan-fibroblast" in rule.sentence
    assert "in-sample 1.00" in rule.sentence
    assert rule == learn(x, member, names=NAMES, seed=0, name="Inflamed")


def test_a_group_of_noise_is_called_a_poor_rule() -> None:
    x, _ = planted()
    member = np.random.default_rng(9).random(400) < 0.3
    rule = learn(x, member, names=NAMES)
    assert abs(rule.cross_validated.balanced_accuracy - 0.5) < 0.1
    assert rule.in_sample.balanced_accuracy > rule.cross_validated.balanced_accuracy
    assert not rule.faithful
    assert "poor description" in rule.sentence


def test_at_most_three_conditions_and_missing_values_meet_none() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(600, 5))
    member = (x[:, 0] > 0) & (x[:, 1] > 0) & (x[:, 2] > 0) & (x[:, 3] > -1)
    rule = learn(x, member, names=NAMES)
    assert 1 <= len(rule.conditions) <= 3
    holed = x.copy()
    holed[:10] = np.nan
    assert not rule.applies(holed)[:10].any()
    assert not rule.known(holed)[:10].any()
    assert rule.known(x).all()
    assert learn(holed, member, names=NAMES).n_missing == 10


def test_a_frame_reads_the_same_as_an_array_and_says_what_it_lacks() -> None:
    x, member = planted()
    frame = pl.DataFrame(x, schema=list(NAMES)).with_columns(patient_id=pl.lit("p"))
    rule = learn(frame, member, names=NAMES)
    np.testing.assert_array_equal(rule.applies(frame), rule.applies(x))
    with pytest.raises(NotMeasured, match="T-cell-inflamed"):
        rule.applies(frame.drop("gep"))
    with pytest.raises(NotMeasured, match="5 features"):
        rule.applies(x[:, :2])


def test_too_small_a_group_and_no_features_say_the_remedy() -> None:
    x, member = planted()
    with pytest.raises(TooFewPatients, match="select more"):
        learn(x, np.arange(400) < 3, names=NAMES)
    with pytest.raises(TooFewPatients):
        learn(x, np.ones(400, dtype=bool), names=NAMES)
    with pytest.raises(NotMeasured):
        learn(x, member)
    with pytest.raises(NotMeasured, match="select it again"):
        learn(x, member[:100], names=NAMES)
    with pytest.raises(NotMeasured, match="vary"):
        learn(np.zeros((400, 5)), member, names=NAMES)


def test_a_rule_survives_its_address() -> None:
    x, member = planted()
    rule = learn(x, member, names=NAMES, name="Mine, ”quoted”")
    assert conditions_of(rule.key()) == (rule.name, rule.conditions)
    for bad in ("", "[]", '["a",[]]', '["a",[["gep",true,"x"]]]', "{}"):
        with pytest.raises(BadLink, match="select the group again"):
            conditions_of(bad)


def test_fidelity_counts() -> None:
    member = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    called = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=bool)
    found = fidelity(called, member)
    assert (found.sensitivity, found.precision) == (0.75, 0.75)
    assert found.balanced_accuracy == pytest.approx((0.75 + 5 / 6) / 2)
    assert matthews(called, member) == pytest.approx(np.corrcoef(called, member)[0, 1])
    assert math.isnan(fidelity(np.zeros(10, dtype=bool), member).precision)


def test_a_large_cohort_is_searched_on_a_sample_that_keeps_the_share() -> None:
    member = np.arange(60_000) % 10 == 0
    rows = sample(member, columns=65, seed=0)
    assert rows.size * 65 * 34 <= 1.2 * MOST_CELLS
    assert abs(member[rows].mean() - 0.1) < 0.01


def test_a_cautious_pool_is_never_narrower_than_its_sampling_errors() -> None:
    alike = random_effects([0.40, 0.41, 0.40, 0.41], [0.3] * 4)
    wide = cautious(alike)
    assert float(alike.se) < 0.02
    assert float(wide.se) == pytest.approx(0.15)
    assert float(wide.ci95[0]) < 0 < float(wide.ci95[1])
    assert float(wide.p_value) > 0.05
    apart = random_effects([-1.0, 0.2, 1.5], [0.1, 0.1, 0.1])
    np.testing.assert_allclose(cautious(apart).ci95, apart.ci95)


def test_a_rule_is_carried_to_other_cohorts(synthetic_store: Store) -> None:
    studies = ("synthetic_a", "synthetic_b", "synthetic_c")
    frame = signature_frame(synthetic_store, studies[:1])
    names = [c for c in frame.columns[3:] if frame[c].null_count() == 0]
    member = (frame[names[0]] > frame[names[0]].median()).to_numpy()
    rule = learn(frame, member, names=names, name="Upper half")
    assert rule.conditions[0].feature == names[0]
    found = transfer(synthetic_store, rule, studies=studies, home="synthetic_a")
    assert found.table["study"].to_list() == list(studies)
    home = found.table.row(0, named=True)
    assert home["home"]
    assert not home["response_pooled"]
    assert found.response is not None
    assert int(found.response.k) == 2
    row = found.table.row(1, named=True)
    people = signature_frame(synthetic_store, ("synthetic_b",))
    inside = people.select("patient_id", inside=pl.Series(rule.applies(people)))
    clinical = synthetic_store.sql("SELECT * FROM patient WHERE study = 'synthetic_b' AND coalesce(arm, 'ICB') <> 'control'").join(inside, on="patient_id")
    cells = clinical.drop_nulls("response").group_by("inside").agg(a=pl.col("response").sum(), n=pl.len()).sort("inside", descending=True)
    (a, n), (b, m) = cells.select("a", "n").rows()
    assert row["odds_ratio"] == pytest.approx(a * (m - b) / (b * (n - a)))
    assert row["hazard_ratio"] == pytest.approx(hazard_ratio(clinical, outcome="os", by="inside")[0].effect)
    assert "other cohorts" in found.sentence
    chart = rule_transfer(found, provenance=Provenance(cohort="test", n=1, synthetic=True))
    assert "in-sample" in chart.caption
    assert chart.table.height == 3


def test_a_study_of_several_cohorts_is_stratified() -> None:
    from core.tme.rule_effect import _survival

    rng = np.random.default_rng(4)
    cohort = np.repeat(["a", "b"], 200)
    inside = rng.random(400) < np.where(cohort == "a", 0.8, 0.2)
    time = rng.exponential(np.where(cohort == "a", 4.0, 40.0))
    frame = pl.DataFrame({"cohort": cohort, "inside": inside, "os_months": time, "os_event": np.ones(400, dtype=bool)})
    crude = _survival(frame.with_columns(cohort=pl.lit("one")), home=False)["hazard_ratio"]
    within = _survival(frame, home=False)["hazard_ratio"]
    assert float(str(crude)) > 2
    assert 0.7 < float(str(within)) < 1.4


def test_studies_without_the_features_are_kept_and_told(synthetic_store: Store) -> None:
    x, member = planted()
    rule = learn(x, member, names=("gep", "f_tbrs", "cyt", "mcp_b_lineage", "not_there"))
    found = transfer(synthetic_store, rule, studies=("synthetic_a", "synthetic_b"))
    assert found.table.height == 2
    with pytest.raises(NotMeasured, match="gene expression"):
        moved(synthetic_store, pl.DataFrame(schema={"patient_id": pl.String, "inside": pl.Boolean}), studies=("synthetic_a",))


def test_nobody_inside_is_a_reason_and_not_an_error(synthetic_store: Store) -> None:
    ids = synthetic_store.sql("SELECT patient_id FROM patient WHERE study = 'synthetic_a'")
    found = moved(synthetic_store, ids.with_columns(inside=pl.lit(value=False)), studies=("synthetic_a",))
    assert found.response is None
    assert found.table["response_note"][0].startswith("fewer than 3")
    assert found.table["os_note"][0].startswith("fewer than 3")
    with pytest.raises(NotMeasured, match="widen the rule"):
        rule_transfer(found, provenance=Provenance(cohort="test", n=1))

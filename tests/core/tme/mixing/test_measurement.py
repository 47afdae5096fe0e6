"""Mixing measured: planted batch effects are seen and taken away, signal that is there is kept, and the rule picks by both."""

from __future__ import annotations

import numpy as np
import pytest

from core.tme.mixing import measurement, outcome_signal
from core.tme.mixing.measurement import Pool, archetypes, default, measure

FEATURES = ("gep", "cyt", "f_tbrs", "mcp_fibroblasts", "hallmark_angiogenesis", "mcp_b_lineage")


def planted(*, signal: float = 1.2, seed: int = 0, shift: float = 3.0) -> Pool:
    """Three cohorts of 60 with a shift each; response follows the first two features within every cohort."""
    rng = np.random.default_rng(seed)
    batch = np.repeat([0, 1, 2], 60)
    z = rng.normal(size=(180, 6))
    z[:, 1] = z[:, 0] * 0.8 + z[:, 1] * 0.6
    response = (rng.random(180) < 1 / (1 + np.exp(1.0 - signal * z[:, 0]))).astype(np.float64)
    response[::15] = np.nan
    x = z * rng.uniform(0.5, 2, size=(3, 6))[batch] + shift * rng.normal(size=(3, 6))[batch]
    return Pool(patients=tuple(f"p{i}" for i in range(180)), studies=tuple("abc"[b] for b in batch), features=FEATURES, x=x, response=response)


@pytest.fixture(scope="module")
def found() -> measurement.Measured:
    return measure(planted(), halves=3)


def value(found: measurement.Measured, correction: str, name: str, column: str = "value") -> float:
    rows = found.table.filter(correction=correction, measure=name, study="")
    return float(rows[column][0])


def test_batch_effects_are_seen_and_taken_away(found: measurement.Measured) -> None:
    assert value(found, "none", "mixing") < 0.2
    assert value(found, "none", "kbet") < 0.2
    for name in ("standardised", "combat"):
        assert value(found, name, "mixing") > 0.85
        assert value(found, name, "kbet") > 0.8
        assert value(found, name, "auc") > 0.65
    assert value(found, "harmony", "mixing") > value(found, "none", "mixing") + 0.3
    assert found.chosen in {"standardised", "combat", "harmony"}
    assert found.table.filter("chosen")["correction"].unique().to_list() == [found.chosen]


def test_every_number_has_its_interval_null_and_n(found: measurement.Measured) -> None:
    for name in ("kbet", "ilisi", "clisi", "auc"):
        assert value(found, "combat", name, "ci_low") <= value(found, "combat", name) <= value(found, "combat", name, "ci_high")
        assert np.isfinite(value(found, "combat", name, "null_value"))
    assert value(found, "combat", "ilisi", "n") == 180
    assert value(found, "combat", "auc", "n") == 168
    assert found.table.filter(correction="reference", measure="auc").height == 4


def test_same_seed_same_answer_and_no_label_reaches_a_correction(found: measurement.Measured) -> None:
    again = measure(planted(), halves=3)
    assert again.table.equals(found.table)
    pool = planted()
    other = Pool(
        patients=pool.patients, studies=pool.studies, features=pool.features, x=pool.x, response=np.where(np.isnan(pool.response), np.nan, 1 - pool.response)
    )
    mixed = {"kbet", "ilisi", "clisi", "mixing"}
    ours, theirs = (t.filter(t["measure"].is_in(list(mixed))).drop("chosen") for t in (found.table, measure(other, halves=3).table))
    assert ours.equals(theirs)


def test_no_response_leaves_mixing_alone() -> None:
    pool = planted()
    blank = Pool(patients=pool.patients, studies=pool.studies, features=pool.features, x=pool.x, response=np.full(180, np.nan))
    found = measure(blank, halves=3)
    assert found.table.filter(measure="auc", correction="none")["value"][0] is None
    assert found.chosen != "none"


def test_the_signal_of_noise_is_none() -> None:
    pool = planted(signal=0.0, seed=3)
    signal = outcome_signal.between(pool.x, pool.response, pool.batch)
    assert abs(signal.auc - 0.5) < 0.12
    assert outcome_signal.retained(signal, outcome_signal.inside(pool.x, pool.response, pool.batch)) <= 1.0


def test_the_rule_prefers_the_simplest_of_equals() -> None:
    assert default({"none": 0.5, "standardised": 0.793, "combat": 0.80, "harmony": 0.6}) == "standardised"
    assert default({"none": 0.5, "standardised": 0.70, "combat": 0.80, "harmony": 0.6}) == "combat"


def test_archetypes_are_made_within_cohorts() -> None:
    pool = planted()
    kinds = archetypes(pool)
    assert set(kinds) <= {0, 1, 2, 3}
    for code in range(3):
        high = (kinds[pool.batch == code] >= 2).mean()
        assert 0.3 < high < 0.7

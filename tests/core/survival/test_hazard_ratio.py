"""Hazard ratio: R's coxph(ties = "efron") to 1e-6, and what must hold for any cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TooFewPatients, UnknownName
from core.survival import hazard_ratio
from core.survival.cox_model import cox_model

ROWS = st.lists(st.tuples(st.integers(0, 15).map(float), st.booleans(), st.sampled_from("ab")), min_size=8, max_size=60)


def frame(rows: list[tuple[float, bool, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"os_months": pl.Float64, "os_event": pl.Boolean, "group": pl.String}, orient="row"
    )


def test_reference_numbers_by_group(reference_set: Any) -> None:
    findings = hazard_ratio(reference_set.frame, outcome="os", by="group")
    if reference_set.expected["cox"] is None:
        assert all(np.isnan(f.effect) and "no events" in f.note for f in findings if f.effect is not None)
        return
    for finding, expected in zip(findings, reference_set.expected["cox"], strict=True):
        assert finding.name.endswith(f"{expected['group']} against {max(reference_set.frame['group'])}")
        assert finding.ci95 is not None
        got = [finding.effect, *finding.ci95, finding.statistic, finding.p_value]
        np.testing.assert_allclose(got, [expected[k] for k in ("hr", "low", "high", "z", "p")], rtol=1e-6)


def test_reference_numbers_per_sd(reference_set: Any) -> None:
    (finding,) = hazard_ratio(reference_set.frame, outcome="os", by="score")
    expected = reference_set.expected["per_sd"]
    if expected["hr"] is None or not 1e-6 < expected["hr"] < 1e6:
        assert np.isnan(finding.effect or np.nan)
        return
    assert finding.ci95 is not None
    np.testing.assert_allclose([finding.effect, *finding.ci95], [expected[k] for k in ("hr", "low", "high")], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_swapping_the_groups_inverts_the_ratio(rows: list[tuple[float, bool, str]]) -> None:
    data = frame(rows)
    if data["group"].n_unique() < 2:
        return
    (one,) = hazard_ratio(data, by="group", reference="a")
    (other,) = hazard_ratio(data, by="group", reference="b")
    assert one.effect is not None
    assert other.effect is not None
    if np.isnan(one.effect) or np.isnan(other.effect):
        assert np.isnan(one.effect) == np.isnan(other.effect)
        return
    np.testing.assert_allclose(one.effect * other.effect, 1, rtol=1e-6)
    np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-5, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_order_and_unit_do_not_matter(rows: list[tuple[float, bool, str]], shuffle: Any) -> None:
    mixed = [(t * 30.4375, e, g) for t, e, g in rows]
    shuffle.shuffle(mixed)
    for one, other in zip(hazard_ratio(frame(rows), by="group"), hazard_ratio(frame(mixed), by="group"), strict=True):
        np.testing.assert_allclose(one.effect or 0, other.effect or 0, rtol=1e-6)


def test_per_sd_does_not_depend_on_the_unit_of_the_marker() -> None:
    rng = np.random.default_rng(0)
    data = pl.DataFrame(
        {"os_months": rng.exponential(10, 100), "os_event": rng.random(100) < 0.7, "tmb": rng.lognormal(2, 1, 100)}
    )
    (one,) = hazard_ratio(data, by="tmb")
    (other,) = hazard_ratio(data.with_columns(pl.col("tmb") * 1000 + 5), by="tmb")
    assert one.effect == pytest.approx(other.effect, rel=1e-9)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([(1.0, True, "a"), (2.0, True, "a")], "one group"),
        ([(1.0, False, "a"), (2.0, False, "b")], "no events"),
        ([(1.0, True, "a"), (2.0, False, "b")], "no events in b"),
        ([(1.0, True, "a")], "one group"),
        ([(1.0, True, "a"), (2.0, True, "a"), (3.0, True, "b"), (4.0, True, "b")], "no maximum"),
    ],
)
def test_not_estimable_is_said(rows: list[tuple[float, bool, str]], why: str) -> None:
    for finding in hazard_ratio(frame(rows), by="group"):
        assert np.isnan(finding.effect or np.nan)
        assert why in finding.note


def test_constant_marker_and_no_patients() -> None:
    data = frame([(1.0, True, "a"), (2.0, True, "b")]).with_columns(x=pl.lit(3.0))
    assert "same value" in hazard_ratio(data, by="x")[0].note
    with pytest.raises(TooFewPatients):
        hazard_ratio(data.clear(), by="x")
    with pytest.raises(UnknownName, match="'q'"):
        hazard_ratio(data, by="group", reference="q")


def test_by_flag_compares_yes_with_no() -> None:
    data = frame([(float(t), True, "a") for t in range(1, 9)]).with_columns(
        response=pl.Series([True, False, True, False, True, False, True, None])
    )
    (finding,) = hazard_ratio(data, by="response")
    assert finding.name.endswith("responder against non-responder")
    assert (finding.n, finding.n_missing) == (7, 1)


def test_late_entry_is_that_of_the_cox_model() -> None:
    rng = np.random.default_rng(4)
    time = rng.exponential(10, 150).round(0) + 1
    data = pl.DataFrame(
        {
            "os_months": time, "os_event": rng.random(150) < 0.7, "group": rng.choice(["a", "b"], 150),
            "tmb": rng.lognormal(2, 1, 150), "entry_months": time * 0.9 * rng.random(150),
        }
    )  # fmt: skip
    (finding,) = hazard_ratio(data, by="group")
    model = cox_model(data, covariates=["group"], reference={"group": "b"})
    assert finding.effect == pytest.approx(model.table["hazard_ratio"][0])
    (plain,) = hazard_ratio(data.drop("entry_months"), by="group")
    assert finding.effect != pytest.approx(plain.effect, rel=1e-3)
    (per_sd,) = hazard_ratio(data, by="tmb")
    coef = cox_model(data, covariates=["tmb"]).table["coef"][0]
    assert np.log(per_sd.effect or np.nan) == pytest.approx(coef * data["tmb"].std())

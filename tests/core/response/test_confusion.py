"""Two-by-two measures: prop.test and epiR's epi.tests to 1e-9, and what must hold for any table."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured
from core.response.confusion import MEASURES, confusion, counted, predictive_values
from core.response.exact import fisher
from tests.core.response.measures import SETS, column

COUNT = st.integers(0, 40)


@pytest.mark.parametrize("name", list(SETS))
def test_reference_numbers(name: str) -> None:
    expected = SETS[name]
    found = confusion(column(name, "a"), column(name, "y"), cut=expected["data"]["cut"])
    assert [found.tp, found.fp, found.fn, found.tn] == [expected[k] for k in ("tp", "fp", "fn", "tn")]
    for measure in ("sensitivity", "specificity", "ppv", "npv", "accuracy", "lr_positive", "lr_negative", "youden"):
        if measure not in expected:
            continue
        wanted = [expected[measure], expected[f"{measure}_low"], expected[f"{measure}_high"]]
        assert list(getattr(found, measure)) == pytest.approx(wanted, abs=1e-9), measure
    assert fisher(np.array([[found.tp, found.fp], [found.fn, found.tn]])) == pytest.approx(
        expected["fisher_p"], abs=1e-10
    )


@settings(max_examples=150, deadline=None)
@given(COUNT, COUNT, COUNT, COUNT)
def test_every_table_adds_up(tp: int, fp: int, fn: int, tn: int) -> None:
    found = counted((tp, fp, fn, tn))
    assert found.tp + found.fp + found.fn + found.tn == found.n
    for name in MEASURES:
        value, low, high = getattr(found, name)
        assert math.isnan(value) or not math.isinf(value)
        if not math.isnan(low):
            assert low - 1e-12 <= value <= high + 1e-12, name
    unknown = [name for name in MEASURES if not getattr(found, name).known]
    assert bool(found.note) or not unknown
    turned = counted((fn, tn, tp, fp))  # calls the other way round
    assert turned.sensitivity.estimate == pytest.approx(1 - found.sensitivity.estimate, nan_ok=True)
    assert turned.youden.estimate == pytest.approx(-found.youden.estimate, nan_ok=True)
    if found.lr_positive.known and found.prevalence.estimate < 1 and tp + fp:
        odds = found.prevalence.estimate / (1 - found.prevalence.estimate) * found.lr_positive.estimate
        assert odds / (1 + odds) == pytest.approx(found.ppv.estimate)


@pytest.mark.parametrize("cells", [(1, 9, 0, 10), (8, 0, 0, 12), (0, 5, 6, 0), (12, 3, 1, 30)])
def test_youden_is_never_surer_than_its_two_proportions(cells: tuple[int, int, int, int]) -> None:
    found = counted(cells)
    _, low, high = found.youden
    assert low < high
    assert high - low >= found.sensitivity.ci_high - found.sensitivity.ci_low - 1e-12
    assert high - low >= found.specificity.ci_high - found.specificity.ci_low - 1e-12
    assert found.sensitivity.ci_low + found.specificity.ci_low - 1 <= low <= found.youden.estimate <= high


def test_direction_ties_and_missing() -> None:
    score, response = [1.0, 2, 2, 3, np.nan, np.inf], [0.0, 0, 1, 1, 1, 0]
    high, low = confusion(score, response, cut=2), confusion(score, response, cut=2, direction="low")
    assert (high.tp, high.fp, high.fn, high.tn, high.n_missing) == (2, 1, 0, 1, 2)
    assert (low.tp, low.fp, low.fn, low.tn) == (high.fn, high.tn, high.tp, high.fp)
    assert confusion(score, [0.0, 0, np.nan, 1, 1, 0], cut=2).n == 3


def test_what_does_not_exist_is_said() -> None:
    everyone = confusion([3.0, 4.0, 5.0], [True, False, True], cut=0)
    assert "no patient is called negative" in everyone.note
    assert not everyone.npv.known
    assert "no responders" in confusion([1.0, 2.0], [False, False], cut=1.5).note
    assert "nothing can be computed" in confusion([np.nan], [True], cut=1).note
    assert "no false positive" in confusion([1.0, 2.0, 1.0], [False, True, True], cut=2).note
    with pytest.raises(NotMeasured, match="divides nobody"):
        confusion([1.0], [True], cut=float("nan"))
    with pytest.raises(NotMeasured, match="0 or 1"):
        confusion([1.0], [2.0], cut=1)
    with pytest.raises(NotMeasured, match="one of each"):
        confusion([1.0, 2.0], [1.0], cut=1)
    assert everyone.table()["measure"].to_list() == list(MEASURES.values())
    assert everyone.table().filter(measure="Negative predictive value")["estimate"].to_list() == [None]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30), st.integers(1, 30))
def test_predictive_values_at_the_observed_rate_are_those_observed(tp: int, fp: int, fn: int, tn: int) -> None:
    found = counted((tp, fp, fn, tn))
    row = predictive_values(found.sensitivity.estimate, found.specificity.estimate, [found.prevalence.estimate]).row(
        0, named=True
    )
    assert row["ppv"] == pytest.approx(found.ppv.estimate)
    assert row["npv"] == pytest.approx(found.npv.estimate)


def test_predictive_values_over_response_rates() -> None:
    table = predictive_values(0.8, 0.7, np.linspace(0, 1, 21))
    assert (table["ppv"].diff().drop_nulls() > 0).all()
    assert (table["npv"].diff().drop_nulls() < 0).all()
    assert predictive_values(0.0, 1.0, [0.3])["ppv"].to_list() == [None]
    with pytest.raises(NotMeasured, match="response rate"):
        predictive_values(0.8, 0.7, [1.2])


def test_limits_of_predictive_values_are_those_of_the_likelihood_ratios() -> None:
    found = counted((30, 20, 10, 60))
    plus, minus = found.lr_positive, found.lr_negative
    table = predictive_values(
        found.sensitivity.estimate, found.specificity.estimate, [0.0, 0.2, found.prevalence.estimate, 1.0],
        lr_positive=(plus.ci_low, plus.ci_high), lr_negative=(minus.ci_low, minus.ci_high),
    )  # fmt: skip
    for row in table.rows(named=True)[1:3]:
        assert row["ppv_low"] < row["ppv"] < row["ppv_high"]
        assert row["npv_low"] < row["npv"] < row["npv_high"]
        odds = row["prevalence"] / (1 - row["prevalence"]) * plus.ci_low
        assert row["ppv_low"] == pytest.approx(odds / (1 + odds))
    assert predictive_values(0.8, 0.7, [0.3])["ppv_low"].to_list() == [None]

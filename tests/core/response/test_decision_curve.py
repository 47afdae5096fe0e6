"""Decision curve: base R's means to 1e-12, and treat-all, treat-none and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import NotMeasured, TooFewPatients
from core.response.decision_curve import decision_curve, useful_range
from tests.core.response.measures import SETS, column

ROWS = st.lists(st.tuples(st.booleans(), st.floats(0.01, 0.99)), min_size=2, max_size=50)


@pytest.mark.parametrize("name", list(SETS))
def test_reference_numbers(name: str) -> None:
    expected = SETS[name]
    table = decision_curve(column(name, "p"), column(name, "y"), thresholds=(0.1, 0.25, 0.5, 0.8))
    np.testing.assert_allclose(table["net_benefit"], expected["net_benefit"], atol=1e-12)
    np.testing.assert_allclose(table["ci_low"], expected["net_benefit_low"], atol=1e-10)
    np.testing.assert_allclose(table["treat_all"], expected["treat_all"], atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_limits(rows: list[tuple[bool, float]]) -> None:
    y, p = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    table = decision_curve(p, y)
    assert (table["net_benefit"] <= y.mean() + 1e-12).all()
    assert (table["treat_none"] == 0).all()
    low, high = table.filter(threshold=0.01), table.filter(threshold=0.99)
    assert low["net_benefit"][0] == pytest.approx(low["treat_all"][0])  # everybody is at or above the lowest threshold
    if p.max() < 0.99:
        assert high["net_benefit"][0] == 0
    np.testing.assert_allclose(table["net_benefit"] - table["treat_all"], table["over_all"], atol=1e-9)
    # treating everybody is worth nothing at the threshold that equals the response rate
    if 0 < y.mean() < 1:
        assert decision_curve(p, y, thresholds=[float(y.mean())])["treat_all"][0] == pytest.approx(0, abs=1e-12)


def test_true_probabilities_are_useful_and_noise_is_not() -> None:
    rng = np.random.default_rng(4)
    p = rng.uniform(0.05, 0.9, 4000)
    y = rng.random(4000) < p
    found = useful_range(decision_curve(p, y))
    assert found is not None
    assert found[0] < 0.15
    assert found[1] > 0.8
    flat = decision_curve(np.full(4000, y.mean()), y, thresholds=[0.2])
    assert flat["over_all"][0] == 0
    assert useful_range(flat) is None


def test_refusals() -> None:
    with pytest.raises(NotMeasured, match="not a probability"):
        decision_curve([0.2, 12.0], [True, False])
    with pytest.raises(NotMeasured, match="only 0 and 1"):
        decision_curve([0.0, 1.0, 1.0], [True, False, True])
    with pytest.raises(NotMeasured, match="threshold"):
        decision_curve([0.2, 0.4], [True, False], thresholds=[0.0])
    with pytest.raises(TooFewPatients):
        decision_curve([0.2, np.nan], [True, False])

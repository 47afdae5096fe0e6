"""Response rates: R's prop.test, fisher.test, chisq.test and prop.trend.test."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import TooFewPatients
from core.response import response_rate
from core.response.rate import difference, wilson


def test_reference_numbers(reference_set: Any) -> None:
    expected = reference_set.expected
    rates = response_rate(reference_set.frame, by="group")
    for row in rates.table.rows(named=True):
        assert row["responders"] == expected["responders"][row["group"]]
        np.testing.assert_allclose([row["ci_low"], row["ci_high"]], expected["wilson"][row["group"]], atol=1e-9)
    assert rates.test is not None
    np.testing.assert_allclose(
        [rates.test.statistic, rates.test.p_value], [expected["chisq"], expected["chisq_p"]], rtol=1e-9
    )
    trend = difference(reference_set.frame, by="group", trend=True)
    np.testing.assert_allclose(trend.statistic, expected["trend"], rtol=1e-9)
    two = difference(reference_set.frame.filter(pl.col("group") != "SD"), by="group")
    assert two.name.startswith("Fisher")
    np.testing.assert_allclose(two.p_value, expected["fisher_p"], rtol=1e-6)


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_holds_the_rate_and_mirrors(successes: int, n: int) -> None:
    successes = min(successes, n)
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    mirrored = wilson(n - successes, n)
    assert (1 - high, 1 - low) == pytest.approx(mirrored)


def test_missing_response_is_not_a_non_responder() -> None:
    data = pl.DataFrame({"response": [True, None, False, None], "sex": ["male", "male", None, "female"]})
    rates = response_rate(data)
    assert (rates.n, rates.n_missing) == (2, 2)
    assert rates.table["rate"][0] == 0.5
    assert response_rate(data, by="sex").table["group"].to_list() == ["male"]
    assert "one group" in difference(data, by="sex").note
    with pytest.raises(TooFewPatients):
        response_rate(data.filter(pl.col("response").is_null()))

"""Numbers are written one way everywhere."""

from __future__ import annotations

import math

import pytest

from core.figures import words
from core.finding import Finding


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0000004, "p < .001"), (0.00099, "p < .001"), (0.001, "p = .0010"), (0.00123, "p = .0012"), (0.0123, "p = .012"),
        (0.0499, "p = .050"), (0.05, "p = .050"), (0.123, "p = .12"), (0.5, "p = .50"), (0.987, "p = .99"), (0.996, "p > .99"),
        (1.0, "p > .99"), (math.nan, "p not estimable"), (None, "p not estimable"),
    ],
)  # fmt: skip
def test_p_has_two_significant_digits(value: float | None, text: str) -> None:
    assert words.p(value) == text


def test_estimates_carry_their_interval() -> None:
    finding = Finding(name="x", statistic=1, p_value=0.1, effect=0.575, ci95=(0.4203, 0.7899), n=5)
    assert words.hazard(finding) == "HR 0.57 (0.42 to 0.79)"
    assert words.area(finding) == "AUC 0.57 (0.42 to 0.79)"
    none = Finding(
        name="x", statistic=1, p_value=0.1, effect=math.nan, ci95=(math.nan, math.nan), n=5, note="no events in a"
    )
    assert words.hazard(none) == "HR not estimable (no events in a)"
    assert words.ratio(250) == "> 100"
    assert words.ratio(0.001) == "< 0.01"
    assert words.ratio(-0.284) == "−0.28"


def test_months_and_medians() -> None:
    assert words.months(17.83) == "17.8 months"
    assert words.months(math.nan) == "not reached"
    assert words.median(17.83, (12.04, math.nan)) == "17.8 months (12.0 to not reached)"


def test_rates_counts_and_lists() -> None:
    assert words.rate(19, 62, ci=(0.206, 0.430)) == "31% (19 of 62; 95% CI 21% to 43%)"
    assert words.rate(0, 0) == "no evaluable patient"
    assert words.count(1, "patient") == "1 patient"
    assert words.count(2881, "patient") == "2,881 patients"
    assert words.count(2, "study", plural="studies") == "2 studies"
    assert words.listing(["a", "b", "c"]) == "a, b and c"
    assert words.missing(12, "TMB") == "12 patients have no TMB and are left out."
    assert words.missing(1, "TMB") == "1 patient has no TMB and is left out."
    assert words.missing(0, "TMB") == ""


def test_values_and_columns_in_words() -> None:
    assert words.value("tmb_per_mb", 12.0) == "12 mutations/Mb"
    assert words.value("os_months", 7.26) == "7.3 months"
    assert words.value("response", content=True) == "responder"
    assert words.value("prior_platinum", content=False) == "no"
    assert words.value("sex", None) == "unknown"
    assert words.value("pdl1_tps_percent", 55.0) == "55%"
    assert words.column("recist") == "best response (RECIST)"
    assert words.column("pdl1_ic") == "PD-L1 on immune cells"
    assert words.feature("HALLMARK_INTERFERON_GAMMA_RESPONSE") == "Interferon gamma response (hallmark)"
    assert words.number(-1234.5) == "−1,234" or words.number(-1234.5) == "−1,235"


def test_no_number_is_minus_nothing() -> None:
    assert words.ratio(-0.001) == "0.00"
    assert words.ratio(-0.01) == "−0.01"

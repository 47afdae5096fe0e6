"""Each check of people fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import people as theme

FAULTS: dict[str, Callable[[Any], Any]] = {
    "age_possible": lambda s: s.first(1, age_years=-3.0),
    "age_over_89": lambda s: s.first(2, age_years=93.0),
    "age_child": lambda s: s.first(1, age_years=4.0),
    "treatment_year": lambda s: s.first(1, treatment_year=2155.0),
    "follow_up_in_future": lambda s: s.first(1, os_months=12.0 * 60),
    "sex_levels": lambda s: s.first(1, sex="F"),
    "sex_and_organ": lambda s: s.first(1, cancer_type="Prostate"),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])


def test_ages_in_months_are_seen(clean: Any) -> None:
    assert clean.patients(pl.col("age_years") / 60).judge("age_possible").status == "fail"


@pytest.mark.parametrize("cancer", ["Ureter", "Gastrointestinal", "Small intestine"])
def test_an_organ_inside_another_word_is_not_meant(clean: Any, cancer: str) -> None:
    assert clean.patients(cancer_type=pl.lit(cancer)).judge("sex_and_organ").status == "pass"

"""Each check of single columns fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import values as theme

FAULTS: dict[str, Callable[[Any], Any]] = {
    "constant_column": lambda s: s.patients(albumin_g_per_dl=pl.lit(3.8)),
    "imputed_value": lambda s: s.first(70, nlr=6.2),
    "placeholder_number": lambda s: s.first(1, age_years=999.0),
    "missing_word": lambda s: s.first(1, stage="Unknown"),
    "spelling": lambda s: s.first(1, cancer_type="melanoma "),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])


@pytest.mark.parametrize(("word", "seen"), [("Melanom", True), ("Melanoma!", True), ("Mesothelioma", False)])
def test_spellings(clean: Any, word: str, seen: bool) -> None:
    assert (clean.first(1, cancer_type=word).judge("spelling").status == "fail") is seen

"""Each check of blood values fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import laboratory as theme

FAULTS: dict[str, Callable[[Any], Any]] = {
    "albumin_range": lambda s: s.patients(pl.col("albumin_g_per_dl") * 10),
    "haemoglobin_range": lambda s: s.patients(pl.col("haemoglobin_g_per_dl") * 10),
    "platelets_range": lambda s: s.patients(pl.col("platelets_per_nl") * 1000),
    "nlr_range": lambda s: s.first(1, nlr=0.0),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])

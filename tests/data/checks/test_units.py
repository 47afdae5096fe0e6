"""Each check of units fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import units as theme

FAULTS: dict[str, Callable[[Any], Any]] = {
    "tmb_scale": lambda s: s.patients(tmb_per_mb=pl.col("mutation_count")),
    "tmb_negative": lambda s: s.first(1, tmb_per_mb=-0.5),
    "mutation_count_scale": lambda s: s.patients(mutation_count=pl.col("tmb_per_mb")),
    "burdens_agree": lambda s: s.patients(pl.col("mutation_count").reverse()),
    "pdl1_range": lambda s: s.first(1, pdl1_tps_percent=101.0),
    "pdl1_scale": lambda s: s.patients(pl.col("pdl1_tps_percent") / 100),
    "fraction_range": lambda s: s.patients(pl.col("purity") * 100),
    "fraction_sum": lambda s: s.table(
        "cell_fraction", s.subject.tables["cell_fraction"].with_columns(fraction=pl.lit(0.9))
    ),
    "body_range": lambda s: s.first(1, bmi=260.0),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])


def test_a_single_impossible_burden_is_named(clean: Any) -> None:
    found = clean.first(1, tmb_per_mb=4000.0).judge("tmb_scale")
    assert list(found.rows) == ["clean:P000"]

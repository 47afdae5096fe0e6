"""Each check of mutations fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import mutations as theme


def mutations(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Any], Any]:
    return lambda s: s.table("mutation", change(s.subject.tables["mutation"]))


FAULTS: dict[str, Callable[[Any], Any]] = {
    "vaf_range": mutations(lambda f: f.with_columns(pl.col("vaf") * 100)),
    "mutation_repeated": mutations(lambda f: pl.concat([f, f.head(1)])),
    "mutation_counts_agree": lambda s: s.patients(pl.col("mutation_count").shuffle(seed=1)),
    "mutation_excess": mutations(lambda f: pl.concat([f.head(1)] * 20_001)),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])

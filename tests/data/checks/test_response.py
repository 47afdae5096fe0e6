"""Each check of response fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import response as theme

FAULTS: dict[str, Callable[[Any], Any]] = {
    "response_disagrees_with_recist": lambda s: s.patients(~pl.col("response")),
    "response_without_recist": lambda s: s.without("recist"),
    "response_lost": lambda s: s.first(3, response=None),
    "recist_levels": lambda s: s.first(2, recist="MR"),
    "response_one_sided": lambda s: s.patients(response=pl.lit(True)),
    "response_from_pfs": lambda s: s.patients(response=pl.col("pfs_months") >= 6),
    "responder_progressed_early": lambda s: s.first(1, pfs_months=0.4, pfs_event=True),
    "response_unknown": lambda s: s.first(60, response=None),
    "change_disagrees_with_recist": lambda s: s.first(60, tumour_change_percent=-5.0),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])

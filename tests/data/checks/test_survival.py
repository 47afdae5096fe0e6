"""Each check of survival times fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import survival as theme

FAULTS: dict[str, Callable[[Any], Any]] = {
    "time_in_days": lambda s: s.patients(pl.col("pfs_months") * 30.4375),
    "time_in_years": lambda s: s.patients(pl.col("os_months") / 30),
    "time_negative": lambda s: s.first(2, os_months=-1.0),
    "time_zero": lambda s: s.first(1, pfs_months=0.0),
    "no_event": lambda s: s.patients(os_event=pl.lit(False)),
    "no_censored": lambda s: s.patients(pfs_event=pl.lit(True)),
    "pfs_after_os": lambda s: s.first(3, pfs_months=200.0),
    "progressor_without_event": lambda s: s.patients(~pl.col("pfs_event")),
    "event_flag_inverted": lambda s: s.patients(~pl.col("pfs_event")),
    "death_is_an_event": lambda s: s.first(4, pfs_months=9.0, os_months=9.0, os_event=True, pfs_event=False),
    "half_an_endpoint": lambda s: s.first(5, os_event=None),
    "no_endpoint": lambda s: s.without("response", "os_event", "pfs_event", "dss_event"),
    "cancer_death_alive": lambda s: s.first(1, os_event=False, dss_event=True),
    "piled_times": lambda s: s.first(60, os_months=12.0),
    "late_entry": lambda s: s.first(2, entry_months=500.0),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])


def test_an_inverted_flag_is_called_inverted(clean: Any) -> None:
    flipped = clean.patients(~pl.col("pfs_event")).judge("progressor_without_event")
    assert "inverted" in flipped.detail
    assert flipped.n == clean.subject.patients.filter(recist="PD").height


def test_a_time_in_days_says_which_endpoint(clean: Any) -> None:
    found = clean.patients(pl.col("pfs_months") * 30.4375).judge("time_in_days")
    assert "PFS of main" in found.detail
    assert "OS of main" not in found.detail

"""Each check of completeness fires on a planted fault and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import completeness as theme
from data.checks.completeness import chi_square_2x2


def lost_where(column: str) -> Callable[[Any], Any]:
    return lambda s: s.patients(tmb_per_mb=pl.when(~pl.col(column)).then(pl.col("tmb_per_mb")))


SOME = pl.int_range(pl.len()) % 5 != 0


FAULTS: dict[str, Callable[[Any], Any]] = {
    "missing_by_response": lost_where("response"),
    "missing_by_death": lost_where("os_event"),
    "mostly_missing": lambda s: s.first(110, nlr=None),
    "core_columns": lambda s: s.without("age_years"),
    "blank_rows": lambda s: s.first(2, **dict.fromkeys(BLANKED)),
}
KEPT = {"patient_id", "study", "cohort", "source_id"}
BLANKED: list[str] = []


@pytest.fixture(scope="session", autouse=True)
def _columns(clean: Any) -> None:
    BLANKED[:] = [name for name in clean.subject.patients.columns if name not in KEPT]


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, clean: Any, shows: Callable[..., Any]) -> None:
    if check.startswith("missing_by"):  # a column that is missing at random is no fault
        assert clean.patients(nlr=pl.when(SOME).then(pl.col("nlr"))).judge(check).status == "pass"
        assert clean.judge(check).status == "not applicable"
        assert "tmb_per_mb" in FAULTS[check](clean).judge(check).rows
    else:
        shows(check, FAULTS[check])


def test_chi_square_equals_r() -> None:
    # R 4.2.2: chisq.test(matrix(c(12, 5, 30, 40), 2), correct = FALSE)$p.value
    assert chi_square_2x2(12, 30, c=5, d=40) == pytest.approx(0.0401275109, abs=1e-9)
    assert chi_square_2x2(0, 0, c=5, d=40) == 1.0

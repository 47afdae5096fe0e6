"""Each check of identity fires on a planted fault and on nothing else; people in two studies are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from data.checks import across
from data.checks import identity as theme


def doubled(s: Any) -> Any:
    frame = s.subject.patients
    again = frame.head(3).with_columns(patient_id=pl.col("patient_id") + "b", source_id=pl.col("source_id") + "b")
    return s.table("patient", pl.concat([frame, again]))


def second_tumour(s: Any) -> Any:
    frame = s.subject.patients
    again = frame.head(1).with_columns(
        patient_id=pl.col("patient_id") + "_2",
        source_id=pl.col("source_id") + "_2",
        tmb_per_mb=pl.col("tmb_per_mb") + 1,
    )
    return s.table("patient", pl.concat([frame, again]))


FAULTS: dict[str, Callable[[Any], Any]] = {
    "duplicate_patients": doubled,
    "numbered_ids": second_tumour,
    "ids_restart": lambda s: s.patients(source_id=(pl.int_range(pl.len()) % 60).cast(pl.String)),
    "id_form": lambda s: s.first(1, source_id=" P000"),
    "orphan_rows": lambda s: s.table("patient", s.subject.patients.tail(118)),
    "several_samples": lambda s: s.matrix(patients=["clean:P000"] * len(s.subject.expression[0].patients)),
    "direct_identifiers": lambda s: s.first(1, histology="call jane.doe@example.org"),
}


def test_every_check_is_planted() -> None:
    assert set(FAULTS) == {check.id for check in theme.CHECKS}


@pytest.mark.parametrize("check", FAULTS)
def test_fires_on_the_fault_alone(check: str, shows: Callable[..., Any]) -> None:
    shows(check, FAULTS[check])


def test_both_rows_of_a_pair_are_named(clean: Any) -> None:
    assert sorted(doubled(clean).judge("duplicate_patients").rows) == sorted(
        [f"clean:P00{i}{b}" for i in range(3) for b in ("", "b")]
    )


@pytest.mark.parametrize("value", ["born 1950-02-03", "tel 555-123-4567", "123-45-6789", "https://example.org/jane"])
def test_identifiers_by_content(clean: Any, value: str) -> None:
    assert clean.first(1, sample_site=value).judge("direct_identifiers").n == 1


def test_people_in_two_studies_are_found(clean: Any) -> None:
    mine = clean.subject.patients
    other = mine.with_columns(
        patient_id=pl.lit("other:") + pl.col("source_id"), study=pl.lit("other"),
        tmb_per_mb=pl.col("tmb_per_mb").shuffle(seed=3), os_months=pl.col("os_months").shuffle(seed=4),
        age_years=pl.col("age_years").shuffle(seed=5),
    )  # fmt: skip
    apart = across({"clean": mine, "other": other})
    assert apart["status"].to_list() == ["pass", "pass"]
    shared = pl.concat([other.tail(60), mine.head(30).with_columns(patient_id="other:x" + pl.col("source_id"))])
    found = across({"clean": mine, "other": shared})
    assert found["status"].to_list() == ["fail", "fail"]
    assert {f"clean:P{i:03d}" for i in range(30)} <= set(found["rows"][0])
    assert "other" in found["detail"][0]


def test_one_study_alone_has_no_other(clean: Any) -> None:
    assert across({"clean": clean.subject.patients})["status"].to_list() == ["not applicable"]

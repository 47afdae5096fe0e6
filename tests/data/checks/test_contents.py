"""The contents table: enough kinds, each told in words, and results that fit the schema."""

from __future__ import annotations

from typing import Any

import polars as pl

from data import checks
from data.checks import CHECKS, THEMES
from data.checks.check import STORED_ROWS, failed, verdict
from data.schema import CHECK


def test_at_least_25_kinds_each_told_in_words() -> None:
    assert len(CHECKS) >= 25
    assert len(CHECKS) == sum(len(theme.CHECKS) for theme in THEMES.values())
    for check in CHECKS.values():
        assert check.title
        assert check.about.endswith(".")
        assert check.id == check.id.lower()


def test_a_clean_study_passes_everything(clean: Any) -> None:
    subject = clean.subject
    found = checks.run("clean", subject.tables, expression=subject.expression)
    assert found.filter(status="fail").to_dicts() == []
    assert list(found.dtypes) == list(CHECK.dtypes.values())
    assert set(found["status"]) <= {"pass", "fail", "not applicable"}
    assert found["check"].to_list() == list(CHECKS)
    assert not found["detail"].str.contains("could not be made").any()


def test_a_study_without_anything_is_not_applicable() -> None:
    assert set(checks.run("nothing", {})["status"]) == {"not applicable"}


def test_values_that_no_one_foresaw_do_not_stop_the_run(clean: Any) -> None:
    odd = clean.subject.patients.with_columns(
        os_months=pl.lit(float("inf")), age_years=pl.lit(float("nan")), tmb_per_mb=pl.lit(float("-inf"))
    )
    found = checks.run("odd", {"patient": odd})
    assert found.height == len(CHECKS)
    assert found.filter(check="placeholder_number")["status"].item() == "fail"


def test_rows_are_stored_up_to_a_limit_and_all_counted() -> None:
    result = failed([str(i) for i in range(500)] * 2, "many")
    assert (len(result.rows), result.n) == (STORED_ROWS, 500)
    assert verdict(["a"], wrong="{n} patients are old", right="").detail == "1 patient is old"
    assert verdict(["a", "b"], wrong="{n} patients are old", right="").detail == "2 patients are old"

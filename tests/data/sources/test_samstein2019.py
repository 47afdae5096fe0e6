"""Samstein 2019: counts, units, and the known survival association of TMB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from data.errors import SourceCorrupt
from data.schema import PATIENT, SAMPLE
from data.sources import samstein2019
from data.sources.source import Files, Source, StudyTables


@pytest.fixture(scope="module")
def tables(mirror_files: Callable[[Source], Files]) -> StudyTables:
    return samstein2019.load(mirror_files(samstein2019.SOURCE))


@pytest.mark.realdata
def test_patients(tables: StudyTables) -> None:
    patients = PATIENT.conform(tables.tables["patient"])
    assert patients.height == SAMPLE.conform(tables.tables["sample"]).height == 1661
    assert dict(patients.group_by("drug_class").len().iter_rows()) == {
        "PD-1/PD-L1": 1307,
        "combination": 255,
        "CTLA-4": 99,
    }
    assert patients["os_event"].sum() == 832
    assert patients["response"].null_count() == 1661
    assert patients["cancer_type"].n_unique() == 11
    assert patients["age_years"].null_count() == 1


@pytest.mark.realdata
def test_values_are_in_their_units(tables: StudyTables) -> None:
    patients = PATIENT.conform(tables.tables["patient"])
    assert patients["age_years"].is_between(15, 95).sum() == 1660
    assert patients["purity"].drop_nulls().is_between(0.1, 1).all()
    assert patients["os_months"].max() == 80
    megabases = (patients["mutation_count"] / patients["tmb_per_mb"]).drop_nulls().drop_nans()
    assert megabases.quantile(0.05) > 0.5
    assert megabases.quantile(0.95) < 1.6


@pytest.mark.realdata
def test_high_burden_lives_longer(tables: StudyTables) -> None:
    """Published: the top fifth of TMB within a cancer type lives longer (HR about 0.5 to 0.6)."""
    from lifelines import CoxPHFitter

    rank = pl.col("tmb_per_mb").rank() / pl.len()
    frame = tables.tables["patient"].select(
        "cancer_type",
        "os_months",
        pl.col("os_event").cast(pl.Int64),
        high=(rank.over("cancer_type") > 0.8).cast(pl.Int64),
    )
    fit = CoxPHFitter(strata=["cancer_type"]).fit(frame.to_pandas(), "os_months", "os_event")
    assert 0.45 < fit.hazard_ratios_["high"] < 0.7


def test_a_wrong_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / samstein2019.CLINICAL
    path.write_text("Patient ID\tSex\nP-1\tFemale\n", encoding="utf-8")
    with pytest.raises(SourceCorrupt, match="is not the published table"):
        samstein2019.load(Files({samstein2019.SOURCE.files[0].url: path}))

"""LORIS: the published AUCs and c-index come out of the stored columns, and codes mean what the loader says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.errors import SourceCorrupt
from data.schema import PATIENT
from data.sources import loris
from data.sources.source import Files, Source, StudyTables

pytestmark = pytest.mark.realdata

CANCER_TERMS = {
    "Bladder": -0.3323, "Breast": -0.3323, "Colorectal": -0.102, "Endometrial": -0.0079, "Esophageal": 0.55,
    "Gastric": 0.2306, "Head & Neck": 0.0678, "Hepatobiliary": -0.1189, "Melanoma": -0.0086, "Mesothelioma": 0.1255,
    "NSCLC": 0.0008, "Ovarian": -0.052, "Pancreatic": -1.1169, "Renal": 0.5451, "Sarcoma": 0.0542, "SCLC": -0.0033,
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(mirror_files: Callable[[Source], Files]) -> StudyTables:
    return loris.load(mirror_files(loris.SOURCE))


@pytest.fixture(scope="module")
def patients(tables: StudyTables) -> pl.DataFrame:
    score = (
        0.0371 * pl.col("tmb_per_mb").clip(upper_bound=50)
        - 0.8775 * pl.col("prior_systemic_therapy").cast(pl.Float64)
        + 0.5382 * pl.col("albumin_g_per_dl")
        - 0.033 * pl.col("nlr").clip(upper_bound=25)
        + 0.0049 * pl.col("age_years").clip(upper_bound=85)
        + pl.col("cancer_type").replace_strict(CANCER_TERMS, default=None, return_dtype=pl.Float64)
        - 2.0886
    )
    return PATIENT.conform(tables.tables["patient"]).with_columns(score=1 / (1 + (-score).exp()))


def auc(frame: pl.DataFrame, score: str) -> float:
    from sklearn.metrics import roc_auc_score

    known = frame.drop_nulls([score, "response"])
    return float(roc_auc_score(known["response"].to_numpy(), known[score].to_numpy()))


def test_cohorts_have_their_published_sizes(patients: pl.DataFrame) -> None:
    sizes = dict(patients.group_by("cohort").len().iter_rows())
    assert sizes == {
        "Chowell_train": 964, "Chowell_test": 515, "MSK1": 453, "MSK2": 104, "Kato": 35, "Shim": 198, "Vanguri": 246,
        "Ravi": 309, "Pradat": 57, "MSK_nonICB": 841,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cohort", "published", "tmb_alone"),
    [
        ("Chowell_train", 0.741, 0.609),
        ("Chowell_test", 0.754, 0.648),
        ("MSK1", 0.699, 0.537),
        ("Kato", 0.793, 0.660),
        ("Pradat", 0.711, 0.413),
    ],
)
def test_published_aucs(patients: pl.DataFrame, cohort: str, published: float, tmb_alone: float) -> None:
    frame = patients.filter(pl.col("cohort") == cohort)
    assert auc(frame, "score") == pytest.approx(published, abs=5e-4)
    assert auc(frame, "tmb_per_mb") == pytest.approx(tmb_alone, abs=5e-4)


def test_published_concordance_with_survival(patients: pl.DataFrame) -> None:
    from lifelines.utils import concordance_index

    frame = patients.filter(pl.col("cohort") == "Chowell_test").drop_nulls(["score", "os_months"])
    index = concordance_index(frame["os_months"], frame["score"], frame["os_event"])
    assert index == pytest.approx(0.677, abs=5e-4)


def test_the_workbook_holds_the_same_scores(patients: pl.DataFrame, mirror_files: Callable[[Source], Files]) -> None:
    published = pl.read_excel(mirror_files(loris.SOURCE).path("AllData.xlsx"), sheet_name="MSK_nonICB")["LORIS"]
    ours = patients.filter(pl.col("cohort") == "MSK_nonICB")["score"]
    assert np.corrcoef(published.to_numpy(), ours.to_numpy())[0, 1] > 0.999


def test_times_are_months(patients: pl.DataFrame) -> None:
    medians = dict(
        patients.filter(pl.col("arm") == "ICB")
        .group_by("cohort")
        .agg(pl.col("os_months").median())
        .drop_nulls()
        .iter_rows()
    )
    assert all(5 < median < 20 for median in medians.values()), medians
    ravi = patients.filter(pl.col("cohort") == "Ravi")
    assert ravi["os_months"].max() == pytest.approx(2779 / 30.4375)


def test_sex_code_agrees_with_the_cancers_of_women(patients: pl.DataFrame) -> None:
    women = patients.filter(pl.col("cancer_type").is_in(["Ovarian", "Endometrial"]) & pl.col("sex").is_not_null())
    assert women.height > 90
    assert set(women["sex"]) == {"female"}


def test_drug_classes_have_the_published_counts(patients: pl.DataFrame) -> None:
    chowell = patients.filter(pl.col("cohort").str.starts_with("Chowell"))
    assert dict(chowell.group_by("drug_class").len().iter_rows()) == {
        "PD-1/PD-L1": 1221,
        "combination": 253,
        "CTLA-4": 5,
    }


def test_control_cohort_has_no_response_and_no_icb(patients: pl.DataFrame) -> None:
    control = patients.filter(pl.col("arm") == "control")
    assert set(control["cohort"]) == {"MSK_nonICB"}
    assert control["response"].null_count() == control.height
    assert set(control["drug_class"]) == {"no ICB"}


def test_survival_known_only_for_the_dead_is_left_out(patients: pl.DataFrame) -> None:
    vanguri = patients.filter(pl.col("cohort") == "Vanguri")
    assert vanguri["os_months"].null_count() == vanguri.height
    assert vanguri["pfs_months"].null_count() == 0
    for endpoint in ("os", "pfs"):
        half = pl.col(f"{endpoint}_months").is_null() != pl.col(f"{endpoint}_event").is_null()
        assert patients.filter(half).is_empty()


def test_nothing_is_truncated(patients: pl.DataFrame) -> None:
    assert patients["tmb_per_mb"].max() == pytest.approx(368.6)
    assert patients["nlr"].max() == pytest.approx(88.0)


def test_a_workbook_without_its_sheets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "AllData.xlsx"
    path.write_bytes(b"not a workbook")
    with pytest.raises(SourceCorrupt, match="cannot be read as a workbook"):
        loris.load(Files({loris.SOURCE.files[0].url: path}))

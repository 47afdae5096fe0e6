"""IMvigor210: published figures, links between the three matrices and the clinical table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from data.errors import SourceCorrupt
from data.schema import PATIENT, SAMPLE
from data.sources import imvigor210
from data.sources.source import Expression, Files, Source, StudyTables

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def files(mirror_files: Callable[[Source], Files]) -> Files:
    return mirror_files(imvigor210.SOURCE)


@pytest.fixture(scope="module")
def tables(files: Files) -> StudyTables:
    return imvigor210.load(files)


@pytest.fixture(scope="module")
def patients(tables: StudyTables) -> pl.DataFrame:
    return PATIENT.conform(tables.tables["patient"])


@pytest.fixture(scope="module")
def matrices(tables: StudyTables) -> dict[str, Expression]:
    return {matrix.assay: matrix for matrix in tables.expression}


def hazard_ratio(frame: pl.DataFrame) -> tuple[float, float, float]:
    """Hazard ratio of death for TMB >= 10 against < 10, with its 95% interval (Cox, Efron ties)."""
    from lifelines import CoxPHFitter

    known = frame.drop_nulls("tmb_per_mb").select(
        high=(pl.col("tmb_per_mb") >= 10).cast(pl.Int64), time="os_months", dead=pl.col("os_event").cast(pl.Int64)
    )
    row = CoxPHFitter().fit(known.to_pandas(), "time", "dead").summary.iloc[0]
    return float(row["exp(coef)"]), float(row["exp(coef) lower 95%"]), float(row["exp(coef) upper 95%"])


def test_348_tumours_of_347_people(tables: StudyTables, patients: pl.DataFrame) -> None:
    samples = SAMPLE.conform(tables.tables["sample"])
    assert (samples.height, patients.height, samples["patient_id"].n_unique()) == (348, 348, 348)
    twice = patients.filter(pl.col("source_id").str.starts_with("10285"))
    assert twice["tmb_per_mb"].to_list() == [4.0, 5.0]
    assert twice["os_months"].n_unique() == 1


def test_responses_and_deaths(patients: pl.DataFrame) -> None:
    assert dict(patients["recist"].drop_nulls().value_counts().iter_rows()) == {"CR": 25, "PR": 43, "SD": 63, "PD": 167}
    assert patients["response"].sum() == 68
    assert patients["os_event"].sum() == 232
    assert patients.filter(pl.col("recist").is_null() != pl.col("response").is_null()).is_empty()


@pytest.mark.parametrize(
    ("marker", "n", "published"),
    [("tmb_per_mb", 234, 0.728), ("neoantigen_per_mb", 216, 0.767), ("pdl1_ic", 297, 0.618)],
)
def test_published_aucs(patients: pl.DataFrame, marker: str, n: int, published: float) -> None:
    from sklearn.metrics import roc_auc_score

    known = patients.drop_nulls([marker, "response"])
    score = known[marker].replace_strict({"IC0": 0, "IC1": 1, "IC2+": 2}) if marker == "pdl1_ic" else known[marker]
    assert known.height == n
    assert roc_auc_score(known["response"].to_numpy(), score.to_numpy()) == pytest.approx(published, abs=5e-4)


def test_published_hazard_ratio_and_what_the_second_tumour_changes(patients: pl.DataFrame) -> None:
    """.575 (.42 to .79) is over 272 tumours; one row a person would give .579 over 271."""
    ratio, low, high = hazard_ratio(patients)
    assert ratio == pytest.approx(0.575, abs=5e-4)
    assert (round(low, 2), round(high, 2)) == (0.42, 0.79)
    people = patients.filter(pl.col("source_id") != "10285_1")
    assert hazard_ratio(people) == pytest.approx((0.5792, 0.4211, 0.7966), abs=5e-4)


def test_response_by_phenotype(patients: pl.DataFrame) -> None:
    counted = (
        patients.drop_nulls(["phenotype", "response"])
        .group_by("phenotype")
        .agg(pl.col("response").sum().alias("r"), pl.len().alias("n"))
    )
    assert {name: (r, n) for name, r, n in counted.iter_rows()} == {
        "inflamed": (19, 62),
        "excluded": (28, 113),
        "desert": (14, 69),
    }


def test_survival_is_days_over_30_4375(patients: pl.DataFrame) -> None:
    days = patients["os_months"] * 30.4375
    assert (days - days.round()).abs().max() == pytest.approx(0, abs=1e-6)


def test_matrices(matrices: dict[str, Expression], patients: pl.DataFrame) -> None:
    shapes = {name: matrix.values.shape for name, matrix in matrices.items()}
    assert shapes == {"log2tpm": (1768, 281), "voom": (872, 348), "log2tpm_wide": (17993, 86)}
    assert [name for name, matrix in matrices.items() if matrix.preferred] == ["log2tpm"]
    for matrix in matrices.values():
        assert matrix.values.dtype == np.float32
        assert np.isfinite(matrix.values).all()
        assert len(set(matrix.patients)) == len(matrix.patients)
        assert set(matrix.patients) <= set(patients["patient_id"])
        assert len(set(matrix.genes)) == len(matrix.genes)
        assert all(gene == gene.upper() for gene in matrix.genes)


def test_matrices_are_of_the_same_patients(matrices: dict[str, Expression]) -> None:
    """A gene that two matrices share must correlate over the patients: a shifted column would break this."""
    voom, tpm = matrices["voom"], matrices["log2tpm"]
    column = {patient: index for index, patient in enumerate(voom.patients)}
    order = [column[patient] for patient in tpm.patients]
    row = {gene: index for index, gene in enumerate(voom.genes)}
    shared = [(index, row[gene]) for index, gene in enumerate(tpm.genes) if gene in row]
    agreement = [np.corrcoef(tpm.values[one], voom.values[other][order])[0, 1] for one, other in shared]
    assert len(shared) == 78
    assert np.median(agreement) > 0.95


def test_sex_genes_agree_with_the_clinical_sex(matrices: dict[str, Expression], patients: pl.DataFrame) -> None:
    tpm = matrices["log2tpm"]
    expressed = pl.DataFrame(
        {"patient_id": list(tpm.patients), "ddx3y": tpm.values[list(tpm.genes).index("DDX3Y")].astype(float)}
    ).join(patients, on="patient_id")
    medians = dict(expressed.group_by("sex").agg(pl.col("ddx3y").median()).iter_rows())
    assert medians["male"] > medians["female"] + 5


def test_files_that_disagree_are_refused(files: Files, tmp_path: object) -> None:
    changed = imvigor210._clinical(files.path(imvigor210.CLINICAL)).with_columns(os=pl.col("os") + 1.0)
    with pytest.raises(SourceCorrupt, match="survival of 5 patients differs"):
        imvigor210._tpm(files.path("ICB_Mariathasan__Liver.rda"), changed, [])

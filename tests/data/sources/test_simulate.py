"""The synthetic studies: reproducible, quick, valid, and with the planted truth in them."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.schema import TABLES
from data.sources import simulate
from data.sources.simulated_tissue import PLANTED_GENES, SPACE, TILE_DIMENSIONS, programme_of
from data.sources.source import Files, StudyTables

NOTHING = Files({})


@pytest.fixture(scope="module")
def studies() -> dict[str, StudyTables]:
    return {name: source.load(NOTHING) for name, source in simulate.SOURCES.items()}


@pytest.fixture(scope="module")
def everyone(studies: dict[str, StudyTables]) -> pl.DataFrame:
    patient = pl.concat([study.tables["patient"] for study in studies.values()])
    truth = pl.concat([study.tables["truth"] for study in studies.values()])
    return patient.join(truth.drop("study"), on="patient_id")


def test_three_studies_say_that_they_are_synthetic() -> None:
    assert list(simulate.SOURCES) == ["synthetic_a", "synthetic_b", "synthetic_c"]
    for name, source in simulate.SOURCES.items():
        assert source.study == name
        assert source.synthetic
        assert source.title == f"Synthetic study {name[-1].upper()}"
        assert not source.files


def test_the_same_tables_every_time(studies: dict[str, StudyTables]) -> None:
    for name, source in simulate.SOURCES.items():
        again = source.load(NOTHING)
        for table, frame in studies[name].tables.items():
            assert frame.equals(again.tables[table]), table
        for one, other in zip(studies[name].expression, again.expression, strict=True):
            np.testing.assert_array_equal(one.values, other.values)


def test_drawing_is_quick() -> None:
    start = time.perf_counter()
    for source in simulate.SOURCES.values():
        source.load(NOTHING)
    assert time.perf_counter() - start < 2.0


def test_tables_fit_the_schema(studies: dict[str, StudyTables]) -> None:
    for name, study in studies.items():
        for table, frame in study.tables.items():
            assert TABLES[table].conform(frame).height == frame.height
            assert set(frame["study"]) == {name}
        ids = set(study.tables["patient"]["patient_id"])
        assert all(set(frame["patient_id"]) <= ids for table, frame in study.tables.items())
        assert {"expression"} | set(study.tables) == set(simulate.SOURCES[name].provides)
        assert sum(matrix.preferred for matrix in study.expression) == 1


def test_matrices_are_whole_and_in_different_units(studies: dict[str, StudyTables]) -> None:
    units = [study.expression[0].unit for study in studies.values()]
    assert units == ["log2 TPM", "voom log2 CPM", "counts"]
    for study in studies.values():
        for matrix in study.expression:
            assert matrix.values.shape == (len(matrix.genes), len(matrix.samples))
            assert matrix.values.dtype == np.float32
            assert np.isfinite(matrix.values).all()
            assert len(set(matrix.genes)) == len(matrix.genes)
            assert len(set(matrix.samples)) == len(matrix.samples) == len(matrix.patients)
    tpm = studies["synthetic_a"].expression[0].values.astype(float)
    np.testing.assert_allclose((2**tpm - 0.001).sum(axis=0), 1e6, rtol=1e-3)
    counts = studies["synthetic_c"].expression[0].values
    assert (counts == np.round(counts)).all()


def test_every_small_signature_is_covered(studies: dict[str, StudyTables]) -> None:
    genes = set(programme_of())
    assert 1000 <= len(genes) <= 1500
    signatures = Path(simulate.__file__).parents[1] / "assets" / "signatures.toml"
    if signatures.exists():
        text = signatures.read_text(encoding="utf-8")
        assert tomllib.loads(text)
    needed = """CCL5 CD27 CD274 CD276 CD8A CMKLR1 CXCL9 CXCR6 HLA-DQA1 HLA-DRB1 HLA-E IDO1 LAG3 NKG7 PDCD1LG2 PSMB10 STAT1
        TIGIT GZMA PRF1 CXCL10 HLA-DRA IFNG GZMB TBX21 ACTA2 ACTG2 ADAM12 ADAM19 CNN1 COL4A1 CTGF CTPS1 FAM101B FSTL3
        HSPB1 IGFBP3 PXDC1 SEMA7A SH3PXD2A TAGLN TGFBI TNS1 TPM1 XIST RPS4Y1 DDX3Y KDM5D"""
    assert set(needed.split()) <= genes


def test_sex_genes_agree_with_the_clinical_sex(studies: dict[str, StudyTables]) -> None:
    for study in studies.values():
        matrix, male = study.expression[0], (study.tables["patient"]["sex"] == "male").to_numpy()
        for gene, on in (("RPS4Y1", male), ("DDX3Y", male), ("KDM5D", male), ("XIST", ~male)):
            values = matrix.values[list(matrix.genes).index(gene)]
            assert np.quantile(values[on], 0.02) > np.quantile(values[~on], 0.98), gene


def test_planted_genes_carry_their_markers(studies: dict[str, StudyTables]) -> None:
    for study in studies.values():
        matrix, truth = study.expression[0], study.tables["truth"]
        for marker, gene in PLANTED_GENES.items():
            values = matrix.values[list(matrix.genes).index(gene)].astype(float)
            if matrix.unit == "counts":
                values = np.log2(values + 1)
            assert np.corrcoef(values, truth[marker].to_numpy())[0, 1] > 0.8


def test_batch_effects_separate_the_studies(studies: dict[str, StudyTables]) -> None:
    """Two studies' gene means differ far more than two halves of one study."""
    tpm, voom = (studies[f"synthetic_{letter}"].expression[0].values for letter in "ab")
    between = np.std(tpm.mean(axis=1) - voom.mean(axis=1))
    within = np.std(tpm[:, ::2].mean(axis=1) - tpm[:, 1::2].mean(axis=1))
    assert between > 5 * within


def cox(frame: pl.DataFrame, formula: str) -> pl.DataFrame:
    from lifelines import CoxPHFitter

    used = frame.select(
        "predictive", "prognostic", "decoy", "os_months", "study",
        os_event=pl.col("os_event").cast(pl.Int64), icb=(pl.col("arm") == "ICB").cast(pl.Int64),
    )  # fmt: skip
    fit = CoxPHFitter(strata=["study"]).fit(used.to_pandas(), "os_months", "os_event", formula=formula)
    return pl.from_pandas(fit.summary.reset_index()[["covariate", "coef", "p"]])


def test_predictive_marker_interacts_with_the_arm(everyone: pl.DataFrame) -> None:
    fit = cox(everyone, "predictive * icb + prognostic + decoy")
    found = {name: (coef, p) for name, coef, p in fit.iter_rows()}
    assert found["predictive:icb"][0] == pytest.approx(-0.45, abs=0.25)
    assert found["predictive:icb"][1] < 0.01
    assert found["prognostic"][0] == pytest.approx(0.55, abs=0.15)
    assert abs(found["predictive"][0]) < 0.25
    assert found["decoy"][1] > 0.05


def test_decoy_looks_useful_until_it_is_adjusted(everyone: pl.DataFrame) -> None:
    from sklearn.metrics import roc_auc_score

    treated = everyone.filter(pl.col("arm") == "ICB").drop_nulls("response")
    auc = {
        marker: roc_auc_score(treated["response"].to_numpy(), treated[marker].to_numpy())
        for marker in ("predictive", "prognostic", "decoy", "true_log_odds")
    }
    assert auc["true_log_odds"] >= auc["predictive"] > auc["decoy"] > 0.6 > auc["prognostic"] > 0.4
    control = everyone.filter(pl.col("arm") == "control").drop_nulls("response")
    assert 0.35 < roc_auc_score(control["response"].to_numpy(), control["predictive"].to_numpy()) < 0.6
    assert np.corrcoef(everyone["decoy"], everyone["predictive"])[0, 1] > 0.4
    assert np.corrcoef(everyone["decoy"], everyone["prognostic"])[0, 1] > 0.4


def test_endpoints_are_possible(everyone: pl.DataFrame) -> None:
    assert everyone.height == 600
    assert (everyone["pfs_months"] <= everyone["os_months"]).all()
    assert everyone["os_months"].min() > 0
    assert 0.4 < everyone["os_event"].mean() < 0.85
    assert everyone.filter(pl.col("recist").is_null() != pl.col("response").is_null()).is_empty()
    assert everyone["recist"].null_count() > 10
    assert everyone["tmb_per_mb"].null_count() > 30
    assert everyone["tme_type"].n_unique() == 4


def test_arms_are_randomised(everyone: pl.DataFrame) -> None:
    for marker in ("predictive", "prognostic", "decoy", "age_years"):
        means = everyone.group_by("study", "arm").agg(pl.col(marker).mean() / everyone[marker].std())
        spread = means.pivot("arm", index="study", values=marker)
        assert (spread["ICB"] - spread["control"]).abs().max() < 0.4


def test_tile_embeddings(studies: dict[str, StudyTables]) -> None:
    for study in studies.values():
        frame = study.tables["embedding"]
        assert set(frame["space"]) == {SPACE}
        assert set(frame["vector"].list.len()) == {TILE_DIMENSIONS}
        assert 0.7 < frame.height / study.tables["patient"].height < 1


def test_sections(studies: dict[str, StudyTables]) -> None:
    study = studies["synthetic_a"]
    matrices = [matrix for matrix in study.expression if matrix.level == "spot"]
    assert len(matrices) == 2
    for matrix in matrices:
        spots = study.tables["spot"].filter(pl.col("section_id") == matrix.assay)
        assert list(matrix.samples) == spots["spot_id"].to_list()
        assert list(matrix.patients) == spots["patient_id"].to_list()
        np.testing.assert_allclose(matrix.values.sum(axis=0), spots["total"].to_numpy())
        t_and_b = [programme_of()[gene] in ("t_cells", "b_cells") for gene in matrix.genes]
        immune, regions = matrix.values[t_and_b].sum(axis=0), spots["label"].to_numpy()
        assert immune[regions == "immune aggregate"].mean() > 3 * immune[regions == "tumour"].mean()
        distance = np.hypot(spots["x_um"] - spots["x_um"][0], spots["y_um"] - spots["y_um"][0]).to_numpy()
        assert np.sort(distance)[1] == pytest.approx(100, abs=0.2)


def test_cell_fractions_add_to_one(studies: dict[str, StudyTables]) -> None:
    for study in studies.values():
        sums = study.tables["cell_fraction"].group_by("patient_id").agg(pl.col("fraction").sum())
        assert (sums["fraction"] - 1).abs().max() < 1e-9

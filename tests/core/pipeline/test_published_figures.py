"""The published figures of LORIS and IMvigor210, from the pipeline and again from the files by other software."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

import data.sources
from core.cohort.query import CohortQuery, Filter
from core.markers import attribution
from core.pipeline import enrich
from core.response import predicted
from core.response.leaderboard import leaderboard
from core.survival.concordance import concordance
from core.survival.hazard_ratio import hazard_ratio
from data.sources.source import Files, Source
from data.store import Store

pytestmark = pytest.mark.realdata

LORIS_AUC = {"Chowell_train": 0.741, "Chowell_test": 0.754, "MSK1": 0.699, "Kato": 0.793, "Pradat": 0.711}
TMB_AUC = {"Chowell_train": 0.609, "Chowell_test": 0.648, "MSK1": 0.537, "Kato": 0.660, "Pradat": 0.413}
SHEETS = {"Kato": "Kato_panCancer", "Pradat": "Pradat_panCancer"}
TERMS = {
    "Bladder": -0.3323, "Breast": -0.3323, "Colorectal": -0.102, "Endometrial": -0.0079, "Esophageal": 0.55,
    "Gastric": 0.2306, "Head & Neck": 0.0678, "Hepatobiliary": -0.1189, "Melanoma": -0.0086, "Mesothelioma": 0.1255,
    "NSCLC": 0.0008, "Ovarian": -0.052, "Pancreatic": -1.1169, "Renal": 0.5451, "Sarcoma": 0.0542, "SCLC": -0.0033,
}  # fmt: skip


@pytest.fixture(scope="module")
def store(
    tmp_path_factory: pytest.TempPathFactory,
    mirror_files: Callable[[Source], Files],
    fill_database: Callable[..., Path],
) -> Iterator[Store]:
    sources = [data.sources.source(study) for study in ("genesets", "imvigor210", "loris")]
    path = tmp_path_factory.mktemp("real") / "cohort-real.duckdb"
    fill_database(path, [(source, mirror_files(source)) for source in sources])
    enrich(path)
    opened = Store(path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def workbook(mirror_files: Callable[[Source], Files]) -> dict[str, pl.DataFrame]:
    path = mirror_files(data.sources.source("loris")).path("AllData.xlsx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            cohort: pl.read_excel(path, sheet_name=SHEETS.get(cohort, cohort), infer_schema_length=None)
            for cohort in LORIS_AUC
        }


def auc_of(store: Store, cohort: str, predictor: str) -> float:
    board = leaderboard(store, predictors=[predictor], in_sample=True)
    row = board.filter(pl.col("cohort") == cohort)
    assert row.height == 1
    return float(row["auc"][0])


@pytest.mark.parametrize("cohort", list(LORIS_AUC))
def test_loris_and_tmb_auc(store: Store, workbook: dict[str, pl.DataFrame], cohort: str) -> None:
    raw = workbook[cohort]
    number = {
        c: raw[c].cast(pl.Float64).to_numpy() for c in ("TMB", "Systemic_therapy_history", "Albumin", "NLR", "Age")
    }
    s = (
        0.0371 * np.minimum(number["TMB"], 50)
        - 0.8775 * number["Systemic_therapy_history"]
        + 0.5382 * number["Albumin"]
        - 0.033 * np.minimum(number["NLR"], 25)
        + 0.0049 * np.minimum(number["Age"], 85)
        + raw["CancerType"].replace_strict(TERMS, return_dtype=pl.Float64).to_numpy()
        - 2.0886
    )
    response = raw["Response"].to_numpy()
    for predictor, values, published in (("loris", s, LORIS_AUC), ("tmb", number["TMB"], TMB_AUC)):
        found = auc_of(store, cohort, predictor)
        assert found == pytest.approx(roc_auc_score(response, values), abs=1e-9)
        assert found == pytest.approx(published[cohort], abs=0.002)


def test_protocols_of_loris(store: Store) -> None:
    rows = store.sql("SELECT DISTINCT cohort, predictor, protocol FROM prediction WHERE predictor LIKE 'loris%'")
    found = {(c, p): protocol for c, p, protocol in rows.iter_rows()}
    assert found["Chowell_train", "loris"] == "in_sample"
    assert found["Chowell_train", "loris_recalibrated"] == "in_sample"
    assert found["Chowell_test", "loris"] == "published"
    assert found["Chowell_test", "loris_recalibrated"] == "external"
    assert ("MSK2", "loris") not in found
    shown = leaderboard(store, studies=["loris"])
    assert shown.filter((pl.col("cohort") == "Chowell_train") & (pl.col("predictor") == "loris")).is_empty()
    whole = predicted.predicted(store, CohortQuery(("loris",)), "loris")
    assert whole.n_in_sample == 964
    assert "Chowell_train" not in set(whole.frame["cohort"])


def test_recalibration_repairs_calibration_and_keeps_the_order(store: Store) -> None:
    board = leaderboard(store, studies=["loris"]).filter(pl.col("cohort") == "Chowell_test")
    rows = {row["predictor"]: row for row in board.iter_rows(named=True)}
    assert rows["loris_recalibrated"]["auc"] == pytest.approx(rows["loris"]["auc"], abs=1e-12)
    assert rows["loris_recalibrated"]["brier"] < rows["loris"]["brier"]
    assert abs(rows["loris_recalibrated"]["calibration_intercept"]) < 0.2 < abs(rows["loris"]["calibration_intercept"])


def test_loris_concordance_with_overall_survival(store: Store, workbook: dict[str, pl.DataFrame]) -> None:
    from lifelines.utils import concordance_index

    query = CohortQuery(("loris",), (Filter("cohort", "in", ("Chowell_test",)),))
    frame = predicted.predicted(store, query, "loris").frame.rename({"time": "os_months", "event": "os_event"})
    found = concordance(frame, outcome="os", score="score").effect
    raw = workbook["Chowell_test"]
    peer = concordance_index(raw["OS_Months"].to_numpy(), frame["score"].to_numpy(), raw["OS_Event"].to_numpy())
    assert found == pytest.approx(peer, abs=0.002)
    assert found == pytest.approx(0.677, abs=0.002)


def test_imvigor210_markers(store: Store, mirror_files: Callable[[Source], Files]) -> None:
    board = {row["predictor"]: row for row in leaderboard(store, studies=["imvigor210"]).iter_rows(named=True) if row["protocol"] == "published"}  # fmt: skip
    assert (board["tmb"]["n"], board["pdl1"]["n"]) == (234, 297)
    assert board["tmb"]["auc"] == pytest.approx(0.728, abs=0.002)
    assert board["pdl1"]["auc"] == pytest.approx(0.618, abs=0.002)
    path = mirror_files(data.sources.source("imvigor210")).path("pData_IMvigor210.csv")
    raw = pl.read_csv(path, null_values=["NA"]).filter(pl.col("Best.Confirmed.Overall.Response") != "NE")
    response = raw["Best.Confirmed.Overall.Response"].is_in(["CR", "PR"])
    for column, predictor in (("FMOne.mutation.burden.per.MB", "tmb"), ("IC.Level", "pdl1")):
        values = raw[column] if predictor == "tmb" else raw[column].str.extract(r"(\d)").cast(pl.Float64)
        known = values.is_not_null()
        peer = roc_auc_score(response.filter(known).to_numpy(), values.filter(known).to_numpy())
        assert board[predictor]["auc"] == pytest.approx(peer, abs=1e-9)


def test_imvigor210_survival_by_published_tmb_cut(store: Store, mirror_files: Callable[[Source], Files]) -> None:
    found = predicted.predicted(store, CohortQuery(("imvigor210",)), "tmb", split="published")
    frame = found.frame.rename({"time": "os_months", "event": "os_event"})
    ratio = hazard_ratio(frame, by="group", reference=found.groups[0])[0]
    assert ratio.effect == pytest.approx(0.575, abs=0.01)
    assert ratio.ci95 == pytest.approx((0.42, 0.79), abs=0.01)
    assert found.n == 272


def test_attribution_adds_up_and_tmb_leads_in_imvigor210(store: Store) -> None:
    for study, predictor in (("imvigor210", "elastic_net"), ("loris", "elastic_net"), ("loris", "loris")):
        found = attribution.summary(store, CohortQuery((study,)), predictor)
        assert found.residual < 1e-6
    leading = attribution.summary(store, CohortQuery(("imvigor210",)), "elastic_net").features.row(0, named=True)
    assert leading["feature"] == "tmb_per_mb"
    assert leading["beats_null"]


def test_elastic_net_beats_tmb_out_of_fold_in_imvigor210(store: Store) -> None:
    board = leaderboard(store, studies=["imvigor210"])
    crossed = board.filter((pl.col("predictor") == "elastic_net") & (pl.col("protocol") == "out_of_fold"))
    assert crossed["n"][0] == 298
    assert crossed["ci_low"][0] > 0.6


def test_pooling_never_mixes_loris_and_samstein(store: Store) -> None:
    trained = store.sql("SELECT DISTINCT study, predictor, protocol, trained_on FROM prediction WHERE trained_on IS NOT NULL")
    assert not any("samstein" in text for text in trained["trained_on"])
    for study, predictor, protocol, text in trained.iter_rows():
        if predictor == "elastic_net" and protocol == "leave_one_cohort_out":
            assert ("loris" in text) == (study == "loris")
        if predictor == "multimodal" and protocol != "in_sample" and study in {"loris", "samstein2019"}:
            assert "loris" not in text

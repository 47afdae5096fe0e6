"""Figures of the published studies, asked of the command line as a stranger would, and computed again independently.

Sources: Chang 2024, doi 10.1038/s43018-024-00772-7 (LORIS); Mariathasan 2018, doi 10.1038/nature25501 (IMvigor210);
Thorsson 2018, doi 10.1016/j.immuni.2018.03.023 (immune subtypes).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.settings import Settings
from data.store import Store

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[1]
AUC_TOLERANCE, HR_TOLERANCE = 0.002, 0.01

STUDIES = {
    # study: patients, evaluable, responders, deaths, genes
    "imvigor210": (348, 298, 68, 232, 17993),
    "loris": (3722, 2881, 825, None, 0),
    "liu2019": (144, 140, 55, 72, 16737),
    "riaz2017": (73, 70, 15, 42, 19961),
    "hugo2016": (27, 27, 14, 12, 19961),
    "vanallen2015": (42, 41, 7, 29, 20238),
    "nathanson2017": (24, 24, 8, 16, 19279),
    "miao2018": (33, 33, 8, 10, 20238),
    "snyder2017": (25, 21, 7, 17, 20238),
    "padron2022": (45, 0, 0, 34, 18459),
    "samstein2019": (1661, 0, 0, 832, 0),
    "tcga": (11160, 0, 0, None, None),
    "her2st": (8, 0, 0, 0, 0),
    "lung_mif": (50, 0, 0, 33, 0),
}
LORIS_COHORTS = {
    "Chowell_train": 964, "Chowell_test": 515, "MSK1": 453, "MSK2": 104, "Kato": 35, "Shim": 198, "Vanguri": 246,
    "Ravi": 309, "Pradat": 57, "MSK_nonICB": 841,
}  # fmt: skip
AUCS = {
    ("loris", "Chowell_train", "loris"): 0.741,
    ("loris", "Chowell_test", "loris"): 0.754,
    ("loris", "MSK1", "loris"): 0.699,
    ("loris", "Kato", "loris"): 0.793,
    ("loris", "Pradat", "loris"): 0.711,
    ("loris", "Chowell_train", "tmb"): 0.609,
    ("loris", "Chowell_test", "tmb"): 0.648,
    ("loris", "MSK1", "tmb"): 0.537,
    ("loris", "Kato", "tmb"): 0.660,
    ("loris", "Pradat", "tmb"): 0.413,
    ("imvigor210", "IMvigor210", "tmb"): 0.728,
    ("imvigor210", "IMvigor210", "pdl1"): 0.618,
}


def command(*words: str) -> Any:
    """The JSON document of one command."""
    answer = subprocess.run(
        [sys.executable, "-m", "core", *words, "--json"], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def doctor(real_settings: Settings) -> dict[str, dict[str, Any]]:
    return {row["study"]: row for row in command("doctor")["studies"]}


@pytest.fixture(scope="module")
def leaderboard(real_settings: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = command("leaderboard")
    return found


@pytest.mark.parametrize("study", list(STUDIES))
def test_rows_of_each_study(doctor: dict[str, dict[str, Any]], study: str) -> None:
    keys = ("patients", "evaluable", "responders", "deaths", "genes")
    for key, expected in zip(keys, STUDIES[study], strict=True):
        if expected is not None:
            assert doctor[study][key] == expected, key


def test_rows_of_each_loris_cohort(real_store: Store) -> None:
    counted = real_store.sql("SELECT cohort, count(*) AS n FROM patient WHERE study = 'loris' GROUP BY cohort")
    assert dict(counted.iter_rows()) == LORIS_COHORTS


@pytest.mark.parametrize(("study", "cohort", "predictor"), list(AUCS))
def test_published_auc(leaderboard: list[dict[str, Any]], study: str, cohort: str, predictor: str) -> None:
    rows = [
        row
        for row in leaderboard
        if (row["study"], row["cohort"], row["predictor"]) == (study, cohort, predictor)
        and row["protocol"] in {"published", "in_sample"}
    ]
    assert len(rows) == 1
    assert rows[0]["auc"] == pytest.approx(AUCS[study, cohort, predictor], abs=AUC_TOLERANCE)
    assert rows[0]["ci_low"] < rows[0]["auc"] < rows[0]["ci_high"]


def test_loris_on_its_training_cohort_is_called_in_sample(leaderboard: list[dict[str, Any]]) -> None:
    protocols = {
        row["protocol"] for row in leaderboard if row["cohort"] == "Chowell_train" and row["predictor"] == "loris"
    }
    assert protocols == {"in_sample"}


def test_leaderboard_equals_scikit_learn(leaderboard: list[dict[str, Any]], real_store: Store) -> None:
    from sklearn.metrics import roc_auc_score

    scored = real_store.sql(
        """SELECT r.study, r.cohort, r.predictor, r.protocol, r.score, p.response
           FROM prediction r JOIN patient p USING (patient_id) WHERE r.score IS NOT NULL AND p.response IS NOT NULL"""
    )
    groups = dict(scored.group_by("study", "cohort", "predictor", "protocol"))
    assert len(leaderboard) > 80
    for row in leaderboard:
        part = groups[row["study"], row["cohort"], row["predictor"], row["protocol"]]
        assert row["n"] == part.height
        assert row["responders"] == part["response"].sum()
        assert row["auc"] == pytest.approx(
            roc_auc_score(part["response"].to_numpy(), part["score"].to_numpy()), abs=1e-9
        )


def test_neoantigen_auc(real_store: Store) -> None:
    from sklearn.metrics import roc_auc_score

    known = real_store.table("patient", study="imvigor210").drop_nulls(["neoantigen_per_mb", "response"])
    assert known.height == 216
    auc = roc_auc_score(known["response"].to_numpy(), known["neoantigen_per_mb"].to_numpy())
    assert auc == pytest.approx(0.767, abs=AUC_TOLERANCE)


def test_loris_concordance_with_overall_survival(real_store: Store) -> None:
    from lifelines.utils import concordance_index

    rows = real_store.sql(
        """SELECT p.os_months, p.os_event, r.score FROM patient p JOIN prediction r USING (patient_id)
           WHERE p.cohort = 'Chowell_test' AND r.predictor = 'loris' AND r.protocol = 'published'"""
    )
    found = concordance_index(rows["os_months"].to_numpy(), rows["score"].to_numpy(), rows["os_event"].to_numpy())
    assert found == pytest.approx(0.677, abs=AUC_TOLERANCE)


def test_km_command_gives_the_published_hazard_ratio(real_settings: Settings) -> None:
    answer = command("km", "--study", "imvigor210", "--by", "tmb_per_mb", "--cut", "10", "--endpoint", "os")
    ratio = answer["hazard_ratio"]
    assert ratio["hr"] == pytest.approx(0.575, abs=HR_TOLERANCE)
    assert ratio["ci_low"] == pytest.approx(0.42, abs=HR_TOLERANCE)
    assert ratio["ci_high"] == pytest.approx(0.79, abs=HR_TOLERANCE)
    assert sum(group["n"] for group in answer["groups"]) == 272


def test_response_by_phenotype(real_store: Store) -> None:
    counted = real_store.sql(
        """SELECT phenotype, count(*) FILTER (response) AS r, count(response) AS n FROM patient
           WHERE study = 'imvigor210' AND phenotype IS NOT NULL AND response IS NOT NULL GROUP BY phenotype"""
    )
    assert {name: (r, n) for name, r, n in counted.iter_rows()} == {
        "inflamed": (19, 62),
        "excluded": (28, 113),
        "desert": (14, 69),
    }


def test_tcga_immune_subtypes(real_store: Store) -> None:
    counted = real_store.sql(
        "SELECT immune_subtype, count(*) FROM sample WHERE study = 'tcga' AND immune_subtype IS NOT NULL GROUP BY 1"
    )
    published = {"C1": 2416, "C2": 2592, "C3": 2397, "C4": 1159, "C5": 385, "C6": 180}
    assert dict(counted.iter_rows()) == published


def test_lymphocyte_density_in_melanoma_goes_with_longer_survival(real_store: Store) -> None:
    from lifelines import CoxPHFitter

    rows = real_store.sql(
        """SELECT p.os_months AS time, p.os_event::INT AS dead, avg(f.value) AS density
           FROM slide_feature f JOIN patient p USING (patient_id)
           WHERE p.cohort = 'TCGA-SKCM' AND f.feature = 'DENSITY [LYMPHOCYTE CELLS] IN [TUMOR]'
             AND p.os_months > 0 AND f.value IS NOT NULL GROUP BY p.patient_id, 1, 2"""
    ).with_columns(pl.col("density") >= pl.col("density").median())
    fitted = CoxPHFitter().fit(rows.cast({"density": pl.Int64}).to_pandas(), "time", "dead").summary.iloc[0]
    assert fitted["exp(coef)"] < 0.7
    assert fitted["exp(coef) upper 95%"] < 0.85

"""Padron 2022 (PRINCE): nivolumab and/or sotigalimab with chemotherapy in pancreatic cancer; 45 patients with RNA."""

from __future__ import annotations

import polars as pl

from data.errors import SourceCorrupt
from data.sources import predictior
from data.sources.source import Files, Source, StudyTables

STUDY = "padron2022"
MATRICES = ("ICB_Padron__Pancreas__PD-(L)1__F.rda", "ICB_Padron__Pancreas__PD-(L)1__M.rda")
ARMS = {
    "A1": ("nivolumab + gemcitabine + nab-paclitaxel", "ICB + chemotherapy"),
    "C2": ("nivolumab + sotigalimab + gemcitabine + nab-paclitaxel", "ICB + CD40 agonist + chemotherapy"),
}
HISTOLOGY = {
    "Adenocarcinoma": "adenocarcinoma",
    "ADENOCARCINOMA WITH SQUAMOUS DIFFERENTIATION": "adenosquamous carcinoma",
}
RACE = {"White": "white", "Black or African American": "black or African American", "Asian": "Asian", "Other": "other"}
EVENTS = {"progressed": True, "dead": True, "censored-study-period-incomplete": False}

NOTES = (
    "No patient's RECIST category is published here: response is missing for all 45. PredictioR's own response is made "
    "from 6-month PFS and left out.",
    "Every arm had gemcitabine and nab-paclitaxel, so nothing here isolates the effect of the checkpoint inhibitor. Arm C2 "
    "adds the CD40 agonist sotigalimab (APX005M). The arm without nivolumab is not in these files.",
    "Arms are those actually given: 2 patients of C2 (P40, P127) never had sotigalimab and are listed with A1.",
    "Survival is PredictioR's months x 30.5 = whole days, given in days / 30.4375.",
    "A death without progression ends PFS one day before overall survival, so published times differ by a day.",
    "P42 and P128 progress 12 and 6 days after their overall survival is censored; kept as published.",
)


def load(files: Files) -> StudyTables:
    """Read the two files (women, men) as one cohort; one row a patient.

    Raises
    ------
    SourceCorrupt
        A PFS flag that contradicts the reason given for it.
    """
    notes = list(NOTES)
    experiment = predictior.read(files, MATRICES, notes=notes)
    clinical = experiment.clinical.with_columns(
        predictior.days(experiment.clinical, "survival_time_os").alias("os_days"),
        predictior.days(experiment.clinical, "survival_time_pfs").alias("pfs_days"),
        pl.col("clinical.observation.pfs.reason").str.split("/").list.last().alias("reason"),
    )
    event = predictior.flag("reason", EVENTS)
    if clinical.filter(event.ne_missing(pl.col("event_occurred_pfs") == 1)).height:
        raise SourceCorrupt("a PFS event of Padron 2022 contradicts the reason that the file gives for it")
    samples = clinical.select(
        source_id=pl.col("patientid"), timepoint=pl.lit("pre-treatment"), site=pl.lit(None, pl.String)
    )
    return StudyTables(
        tables={"patient": _patient(clinical), "sample": predictior.sample(STUDY, samples, kind="rna")},
        expression=[predictior.expression(STUDY, experiment, clinical["patientid"].to_list())],
        notes=notes,
    )


def _patient(clinical: pl.DataFrame) -> pl.DataFrame:
    return clinical.select(
        **predictior.identity(STUDY, "Padron", pl.col("patientid")),
        age_years=pl.col("age"),
        sex=predictior.category("sex", predictior.SEX),
        race=predictior.category("Race", RACE),
        cancer_type=pl.lit("Pancreatic"),
        histology=predictior.category("Cancer.Type", HISTOLOGY),
        stage=predictior.category("Stage.at.Enrollment", {"Stage 4": "IV"}),
        ecog=pl.col("ECOG.at.Screening").cast(pl.String),
        smoking=pl.col("Tobacco.History").str.to_lowercase(),
        drug=predictior.category("Actual.Arm", {arm: drug for arm, (drug, _) in ARMS.items()}),
        drug_class=predictior.category("Actual.Arm", {arm: name for arm, (_, name) in ARMS.items()}),
        prior_systemic_therapy=predictior.flag("Prior.Chemo", predictior.FLAG),
        response_definition=pl.lit(SOURCE.response_definition),
        os_months=predictior.months(pl.col("os_days")),
        os_event=predictior.flag("event_occurred_os", {1: True, 0: False}),
        pfs_months=predictior.months(pl.col("pfs_days")),
        pfs_event=predictior.flag("event_occurred_pfs", {1: True, 0: False}),
    )


SOURCE = Source(
    study=STUDY,
    title="Padron 2022 (PRINCE): nivolumab with chemotherapy in metastatic pancreatic cancer",
    citation="Padron LJ, et al. Sotigalimab and/or nivolumab with chemotherapy in first-line metastatic pancreatic cancer: "
    "clinical and immunologic analyses from the randomized phase 2 PRINCE trial. Nat Med 2022;28:1167-1177",
    doi="10.1038/s41591-022-01829-9",
    licence=predictior.LICENCE,
    cancer="Pancreatic adenocarcinoma",
    treatment="nivolumab and chemotherapy, with or without sotigalimab",
    load=load,
    files=(
        predictior.remote(
            "d6a087806cb6a1f55c4f7f477763c0554d82e490/data/ICBSex/ICB_Padron__Pancreas__PD-%28L%291__M.rda",
            "411dfc8caef6e560e2ca08d858834d4b91893d48e59a4e28c04d2ebd0150d786",
            3827754,
        ),
        predictior.remote(
            "d6a087806cb6a1f55c4f7f477763c0554d82e490/data/ICBSex/ICB_Padron__Pancreas__PD-%28L%291__F.rda",
            "88c569092d40f281d4907883daf85aa37be0c9361b3f7aa943f9fe61482c5037",
            2927946,
        ),
    ),
    response_definition="not evaluable (no RECIST published)",
    provides=("patient", "sample", "expression"),
)

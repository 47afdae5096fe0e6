"""Miao 2018: PD-1/PD-L1 blockade in clear cell renal cell carcinoma, 33 patients with RNA."""

from __future__ import annotations

import polars as pl

from data.errors import SourceCorrupt
from data.sources import predictior
from data.sources.source import Files, Source, StudyTables

STUDY = "miao2018"
MATRIX = "ICB_Miao1__Kidney__PD-(L)1.rda"

NOTES = (
    "Event flags in PredictioR's file are inverted and corrected here, for overall and progression-free survival: all 16 "
    "patients with progression as best response carry 0 for progression, and the patient with a complete response 1.",
    "Survival is PredictioR's months x 30.5 = whole days, given in days / 30.4375.",
    "Burden is 0 in PredictioR's file for all 17 patients PD_*: not measured rather than zero, so it is missing here. For "
    "the 16 patients RCC_* it is the non-synonymous count / 50 Mb.",
    "The expression of PD_* and RCC_* differs as batches do: the split is the first principal component, 27% of the "
    "variance. A comparison that both groups enter must allow for it.",
    "PD-L1 on tumour cells is 100% minus the share of unstained cells (15 patients).",
    "4 patients had nivolumab with ipilimumab, 2 atezolizumab, 27 nivolumab.",
)


def load(files: Files) -> StudyTables:
    """Read the one file, put the event flags right; one row a patient.

    Raises
    ------
    SourceCorrupt
        A patient with progressive disease whose flag is not 0: the flags are no longer inverted.
    """
    notes = list(NOTES)
    experiment = predictior.read(files, [MATRIX], notes=notes)
    clinical = experiment.clinical.with_columns(
        predictior.days(experiment.clinical, "survival_time_os").alias("os_days"),
        predictior.days(experiment.clinical, "survival_time_pfs").alias("pfs_days"),
    )
    if clinical.filter((pl.col("recist") == "PD") & (pl.col("event_occurred_pfs") != 0)).height:
        raise SourceCorrupt(f"{MATRIX}: event flags are not inverted, as they were in the version that was checked")
    samples = clinical.select(
        source_id=pl.col("patientid"), timepoint=pl.lit("pre-treatment"), site=pl.lit(None, pl.String)
    )
    return StudyTables(
        tables={
            "patient": _patient(clinical),
            "sample": pl.concat([predictior.sample(STUDY, samples, kind=kind) for kind in ("rna", "exome")]),
        },
        expression=[predictior.expression(STUDY, experiment, clinical["patientid"].to_list())],
        notes=notes,
    )


def _patient(clinical: pl.DataFrame) -> pl.DataFrame:
    measured = pl.col("patientid").str.starts_with("RCC_")
    unstained = pl.col("cell_membrane_pdl1_0percent").cast(pl.Float64)
    return clinical.select(
        **predictior.identity(STUDY, "Miao", pl.col("patientid")),
        age_years=pl.col("age"),
        sex=predictior.category("sex", predictior.SEX),
        cancer_type=pl.lit("Renal"),
        histology=pl.lit("clear cell renal cell carcinoma"),
        drug=pl.col("drug"),
        drug_class=pl.when(pl.col("drug").str.contains("ipilimumab"))
        .then(pl.lit("combination"))
        .otherwise(pl.lit("PD-1/PD-L1")),
        prior_systemic_therapy=predictior.flag("first_line", {1: False, 0: True}),
        tmb_per_mb=pl.when(measured).then(pl.col("nsTMB_perMb")),
        mutation_count=pl.when(measured).then(pl.col("nsTMB_raw")),
        pdl1_tps_percent=100.0 - unstained,
        tumour_change_percent=pl.col("max_tumor_change").cast(pl.Float64),
        **predictior.outcome(predictior.recist("recist"), SOURCE.response_definition),
        os_months=predictior.months(pl.col("os_days")),
        os_event=predictior.flag("event_occurred_os", {1: False, 0: True}),
        pfs_months=predictior.months(pl.col("pfs_days")),
        pfs_event=predictior.flag("event_occurred_pfs", {1: False, 0: True}),
    )


SOURCE = Source(
    study=STUDY,
    title="Miao 2018: PD-1/PD-L1 blockade in clear cell renal cell carcinoma",
    citation="Miao D, et al. Genomic correlates of response to immune checkpoint therapies in clear cell renal cell "
    "carcinoma. Science 2018;359:801-806",
    doi="10.1126/science.aan5951",
    licence=predictior.LICENCE,
    cancer="Renal cell carcinoma",
    treatment="nivolumab, atezolizumab, or nivolumab with ipilimumab",
    load=load,
    files=(
        predictior.remote(
            "6fb416e13957f01904cca1c968c6a5ee8b735904/data/ICB/ICB_Miao1__Kidney__PD-%28L%291.rda",
            "3a4258512844d4a3942f22e9d3f1f13ca44c14c08a443aa6ba757d6fb34ed3b2",
            3047424,
        ),
    ),
    provides=("patient", "sample", "expression"),
)

"""Samstein 2019: tumour mutational burden and survival of 1,661 checkpoint-blockade patients of MSK."""

from __future__ import annotations

import polars as pl

from data.errors import SourceCorrupt
from data.sources.source import Files, RemoteFile, Source, StudyTables

CLINICAL = "tmb_mskcc_2018_clinical_data.tsv"
NOT_GIVEN = ["NA", "N/A", "default", ""]
DRUG_CLASSES = {"PD-1/PDL-1": "PD-1/PD-L1", "CTLA4": "CTLA-4", "Combo": "combination"}
CANCER_TYPES = {
    "Non-Small Cell Lung Cancer": "NSCLC",
    "Melanoma": "Melanoma",
    "Bladder Cancer": "Bladder",
    "Renal Cell Carcinoma": "Renal",
    "Head and Neck Cancer": "Head & Neck",
    "Esophagogastric Cancer": "Esophagogastric",
    "Glioma": "CNS",
    "Colorectal Cancer": "Colorectal",
    "Cancer of Unknown Primary": "Unknown primary",
    "Breast Cancer": "Breast",
    "Skin Cancer, Non-Melanoma": "Skin, non-melanoma",
}

NOTES = (
    "No response is published for this study: it serves survival only.",
    "Patients overlap the LORIS cohorts (same hospital and years, other ids); the two studies must never be pooled.",
    "The column 'Age at Which Sequencing was Reported (Days)' holds years.",
    "Survival is in whole months from first dose; 0 months are kept as published.",
    "A tumour purity of 'default', 'NA' or 0 is missing.",
    "TMB comes from three panels (MSK-IMPACT 341, 410, 468 genes); cutoffs are better set within a cancer type.",
)


def load(files: Files) -> StudyTables:
    """Read the clinical export into the patient table."""
    path = files.path(CLINICAL)
    try:
        raw = pl.read_csv(path, separator="\t", infer_schema=False, null_values=NOT_GIVEN)
        purity = pl.col("Tumor Purity").cast(pl.Float64) / 100
        patient = raw.select(
            pl.format("samstein2019:{}", "Patient ID").alias("patient_id"),
            study=pl.lit("samstein2019"),
            cohort=pl.lit("Samstein"),
            source_id=pl.col("Patient ID"),
            age_years=pl.col("Age at Which Sequencing was Reported (Days)").cast(pl.Float64),
            sex=pl.col("Sex").replace_strict({"Female": "female", "Male": "male"}),
            cancer_type=pl.col("Cancer Type").replace_strict(CANCER_TYPES),
            histology=pl.col("Cancer Type Detailed"),
            sample_site=pl.col("Metastatic Site").fill_null(pl.col("Primary Tumor Site")).str.to_lowercase(),
            drug_class=pl.col("Drug Type").replace_strict(DRUG_CLASSES),
            arm=pl.lit("ICB"),
            tmb_per_mb=pl.col("TMB Score").cast(pl.Float64),
            mutation_count=pl.col("Mutation Count").cast(pl.Float64),
            purity=pl.when(purity > 0).then(purity),
            os_months=pl.col("Overall Survival (Months)").cast(pl.Float64),
            os_event=pl.col("Overall Survival Status").replace_strict(
                {"1:DECEASED": True, "0:LIVING": False}, return_dtype=pl.Boolean
            ),
        )
        sample = raw.select(
            pl.format("samstein2019:{}", "Patient ID").alias("patient_id"),
            sample_id=pl.format("samstein2019:{}", "Sample ID"),
            study=pl.lit("samstein2019"),
            kind=pl.lit("panel"),
            site=pl.col("Sample Type").str.to_lowercase(),
        )
    except pl.exceptions.PolarsError as error:
        raise SourceCorrupt(f"{path.name} is not the published table: {str(error).splitlines()[0]}") from error
    return StudyTables(tables={"patient": patient, "sample": sample}, notes=NOTES)


SOURCE = Source(
    study="samstein2019",
    title="Samstein 2019: mutational burden and survival after checkpoint blockade",
    citation="Samstein RM, et al. Tumor mutational load predicts survival after immunotherapy across multiple cancer "
    "types. Nature Genetics 2019;51:202-206",
    doi="10.1038/s41588-018-0312-8",
    licence="none stated (cBioPortal export)",
    cancer="11 cancer types",
    treatment="PD-1/PD-L1 and CTLA-4 blockade",
    load=load,
    files=(
        RemoteFile(
            url="https://raw.githubusercontent.com/changhw01/gemini/10a632db617c0228dfcee8b81792706ae73921d1/"
            "data/tmb_mskcc_2018_clinical_data.tsv",
            sha256="2d0cfe6db5190b9d9a3c31532949850f7fa84ddbabf0d9638db59be4e128ed93",
            size_bytes=337574,
            licence="none stated (cBioPortal export)",
        ),
    ),
    response_definition="none published",
    provides=("patient", "sample"),
)

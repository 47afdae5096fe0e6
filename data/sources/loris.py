"""LORIS: ten cohorts of checkpoint-blockade patients (and one without), one workbook with a sheet a cohort.

The workbook codes its categories as numbers. The codes used here are those of the column headings in the source
tables of Chowell 2022 (doi 10.1038/s41587-021-01070-8): sex 1 = male, stage 1 = IV and 0 = I-III, MSI 1 = unstable,
drug 1 = combination. They are checked against the data (no man has endometrial or ovarian cancer). A code that no
source explains is left out, and the notes say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from data.errors import SourceCorrupt
from data.schema import DAYS_PER_MONTH
from data.sources.source import Files, RemoteFile, Source, StudyTables

RESPONSE = "RECIST CR or PR against SD or PD, as published (0/1)"

COHORTS: Mapping[str, str] = {
    "Chowell_train": "Chowell_train",
    "Chowell_test": "Chowell_test",
    "MSK1": "MSK1",
    "MSK2": "MSK2",
    "Kato_panCancer": "Kato",
    "Shim_NSCLC": "Shim",
    "Vanguri_NSCLC": "Vanguri",
    "Ravi_NSCLC": "Ravi",
    "Pradat_panCancer": "Pradat",
    "MSK_nonICB": "MSK_nonICB",
}

NUMBERS: Mapping[str, str] = {
    "Age": "age_years",
    "BMI": "bmi",
    "Pack_years": "pack_years",
    "Year of ICI treatment start": "treatment_year",
    "TMB": "tmb_per_mb",
    "PDL1_TPS(%)": "pdl1_tps_percent",
    "Albumin": "albumin_g_per_dl",
    "NLR": "nlr",
    "Platelets": "platelets_per_nl",
    "HGB": "haemoglobin_g_per_dl",
    "FCNA": "fcna",
    "HED": "hed",
    "OS_Months": "os_months",
    "PFS_Months": "pfs_months",
}
FLAGS: Mapping[str, str] = {
    "Systemic_therapy_history": "prior_systemic_therapy",
    "MSI": "msi_high",
    "HLA_LOH": "hla_loh",
    "Response": "response",
    "OS_Event": "os_event",
    "PFS_Event": "pfs_event",
}
CODES: Mapping[str, tuple[str, Mapping[int, str]]] = {
    "Sex": ("sex", {0: "female", 1: "male"}),
    "Drug": ("drug_class", {0: "PD-1/PD-L1", 1: "combination", 2: "CTLA-4"}),
    "Stage": ("stage", {0: "I-III", 1: "IV"}),
    "Smoking_status": ("smoking", {0: "never", 1: "ever"}),
    "Performance_status": ("ecog", {0: "0", 1: "1", 2: "2", 3: "3"}),
}

NOTES = (
    "Rows are anonymised MSK and published patients and overlap Samstein 2019; the two studies must never be pooled.",
    "Kato and Ravi: albumin (3.8 g/dL) and NLR (6.2) are one constant for everyone, imputed by the authors so that "
    "the published score could be computed; they carry no information there.",
    "Vanguri: the NLR is twice the ratio in the sheet's NLR_original column, as the published score takes it.",
    "Vanguri: overall survival is given only for those who died (150 deaths, nobody censored). A curve over deaths "
    "alone would be wrong, so overall survival is left out; progression-free survival is complete.",
    "Vanguri: the MSI column marks 16 of 245 lung cancers, far above the share of MSI-high lung cancer, and its "
    "meaning is not documented; it is left out.",
    "Ravi: the columns named months hold days; they are divided by 30.4375.",
    "Pradat: 38 of 57 patients are marked as responders, far above the other cohorts; how response was judged there "
    "is not stated in the workbook.",
    "MSK_nonICB never had checkpoint blockade (arm 'control', no response); its TMB, NLR and age come capped at 50, "
    "25 and 85. Its survival starts elsewhere than that of the treated cohorts, so the two are not randomised arms.",
    "Histology is coded 1, 2, 3 without a key and is left out. PD-L1 is the tumour proportion score in percent.",
    "Progression-free survival exceeds overall survival in 2 patients of Kato and 5 of Shim, as published.",
)


def load(files: Files) -> StudyTables:
    """Read the ten sheets into one patient table, cohort by cohort, values as published (nothing truncated)."""
    path = files.path("AllData.xlsx")
    sheets = _sheets(path)
    missing = [sheet for sheet in COHORTS if sheet not in sheets]
    if missing:
        raise SourceCorrupt(f"{path.name} has no sheet {', '.join(missing)}")
    frames = [_cohort(sheets[sheet], cohort) for sheet, cohort in COHORTS.items()]
    return StudyTables(tables={"patient": pl.concat(frames, how="diagonal_relaxed")}, notes=NOTES)


def _sheets(path: Path) -> dict[str, pl.DataFrame]:
    """All sheets as text: a column that is empty in one sheet then has the same type everywhere."""
    import fastexcel

    try:
        book = fastexcel.read_excel(path)
        return {name: book.load_sheet(name, dtypes="string").to_polars() for name in book.sheet_names}
    except fastexcel.FastExcelError as error:
        raise SourceCorrupt(f"{path.name} cannot be read as a workbook: {error}") from error


def _cohort(sheet: pl.DataFrame, cohort: str) -> pl.DataFrame:
    for required in ("SAMPLE_ID", "TMB", "CancerType", "OS_Months"):
        if required not in sheet.columns:
            raise SourceCorrupt(f"sheet of cohort {cohort} has no column '{required}'")
    treated = cohort != "MSK_nonICB"
    number = pl.col("SAMPLE_ID").cast(pl.Float64).cast(pl.Int64).cast(pl.String)
    columns = [
        pl.concat_str(pl.lit(f"loris:{cohort}:"), number).alias("patient_id"),
        pl.lit("loris").alias("study"),
        pl.lit(cohort).alias("cohort"),
        number.alias("source_id"),
        pl.col("CancerType").alias("cancer_type"),
        pl.lit("ICB" if treated else "control").alias("arm"),
        pl.lit(RESPONSE if treated else None, dtype=pl.String).alias("response_definition"),
    ]
    columns += [pl.col(name).cast(pl.Float64).alias(to) for name, to in NUMBERS.items() if name in sheet.columns]
    columns += [_flag(name, to) for name, to in FLAGS.items() if name in sheet.columns]
    columns += [
        pl.col(name).cast(pl.Float64).cast(pl.Int64).replace_strict(codes, return_dtype=pl.String).alias(to)
        for name, (to, codes) in CODES.items()
        if name in sheet.columns
    ]
    if not treated:
        columns.append(pl.lit("no ICB").alias("drug_class"))
    try:
        frame = sheet.select(columns)
    except pl.exceptions.PolarsError as error:
        raise SourceCorrupt(f"sheet of cohort {cohort}: {str(error).splitlines()[0]}") from error
    if cohort == "Ravi":
        frame = frame.with_columns(pl.col("os_months", "pfs_months") / DAYS_PER_MONTH)
    if cohort == "Vanguri":
        frame = frame.drop("os_months", "os_event", "msi_high")
    return _paired(frame)


def _flag(name: str, to: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64).replace_strict({0.0: False, 1.0: True}, return_dtype=pl.Boolean).alias(to)


def _paired(frame: pl.DataFrame) -> pl.DataFrame:
    """A time without an event flag, or a flag without a time, is no endpoint: both become null."""
    for endpoint in ("os", "pfs"):
        months, event = f"{endpoint}_months", f"{endpoint}_event"
        if months in frame.columns and event in frame.columns:
            known = pl.col(months).is_not_null() & pl.col(event).is_not_null()
            frame = frame.with_columns(
                pl.when(known).then(pl.col(months)).alias(months), pl.when(known).then(pl.col(event)).alias(event)
            )
    return frame


SOURCE = Source(
    study="loris",
    title="LORIS: pan-cancer checkpoint blockade, ten cohorts",
    citation="Chang TG, et al. LORIS robustly predicts patient outcomes with immune checkpoint blockade therapy using "
    "common clinical, pathologic and genomic features. Nature Cancer 2024;5:1158-1175",
    doi="10.1038/s43018-024-00772-7",
    licence="GPL-3 (repository)",
    cancer="18 solid tumour types",
    treatment="PD-1/PD-L1 and CTLA-4 blockade; one cohort without",
    load=load,
    files=(
        RemoteFile(
            url="https://raw.githubusercontent.com/rootchang/LORIS/eb87300f2dc6287bdf0e4404e662db0dbd421c4b/"
            "02.Input/AllData.xlsx",
            sha256="d7ad5c4aeb1033d9b36e520d63acfd8efdc5f6e3f5d52ae0f9abf0d6fe922218",
            size_bytes=839216,
            licence="GPL-3 (repository)",
        ),
    ),
    response_definition=RESPONSE,
)

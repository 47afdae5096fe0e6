"""TCGA: outcomes, immune landscape, H&E features, RNA z-scores, mutations and copy number. No checkpoint inhibitor."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.errors import SourceCorrupt
from data.schema import (
    CELL_FRACTION,
    COPY_NUMBER,
    DAYS_PER_MONTH,
    MUTATION,
    PATIENT,
    SAMPLE,
    SIGNATURE_SCORE,
    SLIDE_FEATURE,
)
from data.sources import tcga_immune, tcga_porpoise, tcga_slides
from data.sources.source import Expression, Files, Source, StudyTables
from data.sources.tcga_barcode import RULE, case_of, one_per_case
from data.sources.tcga_files import FILES

STUDY = "tcga"
OUTCOMES = 11_160
ENDPOINTS = {"OS": "os", "DSS": "dss", "PFI": "pfs", "DFI": "dfi"}
AGREE_MONTHS = 0.1

NOTES = (
    "Time runs from diagnosis, in days / 30.4375. The progression-free interval (PFI) of TCGA-CDR fills the columns "
    "of progression-free survival.",
    "Nobody here is recorded as treated with a checkpoint inhibitor: there is no response, and survival says nothing "
    "about immunotherapy.",
    "TCGA-CDR advises against OS for BRCA, LGG, PCPG, PRAD, READ, TGCT, THCA and THYM (too few events); DSS is approximated. "
    "DFI does not exist for SKCM, THYM and UVM.",
    "Ages over 89 are published as 90.",
    RULE,
    "Immune subtype: ClusterModel1 (the published C1 to C6), 9,129 samples; patients carry the label of the sample that "
    "stands for them.",
    "RNA is published as z-scores of about 1,550 cancer genes for five cancers; some genes reach z-scores over 100, because "
    "the reference samples hardly express them. Compare ranks, or clip.",
    "Mutations and copy number (PORPOISE) say only that a gene is altered; gene lists differ by cancer.",
)


def _clean(column: str) -> pl.Expr:
    """A clinical text column without its '[Not Available]' kind of entries."""
    value = pl.col(column).str.strip_chars()
    return pl.when(~value.str.starts_with("[") & (value.str.len_chars() > 0)).then(value)


def _stage(column: str) -> pl.Expr:
    value = _clean(column).str.to_uppercase().str.strip_prefix("STAGE ")
    return pl.when(value != "X").then(value)


def read_outcomes(path: Path) -> pl.DataFrame:
    """Read TCGA-CDR into the patient table's columns, one row a patient; `source_id` is the patient's barcode.

    Raises
    ------
    SourceCorrupt
        The sheet or a column is missing, or there are not 11,160 patients.
    """
    try:
        raw = pl.read_excel(path, sheet_name="TCGA-CDR", engine="calamine", infer_schema_length=0)
    except Exception as error:  # the reader raises its own types for a truncated or foreign workbook
        raise SourceCorrupt(
            f"{path.name} cannot be read as the TCGA-CDR workbook: {error}; download it again"
        ) from error
    needed = {"bcr_patient_barcode", "type", *ENDPOINTS, *(f"{name}.time" for name in ENDPOINTS)}
    if not needed <= set(raw.columns):
        raise SourceCorrupt(f"{path.name} lacks the columns {', '.join(sorted(needed - set(raw.columns)))}")
    if raw.height != OUTCOMES:
        raise SourceCorrupt(f"{path.name} has {raw.height} patients; {OUTCOMES} are published")
    endpoints: dict[str, pl.Expr] = {}
    for theirs, ours in ENDPOINTS.items():
        endpoints[f"{ours}_months"] = pl.col(f"{theirs}.time").cast(pl.Float64, strict=False) / DAYS_PER_MONTH
        endpoints[f"{ours}_event"] = pl.col(theirs).cast(pl.Float64, strict=False).cast(pl.Int8) == 1
    return raw.select(
        patient_id=pl.format("tcga:{}", "bcr_patient_barcode"),
        study=pl.lit(STUDY),
        cohort=pl.format("TCGA-{}", "type"),
        source_id="bcr_patient_barcode",
        age_years=pl.col("age_at_initial_pathologic_diagnosis").cast(pl.Float64, strict=False),
        sex=pl.col("gender").str.to_lowercase(),
        race=_clean("race").str.to_lowercase(),
        cancer_type="type",
        histology=_clean("histological_type"),
        stage=pl.coalesce(_stage("ajcc_pathologic_tumor_stage"), _stage("clinical_stage")),
        drug_class=pl.lit("no ICB"),
        **endpoints,
    )


def _with_patient(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(patient_id=pl.format("tcga:{}", "case"), study=pl.lit(STUDY)).drop("case")


def _samples(immune: pl.DataFrame, genomics: list[Expression], slides: pl.DataFrame) -> pl.DataFrame:
    """Sample rows: RNA aliquots with their immune subtype, the z-score assays' samples, H&E slides."""
    rna = immune.select(
        sample_id=pl.format("tcga:{}", "barcode"),
        case=case_of(pl.col("barcode")),
        kind=pl.lit("rna"),
        immune_subtype="immune_subtype",
    )
    z = pl.DataFrame(
        {
            "sample_id": [sample for assay in genomics for sample in assay.samples],
            "case": [patient.removeprefix("tcga:") for assay in genomics for patient in assay.patients],
        }
    ).with_columns(kind=pl.lit("rna"))
    he = slides.select(sample_id="slide_id", case="case", kind=pl.lit("slide"))
    return _with_patient(pl.concat([rna, z, he], how="diagonal")).with_columns(timepoint=pl.lit("diagnosis"))


def _disagreements(genomics: pl.DataFrame, patients: pl.DataFrame) -> str:
    """How far the survival of PORPOISE agrees with TCGA-CDR, in one sentence."""
    both = genomics.join(patients, left_on="case", right_on="source_id")
    apart = both.filter(
        ((pl.col("months") - pl.col("os_months")).abs() > AGREE_MONTHS) | (pl.col("event") != pl.col("os_event"))
    )
    names = ", ".join(apart["case"].sort().to_list()) or "none"
    return (
        f"Survival in the PORPOISE files agrees with TCGA-CDR within {AGREE_MONTHS} months and in the event for "
        f"{both.height - apart.height} of {both.height} patients (apart: {names}); TCGA-CDR is used."
    )


def load(files: Files) -> StudyTables:
    """Read all TCGA files."""
    patients = read_outcomes(files.path("TCGA-CDR-SupplementalTableS1.xlsx"))
    known = patients.select(case="source_id", cohort="cohort")
    immune = tcga_immune.read_immune(files.path("five_signature_mclust_ensemble_results.tsv.gz"))
    scores = tcga_immune.signature_scores(immune, known)
    cibersort = tcga_immune.read_cibersort(files.path("cibersort.relative.tsv.gz"))
    fractions = tcga_immune.cell_fractions(cibersort).join(known.select("case"), on="case", maintain_order="left")
    leukocytes = tcga_immune.read_leukocytes(files.path("TCGA_all_leuk_estimate.masked.20170107.tsv"))
    load_per_mb = tcga_immune.read_mutation_load(files.path("mutation-load_updated.txt"))
    til = tcga_immune.read_til_maps(files.path("mmc2 - modified.xlsx"))
    subtype = one_per_case(immune, "barcode").select("case", "immune_subtype")

    cancers = {
        name: tcga_porpoise.read(files.path(f"tcga_{name}_all_clean.csv.zip"), name) for name in tcga_porpoise.CANCERS
    }
    slide_parts = {name: tcga_slides.read(files.path(f"{name}.hifs.csv"), name) for name in tcga_slides.CANCERS}
    slides = pl.concat([part[0] for part in slide_parts.values()])
    features = pl.concat([part[1] for part in slide_parts.values()])

    for extra in (leukocytes, load_per_mb, til.drop("slide"), subtype):
        patients = patients.join(extra, left_on="source_id", right_on="case", how="left", maintain_order="left")
    expressions = [genomics.expression for genomics in cancers.values()]
    mutation = pl.concat([genomics.mutation for genomics in cancers.values()]).with_columns(effect=pl.lit("other"))
    survival = pl.concat([genomics.survival for genomics in cancers.values()])
    strangers = immune.with_columns(case=case_of(pl.col("barcode"))).join(known, on="case", how="anti")
    return StudyTables(
        tables={
            "patient": PATIENT.conform(patients),
            "sample": SAMPLE.conform(_samples(immune, expressions, slides)),
            "signature_score": SIGNATURE_SCORE.conform(_with_patient(scores)),
            "cell_fraction": CELL_FRACTION.conform(_with_patient(fractions)),
            "slide_feature": SLIDE_FEATURE.conform(_with_patient(features)),
            "mutation": MUTATION.conform(_with_patient(mutation)),
            "copy_number": COPY_NUMBER.conform(
                _with_patient(pl.concat([genomics.copy_number for genomics in cancers.values()]))
            ),
        },
        expression=expressions,
        notes=(
            *NOTES,
            "Genes with a z-score beyond 100: "
            + ", ".join(f"{name.upper()} {genomics.extreme}" for name, genomics in cancers.items()),
            _disagreements(survival, patients),
        ),
        refused=[
            (
                "five_signature_mclust_ensemble_results.tsv.gz",
                -1,
                barcode,
                "patient is not in TCGA-CDR; kept as a sample only",
            )
            for barcode in strangers["barcode"].sort()
        ],
    )


SOURCE = Source(
    study=STUDY,
    title="TCGA: outcomes, immune landscape, H&E features and genomics of 33 cancers",
    citation=(
        "Liu et al., Cell 2018 (outcomes, doi 10.1016/j.cell.2018.02.052); Thorsson et al., Immunity 2018 "
        "(doi 10.1016/j.immuni.2018.03.023); Saltz et al., Cell Rep 2018 (TIL maps, doi 10.1016/j.celrep.2018.03.086); "
        "Diao et al., Nat Commun 2021 (H&E features, doi 10.1038/s41467-021-21896-9); Chen et al., Cancer Cell 2022 "
        "(PORPOISE, doi 10.1016/j.ccell.2022.07.004)"
    ),
    doi="10.1016/j.cell.2018.02.052",
    licence=(
        "open-access TCGA data; carriers MIT, Apache-2.0, CC BY-NC-SA 4.0 (H&E features), GPL-3 non-commercial "
        "(PORPOISE), none stated (TIL maps)"
    ),
    cancer="33 cancer types",
    treatment="standard of care; no checkpoint inhibitor recorded",
    response_definition="none: no response to a checkpoint inhibitor is recorded",
    load=load,
    files=FILES,
    provides=(
        "patient", "sample", "expression", "signature_score", "cell_fraction", "slide_feature", "mutation", "copy_number",
    ),
)  # fmt: skip

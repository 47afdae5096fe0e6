"""TCGA: immune signature scores and subtypes, CIBERSORT fractions, leukocyte fraction, mutation load, TIL maps."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.sources.tcga_barcode import case_of, dashed, one_per_case

ASSAY = "thorsson2018"
SIGNATURES = {
    "LIexpression_score": "thorsson_lymphocyte_infiltration",
    "CSF1_response": "thorsson_macrophage",
    "TGFB_score_21050467": "thorsson_tgf_beta",
    "Module3_IFN_score": "thorsson_ifn_gamma",
    "CHANG_CORE_SERUM_RESPONSE_UP": "thorsson_wound_healing",
}
CIBERSORT = {
    "B.cells.naive": "B cells, naive",
    "B.cells.memory": "B cells, memory",
    "Plasma.cells": "Plasma cells",
    "T.cells.CD8": "CD8 T cells",
    "T.cells.CD4.naive": "CD4 T cells, naive",
    "T.cells.CD4.memory.resting": "CD4 T cells, memory resting",
    "T.cells.CD4.memory.activated": "CD4 T cells, memory activated",
    "T.cells.follicular.helper": "T cells, follicular helper",
    "T.cells.regulatory..Tregs.": "Regulatory T cells",
    "T.cells.gamma.delta": "T cells, gamma delta",
    "NK.cells.resting": "NK cells, resting",
    "NK.cells.activated": "NK cells, activated",
    "Monocytes": "Monocytes",
    "Macrophages.M0": "Macrophages M0",
    "Macrophages.M1": "Macrophages M1",
    "Macrophages.M2": "Macrophages M2",
    "Dendritic.cells.resting": "Dendritic cells, resting",
    "Dendritic.cells.activated": "Dendritic cells, activated",
    "Mast.cells.resting": "Mast cells, resting",
    "Mast.cells.activated": "Mast cells, activated",
    "Eosinophils": "Eosinophils",
    "Neutrophils": "Neutrophils",
}


def read_immune(path: Path) -> pl.DataFrame:
    """All samples with the five signature scores: barcode, sample_barcode, immune_subtype ('C1'..'C6'), scores.

    The label is ClusterModel1, the published one (ClusterModel2 is a refit that moves 190 samples).
    """
    frame = pl.read_csv(path, separator="\t")
    return frame.select(
        barcode=dashed("AliquotBarcode"),
        sample_barcode="SampleBarcode",
        immune_subtype=pl.format("C{}", "ClusterModel1"),
        **{name: pl.col(column) for column, name in SIGNATURES.items()},
    )


def signature_scores(immune: pl.DataFrame, cohorts: pl.DataFrame) -> pl.DataFrame:
    """Rows of `signature_score` (case instead of patient_id), one sample a patient, z within the cancer type.

    `cohorts` has the columns case and cohort; patients that it lacks are left out.
    """
    return (
        one_per_case(immune, "barcode")
        .join(cohorts, on="case", maintain_order="left")
        .unpivot(on=list(SIGNATURES.values()), index=["case", "cohort"], variable_name="signature", value_name="score")
        .with_columns(
            z=(pl.col("score") - pl.col("score").mean().over("cohort", "signature"))
            / pl.col("score").std().over("cohort", "signature"),
            assay=pl.lit(ASSAY),
        )
        .drop("cohort")
    )


def read_cibersort(path: Path) -> pl.DataFrame:
    """Relative CIBERSORT fractions of all samples: barcode, then the 22 cell types."""
    frame = pl.read_csv(path, separator="\t", infer_schema_length=None)
    return frame.select(
        barcode=dashed("SampleID"), **{name: pl.col(column).cast(pl.Float64) for column, name in CIBERSORT.items()}
    )


def cell_fractions(cibersort: pl.DataFrame) -> pl.DataFrame:
    """Rows of `cell_fraction` (case instead of patient_id), one tumour sample a patient."""
    return (
        one_per_case(cibersort, "barcode")
        .unpivot(on=list(CIBERSORT.values()), index="case", variable_name="cell_type", value_name="fraction")
        .with_columns(method=pl.lit("CIBERSORT"))
    )


def read_leukocytes(path: Path) -> pl.DataFrame:
    """Leukocyte fraction by methylation: case, leukocyte_fraction. Fractions of -0.0001 are rounding and become 0."""
    frame = pl.read_csv(path, separator="\t", has_header=False, new_columns=["type", "barcode", "fraction"])
    return one_per_case(frame, "barcode").select(
        "case",
        leukocyte_fraction=pl.when(pl.col("fraction").is_between(-0.001, 0.0))
        .then(0.0)
        .otherwise(pl.col("fraction").cast(pl.Float64)),
    )


def read_mutation_load(path: Path) -> pl.DataFrame:
    """Non-silent mutations per Mb: case, tmb_per_mb.

    Recurrences (type 02) that carry 0 silent and 0 non-silent mutations were not sequenced; they are null.
    """
    frame = pl.read_csv(path, separator="\t", infer_schema_length=None)
    load = frame.select(
        barcode="Tumor_Sample_ID",
        tmb_per_mb=pl.col("Non-silent_per_Mb").cast(pl.Float64),
        silent=pl.col("Silent_per_Mb").cast(pl.Float64),
    )
    return one_per_case(load, "barcode").select(
        "case",
        tmb_per_mb=pl.when((pl.col("sample_type") == "02") & (pl.col("tmb_per_mb") + pl.col("silent") == 0.0))
        .then(None)
        .otherwise(pl.col("tmb_per_mb")),
    )


def read_til_maps(path: Path) -> pl.DataFrame:
    """TIL maps from H&E: case, til_percent, til_pattern, slide. Slides with ink under the TILs are null."""
    frame = pl.read_excel(path, engine="calamine", infer_schema_length=0)
    clean = pl.col("TIL_on_ink_artifact") != "Y"
    return frame.select(
        case=case_of(pl.col("ParticipantBarcode")),
        til_percent=pl.when(clean).then(pl.col("til_percentage").cast(pl.Float64, strict=False)),
        til_pattern=pl.when(clean & (pl.col("Global_Pattern") != "Indeterminate")).then(pl.col("Global_Pattern")),
        slide="Slide",
    )

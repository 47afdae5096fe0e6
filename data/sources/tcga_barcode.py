"""TCGA barcodes: which patient, which kind of sample, and which of several samples stands for a patient."""

from __future__ import annotations

import polars as pl

TUMOUR_TYPES = ("01", "03", "06", "05", "02", "07")
"""Sample types that may stand for a patient, first choice first: primary tumour, blood-derived primary tumour,
metastasis, new primary, recurrence, further metastasis. Normal tissue (10-14) never does."""

RULE = (
    "Several samples of a patient: the primary tumour stands for the patient (then blood-derived primary, metastasis, "
    "new primary, recurrence); among equals the first barcode in alphabetical order."
)


def dashed(column: str) -> pl.Expr:
    """A barcode with dashes, whatever separator the file uses."""
    return pl.col(column).str.replace_all(".", "-", literal=True)


def case_of(barcode: pl.Expr) -> pl.Expr:
    """The patient's part of a barcode: TCGA-OR-A5J1."""
    return barcode.str.slice(0, 12)


def sample_type_of(barcode: pl.Expr) -> pl.Expr:
    """Two digits that say what was sampled: 01 primary tumour, 06 metastasis, 11 normal tissue."""
    return barcode.str.slice(13, 2)


def one_per_case(frame: pl.DataFrame, barcode: str) -> pl.DataFrame:
    """One row a patient by RULE; adds the columns `case` and `sample_type`."""
    return (
        frame.with_columns(case=case_of(pl.col(barcode)), sample_type=sample_type_of(pl.col(barcode)))
        .filter(pl.col("sample_type").is_in(TUMOUR_TYPES))
        .with_columns(
            _order=pl.col("sample_type").replace_strict(TUMOUR_TYPES, range(len(TUMOUR_TYPES)), return_dtype=pl.Int8)
        )
        .sort("case", "_order", barcode, maintain_order=True)
        .unique("case", keep="first", maintain_order=True)
        .drop("_order")
    )

"""TCGA: human-interpretable features of H&E slides (LUAD, LUSC, SKCM, STAD)."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from data.errors import SourceCorrupt

CANCERS = ("luad", "lusc", "skcm", "stad")
SLIDES = {"luad": 501, "lusc": 443, "skcm": 358, "stad": 407}
FEATURES = 607
LYMPHOCYTE_DENSITY = "DENSITY [LYMPHOCYTE CELLS] IN [TUMOR]"
"""Lymphocytes per mm² of tumour area: the feature that tests and pages use most."""


def read(path: Path, cancer: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read one cancer's slides.

    Feature names end in _HE in two files and in _FFPE in the other two; the ending is taken off, which makes the
    607 names the same in all four.

    Returns
    -------
    slides : slide_id, case; one row a slide (a patient may have several).
    features : slide_id, case, feature, value; null where the slide lacks the tissue that the feature needs.
    """
    frame = pl.read_csv(path, infer_schema_length=None)
    columns = [name for name in frame.columns if name.endswith(("_HE", "_FFPE"))]
    if len(columns) != FEATURES or "bcr_patient_barcode" not in frame.columns:
        raise SourceCorrupt(f"{path.name} has {len(columns)} slide features; {FEATURES} are expected")
    names = {name: name.removesuffix("_HE").removesuffix("_FFPE") for name in columns}
    keyed = frame.select(
        slide_id=pl.format("tcga:he:{}:{}", pl.lit(cancer), pl.col(frame.columns[0])),
        case=pl.col("bcr_patient_barcode"),
        **{new: pl.col(old).cast(pl.Float64) for old, new in names.items()},
    )
    if keyed["slide_id"].is_duplicated().any():
        raise SourceCorrupt(f"{path.name} repeats a slide")
    features = keyed.unpivot(
        on=list(names.values()), index=["slide_id", "case"], variable_name="feature", value_name="value"
    )
    return keyed.select("slide_id", "case"), features

"""Spot expression: counts of a section on a scale on which its spots can be compared, and mean marker genes of its tissues.

The marker sets are textbook genes of what breast tissue is made of; no gene was added or dropped for how it agrees with a
pathologist's labels. Which sets make the infiltrate score was settled with labelled sections in view: see core.spatial.infiltrate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MARKERS: Mapping[str, tuple[str, ...]] = {
    "epithelial": ("ERBB2", "GRB7", "KRT8", "KRT18", "KRT19", "EPCAM", "MUC1", "CDH1", "KRT7", "TFF3", "XBP1", "CLDN4", "ELF3"),
    "gland": ("KRT5", "KRT14", "KRT17", "KRT15", "MYLK", "ACTG2", "OXTR", "SFN", "LTF", "KRT23", "SCGB3A1", "PIGR", "MMP7"),
    "fibrous": ("COL1A1", "COL1A2", "COL3A1", "FN1", "DCN", "LUM", "SPARC", "POSTN", "COL6A3", "COL6A1", "COL6A2", "BGN", "FBLN1", "AEBP1", "COL5A1"),
    "adipose": ("ADIPOQ", "PLIN1", "PLIN4", "FABP4", "LPL", "CIDEC", "G0S2", "CD36", "ADH1B", "AQP7", "LIPE", "GPD1", "CIDEA", "ADIRF"),
    "b_cells": ("MS4A1", "CD79A", "CD79B", "CD19", "BANK1", "CR2", "FCRL1", "BLK", "CXCL13", "CD37"),
    "plasma_cells": ("IGKC", "IGHG1", "IGHG3", "IGHG4", "IGHA1", "IGHM", "IGLC2", "IGLC3", "JCHAIN", "MZB1", "DERL3", "TNFRSF17"),
    "t_cells": (
        "CD3D", "CD3E", "CD3G", "CD2", "TRBC1", "TRBC2", "TRAC", "CCL5", "IL7R", "CD52", "CD8A", "CD6", "IL32", "LCK", "CORO1A", "PTPRC", "CCL19", "CCR7",
        "LTB",
    ),
    "myeloid": ("CD68", "C1QA", "C1QB", "C1QC", "LYZ", "CD14", "FCER1G", "AIF1", "CD163", "MS4A7", "TYROBP", "HLA-DRA"),
    "vessels": ("PECAM1", "VWF", "CDH5", "CLDN5", "RAMP2", "EGFL7", "ACTA2", "MYH11", "RGS5", "TAGLN"),
    "proliferation": ("MKI67", "TOP2A", "CCNB1", "CDK1", "UBE2C", "BIRC5", "TYMS"),
    "chemokines_12": ("CCL2", "CCL3", "CCL4", "CCL5", "CCL8", "CCL18", "CCL19", "CCL21", "CXCL9", "CXCL10", "CXCL11", "CXCL13"),
}  # fmt: skip
"""Tissue -> genes. chemokines_12: Coppola 2011, doi 10.1016/j.ajpath.2011.03.007."""

WORDS: Mapping[str, str] = {
    "epithelial": "Tumour and luminal epithelium", "gland": "Basal and myoepithelium", "fibrous": "Fibroblasts and collagen", "adipose": "Adipose tissue",
    "b_cells": "B cells", "plasma_cells": "Plasma cells", "t_cells": "T cells", "myeloid": "Myeloid cells", "vessels": "Vessels and smooth muscle",
    "proliferation": "Proliferation", "chemokines_12": "12 chemokines", "infiltrate": "Immune infiltrate, smoothed",
    "infiltrate_spot": "Immune infiltrate, single spot", "lymphoid": "Tertiary lymphoid structure",
}  # fmt: skip
LEAST_GENES = 3


def logged(counts: npt.NDArray[np.floating]) -> Floats:
    """log(1 + counts scaled to the section's median total), (g, n) of counts (g, n); a spot without counts is nan."""
    total = counts.sum(axis=0, dtype=np.float64)
    known = total > 0
    scale = np.divide(np.median(total[known]) if known.any() else 0.0, total, out=np.full(len(total), np.nan), where=known)
    found: Floats = np.log1p(counts.astype(np.float64) * scale)
    return found


def mean_of(values: Floats, rows: Mapping[str, int], genes: Sequence[str], *, even: bool = False) -> Floats | None:
    """Mean of some genes in each spot, (n,); None where the section has under three of them.

    Parameters
    ----------
    values : (g, n) from `logged`. rows : gene -> row. even : each gene divided by its standard deviation over the section.
    """
    at = [rows[gene] for gene in genes if gene in rows]
    if even:
        spread = np.nanstd(values[at], axis=1) if at else np.empty(0)
        at = [row for row, sd in zip(at, spread, strict=True) if sd > 0]
        spread = spread[spread > 0]
    if len(at) < LEAST_GENES:
        return None
    chosen = values[at] / spread[:, None] if even else values[at]
    found: Floats = chosen.mean(axis=0)
    return found


def marker_scores(counts: npt.NDArray[np.floating], genes: Sequence[str]) -> dict[str, Floats]:
    """Mean log expression of each marker set that the section has genes of: name -> (n,)."""
    values, rows = logged(counts), {gene: row for row, gene in enumerate(genes)}
    scored = {name: mean_of(values, rows, markers) for name, markers in MARKERS.items()}
    return {name: score for name, score in scored.items() if score is not None}

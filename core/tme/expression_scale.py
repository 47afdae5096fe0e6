"""What the numbers of an expression matrix are, and the scale on which a score may use them."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.errors import UnknownName

Array = npt.NDArray[np.float64]
Scale = Literal["log2 TPM", "TPM", "log2 CPM", "counts", "z-score", "intensity"]

OFFSETS = (0.001, 0.01, 0.1, 1.0)
"""Offsets that published log2 matrices add before the logarithm."""


def scale_of(unit: str) -> Scale:
    """The scale that an assay's unit names ("log2 TPM", "voom log2 CPM", "z-score", "counts", ...).

    FPKM and TPM differ by a factor per sample only, and are treated alike.

    Raises
    ------
    UnknownName
        A unit that names none of the scales.
    """
    text = unit.lower()
    logged = "log" in text or "voom" in text
    if "z-score" in text or "zscore" in text or text == "z":
        return "z-score"
    if "tpm" in text or "fpkm" in text or "rpkm" in text:
        return "log2 TPM" if logged else "TPM"
    if "cpm" in text or "voom" in text or (logged and "count" in text):
        return "log2 CPM"
    if "count" in text:
        return "counts"
    if "intensity" in text:
        return "intensity"
    raise UnknownName(
        f"expression unit '{unit}' is not known; use 'log2 TPM', 'TPM', 'voom log2 CPM', 'counts', 'z-score' or 'intensity'"
    )


def offset_of(log_values: npt.NDArray[np.floating], *, unit: str = "") -> float:
    """The offset inside the logarithm.

    A unit that states it ("log2(TPM + 1)") is believed; else it is read from the matrix's floor, which is
    log2(0 + offset) wherever a gene was undetected; 0 where the floor is none of OFFSETS.
    """
    stated = re.search(r"\+\s*([0-9]*\.?[0-9]+)", unit)
    if stated:
        return float(stated.group(1))
    floor = float(np.nanmin(log_values)) if np.isfinite(log_values).any() else np.nan
    for offset in OFFSETS:
        if abs(floor - np.log2(offset)) < 1e-3:
            return offset
    return 0.0


def linear(values: npt.NDArray[np.floating], scale: Scale, *, offset: float = 0.0) -> Array:
    """Undo the logarithm: TPM or CPM, never below 0. `offset` is what `offset_of` read from the whole matrix."""
    dense = np.asarray(values, dtype=np.float64)
    if scale in ("log2 TPM", "log2 CPM"):
        return np.asarray(np.maximum(np.exp2(dense) - offset, 0.0), dtype=np.float64)
    return dense


def logged(
    values: npt.NDArray[np.floating], scale: Scale, *, offset: float = 0.0, totals: Array | None = None
) -> Array:
    """The scale on which log-expression scores are computed.

    log2(TPM + 1) for TPM (so an undetected gene is 0 whatever offset the source chose), log2(CPM + 1) for
    counts (`totals`: (s,) counts of each sample over all genes), the values themselves for voom and z-scores.
    """
    if scale in ("log2 TPM", "TPM"):
        return np.asarray(np.log2(linear(values, scale, offset=offset) + 1.0), dtype=np.float64)
    dense = np.asarray(values, dtype=np.float64)
    if scale == "counts" and totals is not None:
        per_million = dense * 1e6 / np.where(totals > 0, totals, np.nan)
        return np.asarray(np.log2(per_million + 1.0), dtype=np.float64)
    return dense

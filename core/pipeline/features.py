"""Features: what a cohort's tables give a model, as arrays. No label is looked at here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.pipeline.staging import Tables
from core.tme.signature_frame import BEST

Floats = npt.NDArray[np.float64]

NUMBERS = (
    "tmb_per_mb", "mutation_count", "age_years", "albumin_g_per_dl", "nlr", "platelets_per_nl", "haemoglobin_g_per_dl", "bmi",
    "fcna", "hed", "pack_years", "pdl1_tps_percent",
)  # fmt: skip
LOGGED = frozenset({"tmb_per_mb", "mutation_count", "nlr", "platelets_per_nl", "pdl1_tps_percent", "pack_years"})
FLAGS = ("prior_systemic_therapy", "prior_platinum", "prior_ctla4", "msi_high", "hla_loh")
LEVELS = ("pdl1_ic", "pdl1_tc", "ecog")
CATEGORIES = ("sex", "cancer_type", "stage", "smoking", "ldh", "metastatic_site")
COLUMNS = (*NUMBERS, *FLAGS, *LEVELS, *CATEGORIES)
"""Baseline patient columns that a model may see: nothing measured after the first dose, no drug, no outcome."""

KNOWN_SHARE, KNOWN_SHARE_SIGNATURE = 0.2, 0.5
LEAST_IN_LEVEL = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """A design matrix with its origin.

    Attributes
    ----------
    patients : (n,) ids. design : (n, p), nan = missing. parents : (p,) the feature that each column belongs to.
    names : (f,) features. values : (n, f) what a person reads: the feature's own unit; nan = missing or a word.
    """

    patients: tuple[str, ...]
    design: Floats
    parents: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats

    @property
    def flaggable(self) -> npt.NDArray[np.bool_]:
        """(p,) columns whose absence may inform: clinical ones. A missing signature only means a missing assay."""
        return np.asarray([parent in COLUMNS for parent in self.parents], dtype=bool)

    def gather(self, columns: Floats) -> Floats:
        """Add up (m, p) columns by the feature that they belong to: (m, f)."""
        position = {name: number for number, name in enumerate(self.names)}
        gathered = np.zeros((columns.shape[0], len(self.names)))
        for number, parent in enumerate(self.parents):
            gathered[:, position[parent]] += columns[:, number]
        return gathered

    def lines(self, slopes: Floats) -> tuple[Floats, Floats]:
        """Design and slopes of the features that are one column, (n, f) each; others are nan and 0. slopes : (n, p)."""
        made, steep = np.full((slopes.shape[0], len(self.names)), np.nan), np.zeros((slopes.shape[0], len(self.names)))
        for position, name in enumerate(self.names):
            columns = [j for j, parent in enumerate(self.parents) if parent == name]
            if len(columns) == 1 and np.isfinite(self.values[:, position]).any():
                made[:, position], steep[:, position] = self.design[:, columns[0]], slopes[:, columns[0]]
        return made, steep


def best_scores(staging: Tables) -> pl.DataFrame:
    """One score a patient and signature: patient_id, study, signature, score, z.

    A cohort's patients are all scored from one assay for a signature: the one with most patients; of two that differ by
    less than a tenth the preferred one.
    """
    studies = staging.sql("SELECT study FROM study ORDER BY rowid")["study"].to_list()
    return staging.sql(BEST, {"studies": studies, "all": True, "signatures": []}).drop("cohort")


def wide(scores: pl.DataFrame, patients: Sequence[str], *, value: str) -> tuple[list[str], Floats]:
    """Scores of the patients as (signatures, (n, s)), nan where a patient has none."""
    names = sorted(scores["signature"].unique())
    if not names:
        return [], np.empty((len(patients), 0))
    table = scores.pivot(on="signature", index="patient_id", values=value)
    joined = pl.DataFrame({"patient_id": list(patients)}).join(
        table, on="patient_id", how="left", maintain_order="left"
    )
    return names, joined.select(names).cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)


def of_cohort(patients: pl.DataFrame, scores: pl.DataFrame) -> Features:
    """Signatures, TMB and clinical columns of one cohort; columns that hardly anyone has, or that do not vary, are left out."""
    ids = tuple(patients["patient_id"])
    names, matrix = wide(scores.filter(pl.col("patient_id").is_in(list(ids))), ids, value="score")
    blocks: list[tuple[str, Floats, Floats]] = [
        (name, matrix[:, [j]], matrix[:, j])
        for j, name in enumerate(names)
        if np.isfinite(matrix[:, j]).mean() >= KNOWN_SHARE_SIGNATURE
    ]
    blocks += clinical(patients)
    return assemble(ids, [block for block in blocks if _usable(block[1])])


def clinical(patients: pl.DataFrame, *, columns: Sequence[str] = COLUMNS) -> list[tuple[str, Floats, Floats]]:
    """(name, design columns (n, c), readable values (n,)) of each clinical feature."""
    has_tmb = patients["tmb_per_mb"].null_count() < patients.height
    blocks = []
    for name in columns:
        if name == "mutation_count" and has_tmb:
            continue
        series = patients[name]
        if name in NUMBERS:
            raw = series.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
            shown = np.log2(np.maximum(raw, 0.0) + 1.0) if name in LOGGED else raw
            blocks.append((name, shown[:, None], raw))
        elif name in FLAGS:
            raw = series.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
            blocks.append((name, raw[:, None], raw))
        elif name in LEVELS:
            raw = series.str.extract(r"(\d)").cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
            blocks.append((name, raw[:, None], raw))
        else:
            blocks.append((name, _one_hot(series), np.full(series.len(), np.nan)))
    return blocks


def assemble(ids: tuple[str, ...], blocks: Sequence[tuple[str, Floats, Floats]]) -> Features:
    """Put blocks side by side."""
    n = len(ids)
    return Features(
        patients=ids,
        design=np.hstack([block[1] for block in blocks]) if blocks else np.empty((n, 0)),
        parents=tuple(name for name, columns, _ in blocks for _ in range(columns.shape[1])),
        names=tuple(name for name, _, _ in blocks),
        values=np.column_stack([block[2] for block in blocks]) if blocks else np.empty((n, 0)),
    )


def _one_hot(series: pl.Series) -> Floats:
    """One column a level with enough patients (all but the most frequent); nan where unknown."""
    counted = series.drop_nulls().value_counts(sort=True)
    levels = sorted(
        counted.sort("count", series.name, descending=[True, False]).filter(pl.col("count") >= LEAST_IN_LEVEL)[
            series.name
        ][1:]
    )
    if not levels:
        return np.empty((series.len(), 0))
    columns = [(series == level).cast(pl.Float64).fill_null(np.nan).to_numpy() for level in levels]
    return np.column_stack(columns).astype(np.float64)


def _usable(columns: Floats) -> bool:
    if columns.shape[1] == 0 or columns.shape[0] == 0:
        return False
    known = np.isfinite(columns)
    if known.mean() < KNOWN_SHARE:
        return False
    filled = columns[known]
    return bool(filled.size and np.ptp(filled) > 0)

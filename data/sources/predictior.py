"""What the studies carried by PredictioR share: joining their files, months, response from RECIST, samples, matrix.

PredictioR (bhklab) stores each study as one or more SummarizedExperiments. Its `response` column is left aside: where
RECIST says SD or nothing, it is derived from progression-free survival, which is circular in any survival analysis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from data.errors import SourceCorrupt
from data.schema import DAYS_PER_MONTH, RECIST_LEVELS
from data.sources.rda import Matrix, read_summarized_experiment
from data.sources.source import Expression, Files, RemoteFile

BASE = "https://raw.githubusercontent.com/bhklab/PredictioR"
LICENCE = "MIT (repository); patient data keep the source paper's terms"
CARRIER_DAYS_PER_MONTH = 30.5
"""PredictioR's months are days / 30.5 wherever it converted days itself (each file is checked for whole days)."""

SEX = {"F": "female", "M": "male"}
FLAG = {"Y": True, "N": False}
RESPONDS = {"CR": True, "PR": True, "SD": False, "PD": False}
FLOOR = np.log2(0.001)  # what 0 TPM becomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One study's files side by side.

    Attributes
    ----------
    clinical : (s,) one row a sample, with PredictioR's columns; `patientid` is unique.
    genes : (g,) upper-case symbols. values : (g, s) log2(TPM + 0.001); nan = not measured.
    """

    clinical: pl.DataFrame
    genes: Sequence[str]
    values: Matrix


def remote(path: str, sha256: str, size_bytes: int) -> RemoteFile:
    """A file of the PredictioR repository; `path` begins with the commit and stays percent-encoded."""
    return RemoteFile(url=f"{BASE}/{path}", sha256=sha256, size_bytes=size_bytes, licence=LICENCE)


def read(files: Files, endings: Sequence[str], *, notes: list[str]) -> Experiment:
    """Read the files of a study and put their samples side by side.

    Raises
    ------
    SourceCorrupt
        Files with different genes, or a patient who appears twice.
    """
    parts = [read_summarized_experiment(files.path(ending), notes=notes) for ending in endings]
    genes = parts[0][1]
    for ending, part in zip(endings, parts, strict=True):
        if part[1] != genes:
            raise SourceCorrupt(f"{ending} has other genes than {endings[0]}; both must come from one gene model")
        if part[2] != part[0]["patientid"].to_list():
            raise SourceCorrupt(f"{ending}: sample names and the column patientid differ")
    clinical = pl.concat([part[0] for part in parts], how="diagonal_relaxed")
    if clinical["patientid"].is_duplicated().any():
        twice = clinical.filter(pl.col("patientid").is_duplicated())["patientid"][0]
        raise SourceCorrupt(f"patient {twice} appears more than once in {', '.join(endings)}")
    values = np.concatenate([part[3] for part in parts], axis=1)
    notes.append(_scale(genes, values))
    return Experiment(clinical=clinical, genes=genes, values=values)


def identity(study: str, cohort: str, source_id: pl.Expr) -> dict[str, pl.Expr]:
    """Key columns of the patient table."""
    return {
        "patient_id": patient_id(study, source_id),
        "study": pl.lit(study),
        "cohort": pl.lit(cohort),
        "source_id": source_id,
        "arm": pl.lit("ICB"),
    }


def patient_id(study: str, source_id: pl.Expr) -> pl.Expr:
    """The key of the patient table: 'study:' + the id that the source gives."""
    return pl.concat_str(pl.lit(f"{study}:"), source_id)


def months(days: pl.Expr) -> pl.Expr:
    """Days from first dose -> months of 30.4375 days."""
    return days.cast(pl.Float64) / DAYS_PER_MONTH


def days(clinical: pl.DataFrame, column: str) -> pl.Series:
    """PredictioR's months (days / 30.5) back to whole days; null stays null.

    Raises
    ------
    SourceCorrupt
        A value that is no whole number of days at 30.5 days a month: the file counts months in another way.
    """
    exact = clinical[column].cast(pl.Float64) * CARRIER_DAYS_PER_MONTH
    off = (exact - exact.round()).abs().max()
    if isinstance(off, float) and off > 1e-6:
        raise SourceCorrupt(f"{column} is not days / {CARRIER_DAYS_PER_MONTH}: {off:.3f} of a day is left over")
    return exact.round()


def recist(column: str) -> pl.Expr:
    """Best response as 'CR', 'PR', 'SD' or 'PD'; anything else (not evaluable, mixed, never scanned) is null."""
    level = pl.col(column).cast(pl.String).str.strip_chars()
    return pl.when(level.is_in(RECIST_LEVELS)).then(level)


def outcome(best: pl.Expr, definition: str) -> dict[str, pl.Expr]:
    """Best response and the response made from it: CR or PR against SD or PD."""
    return {
        "recist": best,
        "response": best.replace_strict(RESPONDS, default=None, return_dtype=pl.Boolean),
        "response_definition": pl.lit(definition),
    }


def flag(column: str, levels: Mapping[str, bool] | Mapping[int, bool]) -> pl.Expr:
    """A flag from the levels named; any other value is null."""
    return pl.col(column).replace_strict(levels, default=None, return_dtype=pl.Boolean)


def category(column: str, levels: Mapping[str, str] | Mapping[int, str]) -> pl.Expr:
    """A category from the levels named; any other value is null."""
    return pl.col(column).replace_strict(levels, default=None, return_dtype=pl.String)


def substage(column: str) -> pl.Expr:
    """Melanoma M category -> stage: 'M1c' -> 'IV (M1c)', 'M0' -> 'III'."""
    level = pl.col(column)
    return (
        pl.when(level == "M0").then(pl.lit("III")).when(level.str.starts_with("M1")).then(pl.format("IV ({})", level))
    )


def sample(study: str, frame: pl.DataFrame, *, kind: str) -> pl.DataFrame:
    """Sample rows of `frame` (columns source_id, timepoint, site)."""
    return frame.select(
        sample_id=pl.concat_str(patient_id(study, pl.col("source_id")), pl.lit(f":{kind}")),
        patient_id=patient_id(study, pl.col("source_id")),
        study=pl.lit(study),
        kind=pl.lit(kind),
        timepoint=pl.col("timepoint").cast(pl.String),
        site=pl.col("site").cast(pl.String),
    )


def expression(study: str, experiment: Experiment, source_ids: Sequence[str]) -> Expression:
    """The study's one matrix; `source_ids` names its columns in order."""
    patients = [f"{study}:{source_id}" for source_id in source_ids]
    return Expression(
        assay="log2tpm",
        unit="log2 TPM",
        genes=experiment.genes,
        samples=[f"{patient}:rna" for patient in patients],
        patients=patients,
        values=experiment.values,
    )


def _scale(genes: Sequence[str], values: Matrix) -> str:
    totals = np.nansum(np.exp2(values.astype(np.float64)) - 0.001, axis=0)
    ensembl = sum(gene.startswith("ENSG") for gene in genes)
    text = (
        f"Expression is log2(TPM + 0.001) of {len(genes):,} genes; {FLOOR:.2f} stands for 0 TPM. The TPM of a patient add "
        f"up to {totals.min() / 1e6:.2f} to {totals.max() / 1e6:.2f} million over these genes, so levels are not "
        "comparable between studies: standardise within the cohort."
    )
    return f"{text} {ensembl} rows are named by Ensembl id, for want of a symbol." if ensembl else text

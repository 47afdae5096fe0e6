"""Scores: signatures and cell fractions of a study's expression, standardised within each cohort."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import CohortError
from core.pipeline.staging import Finished, Frames, Staging, fingerprint
from core.tme import deconvolution
from core.tme.signatures import catalogue, score_signatures

Progress = Callable[[str], None]


def fill(staging: Staging, finished: Finished, *, progress: Progress) -> None:
    """Score every patient-level assay; tables signature_score and cell_fraction get rows, the sources' own rows stay.

    An assay that cannot be scored (a unit that is not known) is told and left out; the other studies go on.
    """
    staging.clear("signature_score", "(study, assay) IN (SELECT (study, assay) FROM assay)")
    staging.clear("cell_fraction", f"method = '{deconvolution.METHOD}'")
    gene_sets = staging.sql("SELECT * FROM gene_set ORDER BY collection, name, gene")
    assays = staging.sql("SELECT study, assay, unit, preferred FROM assay WHERE level = 'patient' ORDER BY rowid")
    spare: dict[str, pl.DataFrame] = {}  # fractions of an assay that is not the preferred one, for studies whose preferred one has none
    covered: set[str] = set()
    for study, assay, unit, preferred in assays.iter_rows():
        progress(f"{study}: signatures of {assay}")
        genes, patients, values = staging.matrix(study, assay)
        cohorts = staging.sql("SELECT patient_id, cohort FROM patient WHERE study = $s", {"s": study})
        key = fingerprint(
            "scores", study, assay, str(unit), ",".join(genes), ",".join(patients), values, gene_sets, cohorts
        )

        compute = partial(_score, values, genes, patients, unit=str(unit), gene_sets=gene_sets, cohorts=cohorts)
        try:
            made = finished.get(f"scores-{key}", compute)
        except CohortError as error:
            progress(f"{study}: no signatures of {assay}: {error}")
            continue
        staging.append(
            "signature_score", made["signature_score"].with_columns(study=pl.lit(study), assay=pl.lit(assay))
        )
        fractions = made["cell_fraction"].with_columns(study=pl.lit(study))
        if preferred:
            staging.append("cell_fraction", fractions)
            covered |= set() if fractions.is_empty() else {study}
        elif not fractions.is_empty():
            spare.setdefault(study, fractions)
    for study, fractions in spare.items():
        if study not in covered:
            staging.append("cell_fraction", fractions)
    # scores that a source brought without standardising them
    staging.append("signature_score", _standardise_rest(staging))


def _score(
    values: npt.NDArray[np.float32],
    genes: list[str],
    patients: list[str],
    *,
    unit: str,
    gene_sets: pl.DataFrame,
    cohorts: pl.DataFrame,
) -> Frames:
    # one sample a patient: the first, as the source orders them
    first = [number for number, name in enumerate(patients) if name not in patients[:number]]
    own = values[:, first]
    names = [patients[number] for number in first]
    sets = None if gene_sets.is_empty() else gene_sets
    scored = (
        score_signatures(own, genes, names, unit=unit, signatures=catalogue(sets))
        .filter(pl.col("score").is_not_null())
        .select(pl.col("sample").alias("patient_id"), "signature", "score", "coverage")
        .join(cohorts, on="patient_id", how="left", maintain_order="left")
        .with_columns(standardised("score", over=("cohort", "signature")).alias("z"))
        .drop("cohort")
    )
    cells = pl.DataFrame(
        schema={"patient_id": pl.String, "method": pl.String, "cell_type": pl.String, "fraction": pl.Float64}
    )
    if sets is not None and (gene_sets["collection"] == "quantiseq_til10").any():
        fractions = deconvolution.quantiseq(own, genes, names, unit=unit, reference=deconvolution.til10(gene_sets))
        cells = fractions.filter(pl.col("fraction").is_not_null()).select(
            pl.col("sample").alias("patient_id"), pl.lit(deconvolution.METHOD).alias("method"), "cell_type", "fraction"
        )
    return {"signature_score": scored, "cell_fraction": cells}


def standardised(column: str, *, over: tuple[str, ...]) -> pl.Expr:
    """(value - mean) / sample SD within groups; null where a group does not vary or has fewer than three values."""
    value = pl.col(column)
    spread = value.std().over(over)
    usable = (value.count().over(over) >= 3) & (spread > 1e-12)
    return pl.when(usable).then((value - value.mean().over(over)) / spread)


def _standardise_rest(staging: Staging) -> pl.DataFrame:
    rest = staging.sql(
        """SELECT s.patient_id, s.study, s.assay, s.signature, s.score, s.coverage, p.cohort
           FROM signature_score s JOIN patient p USING (patient_id) WHERE s.z IS NULL AND s.score IS NOT NULL
             AND (s.study, s.assay) NOT IN (SELECT (study, assay) FROM assay)
           ORDER BY s.signature, s.patient_id"""
    )
    if rest.is_empty():
        return rest.drop("cohort").head(0)
    staging.clear(
        "signature_score",
        "z IS NULL AND score IS NOT NULL AND (study, assay) NOT IN (SELECT (study, assay) FROM assay)",
    )
    return rest.with_columns(standardised("score", over=("study", "cohort", "assay", "signature")).alias("z")).drop(
        "cohort"
    )

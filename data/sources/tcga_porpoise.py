"""TCGA: RNA z-scores, copy number and mutations of five cancers, as prepared for PORPOISE (one row a slide)."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import SourceCorrupt
from data.sources.source import Expression

CANCERS = ("luad", "lusc", "skcm", "stad", "blca")
EXTREME_Z = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Genomics:
    """One cancer of PORPOISE, one row a patient.

    Attributes
    ----------
    expression : z-scores, genes by patients.
    survival : case, months (native), event (true = died), female.
    mutation : case, gene; one row a mutated gene.
    copy_number : case, gene, call; neutral calls are left out.
    extreme : genes with a z-score beyond EXTREME_Z.
    """

    expression: Expression
    survival: pl.DataFrame
    mutation: pl.DataFrame
    copy_number: pl.DataFrame
    extreme: int


def read_zip(path: Path) -> pl.DataFrame:
    """The one csv inside the archive (its name ends in .csv.zip too, though it is plain text)."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise SourceCorrupt(f"{path.name} holds {len(names)} files; exactly one is expected")
            content = archive.read(names[0])
    except zipfile.BadZipFile as error:
        raise SourceCorrupt(f"{path.name} is not a zip archive: {error}; download it again") from error
    return pl.read_csv(io.BytesIO(content), infer_schema_length=None)


def _long(frame: pl.DataFrame, suffix: str, value: str) -> pl.DataFrame:
    columns = [name for name in frame.columns if name.endswith(suffix)]
    if not columns:
        return pl.DataFrame(schema={"case_id": pl.String(), "gene": pl.String(), value: pl.Int8()})
    return (
        frame.select("case_id", pl.col(columns).cast(pl.Int8))
        .unpivot(on=columns, index="case_id", variable_name="gene", value_name=value)
        .filter(pl.col(value).is_not_null() & (pl.col(value) != 0))
        .with_columns(pl.col("gene").str.strip_suffix(suffix).str.to_uppercase())
    )


def read(path: Path, cancer: str) -> Genomics:
    """Read one cancer.

    Raises
    ------
    SourceCorrupt
        Not an archive of one csv, columns missing, or slides of one patient that disagree.
    """
    slides = read_zip(path)
    needed = {"case_id", "slide_id", "survival_months", "censorship", "is_female"}
    if not needed <= set(slides.columns):
        raise SourceCorrupt(f"{path.name} lacks the columns {', '.join(sorted(needed - set(slides.columns)))}")
    rna = [name for name in slides.columns if name.endswith("_rnaseq")]
    shared = ["survival_months", "censorship", *rna]
    if slides.group_by("case_id").agg(pl.col(shared).n_unique()).select(pl.max_horizontal(shared).max()).item() > 1:
        raise SourceCorrupt(f"{path.name}: slides of one patient disagree in survival or expression")
    frame = slides.sort("case_id", "slide_id").unique("case_id", keep="first", maintain_order=True)
    cases = frame["case_id"].to_list()
    values = np.ascontiguousarray(frame.select(pl.col(rna).cast(pl.Float32)).to_numpy().T)
    expression = Expression(
        assay=f"rna_z_{cancer}",
        unit="z-score",
        genes=[name.removesuffix("_rnaseq").upper() for name in rna],
        samples=[f"tcga:{case}:rna_z" for case in cases],
        patients=[f"tcga:{case}" for case in cases],
        values=values,
    )
    return Genomics(
        expression=expression,
        survival=frame.select(
            case="case_id",
            months=pl.col("survival_months").cast(pl.Float64),
            event=pl.col("censorship").cast(pl.Float64) == 0.0,
            female=pl.col("is_female").cast(pl.Float64) == 1.0,
        ),
        mutation=_long(frame, "_mut", "mutated").select(case="case_id", gene="gene"),
        copy_number=_long(frame, "_cnv", "call").select(case="case_id", gene="gene", call="call"),
        extreme=int((np.nanmax(np.abs(values), axis=1) > EXTREME_Z).sum()),
    )

"""A study as a folder of validated parquet tables: what the build caches and what an ingested cohort is kept as.

    FOLDER/study.json           title, citation, licence, notes, version, files
    FOLDER/<table>.parquet      one file for each table of data.schema that the study has
    FOLDER/expression.parquet   one row a gene of an assay, FOLDER/assay.parquet the samples they run over

A folder is written beside its place and renamed, so it is either whole or not there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import SchemaError, SourceCorrupt
from data.schema import ASSAY, EXPRESSION, PROVENANCE, REFUSED, STUDY, TABLES
from data.sources.source import Expression, Source, StudyTables

ABOUT = "study.json"
COMPUTED = frozenset({"study", "check_result", "performance", "prediction", "attribution", "cluster", "model"})
"""Tables that the build makes itself; a loader's frame of that name is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFolder:
    """A written study. `row` is its row of table `study`."""

    path: Path
    row: Mapping[str, object]

    @property
    def study(self) -> str:
        return str(self.row["study"])

    @property
    def version(self) -> str:
        return str(self.row["version"])

    def has(self, table: str) -> bool:
        return self.file(table).is_file()

    def file(self, table: str) -> Path:
        return self.path / f"{table}.parquet"

    def frame(self, table: str) -> pl.DataFrame:
        """A table of the study; empty, with the right columns, where the study has none."""
        return pl.read_parquet(self.file(table)) if self.has(table) else TABLES[table].empty()

    def tables(self) -> dict[str, pl.DataFrame]:
        """All tables that the study has, but not its expression."""
        return {name: self.frame(name) for name in TABLES if name not in {"expression", "assay"} and self.has(name)}

    def expression(self) -> list[Expression]:
        """The study's matrices, read back."""
        assays, values = self.frame("assay"), self.frame("expression")
        return [_matrix(row, values.filter(assay=row["assay"])) for row in assays.iter_rows(named=True)]


def study_row(source: Source, *, version: str, notes: Sequence[str] = (), uploaded: bool = False) -> dict[str, object]:
    """A source's row of table `study`."""
    return {
        **{name: getattr(source, name) for name in ("study", "title", "citation", "doi", "licence", "cancer")},
        "treatment": source.treatment,
        "synthetic": source.synthetic,
        "uploaded": uploaded,
        "response_definition": source.response_definition,
        "status": "built",
        "reason": None,
        "notes": "\n".join(notes),
        "version": version,
    }


def write(folder: Path, found: StudyTables, *, row: Mapping[str, object]) -> StudyFolder:
    """Validate a study's tables against data.schema and keep them in `folder`, all or nothing.

    Parameters
    ----------
    row : the study's row of table `study`; see `study_row`.

    Raises
    ------
    SchemaError
        A table does not fit data.schema.
    """
    frames = conform(found, study=str(row["study"]))
    unknown = [name for name in row if name not in STUDY.dtypes]
    if unknown:
        raise SchemaError(f"table study has no column {', '.join(unknown)}; drop it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        for name, frame in frames.items():
            frame.write_parquet(draft / f"{name}.parquet", compression="zstd", compression_level=1)
        (draft / ABOUT).write_text(json.dumps(dict(row), ensure_ascii=False, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return StudyFolder(path=folder, row=dict(row))


def read(folder: Path) -> StudyFolder:
    """Open a folder that `write` made.

    Raises
    ------
    SourceCorrupt
        It is no such folder, or its study.json is damaged.
    """
    try:
        row = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        row["study"], row["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceCorrupt(f"{folder} is not a whole study folder ({error}); delete it and build again") from error
    return StudyFolder(path=folder, row=row)


def fits(folder: StudyFolder) -> bool:
    """Whether every table of a folder made earlier still reads, and has the columns that data.schema wants now."""
    names = [name for name in TABLES if folder.has(name)]
    return bool(names) and all(dict(folder.frame(name).schema) == dict(TABLES[name].dtypes) for name in names)


def conform(found: StudyTables, *, study: str) -> dict[str, pl.DataFrame]:
    """A study's frames as data.schema wants them: columns cast and in order, nan as null, keys checked.

    Raises
    ------
    SchemaError
        An unknown table or column, a value that its dtype cannot hold, a null or repeated key, or another study's row.
    """
    frames: dict[str, pl.DataFrame] = {}
    for name, frame in found.tables.items():
        if name not in TABLES or name in COMPUTED:
            raise SchemaError(f"the loader of {study} gives a table '{name}', which no loader may give; remove it")
        table = TABLES[name]
        if "study" in table.dtypes and "study" not in frame.columns:
            frame = frame.with_columns(study=pl.lit(study))
        frame = table.conform(frame).with_columns(pl.selectors.float().fill_nan(None))
        if "study" in table.dtypes and not frame.is_empty() and frame["study"].unique().to_list() != [study]:
            others = frame.filter(pl.col("study") != study)["study"].unique().to_list()
            raise SchemaError(
                f"the loader of {study} gives rows of {', '.join(others)} in table {name}; keep to {study}"
            )
        frames[name] = frame
    frames |= _matrices(found.expression, study=study)
    if found.refused:
        refused = pl.DataFrame(list(found.refused), schema=["file", "line", "row_id", "reason"], orient="row")
        mine = REFUSED.conform(refused.with_columns(study=pl.lit(study)))
        frames["refused"] = pl.concat([frames["refused"], mine]) if "refused" in frames else mine
    return frames


def provenance(source: Source) -> pl.DataFrame:
    """One row a published file that the study was made from."""
    return PROVENANCE.conform(
        pl.DataFrame(
            [
                {"study": source.study, "item": file.url.rsplit("/", 1)[-1], "url": file.url, "sha256": file.sha256,
                 "bytes": file.size_bytes, "licence": file.licence}
                for file in source.files
            ],
            schema=PROVENANCE.dtypes,
        )
    )  # fmt: skip


def _matrices(matrices: Sequence[Expression], *, study: str) -> dict[str, pl.DataFrame]:
    if not matrices:
        return {}
    assays, values = [], []
    for matrix in matrices:
        shape = (len(matrix.genes), len(matrix.samples))
        if matrix.values.shape != shape or len(matrix.patients) != shape[1]:
            raise SchemaError(
                f"assay {study}/{matrix.assay} has values of shape {matrix.values.shape} for {shape[0]} genes, "
                f"{shape[1]} samples and {len(matrix.patients)} patients; they must agree"
            )
        if len(set(matrix.samples)) != shape[1]:
            raise SchemaError(f"assay {study}/{matrix.assay} names a sample more than once; keep one column a sample")
        assays.append(
            {"study": study, "assay": matrix.assay, "unit": matrix.unit, "level": matrix.level,
             "preferred": matrix.preferred, "n_genes": shape[0], "samples": list(matrix.samples),
             "patients": list(matrix.patients)}
        )  # fmt: skip
        flat = pl.Series("values", np.ascontiguousarray(matrix.values, dtype=np.float32).ravel(), nan_to_null=True)
        values.append(
            pl.DataFrame({"gene": pl.Series(list(matrix.genes), dtype=pl.String())}).with_columns(
                study=pl.lit(study), assay=pl.lit(matrix.assay), values=flat.reshape(shape).arr.to_list()
            )
        )
    return {
        "assay": ASSAY.conform(pl.DataFrame(assays, schema=ASSAY.dtypes)),
        "expression": EXPRESSION.conform(pl.concat(values)),
    }


def _matrix(row: Mapping[str, object], values: pl.DataFrame) -> Expression:
    samples, patients = list(row["samples"]), list(row["patients"])  # type: ignore[call-overload]
    flat = values["values"].explode().to_numpy().astype(np.float32, copy=False)
    return Expression(
        assay=str(row["assay"]),
        unit=str(row["unit"]),
        genes=values["gene"].to_list(),
        samples=samples,
        patients=patients,
        values=flat.reshape(values.height, len(samples)),
        level=row["level"],  # type: ignore[arg-type]
        preferred=bool(row["preferred"]),
    )


def prune(parent: Path, study: str, *, keep: int = 2) -> None:
    """Delete all but the newest `keep` versions of a study's cached folder."""
    with contextlib.suppress(OSError):
        folders = sorted(parent.glob(f"{study}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in folders[keep:]:
            shutil.rmtree(old, ignore_errors=True)

"""Ingested cohorts on disk: one folder a study, one parquet a table, and source.json.

`<uploads>/<study>/patient.parquet`, `sample.parquet`, `assay.parquet`, `expression.parquet`, `mutation.parquet`,
`refused.parquet`, `source.json`: each parquet has exactly the columns of its table in `data.schema`. A folder is
written under a temporary name and renamed into place; the version before stays aside until the new one is known to
be good, and comes back when it is not.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from data.errors import IngestError, SourceCorrupt
from data.schema import TABLES
from data.sources.source import Expression, Files, Source, StudyTables

FORMAT = 1
DESCRIPTION = "source.json"


def stored_studies(upload_dir: Path) -> list[str]:
    """Names of the ingested studies, in alphabetical order; a swap that was cut off is repaired first."""
    if not upload_dir.is_dir():
        return []
    for aside in upload_dir.glob(".*.previous"):
        target = upload_dir / aside.name.removeprefix(".").removesuffix(".previous")
        if not target.exists():
            aside.rename(target)
    return sorted(
        path.name for path in upload_dir.iterdir() if not path.name.startswith(".") and (path / DESCRIPTION).is_file()
    )


def description(upload_dir: Path, study: str) -> dict[str, object]:
    """source.json of an ingested study: what study.toml said, the version, and the files that it was made from.

    Raises
    ------
    SourceCorrupt
        The file is damaged or of an unknown format.
    """
    path = upload_dir / study / DESCRIPTION
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceCorrupt(f"the ingested study '{study}' has no readable {DESCRIPTION}; ingest it again") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise SourceCorrupt(f"the ingested study '{study}' was written by another version; ingest it again")
    return found


def read_stored(upload_dir: Path, study: str) -> tuple[Source, StudyTables]:
    """An ingested study, in the shape in which every published study comes.

    Raises
    ------
    SourceCorrupt
        A file of the folder is missing, damaged, or does not fit the schema.
    """
    words = description(upload_dir, study)
    folder = upload_dir / study
    tables: dict[str, pl.DataFrame] = {}
    for path in sorted(folder.glob("*.parquet")):
        if path.stem not in TABLES:
            raise SourceCorrupt(f"the ingested study '{study}' holds an unknown table '{path.stem}'; ingest it again")
        try:
            tables[path.stem] = TABLES[path.stem].conform(pl.read_parquet(path))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise SourceCorrupt(
                f"{path.name} of the ingested study '{study}' cannot be read; ingest it again"
            ) from error
    if "patient" not in tables:
        raise SourceCorrupt(f"the ingested study '{study}' has no patients; ingest it again")
    assays, genes = tables.pop("assay", TABLES["assay"].empty()), tables.pop("expression", TABLES["expression"].empty())
    refused = tables.pop("refused", TABLES["refused"].empty())
    source = Source(
        study=study,
        title=str(words.get("title", study)),
        citation=str(words.get("citation", "")),
        doi=str(words.get("doi", "")),
        licence=str(words.get("licence", "")),
        cancer=str(words.get("cancer", "")),
        treatment=str(words.get("treatment", "")),
        load=lambda files: _load(upload_dir, study, files),
        synthetic=words.get("synthetic") is True,
        response_definition=str(words.get("response_definition", "")),
        provides=tuple(tables),
    )
    notes = words.get("notes", [])
    return source, StudyTables(
        tables=tables,
        expression=[_expression(row, genes) for row in assays.iter_rows(named=True)],
        notes=[str(note) for note in notes] if isinstance(notes, list) else [],
        refused=list(refused.select("file", "line", "row_id", "reason").iter_rows()),
    )


@contextmanager
def replaced(upload_dir: Path, study: str, write: Callable[[Path], None]) -> Iterator[Path]:
    """Put a new version of a study in place; inside the block it is served, and an error in the block undoes it.

    Parameters
    ----------
    write : fills the (temporary) folder that it is given.

    Raises
    ------
    IngestError
        The folder cannot be written.
    """
    target, aside = upload_dir / study, upload_dir / f".{study}.previous"
    fresh = upload_dir / f".{study}.{os.getpid()}.new"
    try:
        upload_dir.mkdir(parents=True, exist_ok=True)
        stored_studies(upload_dir)  # repairs what an earlier, killed run left
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        write(fresh)
        shutil.rmtree(aside, ignore_errors=True)
        if target.exists():
            target.rename(aside)
        fresh.rename(target)
    except OSError as error:
        _restore(target, aside)
        reason = error.strerror or type(error).__name__
        raise IngestError(f"the study cannot be written to {upload_dir} ({reason}); free space or rights") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    try:
        yield target
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        _restore(target, aside)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def write_folder(folder: Path, tables: Mapping[str, pl.DataFrame], description: Mapping[str, object]) -> None:
    """One parquet a table, each made to fit its schema, and source.json."""
    for name, frame in tables.items():
        TABLES[name].conform(frame).write_parquet(folder / f"{name}.parquet", compression="zstd", statistics=True)
    text = json.dumps({"format": FORMAT, **description}, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _restore(target: Path, aside: Path) -> None:
    if aside.exists() and not target.exists():
        aside.rename(target)


def _load(upload_dir: Path, study: str, files: Files) -> StudyTables:
    del files  # an ingested study has no files to fetch
    return read_stored(upload_dir, study)[1]


def _expression(row: Mapping[str, object], genes: pl.DataFrame) -> Expression:
    mine = genes.filter(pl.col("assay") == row["assay"])
    samples, patients = row["samples"], row["patients"]
    if not isinstance(samples, list) or not isinstance(patients, list):
        raise SourceCorrupt(f"the assay '{row['assay']}' has no samples; ingest the study again")
    values = mine["values"].explode().cast(pl.Float32).fill_null(float("nan")).to_numpy().astype(np.float32)
    if values.size != mine.height * len(samples):
        raise SourceCorrupt(f"the assay '{row['assay']}' has rows of unequal length; ingest the study again")
    return Expression(
        assay=str(row["assay"]),
        unit=str(row["unit"]),
        genes=mine["gene"].to_list(),
        samples=samples,
        patients=patients,
        values=values.reshape(mine.height, len(samples)),
        preferred=row["preferred"] is True,
    )

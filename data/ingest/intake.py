"""A cohort folder, taken in: identifiers first, then rows, then tables that fit the schema.

Nothing is written here: `take_in` gives an `Intake`, and the caller checks, stores and builds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from data import fingerprint
from data.errors import IngestError
from data.ingest.clinical import ClinicalRows, Refusal, read_rows, require_columns, sample_columns
from data.ingest.folder import sha256
from data.ingest.identifiers import Identifier, remedy, scan
from data.ingest.matrix import ExpressionMatrix, MatrixRows
from data.ingest.mutations import MutationRows, read_mutations, specimen
from data.ingest.study_file import ExpressionFile, MutationFile, StudyFile, read_study_file
from data.ingest.tabular import RawTable, read_table
from data.schema import PROVENANCE, REFUSED
from data.sources.source import Files, Source, StudyTables


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCount:
    """What became of one file's rows (of an expression matrix: samples)."""

    file: str
    kind: str
    rows_in: int
    rows_accepted: int
    rows_refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A folder, read: its source, its tables, and what became of every row.

    Attributes
    ----------
    dropped : columns of direct identifiers that were left out on request.
    version : hash of every file and of the rules by which they were read.
    """

    source: Source
    tables: StudyTables
    files: tuple[FileCount, ...]
    dropped: tuple[Identifier, ...]
    version: str

    @property
    def rows_in(self) -> int:
        return sum(one.rows_in for one in self.files)

    @property
    def rows_accepted(self) -> int:
        return sum(one.rows_accepted for one in self.files)

    @property
    def rows_refused(self) -> int:
        return sum(one.rows_refused for one in self.files)

    def refused(self) -> pl.DataFrame:
        """Table `refused`: study, file, line, row_id, reason."""
        rows = [(self.source.study, *row) for row in self.tables.refused]
        return REFUSED.conform(pl.DataFrame(rows, schema=REFUSED.dtypes, orient="row"))


def take_in(folder: Path, *, published: Collection[str] = (), drop_identifiers: bool = False) -> Intake:
    """Read a cohort folder.

    Parameters
    ----------
    folder : holds study.toml and the files that it names.
    published : studies of the product, whose names a user's study may not have.
    drop_identifiers : leave columns of direct identifiers out, instead of refusing the folder.

    Raises
    ------
    IngestError
        The folder cannot be taken in; the sentence names the value and the remedy.
    """
    spec = read_study_file(folder, published=published)
    clinical = spec.clinical
    raw = read_table(clinical.path, encoding=clinical.encoding, sheet=clinical.sheet)
    require_columns(raw, spec)
    found = scan(raw.frame, file=raw.file)
    if drop_identifiers and found:
        spec, raw = _without(spec, raw, found)
    elif found:
        raise IngestError(remedy(found))
    rows = read_rows(raw, spec)
    own = _own_ids(rows)
    matrix = _matrix(spec.expression, spec, known=_known(spec.expression, rows, own=own))
    mutations = _mutations(spec.mutations, spec, known=_known(spec.mutations, rows, own=own))
    return _assembled(
        spec, (raw, rows), matrix=matrix, mutations=mutations, dropped=tuple(found), dropping=drop_identifiers
    )


def _without(spec: StudyFile, raw: RawTable, found: Collection[Identifier]) -> tuple[StudyFile, RawTable]:
    """The table without its identifier columns, and study.toml without the mappings of them."""
    from dataclasses import replace

    names = {one.column for one in found}
    needed = {spec.clinical.id_column, *sample_columns(spec)} & names
    if needed:
        lines = "; ".join(one.sentence() for one in found if one.column in needed)
        raise IngestError(
            f"the ids themselves are direct identifiers and cannot be dropped: {lines}. Replace them with study codes"
        )
    kept = tuple(one for one in spec.clinical.columns if one.native not in names)
    if not kept:
        raise IngestError("every mapped column holds direct identifiers; map columns that hold none")
    return replace(spec, clinical=replace(spec.clinical, columns=kept)), replace(raw, frame=raw.frame.drop(names))


def _own_ids(rows: ClinicalRows) -> Mapping[str, tuple[str, ...]]:
    ids = rows.patients.select("source_id", "patient_id").iter_rows()
    return {str(source_id): (str(patient_id),) for source_id, patient_id in ids}


def _known(
    spec: ExpressionFile | MutationFile | None, rows: ClinicalRows, *, own: Mapping[str, tuple[str, ...]]
) -> Mapping[str, tuple[str, ...]]:
    """Sample id -> patient_ids, through the sample_column where study.toml names one."""
    return rows.links[spec.sample_column] if spec is not None and spec.sample_column is not None else own


def _matrix(
    spec: ExpressionFile | None, study: StudyFile, *, known: Mapping[str, tuple[str, ...]]
) -> MatrixRows | None:
    if spec is None:
        return None
    matrix = ExpressionMatrix(spec, known=known)
    found = scan(matrix.people, file=spec.path.name)
    if found:
        raise IngestError(remedy(found).replace(", or run again with --drop-identifiers to leave them out", ""))
    return matrix.read(study.study)


def _mutations(
    spec: MutationFile | None, study: StudyFile, *, known: Mapping[str, tuple[str, ...]]
) -> MutationRows | None:
    if spec is None:
        return None
    found = scan(specimen(spec), file=spec.path.name)
    if found:
        raise IngestError(remedy(found).replace(", or run again with --drop-identifiers to leave them out", ""))
    return read_mutations(spec, study.study, patients=known)


def _assembled(
    spec: StudyFile,
    clinical: tuple[RawTable, ClinicalRows],
    *,
    matrix: MatrixRows | None,
    mutations: MutationRows | None,
    dropped: tuple[Identifier, ...],
    dropping: bool,
) -> Intake:
    raw, rows = clinical
    tables = {"patient": rows.patients}
    refused: list[Refusal] = list(rows.refused)
    files = [_count(raw.file, "clinical", rows_in=raw.rows_in, refused=rows.refused)]
    notes = [f"Column {one.column!r} of {one.file} was left out: direct identifiers." for one in dropped]
    notes += rows.notes
    paths = [spec.path, spec.clinical.path]
    if matrix is not None and spec.expression is not None:
        tables["sample"] = matrix.samples
        refused += matrix.refused
        files.append(_count(spec.expression.path.name, "expression", rows_in=matrix.rows_in, refused=matrix.refused))
        notes += matrix.notes
        paths.append(spec.expression.path)
    if mutations is not None and spec.mutations is not None:
        tables["mutation"] = mutations.mutations
        refused += mutations.refused
        files.append(
            _count(spec.mutations.path.name, "mutations", rows_in=mutations.rows_in, refused=mutations.refused)
        )
        notes += mutations.notes
        paths.append(spec.mutations.path)
    sums = {path: sha256(path) for path in paths}
    tables["provenance"] = PROVENANCE.conform(
        pl.DataFrame(
            [
                {"study": spec.study, "item": path.name, "sha256": sums[path], "bytes": path.stat().st_size,
                 "licence": spec.licence}
                for path in paths
            ]
        )
    )  # fmt: skip
    found = StudyTables(
        tables=tables,
        expression=() if matrix is None else (matrix.expression,),
        notes=notes,
        refused=refused,
    )
    version = _version([*sums.values(), *(path.name for path in paths), str(dropping)])
    return Intake(source=_source(spec, found), tables=found, files=tuple(files), dropped=dropped, version=version)


def _source(spec: StudyFile, found: StudyTables) -> Source:
    def load(files: Files) -> StudyTables:
        """An ingested study has nothing to fetch."""
        return found

    return Source(
        study=spec.study,
        title=spec.title,
        citation=spec.citation,
        doi=spec.doi,
        licence=spec.licence,
        cancer=spec.cancer,
        treatment=spec.treatment,
        load=load,
        synthetic=spec.synthetic,
        response_definition=spec.response_definition,
        provides=tuple(found.tables),
    )


def _count(file: str, kind: str, *, rows_in: int, refused: Collection[Refusal]) -> FileCount:
    return FileCount(
        file=file, kind=kind, rows_in=rows_in, rows_accepted=rows_in - len(refused), rows_refused=len(refused)
    )


def _version(parts: Iterable[str]) -> str:
    return hashlib.sha256(
        "\n".join([fingerprint.code("data.ingest.intake", "data.study_folder"), *parts]).encode()
    ).hexdigest()[:16]

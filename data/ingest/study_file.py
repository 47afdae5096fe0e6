"""study.toml: what a folder's files are, how their columns map to ours, and in which units."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data.errors import IngestError
from data.ingest import units
from data.ingest.folder import ENCODINGS, MEGABYTE, at_most, inside, near
from data.schema import PATIENT

NAME = "study.toml"
MISSING = ("", "NA", "N/A", "NaN", "null", "none", "n.a.", ".", "-", "not available", "not applicable")
NOT_MAPPABLE = ("patient_id", "study", "source_id", "response_definition")
RESERVED = ("all", "study", "studies", "patient", "current", "none", "null")
EXPRESSION_UNITS: Mapping[str, str] = {
    "log2 TPM": "log2 TPM", "TPM": "log2 TPM", "log2 FPKM": "log2 FPKM", "FPKM": "log2 FPKM",
    "log2 CPM": "log2 CPM", "CPM": "log2 CPM", "voom log2 CPM": "voom log2 CPM",
    "z-score": "z-score", "counts": "counts", "intensity": "intensity",
}  # fmt: skip
"""Unit of the user's file -> unit that is stored; TPM, FPKM and CPM are stored as log2(x + 1)."""
ORIENTATIONS = ("genes_by_samples", "samples_by_genes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """One column of the user's file and the patient column that it fills.

    Attributes
    ----------
    native, column : the user's name and ours. factor : turns the user's number into our unit.
    values : user's words -> ours. true, false : user's words of a flag or event.
    """

    native: str
    column: str
    factor: float = 1.0
    values: Mapping[str, str] = field(default_factory=dict)
    true: tuple[str, ...] = ()
    false: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalFile:
    """[clinical]: one row a patient."""

    path: Path
    id_column: str
    columns: tuple[ColumnMap, ...]
    constants: Mapping[str, str]
    missing: frozenset[str]
    sheet: str | None = None
    encoding: str = "utf-8"
    decimal: str = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionFile:
    """[expression]: one matrix; `sample_column` is the clinical column that holds the ids of its samples."""

    path: Path
    unit: str
    stored_unit: str
    assay: str
    orientation: str | None
    gene_column: str | None = None
    sample_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MutationFile:
    """[mutations]: a MAF; `sample_column` is the clinical column that holds its Tumor_Sample_Barcode."""

    path: Path
    sample_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFile:
    """The whole of study.toml, checked."""

    study: str
    title: str
    citation: str
    doi: str
    licence: str
    cancer: str
    treatment: str
    response_definition: str
    synthetic: bool
    path: Path
    clinical: ClinicalFile
    expression: ExpressionFile | None
    mutations: MutationFile | None


def read_study_file(folder: Path, *, published: Collection[str] = ()) -> StudyFile:
    """Read and check a folder's study.toml.

    Parameters
    ----------
    published : names of studies that the product brings; a user's study may have none of them.

    Raises
    ------
    IngestError
        Anything that does not fit; the sentence names the key, its value and the remedy.
    """
    if not folder.is_dir():
        raise IngestError(f"there is no folder {str(folder)!r}; give the folder that holds {NAME}")
    if not (folder / NAME).exists():
        raise IngestError(
            f"the folder {folder.name!r} has no {NAME}; see docs/your-own-cohort.md for one to start from"
        )
    path = inside(folder, NAME)
    at_most(path, MEGABYTE, what=NAME)
    try:
        words = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise IngestError(f"{NAME} is not UTF-8 text; save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise IngestError(f"{NAME} is not valid TOML: {error}; check quotes and brackets there") from None
    top = _Section("", words, ("study", "clinical", "expression", "mutations"))
    study = _Section(
        "study", top.section("study"),
        ("id", "title", "citation", "doi", "licence", "license", "cancer", "treatment", "response_definition", "synthetic"),
    )  # fmt: skip
    name = study.text("id")
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", name):
        raise IngestError(
            f"[study] id = {name!r} must be 2 to 40 small letters, digits and underscores, and begin with a letter"
        )
    if name in published or name in RESERVED:
        raise IngestError(f"[study] id = {name!r} is taken by a study of TMEscope; choose another, e.g. '{name}_own'")
    clinical = _clinical(folder, top.section("clinical"))
    return StudyFile(
        study=name,
        title=study.text("title"),
        citation=study.text("citation", default="not published"),
        doi=study.text("doi", default=""),
        licence=study.text("license" if "license" in study.words else "licence"),
        cancer=study.text("cancer"),
        treatment=study.text("treatment"),
        response_definition=study.text("response_definition", default="RECIST CR or PR against SD or PD"),
        synthetic=study.flag("synthetic"),
        path=path,
        clinical=clinical,
        expression=_expression(folder, top.section("expression")) if "expression" in words else None,
        mutations=_mutations(folder, top.section("mutations")) if "mutations" in words else None,
    )


class _Section:
    """One table of the file: unknown keys refused, values fetched with their type checked."""

    def __init__(self, name: str, words: Mapping[str, object], known: tuple[str, ...]) -> None:
        self.name, self.words = name, words
        for key in words:
            if key not in known:
                raise IngestError(f"{self._where()} has an unknown key {key!r}; {near(key, known)}")

    def _where(self) -> str:
        return f"[{self.name}] of {NAME}" if self.name else NAME

    def section(self, key: str) -> Mapping[str, object]:
        found = self.words.get(key)
        if not isinstance(found, dict):
            where = f"{self.name}.{key}" if self.name else key
            raise IngestError(f"{NAME} needs a section [{where}]; see docs/your-own-cohort.md")
        return found

    def text(self, key: str, *, default: str | None = None) -> str:
        found = self.words.get(key, default)
        if found is None:
            raise IngestError(f'{self._where()} lacks {key}; add {key} = "..."')
        if not isinstance(found, str) or (default is None and not found.strip()) or len(found) > 2000:
            raise IngestError(f"{self._where()}: {key} = {str(found)[:60]!r} must be text in quotes")
        return found.strip()

    def maybe(self, key: str) -> str | None:
        return self.text(key) if key in self.words else None

    def flag(self, key: str) -> bool:
        found = self.words.get(key, False)
        if not isinstance(found, bool):
            raise IngestError(f"{self._where()}: {key} = {found!r} must be true or false, without quotes")
        return found

    def choice(self, key: str, options: Collection[str], *, default: str | None = None) -> str:
        found = self.text(key, default=default)
        if found not in options:
            raise IngestError(f"{self._where()}: {key} = {found!r} is unknown; {near(found, options)}")
        return found

    def strings(self, key: str) -> tuple[str, ...]:
        found = self.words.get(key, [])
        if not isinstance(found, list) or not all(isinstance(one, str | int | float) for one in found):
            raise IngestError(f'{self._where()}: {key} must be a list of words, such as ["a", "b"]')
        return tuple(word(one) for one in found)


def word(value: object) -> str:
    """A cell or a value of study.toml as the text that both are compared by: trimmed, 1.0 as 1, True as true."""
    text = str(value).strip()
    if isinstance(value, bool):
        return text.lower()
    return re.sub(r"^(-?\d+)\.0+$", r"\1", text)


def _clinical(folder: Path, words: Mapping[str, object]) -> ClinicalFile:
    section = _Section(
        "clinical", words, ("file", "id", "sheet", "encoding", "decimal", "missing", "columns", "constants")
    )
    maps = tuple(_column(native, spec) for native, spec in section.section("columns").items())
    if not maps:
        raise IngestError(f'[clinical.columns] of {NAME} maps no column; add lines such as age = "age_years"')
    constants: dict[str, str] = {}
    if "constants" in words:
        for column, value in section.section("constants").items():
            _mappable(column)
            if PATIENT.column(column).kind != "category" or not isinstance(value, str):
                raise IngestError(f"[clinical.constants] {column} = {value!r}: only words for category columns go here")
            if value not in units.LEVELS.get(column, (value,)):
                raise IngestError(f"[clinical.constants] {column} = {value!r}; {near(value, units.LEVELS[column])}")
            constants[column] = value
    targets = [one.column for one in maps] + list(constants)
    for target in targets:
        if targets.count(target) > 1:
            raise IngestError(f"two columns of study.toml fill {target!r}; keep one of them")
    missing = {one.lower() for one in (*MISSING, *section.strings("missing"))}
    return ClinicalFile(
        path=inside(folder, section.text("file")),
        id_column=section.text("id"),
        columns=maps,
        constants=constants,
        missing=frozenset(missing),
        sheet=section.maybe("sheet"),
        encoding=section.choice("encoding", ENCODINGS, default="utf-8"),
        decimal=section.choice("decimal", (".", ","), default="."),
    )


def _mappable(column: str) -> None:
    open_columns = [name for name in PATIENT.dtypes if name not in NOT_MAPPABLE]
    if column not in open_columns:
        raise IngestError(
            f"{NAME} maps to a patient column {column!r} that does not exist; {near(column, open_columns)}"
        )


def _column(native: str, spec: object) -> ColumnMap:
    if isinstance(spec, str):
        spec = {"column": spec}
    if not isinstance(spec, dict):
        raise IngestError(f'[clinical.columns] {native!r} must be a column name or {{ column = "...", unit = "..." }}')
    section = _Section(
        f"clinical.columns.{native}", spec, ("column", "unit", "megabases", "values", "event", "flag", "true", "false")
    )
    column = section.text("column")
    _mappable(column)
    kind = PATIENT.column(column).kind
    megabases = spec.get("megabases")
    if megabases is not None and (
        isinstance(megabases, bool) or not isinstance(megabases, int | float) or megabases <= 0
    ):
        raise IngestError(f"[clinical.columns] {native!r}: megabases = {megabases!r} must be a number above 0")
    try:
        factor = units.factor(column, section.maybe("unit"), megabases=megabases)
    except IngestError as error:
        raise IngestError(f"[clinical.columns] {native!r}: {error}") from None
    if kind in {"flag", "event"}:
        true, false = _coding(section, native, event=kind == "event")
        return ColumnMap(native=native, column=column, true=true, false=false)
    if "event" in spec or "flag" in spec:
        raise IngestError(
            f"[clinical.columns] {native!r}: event and flag go with a yes/no column, and {column} is none"
        )
    values: dict[str, str] = {}
    if "values" in spec:
        for theirs, ours in section.section("values").items():
            if isinstance(ours, dict | list):
                raise IngestError(f"[clinical.columns] {native!r}: values must map one word to one word")
            values[word(theirs).lower()] = word(ours)
        for ours in values.values():
            allowed = units.LEVELS.get(column)
            if allowed is not None and ours and ours not in allowed:
                raise IngestError(
                    f"[clinical.columns] {native!r}: {ours!r} is no value of {column}; {near(ours, allowed)}"
                )
    return ColumnMap(native=native, column=column, factor=factor, values=values)


def _coding(section: _Section, native: str, *, event: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    key = next((key for key in ("event", "flag") if key in section.words), None)
    holder = section if key is None else _Section(f"{section.name}.{key}", section.section(key), ("true", "false"))
    true, false = holder.strings("true"), holder.strings("false")
    both = {one.lower() for one in true} & {one.lower() for one in false}
    if both:
        raise IngestError(f"[clinical.columns] {native!r}: {sorted(both)[0]!r} is both true and false; keep one")
    if bool(true) != bool(false):
        raise IngestError(f"[clinical.columns] {native!r}: give both true = [...] and false = [...]")
    if event and not true:
        raise IngestError(
            f"[clinical.columns] {native!r} must say which words are an event (1 may mean dead or censored): "
            'event = { true = ["dead"], false = ["alive"] }'
        )
    return tuple(one.lower() for one in true), tuple(one.lower() for one in false)


def _expression(folder: Path, words: Mapping[str, object]) -> ExpressionFile:
    known = ("file", "unit", "assay", "orientation", "gene_column", "sample_column")
    section = _Section("expression", words, known)
    unit = section.choice("unit", EXPRESSION_UNITS)
    assay = section.text("assay", default="rna")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", assay):
        raise IngestError(f"[expression] assay = {assay!r} must be letters, digits, - and _, at most 40")
    return ExpressionFile(
        path=inside(folder, section.text("file")),
        unit=unit,
        stored_unit=EXPRESSION_UNITS[unit],
        assay=assay,
        orientation=section.choice("orientation", ORIENTATIONS) if "orientation" in words else None,
        gene_column=section.maybe("gene_column"),
        sample_column=section.maybe("sample_column"),
    )


def _mutations(folder: Path, words: Mapping[str, object]) -> MutationFile:
    section = _Section("mutations", words, ("file", "sample_column"))
    return MutationFile(path=inside(folder, section.text("file")), sample_column=section.maybe("sample_column"))

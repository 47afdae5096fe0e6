"""The clinical table: rows of text -> rows of `patient`, or a reason why not.

A row is taken in whole or refused whole: a value that cannot be true is never turned into a missing one.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from data.errors import IngestError
from data.ingest.study_file import ClinicalFile, ColumnMap, StudyFile, word
from data.ingest.tabular import RawTable
from data.ingest.units import AGE_CAP, AGE_LAST_SHOWN, FALSE_WORDS, LEVELS, RANGES, SYNONYMS, TRUE_WORDS
from data.schema import PATIENT

Refusal = tuple[str, int, str, str]
"""(file, line, row id, reason)"""

MAX_ID = 100
LEAST_TIMES, LONGEST_MEDIAN_MONTHS = 5, 240.0
"""No cohort of so many patients has a median survival or follow-up time of twenty years."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_OLD = re.compile(r"(?:>|≥|>=)\s*(?:89|90)|(?:89|90)\s*\+|90 (?:or|and) (?:older|over|above)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicalRows:
    """What became of a clinical table.

    Attributes
    ----------
    patients : rows of `data.schema.PATIENT`. refused : the other rows, with reasons.
    links : clinical column -> its value -> the patient_ids that have it (ids of samples).
    """

    patients: pl.DataFrame
    refused: tuple[Refusal, ...]
    notes: tuple[str, ...]
    links: Mapping[str, Mapping[str, tuple[str, ...]]]


def read_rows(raw: RawTable, spec: StudyFile) -> ClinicalRows:
    """Turn every row into a patient or a refusal: their numbers add up to the rows that came in.

    Raises
    ------
    IngestError
        A mapped column is missing, there are no rows, or not one row can be taken in.
    """
    clinical = spec.clinical
    require_columns(raw, spec)
    if raw.rows_in == 0:
        raise IngestError(f"{raw.file} has a header but no rows; export it again")
    refused: list[Refusal] = [(raw.file, line, first, reason) for line, first, reason in raw.broken]
    rows = list(raw.frame.iter_rows(named=True))
    twins = _twins(rows, raw.lines, clinical)
    records: list[dict[str, object]] = []
    links: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in sample_columns(spec)}
    capped = 0
    for place, (row, line) in enumerate(zip(rows, raw.lines, strict=True)):
        source_id = _present(row[clinical.id_column], clinical)
        problem = _id_problem(source_id, clinical) or twins.get(place)
        record: dict[str, object] = {}
        reasons = [problem] if problem else []
        for one in clinical.columns:
            value, reason = _value(_present(row[one.native], clinical), one, decimal=clinical.decimal)
            record[one.column] = value
            if reason:
                reasons.append(f"{one.native}: {reason}")
        if reasons or source_id is None:
            refused.append((raw.file, line, source_id or "", "; ".join(reasons)))
            continue
        age = record.get("age_years")
        if isinstance(age, float) and age > AGE_LAST_SHOWN:
            record["age_years"], capped = AGE_CAP, capped + 1
        patient_id = f"{spec.study}:{source_id}"
        for name, link in links.items():
            sample = _present(row[name], clinical)
            if sample is not None:
                link[sample].append(patient_id)
        records.append({**record, "patient_id": patient_id, "source_id": source_id})
    if not records:
        common, times = Counter(reason for *_, reason in refused).most_common(1)[0]
        raise IngestError(
            f"not one of the {raw.rows_in} rows of {raw.file} can be taken in; the most common reason ({times} rows): {common}"
        )
    patients = _frame(records, spec)
    _require_plausible_times(patients, spec)
    return ClinicalRows(
        patients=patients,
        refused=tuple(sorted(refused, key=lambda one: one[1])),
        notes=tuple(_notes(raw, spec, capped=capped)),
        links={name: {sample: tuple(ids) for sample, ids in link.items()} for name, link in links.items()},
    )


def _require_plausible_times(patients: pl.DataFrame, spec: StudyFile) -> None:
    """Raise IngestError where a median time is beyond any cohort's: the column is in a smaller unit than was said."""
    for one in spec.clinical.columns:
        if PATIENT.column(one.column).kind != "time" or patients[one.column].count() < LEAST_TIMES:
            continue
        middle = float(patients[one.column].median())  # type: ignore[arg-type]
        if middle > LONGEST_MEDIAN_MONTHS:
            raise IngestError(
                f"{one.native}: median {middle:,.0f} months is implausible; "
                f'these look like days: set unit = "days" in study.toml'
            )


def require_columns(raw: RawTable, spec: StudyFile) -> None:
    """Raise IngestError unless the file has the id column and every mapped column."""
    raw.require(spec.clinical.id_column, role="the id")
    for one in spec.clinical.columns:
        raw.require(one.native, role=f"mapped to {one.column}")
    for name in sample_columns(spec):
        raw.require(name, role="a sample_column")


def sample_columns(spec: StudyFile) -> tuple[str, ...]:
    """Clinical columns that hold ids of samples."""
    parts = (
        spec.expression.sample_column if spec.expression else None,
        spec.mutations.sample_column if spec.mutations else None,
    )
    return tuple(dict.fromkeys(name for name in parts if name is not None))


def _present(text: str | None, clinical: ClinicalFile) -> str | None:
    if text is None or text.strip().lower() in clinical.missing:
        return None
    return text.strip()


def _id_problem(source_id: str | None, clinical: ClinicalFile) -> str | None:
    if source_id is None:
        return f"no id in column {clinical.id_column!r}"
    if len(source_id) > MAX_ID or not source_id.isprintable():
        return f"the id is over {MAX_ID} characters long or holds control characters"
    return None


def _twins(rows: Sequence[Mapping[str, str | None]], lines: Sequence[int], clinical: ClinicalFile) -> dict[int, str]:
    """Rows whose id occurs before: exact copies go but for the first; of rows that differ none can be trusted."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        source_id = _present(row[clinical.id_column], clinical)
        if source_id is not None:
            places[source_id].append(place)
    problems: dict[int, str] = {}
    for group in places.values():
        if len(group) == 1:
            continue
        if all(rows[place] == rows[group[0]] for place in group):
            problems.update(dict.fromkeys(group[1:], f"repeats line {lines[group[0]]} word for word"))
            continue
        for place in group:
            others = ", ".join(str(lines[other]) for other in group[:6] if other != place)
            problems[place] = f"the id stands on line {others} too, with other values; keep one row a patient"
    return problems


def _value(text: str | None, one: ColumnMap, *, decimal: str) -> tuple[object, str | None]:
    """(value in our unit, None) or (None, why not)."""
    if text is None:
        return None, None
    plain = word(text)
    kind = PATIENT.column(one.column).kind
    if kind in {"number", "time"}:
        return _number(one.values.get(plain.lower(), plain), one, decimal=decimal)
    if kind in {"flag", "event"}:
        return _flag(plain, one)
    mapped = one.values.get(plain.lower())
    if mapped is not None:
        return (mapped or None), None
    levels = LEVELS.get(one.column)
    if levels is None:
        if len(plain) > 200 or not plain.isprintable():
            return None, "the text is over 200 characters long or holds control characters"
        return plain, None
    known: dict[str, str | None] = {level.lower(): level for level in levels}
    known.update(SYNONYMS.get(one.column, {}))
    if plain.lower() not in known:
        return None, f"{_short(plain)} is none of {', '.join(levels)}; add it to values = {{...}} in study.toml"
    return known[plain.lower()], None


def _number(text: str, one: ColumnMap, *, decimal: str) -> tuple[float | None, str | None]:
    if not text:
        return None, None
    if one.column == "age_years" and one.factor == 1.0 and _OLD.fullmatch(text):
        return AGE_CAP, None
    if decimal == ",":
        text = text.replace(".", "\0").replace(",", ".")  # a point is then no decimal sign
    if not _NUMBER.fullmatch(text):
        hint = '; say decimal = "," in study.toml' if re.fullmatch(r"-?\d+,\d+", text) else ""
        return None, f"{_short(text.replace(chr(0), '.'))} is not a number{hint}"
    value = float(text) * one.factor
    low, high = RANGES.get(one.column, (-math.inf, math.inf))
    if not (math.isfinite(value) and low <= value <= high):
        unit = PATIENT.column(one.column).unit
        return None, f"{_short(text)} is impossible: {one.column} must lie in {low:g} to {high:g} {unit}".rstrip()
    return value, None


def _flag(plain: str, one: ColumnMap) -> tuple[bool | None, str | None]:
    true, false = frozenset(one.true) or TRUE_WORDS, frozenset(one.false) or FALSE_WORDS
    if plain.lower() in true:
        return True, None
    if plain.lower() in false:
        return False, None
    words = f"true = {sorted(true)}, false = {sorted(false)}"
    return None, f"{_short(plain)} is neither true nor false ({words}); add it in study.toml"


def _short(text: str) -> str:
    return repr(text if len(text) <= 24 else text[:24] + "...")


def _frame(records: Sequence[Mapping[str, object]], spec: StudyFile) -> pl.DataFrame:
    dtypes = {name: dtype for name, dtype in PATIENT.dtypes.items() if name in records[0]}
    frame = pl.DataFrame(list(records), schema=dtypes, infer_schema_length=None)
    constants = {"cohort": spec.study, "cancer_type": spec.cancer, **spec.clinical.constants}
    frame = frame.with_columns(
        pl.lit(spec.study).alias("study"),
        *(pl.lit(value).alias(name) for name, value in constants.items() if name not in frame.columns),
    )
    if "cohort" in dtypes:
        frame = frame.with_columns(pl.col("cohort").fill_null(spec.study))
    if "recist" in frame.columns and "response" not in frame.columns:
        frame = frame.with_columns(pl.col("recist").is_in(["CR", "PR"]).alias("response"))
    if "response" in frame.columns:
        frame = frame.with_columns(
            pl.when(pl.col("response").is_not_null())
            .then(pl.lit(spec.response_definition))
            .alias("response_definition")
        )
    return PATIENT.conform(frame)


def _notes(raw: RawTable, spec: StudyFile, *, capped: int) -> list[str]:
    clinical = spec.clinical
    notes = []
    if capped:
        notes.append(f"{capped} patients are over 89 years old; their age is stored as 90, which reads '90 or older'.")
    used = {clinical.id_column, *(one.native for one in clinical.columns), *sample_columns(spec)}
    left = [name for name in raw.frame.columns if name not in used]
    if left:
        shown = ", ".join(left[:20]) + (", ..." if len(left) > 20 else "")
        notes.append(f"{len(left)} columns of {raw.file} are not mapped and not stored: {shown}.")
    ids = raw.frame[clinical.id_column].drop_nulls()
    if ids.len() and ids.str.contains(r"^\d{6,12}$").all():
        notes.append(
            f"The ids in column {clinical.id_column} are bare numbers; make sure that they are study codes, not record numbers."
        )
    mapped = {one.column for one in clinical.columns}
    for column in PATIENT.columns:
        if column.kind == "time" and column.name in mapped and column.name != "entry_months":
            event = column.name.replace("_months", "_event")
            if event not in mapped:
                notes.append(f"{column.name} is mapped without {event}; no survival curve can be drawn from it.")
    return notes

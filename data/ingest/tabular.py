"""A clinical table in any of its file formats as rows of text with their line numbers."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from data.errors import IngestError
from data.ingest.folder import MAX_CELLS, MEGABYTE, at_most, check_workbook, kind_of, near, text_lines
from data.ingest.study_file import word

TABLE_BYTES = 128 * MEGABYTE
TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}
MAX_COLUMNS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """Rows of text.

    Attributes
    ----------
    file : its name. frame : every column as text, empty = null. lines : (n,) line (xlsx, parquet: row) of each.
    broken : rows that could not be split into columns: (line, first cell, reason).
    """

    file: str
    frame: pl.DataFrame
    lines: tuple[int, ...]
    broken: tuple[tuple[int, str, str], ...] = ()

    @property
    def rows_in(self) -> int:
        return self.frame.height + len(self.broken)

    def require(self, name: str, *, role: str) -> None:
        """Raise IngestError unless the table has the column, naming the nearest ones that it has."""
        if name not in self.frame.columns:
            raise IngestError(
                f"{self.file} has no column {name!r} ({role} in study.toml); {near(name, self.frame.columns)}"
            )


def ending(path: Path) -> str:
    """Ending in small letters, with what is under .gz ('.csv.gz')."""
    name = path.name.lower()
    for one in TEXT_ENDINGS:
        if name.endswith(one):
            return one
    return path.suffix.lower()


def read_table(path: Path, *, encoding: str = "utf-8", sheet: str | None = None) -> RawTable:
    """Read csv, tsv, xlsx or parquet; every value as text.

    Raises
    ------
    IngestError
        Empty, truncated, binary, too big, of mixed delimiters, without or with repeated column names.
    """
    at_most(path, TABLE_BYTES, what="a clinical table")
    kind = ending(path)
    if kind in TEXT_ENDINGS:
        return _delimited(path, encoding)
    if kind == ".xlsx":
        return _workbook(path, sheet)
    if kind == ".parquet":
        return _parquet(path)
    raise IngestError(f"{path.name}: the ending {kind or '(none)'!r} is unknown; give csv, tsv, xlsx or parquet")


def delimited_rows(lines: Iterable[str], delimiter: str, *, file: str) -> Iterator[tuple[int, list[str]]]:
    """(line number where the row begins, fields) of each row that is not blank.

    Raises
    ------
    IngestError
        A quote that never ends, or a field over 128 KB.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=False)
    begin = 1
    try:
        for fields in reader:
            if fields:
                yield begin, fields
            begin = reader.line_num + 1
    except csv.Error as error:
        raise IngestError(
            f'{file}, row beginning at line {begin}: {error}; look for a quote (") that is not closed'
        ) from None


def split_line(line: str, delimiter: str, *, file: str) -> list[str]:
    """Fields of one line.

    Raises
    ------
    IngestError
        A field over 128 KB: no table.
    """
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error as error:
        raise IngestError(f"a line of {file} cannot be split into columns ({error}); export the table again") from None


def header_names(fields: Iterable[object], *, file: str) -> list[str]:
    """Column names, trimmed; a repeated one is an error, and an empty one gets its place as a name.

    Raises
    ------
    IngestError
        No names, too many, or one of them twice.
    """
    names = [str(one if one is not None else "").strip() for one in fields]
    while names and not names[-1]:
        names.pop()
    names = [name or f"(column {place})" for place, name in enumerate(names, start=1)]
    if not names:
        raise IngestError(f"{file} has no header row; the first row must name the columns")
    if len(names) > MAX_COLUMNS:
        raise IngestError(
            f"{file} has {len(names):,} columns; a clinical table may have {MAX_COLUMNS:,}: transpose it?"
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise IngestError(f"{file} has {len(twice)} column names more than once ({twice[0]!r}); rename one of each")
    return names


def _delimited(path: Path, encoding: str) -> RawTable:
    delimiter = _delimiter(path, encoding)
    rows = delimited_rows(text_lines(path, encoding=encoding, limit=TABLE_BYTES), delimiter, file=path.name)
    first = next(rows, None)
    if first is None:
        raise IngestError(f"{path.name} has no rows; export it again")
    names = header_names(first[1], file=path.name)
    width, extra = len(names), len(first[1])
    good: list[list[str]] = []
    lines: list[int] = []
    broken: list[tuple[int, str, str]] = []
    for line, fields in rows:
        if len(fields) not in {width, extra}:
            broken.append((line, fields[0].strip()[:80], f"has {len(fields)} values for {width} columns"))
        else:
            good.append(fields[:width])
            lines.append(line)
        if (len(good) + len(broken)) * width > MAX_CELLS:
            raise IngestError(
                f"{path.name} has more than {MAX_CELLS:,} cells; keep only the columns that study.toml names"
            )
    if broken and len(broken) >= max(2, len(good)):
        raise IngestError(
            f"{len(broken)} of {len(good) + len(broken)} rows of {path.name} do not have the header's {width} columns "
            f"(line {broken[0][0]} {broken[0][2]}, split at {DELIMITERS[delimiter]}s): the file mixes delimiters or "
            "holds unquoted ones; export it again with one delimiter"
        )
    columns = list(zip(*good, strict=True)) if good else [()] * width
    frame = pl.DataFrame([_text(name, list(values)) for name, values in zip(names, columns, strict=True)])
    return RawTable(file=path.name, frame=frame, lines=tuple(lines), broken=tuple(broken))


def _delimiter(path: Path, encoding: str) -> str:
    """The delimiter that splits the header; by the ending where the header has one column only."""
    header = ""
    for line in text_lines(path, encoding=encoding, limit=TABLE_BYTES):
        if line.strip():
            header = line
            break
    if not header:
        raise IngestError(f"{path.name} holds only blank lines; export it again")
    widths = {one: len(split_line(header, one, file=path.name)) for one in DELIMITERS}
    best = max(widths, key=lambda one: widths[one])
    natural = "\t" if ".tsv" in path.name.lower() else ","
    return natural if widths[best] == widths[natural] else best


def _workbook(path: Path, sheet: str | None) -> RawTable:
    import fastexcel

    check_workbook(path, limit=4 * TABLE_BYTES)
    try:
        book = fastexcel.read_excel(path)
        chosen = sheet if sheet is not None else (book.sheet_names[0] if book.sheet_names else "")
        if chosen not in book.sheet_names:
            raise IngestError(f"{path.name} has no sheet {chosen!r}; {near(chosen, book.sheet_names)}")
        loaded = book.load_sheet(chosen, header_row=None, skip_rows=0, dtypes="string")
        frame = pl.DataFrame(loaded.to_polars())
    except fastexcel.FastExcelError as error:
        reason = str(error).splitlines()[0]
        raise IngestError(f"{path.name} is truncated or damaged ({reason}); save it as .xlsx again") from error
    filled = frame.with_row_index("__row").filter(~pl.all_horizontal(pl.exclude("__row").is_null()))
    if filled.is_empty():
        raise IngestError(f'sheet {chosen!r} of {path.name} is empty; name the right one with sheet = "..."')
    lines = [int(row) + 1 for row in filled["__row"]]
    body = filled.drop("__row")
    names = header_names(body.row(0), file=path.name)
    if any(body[column][1:].null_count() < body.height - 1 for column in body.columns[len(names) :]):
        raise IngestError(f"{path.name} has values to the right of its last column name; name or delete these columns")
    columns = [_text(name, body.to_series(place)[1:].to_list()) for place, name in enumerate(names)]
    return RawTable(file=path.name, frame=pl.DataFrame(columns), lines=tuple(lines[1:]))


def _parquet(path: Path) -> RawTable:
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    words = kind_of(path)
    if words != "a parquet file":
        raise IngestError(f"{path.name} holds {words or 'text'}, not a parquet file; export it again")
    try:
        opened = pq.ParquetFile(path)  # polars panics at some kinds of damage; pyarrow raises
        facts = opened.metadata
        unpacked = sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
        if facts.num_rows * facts.num_columns > MAX_CELLS or unpacked > 4 * TABLE_BYTES:
            raise IngestError(
                f"{path.name} has {facts.num_rows:,} x {facts.num_columns:,} cells; keep only what is needed"
            )
        frame = from_parquet(opened)
    except (ArrowException, OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise IngestError(f"{path.name} is truncated or damaged; export it again") from error
    for name, dtype in frame.schema.items():
        if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
            raise IngestError(f"column {name!r} of {path.name} holds {dtype}, not one value a row; leave it out")
    names = header_names(frame.columns, file=path.name)
    columns = [_text(name, series.to_list()) for name, series in zip(names, frame.get_columns(), strict=True)]
    lines = tuple(range(1, frame.height + 1))
    return RawTable(file=path.name, frame=pl.DataFrame(columns), lines=lines)


def from_parquet(opened: Any, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Columns of an open pyarrow ParquetFile, every value looked through before polars trusts it."""
    table = opened.read(columns=columns)
    table.validate(full=True)
    return pl.DataFrame(pl.from_arrow(table))


def _text(name: str, values: list[object]) -> pl.Series:
    texts = [None if value is None or value == "" else word(value) or None for value in values]
    return pl.Series(name, texts, dtype=pl.String)

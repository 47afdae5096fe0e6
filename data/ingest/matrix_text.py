"""Expression matrices of csv, tsv and parquet files, in either orientation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from data.errors import IngestError
from data.ingest.folder import MEGABYTE, kind_of, near, text_lines
from data.ingest.study_file import ExpressionFile, word
from data.ingest.tabular import DELIMITERS, ending, from_parquet, split_line

Matrix = npt.NDArray[np.float32]
TEXT_BYTES = 4096 * MEGABYTE
T = TypeVar("T")
MAX_VALUES = 400_000_000
MISSING = ["", "NA", "NaN", "nan", "na", "null", "None", "."]


class TextMatrix:
    """A matrix as text or parquet: sample names at once, values of the samples asked for on demand.

    Raises
    ------
    IngestError
        Lines of unequal length, a name column that is missing, values that are no numbers.
    """

    def __init__(self, spec: ExpressionFile, *, known: Collection[str]) -> None:
        self.spec, self.file = spec, spec.path.name
        self.parquet = ending(spec.path) == ".parquet"
        self.delimiter = ","
        self.header = self._parquet_header() if self.parquet else self._text_header()
        if len(self.header) < 2:
            raise IngestError(f"{self.file} has one column only; a matrix has gene names and at least one sample")
        orientation = spec.orientation
        by_column = spec.gene_column if orientation != "samples_by_genes" else None
        self.names_at = self._place(by_column) if by_column else 0
        self.row_names = self._column(self.names_at)
        others = [name for place, name in enumerate(self.header) if place != self.names_at]
        if orientation is None:
            across, down = sum(name in known for name in others), sum(name in known for name in self.row_names)
            orientation = "samples_by_genes" if down > across else "genes_by_samples"
        self.genes_down = orientation == "genes_by_samples"
        self.samples: list[str] = others if self.genes_down else self.row_names

    def fetch(self, places: Sequence[int]) -> tuple[list[str], Matrix, Mapping[int, str]]:
        """Genes, values (genes, places), and of places that hold a word instead of a number which."""
        columns = [place for place in range(len(self.header)) if place != self.names_at]
        if self.genes_down:
            columns = [columns[place] for place in places]
        if len(columns) * len(self.row_names) > MAX_VALUES:
            raise IngestError(f"{self.file} has over {MAX_VALUES:,} values; keep the genes and samples that are needed")
        values, bad = self._numbers(columns)
        if self.genes_down:
            reasons = {places[column]: reason for column, _, reason in bad}
            return self.row_names, values, reasons
        genes = [self.header[column] for column in columns]
        often = [genes[column] for column, times, _ in bad if times > 0.5 * len(self.row_names)]
        if often:
            raise IngestError(
                f"column {often[0]!r} of {self.file} holds words, not expression; take it out of the matrix"
            )
        words = {
            row: f"{genes[column]}: {reason}" for column, _, reason in bad for row in self._bad_rows(columns[column])
        }
        return genes, np.ascontiguousarray(values[list(places)].T), words

    def _place(self, name: str) -> int:
        if name not in self.header:
            raise IngestError(f"{self.file} has no column {name!r} (gene_column); {near(name, self.header[:200])}")
        return self.header.index(name)

    def _parquet_header(self) -> list[str]:
        if kind_of(self.spec.path) != "a parquet file":
            raise IngestError(
                f"{self.file} holds {kind_of(self.spec.path) or 'text'}, not a parquet file; export it again"
            )
        rows, names = self._parquet(lambda opened: (opened.metadata.num_rows, list(opened.schema_arrow.names)))
        if rows * len(names) > 2 * MAX_VALUES:
            raise IngestError(f"{self.file} has {rows:,} x {len(names):,} values; keep what is needed")
        if len(set(names)) != len(names):
            raise IngestError(f"{self.file} has column names more than once; rename one of each")
        return names

    def _parquet(self, ask: Callable[[Any], T]) -> T:
        """An answer from the parquet file; pyarrow, because polars panics at some kinds of damage."""
        import pyarrow.parquet as pq
        from pyarrow import ArrowException

        try:
            return ask(pq.ParquetFile(self.spec.path))
        except (ArrowException, OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise IngestError(f"{self.file} is truncated or damaged; export it again") from error

    def _text_header(self) -> list[str]:
        """Column names; one pass over the file sees that every line has as many values."""
        header: list[str] = []
        width = 0
        for number, line in enumerate(text_lines(self.spec.path, encoding="utf-8", limit=TEXT_BYTES), start=1):
            if line.endswith("\r"):
                raise IngestError(f"{self.file} has the line ends of old Macs; save it with Unix or Windows line ends")
            if not line.strip():
                continue
            if not header:
                widths = {one: line.count(one) for one in DELIMITERS}
                self.delimiter = max(widths, key=lambda one: widths[one])
                self.skipped = number
                header = [name.strip() for name in split_line(line, self.delimiter, file=self.file)]
                continue
            count = line.count(self.delimiter) + 1
            if '"' in line:
                count = len(split_line(line, self.delimiter, file=self.file))
            if not width and count == len(header) + 1:
                header = ["", *header]  # as R writes row names
            width = len(header)
            if count != width:
                raise IngestError(
                    f"line {number} of {self.file} has {count} values for {width} columns: the file is cut off or mixes delimiters"
                )
        if not header or not width:
            raise IngestError(f"{self.file} has no rows under its header; export it again")
        return header

    def _frame(self, columns: Sequence[int], dtype: pl.DataType) -> pl.DataFrame:
        if self.parquet:
            names = [self.header[place] for place in columns]
            frame = self._parquet(lambda opened: from_parquet(opened, names).select(names))
            return frame.select(pl.all().cast(dtype, strict=False))
        names = [f"c{place}" for place in range(len(self.header))]
        wanted = [names[place] for place in columns]
        chosen = set(wanted)
        return pl.read_csv(
            self.spec.path,
            has_header=False,
            skip_rows=self.skipped,
            separator=self.delimiter,
            schema={name: dtype if name in chosen else pl.String() for name in names},
            columns=sorted(columns),
            null_values=MISSING,
        ).select(wanted)

    def _column(self, place: int) -> list[str]:
        try:
            names = self._frame([place], pl.String())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise IngestError(f"the names in {self.file} cannot be read; export it again") from error
        return [word(name) if name is not None else "" for name in names.to_series()]

    def _numbers(self, columns: Sequence[int]) -> tuple[Matrix, list[tuple[int, int, str]]]:
        """Values (rows, columns), and the columns that hold words: (which, how many, reason)."""
        try:
            if not self.parquet:
                return _plain(self._frame(columns, pl.Float32())), []
        except pl.exceptions.PolarsError:
            pass  # a word among the numbers: read as text, to say which
        try:
            texts = self._frame(columns, pl.String())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise IngestError(
                f'{self.file} cannot be split into columns; look for a quote (") that is not closed, or export it again'
            ) from error
        bad: list[tuple[int, int, str]] = []
        numbers: list[pl.Series] = []
        for place, series in enumerate(texts.get_columns()):
            number = series.str.strip_chars().cast(pl.Float32, strict=False)
            odd = series.filter(number.is_null() & series.is_not_null() & ~series.is_in(MISSING))
            if odd.len():
                bad.append((place, odd.len(), f"{str(odd[0])[:24]!r} is not a number"))
            numbers.append(number)
        return _plain(pl.DataFrame(numbers)), bad

    def _bad_rows(self, column: int) -> list[int]:
        series = self._frame([column], pl.String()).to_series()
        number = series.str.strip_chars().cast(pl.Float32, strict=False)
        odd = number.is_null() & series.is_not_null() & ~series.is_in(MISSING)
        return [int(row) for row in odd.arg_true()]


def _plain(frame: pl.DataFrame) -> Matrix:
    return np.asarray(frame.fill_null(float("nan")).to_numpy(), dtype=np.float32)

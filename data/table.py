"""Table: one table of the cohort database, its columns with dtype, words and unit, and short ways to write a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from data.errors import SchemaError

Kind = Literal["id", "category", "number", "flag", "time", "event", "text", "list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: its dtype, what a person calls it, its unit, and what kind of value it holds."""

    name: str
    dtype: pl.DataType
    label: str
    unit: str = ""
    kind: Kind = "text"
    about: str = ""

    @property
    def axis(self) -> str:
        """Axis title: label with unit ("Overall survival, months")."""
        return f"{self.label}, {self.unit}" if self.unit else self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the database."""

    name: str
    about: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        return {column.name: column.dtype for column in self.columns}

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(f"table {self.name} has no column '{name}'; it has {', '.join(self.dtypes)}")

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.dtypes)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Cast to the table's dtypes, add columns that are missing as nulls, put columns in order.

        Raises
        ------
        SchemaError
            A column that the table does not know, or a value that its dtype cannot hold, or a null or
            duplicated key.
        """
        unknown = [name for name in frame.columns if name not in self.dtypes]
        if unknown:
            raise SchemaError(
                f"table {self.name} has no column {', '.join(map(repr, unknown))}; drop it or add it to data/schema.py"
            )
        columns: list[pl.Series] = []
        for column in self.columns:
            if column.name not in frame.columns:
                columns.append(pl.Series(column.name, [None] * frame.height, dtype=column.dtype))
                continue
            series = frame[column.name]
            try:
                columns.append(series.cast(column.dtype, strict=True))
            except pl.exceptions.PolarsError as error:
                raise SchemaError(
                    f"column {self.name}.{column.name} must be {column.dtype}: {str(error).splitlines()[0]}"
                ) from error
        result = pl.DataFrame(columns)
        for name in self.key:
            if result[name].null_count():
                raise SchemaError(
                    f"column {self.name}.{name} is part of the key but {result[name].null_count()} are null"
                )
        if self.key and result.select(self.key).is_duplicated().any():
            twice = result.filter(result.select(self.key).is_duplicated()).select(self.key).row(0)
            raise SchemaError(f"table {self.name} holds {dict(zip(self.key, twice, strict=True))} more than once")
        return result


_T, _F, _I, _B = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()


def identifier(name: str, label: str, about: str = "") -> Column:
    """A name that identifies."""
    return Column(name=name, dtype=_T, label=label, kind="id", about=about)


def category(name: str, label: str, about: str = "") -> Column:
    """A word out of few."""
    return Column(name=name, dtype=_T, label=label, kind="category", about=about)


def number(name: str, label: str, unit: str = "", *, about: str = "") -> Column:
    """A measured number."""
    return Column(name=name, dtype=_F, label=label, unit=unit, kind="number", about=about)


def flag(name: str, label: str, about: str = "") -> Column:
    """Yes or no."""
    return Column(name=name, dtype=_B, label=label, kind="flag", about=about)


def text(name: str, label: str, about: str = "") -> Column:
    """Free words."""
    return Column(name=name, dtype=_T, label=label, about=about)


def integer(name: str, label: str, unit: str = "") -> Column:
    """A whole number."""
    return Column(name=name, dtype=_I, label=label, unit=unit, kind="number")

"""What a command gives back: tables for people, one document for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer of a command.

    Attributes
    ----------
    title : one sentence. tables : (heading, frame) printed for people. document : what --json prints.
    notes : sentences under the tables. failed : the command did its work and the answer is bad: exit code 1.
    """

    title: str
    document: object
    tables: Sequence[tuple[str, pl.DataFrame]] = ()
    notes: Sequence[str] = field(default_factory=tuple)
    failed: bool = False


def show(report: Report) -> None:
    """Print a report for people."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 160, soft_wrap=False)
    console.print(report.title, highlight=False, markup=False)
    for heading, frame in report.tables:
        table = Table(title=heading or None, title_justify="left", header_style="bold")
        for name, dtype in frame.schema.items():
            numeric = dtype.is_numeric()
            table.add_column(
                name,
                justify="right" if numeric else "left",
                no_wrap=numeric,
                overflow="fold" if not numeric else "ellipsis",
            )
        for row in frame.iter_rows():
            table.add_row(*(_cell(value) for value in row))
        console.print(table, markup=False)
    for note in report.notes:
        console.print(note, highlight=False, markup=False)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1 else f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("[", "\\[")


def to_json(document: object) -> str:
    """One JSON document; not-a-number and infinity become null, as JSON has neither."""
    return json.dumps(_plain(document), ensure_ascii=False, indent=2, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, str | int | bool) or value is None:
        return value
    return str(value)

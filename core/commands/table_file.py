"""Table file: any CSV as words, and its columns as numbers, flags or labels, with errors that name line and value."""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured, UnknownName

LINE = "(line)"
"""Column of `read_table` that holds the line of the file each row stands on."""
MISSING = frozenset({"", "na", "nan", "n/a", "null", ".", "?", "missing", "unknown"})
NONE = "none"
"""Missing among numbers and flags; among words it is one of them (no metastasis, no earlier therapy)."""
YES = frozenset({"1", "1.0", "true", "t", "yes", "y"})
NO = frozenset({"0", "0.0", "false", "f", "no", "n"})
MOST_LISTED = 12


def read_table(path: str | Path) -> pl.DataFrame:
    """Read a table with a header row: comma, semicolon or tab between values, UTF-8 or Windows text.

    Returns
    -------
    pl.DataFrame
        One row a row of the file, every column as words with outer blanks removed, null where the value is missing
        (empty, NA, NaN, null, '.', '?'; none too, unless the column holds other words); and the column `LINE`. Read columns with `numbers`, `flags`, `labels`.

    Raises
    ------
    NotMeasured
        The file is not there, cannot be read, has no row, or a row has more or fewer values than the header.
    """
    path = Path(path)
    if path.is_dir():
        raise NotMeasured(f"{path} is a folder; name a CSV file")
    if not path.exists():
        raise NotMeasured(f"there is no file {path}{_near_files(path)}")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise NotMeasured(f"{path.name} cannot be read: {error.strerror or error}") from error
    if b"\x00" in raw[:4096]:
        raise NotMeasured(f"{path.name} is not a text table; save it as CSV (UTF-8)")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    rows = _rows(text, path.name)
    if not rows:
        raise NotMeasured(f"{path.name} is empty; the first line must name the columns")
    header = _header(rows[0][1], path.name)
    if len(rows) == 1:
        raise NotMeasured(f"{path.name} has column names but no row")
    for line, values in rows[1:]:
        if len(values) != len(header):
            raise NotMeasured(
                f"{path.name}, line {line}: {len(values)} values where the header names {len(header)} columns"
            )
    body = rows[1:]
    columns: dict[str, list[str | None]] = {
        name: _column([_word(values[j]) for _, values in body]) for j, name in enumerate(header)
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(header, pl.String))
    return frame.with_columns(pl.Series(LINE, [line for line, _ in body], dtype=pl.Int64))


def columns(frame: pl.DataFrame, names: Sequence[str], *, option: str = "") -> None:
    """Check that a table has columns of these names.

    Parameters
    ----------
    names : what was asked for. option : the option of the command line that asked (for the sentence).

    Raises
    ------
    UnknownName
        A column is not there; the sentence offers the nearest names.
    """
    have = [name for name in frame.columns if name != LINE]
    for name in names:
        if name in have:
            continue
        by_lower = {h.lower(): h for h in have}
        near = [by_lower[n] for n in difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.5)]
        listed = ", ".join(have[:MOST_LISTED]) + (", ..." if len(have) > MOST_LISTED else "")
        asked = f" ({option})" if option else ""
        hint = f"did you mean {' or '.join(near)}?" if near else f"the file has {listed}"
        raise UnknownName(f"the file has no column '{name}'{asked}; {hint}")


def numbers(frame: pl.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """A column as numbers, nan where missing; infinities pass (the caller counts them).

    Raises
    ------
    UnknownName
        There is no such column.
    NotMeasured
        A value is not a number; the sentence names line and value.
    """
    columns(frame, [name])
    values = np.full(frame.height, np.nan)
    for i, word in enumerate(frame[name].to_list()):
        if word is None:
            continue
        number = _number(word)
        if number is None:
            hint = "; write decimals with a point" if _number(word.replace(",", ".")) is not None else ""
            raise NotMeasured(f"line {frame[LINE][i]}: {name} is '{word}', not a number{hint}")
        values[i] = number
    return values


def flags(frame: pl.DataFrame, name: str) -> npt.NDArray[np.float64]:
    """A column of yes and no as 1 and 0, nan where missing: 0/1, true/false, yes/no, or 1/2 as R reads it (2 = yes).

    Raises
    ------
    UnknownName
        There is no such column.
    NotMeasured
        A value is neither; the sentence names line and value.
    """
    columns(frame, [name])
    words = [None if w is None else w.lower() for w in frame[name].to_list()]
    one_two = is_one_two(frame, name)
    values = np.full(frame.height, np.nan)
    for i, word in enumerate(words):
        if word is None:
            continue
        if one_two:
            values[i] = float(word) - 1
        elif word in YES or word in NO:
            values[i] = float(word in YES)
        else:
            number = _number(word)
            if number in (0.0, 1.0):
                values[i] = number
                continue
            raise NotMeasured(
                f"line {frame[LINE][i]}: {name} is '{frame[name][i]}'; write 1 or 0 (yes or no, true or false)"
            )
    return values


def is_one_two(frame: pl.DataFrame, name: str) -> bool:
    """Whether a column of flags is coded 1 = no and 2 = yes: some 2, and nothing but 1 and 2."""
    seen = {_number(word) for word in frame[name].drop_nulls().to_list()}
    return 2.0 in seen and seen <= {1.0, 2.0}


def is_numeric(frame: pl.DataFrame, name: str) -> bool:
    """Whether a column has values and all of them are numbers."""
    columns(frame, [name])
    words = frame[name].drop_nulls().to_list()
    return bool(words) and all(_number(word) is not None for word in words)


def labels(frame: pl.DataFrame, name: str) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """A column as groups in sorted order (numbers by size, words by letter) and codes, -1 where missing.

    Numbers that are equal are one group (1 and 1.0), written the shorter way.
    """
    columns(frame, [name])
    words = frame[name].to_list()
    if is_numeric(frame, name):
        values = [None if w is None else _number(w) for w in words]
        known = sorted({v for v in values if v is not None})
        index = {v: k for k, v in enumerate(known)}
        codes = [-1 if v is None else index[v] for v in values]
        return tuple(f"{v:.15g}" for v in known), np.asarray(codes, dtype=np.int64)
    order = sorted({w for w in words if w is not None})
    place = {w: k for k, w in enumerate(order)}
    return tuple(order), np.asarray([-1 if w is None else place[w] for w in words], dtype=np.int64)


def listed(text: str | None) -> tuple[str, ...]:
    """Names of an option that takes several, separated by commas: 'a, b' -> ('a', 'b')."""
    parts = [part.strip() for part in (text or "").split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def _rows(text: str, file: str) -> list[tuple[int, list[str]]]:
    """Rows that hold anything, with the line each starts on."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, skipinitialspace=True)
    found: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for values in reader:
            if any(value.strip() for value in values):
                found.append((line, values))
            line = reader.line_num + 1
    except csv.Error as error:
        raise NotMeasured(f"{file}, line {reader.line_num}: {error}") from error
    return found


def _header(values: list[str], file: str) -> list[str]:
    names = [value.strip() for value in values]
    for j, name in enumerate(names):
        if not name:
            names[j] = f"column {j + 1}"
        elif name in names[:j]:
            raise NotMeasured(f"{file} has two columns named '{name}'; rename one")
    return names


def _word(value: str) -> str | None:
    word = value.strip()
    return None if word.lower() in MISSING else word


def _column(words: list[str | None]) -> list[str | None]:
    """A column's words; 'none' is missing where the others are numbers or flags, or there are no others."""
    empty = [word is not None and word.lower() == NONE for word in words]
    if not any(empty):
        return words
    others = {word for word, none in zip(words, empty, strict=True) if word is not None and not none}
    if any(_number(word) is None and word.lower() not in YES | NO for word in others):
        return words
    return [None if none else word for word, none in zip(words, empty, strict=True)]


def _number(word: str) -> float | None:
    """A word as a number, None where it is none; Python's digit groups (1_000) are no numbers here."""
    if "_" in word:
        return None
    try:
        value = float(word)
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _near_files(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return "; its folder is not there either"
    near = difflib.get_close_matches(path.name, names, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""

"""A plain data frame of an .rda file, read at once.

The general reader takes most of a minute for a few million strings. A data frame needs only a small part of R's
serialisation (XDR, versions 2 and 3): vectors of numbers, logicals and strings, factors, and their attributes.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.errors import SourceCorrupt

_SYMBOL, _PAIRLIST, _CHAR, _LOGICAL, _INTEGER, _REAL, _STRING, _LIST = 1, 2, 9, 10, 13, 14, 16, 19
_ALTREP, _END, _REFERENCE = 238, 254, 255
_NA_INTEGER = -(2**31)


def _decompressed(path: Path) -> bytes:
    raw = path.read_bytes()
    try:
        if raw[:2] == b"\x1f\x8b":
            return gzip.decompress(raw)
        if raw[:3] == b"BZh":
            return bz2.decompress(raw)
        if raw[:6] == b"\xfd7zXZ\x00":
            return lzma.decompress(raw)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise SourceCorrupt(f"{path.name} is truncated or damaged ({error}); download it again") from error
    return raw


class _Reader:
    """One pass over R's serialisation; vectors become numpy arrays or lists, attributes a dict."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 0
        self.symbols: list[str] = []

    def integer(self) -> int:
        (value,) = struct.unpack_from(">i", self.content, self.at)
        self.at += 4
        return int(value)

    def header(self) -> None:
        if self.content[:5] not in (b"RDX2\n", b"RDX3\n") or self.content[5:7] != b"X\n":
            raise SourceCorrupt("not an R data file in XDR format")
        self.at = 7
        version = self.integer()
        self.at += 8
        if version == 3:
            size = self.integer()
            self.at += size

    def numbers(self, dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
        n = self.integer()
        values = np.frombuffer(self.content, dtype=dtype, count=n, offset=self.at)
        self.at += values.nbytes
        return values

    def strings(self) -> list[str | None]:
        n = self.integer()
        content, at = self.content, self.at
        known: dict[bytes, str] = {}
        result: list[str | None] = []
        for _ in range(n):
            size = int.from_bytes(content[at + 4 : at + 8], "big", signed=True)
            at += 8
            if size < 0:
                result.append(None)
                continue
            piece = content[at : at + size]
            at += size
            text = known.get(piece)
            if text is None:
                text = known.setdefault(piece, piece.decode("utf-8", errors="replace"))
            result.append(text)
        self.at = at
        return result

    def item(self) -> tuple[Any, dict[str, Any]]:
        """The next object and its attributes."""
        flags = self.integer()
        kind, has_attributes, has_tag = flags & 0xFF, bool(flags & 0x200), bool(flags & 0x400)
        if kind == _END:
            return None, {}
        if kind == _SYMBOL:
            self.integer()
            size = self.integer()
            name = self.content[self.at : self.at + size].decode("utf-8")
            self.at += size
            self.symbols.append(name)
            return name, {}
        if kind == _REFERENCE:
            return self.symbols[(flags >> 8) - 1], {}
        if kind == _PAIRLIST:
            return self.pairs(has_attributes=has_attributes, has_tag=has_tag), {}
        if kind == _ALTREP:
            self.item()
            state, _ = self.item()
            self.item()
            return state, {}
        value: Any
        if kind in (_INTEGER, _LOGICAL):
            value = self.numbers(">i4")
        elif kind == _REAL:
            value = self.numbers(">f8")
        elif kind == _STRING:
            value = self.strings()
        elif kind == _LIST:
            value = [self.item() for _ in range(self.integer())]
        else:
            raise SourceCorrupt(f"R object of type {kind} is not part of a plain data frame")
        attributes = self.item()[0] if has_attributes else {}
        return value, attributes or {}

    def pairs(self, *, has_attributes: bool, has_tag: bool) -> dict[str, Any]:
        """A pairlist as a dict; the cell's flags were read already."""
        result: dict[str, Any] = {}
        while True:
            if has_attributes:
                self.item()
            tag = self.item()[0] if has_tag else str(len(result))
            value, attributes = self.item()
            result[str(tag)] = (value, attributes)
            flags = self.integer()
            if flags & 0xFF == _END:
                return result
            if flags & 0xFF != _PAIRLIST:
                raise SourceCorrupt("a pairlist ends in something else than a pairlist")
            has_attributes, has_tag = bool(flags & 0x200), bool(flags & 0x400)


def _series(name: str, value: Any, attributes: dict[str, Any]) -> pl.Series:
    if isinstance(value, list):
        return pl.Series(name, value, dtype=pl.String)
    if value.dtype == np.dtype(">i4"):
        codes = pl.Series(name, value.astype(np.int32))
        known = codes.set(codes == _NA_INTEGER, None)
        if "levels" in attributes:
            levels = attributes["levels"][0]
            return pl.Series(name, [None if code is None else levels[code - 1] for code in known], dtype=pl.String)
        return known
    return pl.Series(name, value.astype(np.float64)).fill_nan(None)


def read_frame(path: Path) -> pl.DataFrame:
    """Read the one data frame of an .rda file; R's NA is null.

    Raises
    ------
    SourceCorrupt
        Not an .rda file, damaged, or its one object is not a plain data frame.
    """
    reader = _Reader(_decompressed(path))
    try:
        reader.header()
        objects, _ = reader.item()
        if not isinstance(objects, dict) or len(objects) != 1:
            raise SourceCorrupt("exactly one object is expected")
        columns, attributes = next(iter(objects.values()))
        names = attributes.get("names", ([], {}))[0]
        if not isinstance(columns, list) or len(columns) != len(names):
            raise SourceCorrupt("its object is no data frame")
        return pl.DataFrame([_series(str(name), *column) for name, column in zip(names, columns, strict=True)])
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
        raise SourceCorrupt(f"{path.name} is truncated or damaged ({error}); download it again") from error
    except SourceCorrupt as error:
        raise SourceCorrupt(f"{path.name} cannot be read: {error}") from error

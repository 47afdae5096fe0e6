"""What a study's loader declares (SOURCE) and gives back (StudyTables)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import polars as pl

from data.errors import SourceUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A published file, pinned: the URL names a commit, and the checksum must match."""

    url: str
    sha256: str
    size_bytes: int
    licence: str


@dataclass(frozen=True, slots=True)
class Files:
    """Verified local copies of a source's files."""

    paths: Mapping[str, Path]

    def path(self, ending: str) -> Path:
        """The local copy of the one file whose (percent-decoded) URL ends in `ending`."""
        found = [path for url, path in self.paths.items() if unquote(url).endswith(ending)]
        if len(found) != 1:
            raise SourceUnavailable(f"{len(found)} files of the source end in '{ending}'; exactly one must")
        return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A matrix of genes by samples.

    Attributes
    ----------
    genes : (g,) HGNC symbols, upper case, unique.
    samples : (s,) sample ids, unique. patients : (s,) the patient_id of each.
    values : (g, s) float32 in `unit`; nan = not measured.
    """

    assay: str
    unit: str
    genes: Sequence[str]
    samples: Sequence[str]
    patients: Sequence[str]
    values: npt.NDArray[np.float32]
    level: Literal["patient", "spot", "cell"] = "patient"
    preferred: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTables:
    """What a loader gives: frames by table name (see `data.schema`), matrices, and notes for people.

    `refused` lists rows of the source that were left out: (file, line or -1, row id, reason).
    """

    tables: Mapping[str, pl.DataFrame]
    expression: Sequence[Expression] = ()
    notes: Sequence[str] = ()
    refused: Sequence[tuple[str, int, str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One study: what it is, who may use it, which files it needs, and how to read them."""

    study: str
    title: str
    citation: str
    doi: str
    licence: str
    cancer: str
    treatment: str
    load: Callable[[Files], StudyTables]
    files: tuple[RemoteFile, ...] = ()
    synthetic: bool = False
    response_definition: str = "RECIST CR or PR against SD or PD"
    provides: tuple[str, ...] = field(default=("patient",))

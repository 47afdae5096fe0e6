"""One data check: what it is called, what it means, and the function that judges a study."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from data.schema import PATIENT, TABLES
from data.sources.source import Expression

Status = Literal["pass", "fail", "not applicable"]
SINGULAR = re.compile(r"^1 (patients|rows|columns|samples|ids|names|responders) (\w+)")
VERBS = {"are": "is", "have": "has", "lack": "lacks", "share": "shares", "die": "dies"}
STORED_ROWS = 200
"""Ids kept a check; `n` counts them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A study under examination: conforming tables by name, its matrices, and the patients of the other studies."""

    study: str
    tables: Mapping[str, pl.DataFrame]
    expression: Sequence[Expression] = ()

    def frame(self, name: str) -> pl.DataFrame:
        """A table of the study, empty where it has none."""
        return self.tables[name] if name in self.tables else TABLES[name].empty()

    @property
    def patients(self) -> pl.DataFrame:
        return self.tables["patient"] if "patient" in self.tables else PATIENT.empty()

    def known(self, *columns: str) -> pl.DataFrame:
        """Patients whose values in all of `columns` are known."""
        return self.patients.drop_nulls(list(columns))

    def bulk(self) -> list[Expression]:
        """Matrices with one column a patient's sample."""
        return [matrix for matrix in self.expression if matrix.level == "patient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a check found: the ids concerned, and one sentence."""

    status: Status
    detail: str
    rows: Sequence[str] = field(default_factory=tuple)
    n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check. `about` says what a failure means and what to do about it."""

    id: str
    title: str
    about: str
    judge: Callable[[Subject], Result]


def passed(detail: str) -> Result:
    """Nothing is wrong."""
    return Result(status="pass", detail=detail)


def absent(detail: str) -> Result:
    """The study does not have what the check looks at."""
    return Result(status="not applicable", detail=detail)


def failed(rows: Sequence[str], detail: str) -> Result:
    """Something is wrong with the rows of these ids (patients, genes, samples or columns)."""
    unique = list(dict.fromkeys(rows))
    return Result(status="fail", detail=detail, rows=unique[:STORED_ROWS], n=len(unique))


def verdict(rows: Sequence[str], *, wrong: str, right: str) -> Result:
    """Failed when there are rows, else passed. `wrong` may hold {n}."""
    unique = list(dict.fromkeys(rows))
    if not unique:
        return passed(right)
    text = wrong.replace("{n}", f"{len(unique):,}")
    return failed(unique, SINGULAR.sub(_singular, text) if len(unique) == 1 else text)


def _singular(found: re.Match[str]) -> str:
    noun, verb = found.group(1), found.group(2)
    return f"1 {noun[:-1]} {VERBS.get(verb, verb)}"


def ids(frame: pl.DataFrame) -> list[str]:
    """Patient ids of a frame."""
    found: list[str] = frame["patient_id"].to_list()
    return found


def some(names: Sequence[str], limit: int = 5) -> str:
    """The first few of many names, for a sentence."""
    rest = len(names) - limit
    return ", ".join(str(name) for name in names[:limit]) + (f" and {rest:,} more" if rest > 0 else "")

"""Groups: a column of a frame as ordered labels and integer codes, the same way for every statistic and figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured
from data.schema import PATIENT, PHENOTYPES, RECIST_LEVELS

Ints = npt.NDArray[np.int64]

KNOWN_ORDERS: tuple[tuple[str, ...], ...] = (
    RECIST_LEVELS,
    PHENOTYPES,
    ("responder", "non-responder"),
    ("yes", "no"),
    ("IC0", "IC1", "IC2+"),
    ("TC0", "TC1", "TC2+"),
    ("C1", "C2", "C3", "C4", "C5", "C6"),
    ("ICB", "control"),
    ("never", "former", "current", "ever"),
    ("normal", "elevated"),
    ("female", "male"),
    ("I", "II", "III", "IV"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Which group each row is in.

    Attributes
    ----------
    labels : (k,) names of the groups that have at least one row, in display order.
    codes : (n,) index into `labels`, -1 where the value is missing.
    """

    labels: tuple[str, ...]
    codes: Ints

    @property
    def n_missing(self) -> int:
        return int((self.codes < 0).sum())


def require(frame: pl.DataFrame, *columns: str) -> None:
    """Check that a frame has the columns that a statistic reads.

    Raises
    ------
    NotMeasured
        A column is not there.
    """
    for name in columns:
        if name not in frame.columns:
            raise NotMeasured(f"this cohort has no {label_of(name).lower()} ({name}); choose a study that reports it")


def label_of(column: str) -> str:
    """What a person calls a column; the column's own name where the patient table does not know it."""
    return PATIENT.column(column).label if column in PATIENT.dtypes else column.replace("_", " ")


def axis_of(column: str) -> str:
    """Axis title of a column: label with unit."""
    return PATIENT.column(column).axis if column in PATIENT.dtypes else column.replace("_", " ")


def ordered(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels in the order in which the field lists them (CR PR SD PD; desert, excluded, inflamed), else alphabetical."""
    present = sorted(set(labels))
    for order in KNOWN_ORDERS:
        if set(present) <= set(order):
            return tuple(label for label in order if label in present)
    return tuple(present)


def groups(frame: pl.DataFrame, by: str | None) -> Groups:
    """Read a column as groups.

    Parameters
    ----------
    frame : one row a patient.
    by : a column of strings, booleans, Enum or Categorical (its own order is kept), or whole numbers; None = one
        group, "all patients".

    Raises
    ------
    NotMeasured
        The frame has no such column.
    """
    if by is None:
        return Groups(labels=("all patients",), codes=np.zeros(frame.height, dtype=np.int64))
    require(frame, by)
    series = frame[by]
    dtype = series.dtype
    if dtype == pl.Boolean:
        yes, no = ("responder", "non-responder") if by == "response" else ("yes", "no")
        words: list[str | None] = [None if v is None else (yes if v else no) for v in series.to_list()]
        order: Sequence[str] = (yes, no)
    elif isinstance(dtype, pl.Enum):
        words = series.cast(pl.String).to_list()
        order = dtype.categories.to_list()
    elif dtype.is_numeric():
        values = series.to_list()
        words = [None if v is None or v != v else f"{v:g}" for v in values]
        order = [f"{v:g}" for v in sorted({v for v in values if v is not None and v == v})]
    else:
        words = series.cast(pl.String).to_list()
        order = ordered([w for w in words if w is not None])
    present = {w for w in words if w is not None}
    labels = tuple(label for label in order if label in present)
    index = {label: code for code, label in enumerate(labels)}
    codes = np.fromiter((-1 if w is None else index[w] for w in words), dtype=np.int64, count=len(words))
    return Groups(labels=labels, codes=codes)

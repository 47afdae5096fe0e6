"""Split: ordered groups from a numeric marker, at a published cut or at quantiles.

Why a cut found on the same patients misleads: Altman 1994, doi 10.1093/jnci/86.11.829.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import polars as pl

from core.errors import TooFewPatients, UnknownName
from core.groups import label_of, require
from data.schema import PATIENT

Method = Literal["cut", "median", "tertiles", "quartiles"]
QUANTILES = {"median": (0.5,), "tertiles": (1 / 3, 2 / 3), "quartiles": (0.25, 0.5, 0.75)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Groups from a marker.

    Attributes
    ----------
    column : the marker. method : how it was cut. cuts : values, ascending; a patient at a cut is in the upper group.
    labels : highest group first; each carries its cut ("TMB ≥ 10"). groups : (rows,) Enum of `labels`, null = missing.
    n_missing : rows without the marker. note : what a reader must know (ties), or empty.
    """

    column: str
    method: str
    cuts: tuple[float, ...]
    labels: tuple[str, ...]
    groups: pl.Series
    n_missing: int
    note: str = ""

    def onto(self, frame: pl.DataFrame, *, name: str = "group") -> pl.DataFrame:
        """The frame with the groups as a column."""
        return frame.with_columns(self.groups.alias(name))


def split(
    frame: pl.DataFrame,
    column: str,
    *,
    method: str = "median",
    cut: float | None = None,
    label: str = "",
    unit: str | None = None,
) -> Split:
    """Cut a marker into ordered groups.

    Parameters
    ----------
    frame : one row a patient. column : a numeric column. method : 'cut' (then `cut` is needed), 'median', 'tertiles',
        'quartiles' (linear interpolation, as R's type 7). label, unit : the marker and its unit in words, for the group
        labels; those of the patient table unless given.

    A patient whose value equals a cut is in the upper group. Ties can make a group empty: such a group is dropped; where
    the lowest group would be empty (the median is the minimum), the cut moves up to the next value seen, and
    `note` says so. Quantile cuts depend on the cohort: they are descriptive, not a test to take elsewhere.

    Raises
    ------
    TooFewPatients
        Fewer than two groups can be made: no value, one value only, or all values on one side of the cut.
    UnknownName
        There is no such method, or `cut` is missing or not a number.
    """
    if method not in get_args(Method):
        raise UnknownName(f"there is no split '{method}'; choose one of {', '.join(get_args(Method))}")
    if method == "cut" and (cut is None or not np.isfinite(cut)):
        raise UnknownName("the split 'cut' needs a number to cut at, for example cut = 10")
    require(frame, column)
    words = label or label_of(column)
    series = frame[column]
    if not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        raise UnknownName(f"{words} is not a number, so it cannot be cut; compare its groups as they are")
    values = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = ~np.isnan(values)
    seen = np.unique(values[known])
    if seen.size < 2:
        what = "no patient has a value" if seen.size == 0 else f"every patient has the same value ({seen[0]:g})"
        raise TooFewPatients(f"{words} cannot be split: {what}; choose another marker or cohort")
    wanted = (
        [float(cut)] if method == "cut" and cut is not None else list(np.quantile(values[known], QUANTILES[method]))
    )
    note = ""
    if method != "cut" and wanted[0] <= seen[0]:
        wanted = [max(w, float(seen[1])) for w in wanted]
        share = float((values[known] == seen[0]).mean())
        note = f"{share:.0%} of patients have the lowest value ({seen[0]:g}), so the groups are unequal"
    cuts = sorted(set(wanted))
    codes = np.searchsorted(np.asarray(cuts), values, side="right")
    filled = np.unique(codes[known])
    if filled.size < 2:
        side = "below" if filled[0] == 0 else "at or above"
        raise TooFewPatients(
            f"{words} cannot be cut at {cuts[0]:g}: every patient is {side} it (range {seen[0]:g} to {seen[-1]:g})"
        )
    kept: list[float] = []
    for each in cuts:
        below = seen[(seen >= (kept[-1] if kept else -np.inf)) & (seen < each)]
        if below.size and seen[-1] >= each:
            kept.append(each)
    cuts = kept
    if method != "cut" and len(cuts) < len(QUANTILES[method]):
        fewer = f"ties leave {len(cuts) + 1} of {len(QUANTILES[method]) + 1} groups"
        note = f"{note}; {fewer}" if note else fewer
    codes = np.searchsorted(np.asarray(cuts), values, side="right")
    labels = _labels(words, _unit(column) if unit is None else unit, cuts)
    order = tuple(reversed(labels))
    groups = pl.Series(
        column, [labels[c] if k else None for c, k in zip(codes, known, strict=True)], dtype=pl.Enum(order)
    )
    return Split(
        column=column,
        method=method,
        cuts=tuple(cuts),
        labels=order,
        groups=groups,
        n_missing=int((~known).sum()),
        note=note,
    )


def _unit(column: str) -> str:
    return PATIENT.column(column).unit if column in PATIENT.dtypes else ""


def _labels(words: str, unit: str, cuts: list[float]) -> list[str]:
    """Labels from the lowest group to the highest; as many digits as it takes to tell the cuts apart."""
    digits = 3
    while digits < 12 and len({f"{c:.{digits}g}" for c in cuts}) < len(cuts):
        digits += 1
    text = [f"{c:.{digits}g}" if abs(c) < 10**digits else f"{c:.0f}" for c in cuts]
    tail = "" if not unit else "%" if unit == "%" else f" {unit}"
    inner = [f"{words} {a} to < {b}{tail}" for a, b in pairwise(text)]
    return [f"{words} < {text[0]}{tail}", *inner, f"{words} ≥ {text[-1]}{tail}"]

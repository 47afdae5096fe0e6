"""Survival rows: the usable rows of any table as times, events, entries, groups and strata, with what was left out."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from core.commands.table_file import LINE, columns, flags, is_numeric, is_one_two, labels, listed, numbers, read_table
from core.errors import NotMeasured, UnknownName
from core.survival.endpoint import Bools, Floats, Ints, too_late
from core.survival.ties import merged, merged_intervals

FEW = 5
MOST_CAUSES = 1e9
"""A code of a cause is under this: above, numbers are no longer told apart exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table read for survival analysis; every array has one value a row of the file.

    Attributes
    ----------
    time : float, nearly tied times equal. cause : int, 0 = censored, 1 (or 1, 2, ...) = event, 0 where unusable.
    entry : float, or None without --entry. observed : time, event and entry can be used (and, with a landmark, the
        patient is at risk after it). group, strata : codes, -1 where missing; all 0 without the option. names : labels of
        the groups. covariates : the columns, numbers or words. notes : what was left out, and why.
    landmark : what the landmark left out, or None.
    """

    time: Floats
    cause: Ints
    entry: Floats | None
    observed: Bools
    group: Ints
    names: tuple[str, ...]
    strata: Ints | None
    covariates: pl.DataFrame
    notes: tuple[str, ...] = field(default_factory=tuple)
    landmark: dict[str, object] | None = None

    @property
    def used(self) -> Bools:
        """Rows of the curves and tests: observed, and the group is known."""
        return self.observed & (self.group >= 0)

    @property
    def grouped(self) -> bool:
        """Whether groups were asked for."""
        return self.names != ("all patients",)


def read_rows(args: argparse.Namespace) -> Rows:
    """Read the columns that the options name.

    Raises
    ------
    NotMeasured, UnknownName
        The file or a column is not there; a value is not a number or not an event (line and value are named).
    """
    table = read_table(args.file)
    wanted = {"--time": args.time, "--event": args.event, "--group": args.group, "--entry": args.entry}
    for option, name in wanted.items():
        if name:
            columns(table, [name], option=option)
    columns(table, listed(args.strata), option="--strata")
    columns(table, listed(args.covariates), option="--covariates")
    time = numbers(table, args.time)
    notes: list[str] = []
    event = _causes(table, args.event) if args.endpoint == "competing" else flags(table, args.event)
    if args.endpoint != "competing" and is_one_two(table, args.event):
        notes.append(f"{args.event} is coded 1 and 2: 2 is read as the event, 1 as censored")
    entry = numbers(table, args.entry) if args.entry else None
    names, group = labels(table, args.group) if args.group else (("all patients",), np.zeros(table.height, dtype=np.int64))
    rows = Rows(
        time=time, cause=np.nan_to_num(event, nan=0.0).astype(np.int64), entry=entry, observed=~np.isnan(event), group=group,
        names=names, strata=_combined(table, listed(args.strata)), covariates=_covariates(table, listed(args.covariates)),
    )  # fmt: skip
    rows, left_out = _usable(rows, args)
    rows = _from(rows, args.landmark)
    if int(rows.used.sum()) < FEW:
        left_out.append(f"only {int(rows.used.sum())} usable rows: intervals and p values say little")
    return replace(rows, notes=(*notes, *left_out, *rows.notes))


def _usable(rows: Rows, args: argparse.Namespace) -> tuple[Rows, list[str]]:
    """Leave out rows that no analysis can use, and say how many of each kind; merge nearly tied times."""
    notes: list[str] = []
    missing = ~rows.observed | np.isnan(rows.time)
    if rows.entry is not None:
        missing |= np.isnan(rows.entry)
    observed = ~missing

    def drop(bad: Bools, words: str) -> None:
        nonlocal observed
        count = int((observed & bad).sum())
        if count:
            notes.append(f"{count:,} {'row' if count == 1 else 'rows'} {words}: left out")
        observed = observed & ~bad

    if missing.any():
        what = f"{args.time}, {args.event}" + (f" or {args.entry}" if args.entry else "")
        notes.append(f"{int(missing.sum()):,} {'row' if missing.sum() == 1 else 'rows'} without {what}: left out")
    drop(np.isinf(rows.time), f"with an infinite {args.time}")
    with np.errstate(invalid="ignore"):
        drop(rows.time < 0, f"with a negative {args.time}")
    if rows.entry is not None:
        drop(np.isinf(rows.entry), f"with an infinite {args.entry}")
    if args.group:
        unknown = int((observed & (rows.group < 0)).sum())
        if unknown:
            notes.append(f"{unknown:,} {'row' if unknown == 1 else 'rows'} without {args.group}: not in the curves and tests")
    time = np.where(observed, rows.time, np.nan)
    entry = rows.entry
    if entry is None:
        time = merged(time)
    else:
        with np.errstate(invalid="ignore"):
            forwards = observed & (entry < time)
        entry, time = merged_intervals(np.where(forwards, entry, np.nan), np.where(forwards, time, np.nan))
        with np.errstate(invalid="ignore"):
            backwards = observed & ~(entry < time)
        if backwards.any():
            notes.append(too_late(int(backwards.sum())))
        observed = observed & ~backwards
    given, kept = np.unique(rows.time[observed]).size, np.unique(time[observed]).size
    if 2 * kept < given:
        notes.append(
            f"{given:,} different times lie so close together that they count as {kept:,} (nearly tied times are made equal, "
            f"as in R): give {args.time} in another unit"
        )
    return replace(rows, time=time, entry=entry, observed=observed), notes


def _from(rows: Rows, at: float | None) -> Rows:
    """Start the clock at a landmark."""
    if at is None:
        return rows
    if not (np.isfinite(at) and at >= 0):
        raise UnknownName(f"a landmark is a number from 0 on, not {at:g}")
    with np.errstate(invalid="ignore"):
        after = rows.observed & (rows.time > at)
    before = rows.used & ~after
    events = int((before & (rows.cause > 0)).sum())
    censored = int(before.sum()) - events
    time = merged(np.where(after, rows.time - at, np.nan))
    entry = rows.entry
    if entry is not None:
        entry, time = merged_intervals(np.where(after, np.maximum(entry - at, 0.0), np.nan), time)
    note = f"time is counted from {at:g}: {events:,} with the event and {censored:,} last seen by then are left out"
    return replace(
        rows, time=time, entry=entry, observed=after, notes=(*rows.notes, note),
        landmark={"at": at, "n_left_out": int(before.sum()), "events_before": events, "censored_before": censored},
    )  # fmt: skip


def _causes(table: pl.DataFrame, name: str) -> Floats:
    """A column of causes: 0 = censored, 1, 2, ...; nan where missing."""
    values = numbers(table, name)
    known = ~np.isnan(values)
    odd = known & ((values < 0) | ~(values < MOST_CAUSES) | (np.where(np.isfinite(values), values, 0.5) % 1 != 0))
    if odd.any():
        i = int(np.flatnonzero(odd)[0])
        raise NotMeasured(f"line {table[LINE][i]}: {name} is '{table[name][i]}'; write 0 (censored), 1, 2, ... for the causes")
    return values


def _combined(table: pl.DataFrame, names: tuple[str, ...]) -> Ints | None:
    """Codes of the combinations of columns, -1 where one of them is missing; None without columns."""
    if not names:
        return None
    code, known = np.zeros(table.height, dtype=np.int64), np.ones(table.height, dtype=bool)
    for name in names:
        levels, own = labels(table, name)
        known &= own >= 0
        code = code * (len(levels) + 1) + own
    return np.where(known, code, -1)


def _covariates(table: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Columns as numbers where all their values are, else as words; a missing value is null."""
    parts = []
    for name in names:
        if is_numeric(table, name):
            values = numbers(table, name)
            parts.append(pl.Series(name, values).fill_nan(None))
        else:
            parts.append(table[name])
    return pl.DataFrame(parts)

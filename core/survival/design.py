"""Design: the covariates of a table as the columns of a model, words as indicators against a reference level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.errors import TooFewPatients, UnknownName
from core.survival.endpoint import Bools, Floats, Ints

MOST_LEVELS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a model.

    Attributes
    ----------
    term : covariate and level in one word, as R writes it ("sexmale"). covariate : the column of the table.
    level, reference : of an indicator; None for a number.
    """

    term: str
    covariate: str
    level: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Covariates as numbers.

    Attributes
    ----------
    x : (n, p) float, the rows asked for. columns : (p,). covariates : their names, in order.
    """

    x: Floats
    columns: tuple[Column, ...]
    covariates: tuple[str, ...]

    def of(self, covariate: str) -> Ints:
        """Which columns belong to a covariate."""
        return np.array([j for j, c in enumerate(self.columns) if c.covariate == covariate], dtype=np.int64)


def known_rows(table: pl.DataFrame) -> tuple[Bools, tuple[str, ...]]:
    """Rows in which every covariate has a finite value, and a sentence on each with infinite ones."""
    known = np.ones(table.height, dtype=bool)
    notes = []
    for name in table.columns:
        series = table[name]
        present = series.is_not_null().to_numpy().copy()
        if series.dtype.is_numeric():
            values = series.cast(pl.Float64).fill_null(np.nan).to_numpy()
            endless = int(np.isinf(values).sum())
            if endless:
                notes.append(f"{endless} {'row has' if endless == 1 else 'rows have'} an infinite {name}: left out")
            present &= np.isfinite(values)
        known &= present
    return known, tuple(notes)


def design(table: pl.DataFrame, *, reference: Mapping[str, str] | None = None) -> Design:
    """Columns of a model from a table without missing values.

    Parameters
    ----------
    table : one column a covariate. Numbers are taken as they are; a flag is 1 for true; words become one indicator
        a level but the reference: the first in sorted order (of an Enum, the first of its own order) unless `reference`
        names another. Levels that no row has are dropped.

    Raises
    ------
    UnknownName
        A reference is not a level of its covariate, or names none.
    TooFewPatients
        Words with so many levels that they tell rows apart, not groups.
    """
    wanted = dict(reference or {})
    for name in wanted:
        if name not in table.columns:
            raise UnknownName(f"there is no covariate '{name}'; choose one of {', '.join(table.columns)}")
    blocks: list[Floats] = []
    columns: list[Column] = []
    for name in table.columns:
        series = table[name]
        if series.dtype.is_numeric():
            blocks.append(series.cast(pl.Float64).to_numpy()[:, None])
            columns.append(Column(term=name, covariate=name))
            continue
        if series.dtype == pl.Boolean:
            flag = series.to_numpy().astype(np.float64)
            turned = wanted.get(name, "no").lower() in {"yes", "true"}
            blocks.append((1 - flag if turned else flag)[:, None])
            level, base = ("no", "yes") if turned else ("yes", "no")
            columns.append(
                Column(term=f"{name}{'FALSE' if turned else 'TRUE'}", covariate=name, level=level, reference=base)
            )
            continue
        levels, codes = _levels(series)
        if len(levels) > MOST_LEVELS and len(levels) > table.height / 4:
            raise TooFewPatients(
                f"{name} has {len(levels)} different values in {table.height} rows, so it makes no groups; choose another covariate"
            )
        base = wanted.get(name, levels[0] if levels else "")
        if levels and base not in levels:
            raise UnknownName(f"'{base}' is no level of {name}; choose one of {', '.join(levels)}")
        others = [level for level in levels if level != base] or levels
        blocks += [(codes == levels.index(level)).astype(np.float64)[:, None] for level in others]
        columns += [Column(term=f"{name}{level}", covariate=name, level=level, reference=base) for level in others]
    x = np.concatenate(blocks, axis=1) if blocks else np.zeros((table.height, 0))
    return Design(x=x, columns=tuple(columns), covariates=tuple(table.columns))


def _levels(series: pl.Series) -> tuple[list[str], Ints]:
    words = series.cast(pl.String).to_list()
    order = series.dtype.categories.to_list() if isinstance(series.dtype, pl.Enum) else sorted(set(words))
    present = set(words)
    levels = [level for level in order if level in present]
    index = {level: code for code, level in enumerate(levels)}
    return levels, np.fromiter((index[w] for w in words), dtype=np.int64, count=len(words))

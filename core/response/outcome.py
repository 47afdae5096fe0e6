"""Outcome: the (response, score) pairs of a frame that can be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.groups import require

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Observed response and score of the patients that have both.

    Attributes
    ----------
    response : (n,) bool. score : (n,) float. total : rows of the frame.
    """

    response: Bools
    score: Floats
    total: int

    @property
    def n(self) -> int:
        return int(self.score.size)

    @property
    def n_missing(self) -> int:
        return self.total - self.n


def scored(frame: pl.DataFrame, *, score: str, response: str = "response") -> Scored:
    """Take the usable rows; a null or nan score, or a null response, is left out and counted.

    Raises
    ------
    NotMeasured
        The frame lacks a column.
    """
    require(frame, response, score)
    values = frame[score].cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = ~np.isnan(values) & frame[response].is_not_null().to_numpy()
    observed = frame[response].fill_null(value=False).cast(pl.Boolean).to_numpy()
    return Scored(response=observed[known], score=values[known], total=frame.height)

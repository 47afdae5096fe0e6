"""Outcome: the (response, score) pairs of a frame that can be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured
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
    """Take the usable rows; a null, nan or infinite score, or a null response, is left out and counted.

    Raises
    ------
    NotMeasured
        The frame lacks a column.
    """
    require(frame, response, score)
    values = frame[score].cast(pl.Float64).fill_null(np.nan).to_numpy()
    known = np.isfinite(values) & frame[response].is_not_null().to_numpy()
    observed = frame[response].fill_null(value=False).cast(pl.Boolean).to_numpy()
    return Scored(response=observed[known], score=values[known], total=frame.height)


def usable(score: npt.ArrayLike, response: npt.ArrayLike) -> tuple[Floats, Bools, int]:
    """(score, response, left out) of the patients who have both.

    Parameters
    ----------
    score : (n,) float; nan or infinite = missing. response : (n,) bool, or float with nan = not evaluable.

    Raises
    ------
    NotMeasured
        The lengths differ, or a response is neither 0 nor 1.
    """
    values, observed = np.asarray(score, dtype=np.float64), np.asarray(response, dtype=np.float64)
    if values.shape != observed.shape or values.ndim != 1:
        raise NotMeasured(f"there are {values.size} scores for {observed.size} responses; give one of each a patient")
    known = np.isfinite(values) & ~np.isnan(observed)
    observed = observed[known]
    if not np.isin(observed, (0.0, 1.0)).all():
        raise NotMeasured("a response must be 0 or 1 (or unknown); recode the column")
    return values[known], observed > 0.5, int((~known).sum())


def probabilities(
    probability: npt.ArrayLike, response: npt.ArrayLike, *, purpose: str, name: str = "this score"
) -> tuple[Floats, Bools, int]:
    """As `usable`, for values that must be probabilities. purpose : what they are for ("calibration").

    Raises
    ------
    NotMeasured
        A value lies outside 0 to 1, or all are 0 or 1.
    """
    values, observed, missing = usable(probability, response)
    within(values, purpose=purpose, name=name)
    if values.size > 1 and set(np.unique(values)) == {0.0, 1.0}:
        raise NotMeasured(
            f"{name} holds only 0 and 1: it is a call, not a probability, so {purpose} has no meaning; "
            "choose a predictor that gives probabilities"
        )
    return values, observed, missing


def within(values: Floats, *, purpose: str, name: str = "this score") -> None:
    """Check that finite values are probabilities.

    Raises
    ------
    NotMeasured
        A value lies outside 0 to 1.
    """
    if values.size == 0:
        return
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise NotMeasured(
            f"{name} runs from {low:.3g} to {high:.3g}: it is a score, not a probability, so {purpose} has no "
            "meaning; choose a predictor that gives probabilities"
        )

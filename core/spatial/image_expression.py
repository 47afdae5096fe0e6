"""Image to expression: whether a picture of tissue says what is expressed there, on a patient whom the model has not seen.

Ridge regression from features of the tile around a spot to each gene and cell type. Features and targets are standardised
within each section (without labels of the section that is judged), so that the stain of a slide and the depth of its
sequencing cannot pass for biology. The penalty is chosen on the training patients alone, each left out in turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import NotMeasured
from core.spatial import blocks

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TILE_UM, TILE_PX = 155.0, 112
"""Side of a tile and the pixels that it is read at: a spot of 100 µm with a rim; the same for every section."""
PENALTIES = tuple(10.0**power for power in range(7))
"""Tried on the training patients; a penalty is per spot of them."""
NEAREST_SHIFT = 3
"""Spots that the predictions are moved at least: nearer ones are still alike."""
LEAST_OVERLAP = 1 / 3
SHUFFLES = 200
RESAMPLES, BLOCK = 500, 5
"""Resamples behind an interval, of squares of so many spots a side."""
FEWEST_SPOTS, FEWEST_SHIFTS = 50, 19


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotPictures:
    """Spots of one section with a picture; n spots, t targets.

    Attributes
    ----------
    section, patient : ids. grid : (n, 2) int, place on the array. features : (n, d). targets : (n, t).
    """

    section: str
    patient: str
    grid: Ints
    features: Floats
    targets: Floats
    groups: tuple[int, ...] = ()


class Correlations(NamedTuple):
    """Rows of table image_expression, and of image_expression_median over them."""

    targets: pl.DataFrame
    medians: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A left-out section; t targets.

    Attributes
    ----------
    section, patient : left out. n : spots. penalties : chosen, one a group. predicted : (n, t). pearson, spearman : (t,), nan where a target does
        not vary. shifted, shuffled : (times, t) spearman of predictions moved across the section, or dealt out anew. resampled : the same with
        spots resampled in blocks; the draws depend on the section and the seed alone, so that two kinds of features have the same ones.
    """

    section: str
    patient: str
    n: int
    penalties: tuple[float, ...]
    predicted: Floats
    pearson: Floats
    spearman: Floats
    shifted: Floats
    shuffled: Floats
    resampled: Floats

    @property
    def p_values(self) -> Floats:
        """One-sided p of each target against the shifts: (t,)."""
        return _share(self.spearman, self.shifted)

    def median(self, chosen: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
        """Median rho over some targets, the 95th percentile of that median over the shifts, and its p.

        The shifts move all targets together, so the dependence between genes is kept.
        """
        own = float(np.nanmedian(self.spearman[chosen]))
        null = np.nanmedian(self.shifted[:, chosen], axis=1)
        return own, float(np.quantile(null, 0.95)), float((1 + (null >= own).sum()) / (1 + null.size))

    def interval(self, chosen: npt.NDArray[np.bool_]) -> tuple[float, float]:
        """95% interval of the median rho over some targets: spots of the section resampled in blocks; the trained model is held."""
        return _interval(np.nanmedian(self.resampled[:, chosen], axis=1))

    def beyond(self, other: Judged, chosen: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
        """The median rho over some targets less that of other features on the same section, with its 95% interval; paired draws.

        Raises
        ------
        NotMeasured
            The other was judged on another section or other spots.
        """
        if (other.section, other.n) != (self.section, self.n):
            raise NotMeasured(f"section {self.section} ({self.n} spots) cannot be compared with {other.section} ({other.n} spots); judge both on the same spots")
        own = float(np.nanmedian(self.spearman[chosen]) - np.nanmedian(other.spearman[chosen]))
        return own, *_interval(np.nanmedian(self.resampled[:, chosen], axis=1) - np.nanmedian(other.resampled[:, chosen], axis=1))


def judge(sections: Sequence[SpotPictures], *, left_out: str, seed: int = 0) -> Judged:
    """Train on the other patients, predict the sections of one, correlate.

    Parameters
    ----------
    sections : of at least two patients; one section of the patient who is left out. left_out : patient. seed : of the shuffles.

    Estimand: rank correlation over the spots of a new patient's section between what is predicted from the picture and what is
    measured. Null hypothesis of the p values: where in the section a prediction was made does not matter; predictions are moved
    across the array by at least 3 spots, which keeps how smooth both are (Upton and Fingleton 1985, the torus shift without its torus).

    Raises
    ------
    NotMeasured
        Fewer than two other patients, no section of the one left out, or too few spots.
    """
    own = [one for one in sections if one.patient == left_out]
    others = [one for one in sections if one.patient != left_out]
    if len(own) != 1 or len({one.patient for one in others}) < 2:
        raise NotMeasured(f"{len(own)} sections of {left_out} and {len(others)} of others have pictures; one and those of at least two other patients are needed")
    test = own[0]
    if len(test.features) < FEWEST_SPOTS:
        raise NotMeasured(f"section {test.section} has {len(test.features)} spots with a picture and {FEWEST_SPOTS} are needed")
    penalties = chosen_penalties(others)
    by_penalty = _predict(others, test, tuple(penalties))
    predicted = np.hstack([by_penalty[place][:, columns] for place, columns in enumerate(_columns(test))])
    truth, guess = ranks(test.targets), ranks(predicted)
    pairs = shifts(test.grid)
    if len(pairs) < FEWEST_SHIFTS:
        raise NotMeasured(f"section {test.section} is too small to move predictions across it: {len(pairs)} shifts leave a third of its spots, {FEWEST_SHIFTS} are needed")
    rng = np.random.default_rng(seed)
    return Judged(
        section=test.section,
        patient=left_out,
        n=len(test.features),
        penalties=penalties,
        predicted=predicted,
        pearson=correlation(predicted, test.targets),
        spearman=correlation(guess, truth),
        shifted=np.stack([correlation(guess[a], truth[b]) for a, b in pairs]),
        shuffled=np.stack([correlation(guess[rng.permutation(len(guess))], truth) for _ in range(SHUFFLES)]),
        resampled=blocks.correlations(guess, truth, weights=blocks.drawn(test.grid, side=BLOCK, times=RESAMPLES, seed=seed)),
    )


def chosen_penalties(sections: Sequence[SpotPictures]) -> tuple[float, ...]:
    """For each group of targets the penalty with the best mean correlation when each training patient is left out in turn; the larger of equals."""
    columns = _columns(sections[0])
    totals = np.zeros((len(columns), len(PENALTIES)))
    for one in sections:
        others = [other for other in sections if other.patient != one.patient]
        for place, predicted in enumerate(_predict(others, one, PENALTIES)):
            found = np.nan_to_num(correlation(predicted, one.targets))
            totals[:, place] += [float(found[chosen].mean()) for chosen in columns]
    return tuple(PENALTIES[len(PENALTIES) - 1 - int(np.argmax(row[::-1]))] for row in totals)


def _columns(section: SpotPictures) -> list[slice]:
    ends = np.cumsum(section.groups or (section.targets.shape[1],)).tolist()
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _predict(training: Sequence[SpotPictures], test: SpotPictures, penalties: Sequence[float]) -> list[Floats]:
    """Ridge predictions for every penalty: [(n, t)]."""
    x = np.concatenate([standardised(one.features) for one in training])
    y = np.concatenate([standardised(one.targets) for one in training])
    left, singular, right = np.linalg.svd(x, full_matrices=False)
    seen, turned = standardised(test.features) @ right.T, left.T @ y
    return [seen @ ((singular / (singular**2 + penalty * len(x) / 100))[:, None] * turned) for penalty in penalties]


def standardised(values: Floats) -> Floats:
    """Columns with mean 0 and standard deviation 1; a constant one is 0."""
    spread = values.std(axis=0)
    return np.asarray(np.where(spread > 1e-12, (values - values.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0), 0.0))


def ranks(values: Floats) -> Floats:
    """Mean ranks of each column."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=0), dtype=np.float64)


def correlation(one: Floats, two: Floats) -> Floats:
    """Pearson correlation of each column with its partner: (t,); nan where either does not vary."""
    a, b = one - one.mean(axis=0), two - two.mean(axis=0)
    scale = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(scale > 1e-12, (a * b).sum(axis=0) / scale, np.nan))


def shifts(grid: Ints) -> list[tuple[Ints, Ints]]:
    """Ways to move a section across itself: spots that meet, by at least 3 places in a direction and with a third of all overlapping.

    Parameters
    ----------
    grid : (n, 2) int, places on the array, each once.
    """
    place = grid - grid.min(axis=0)
    width, height = (int(side) for side in place.max(axis=0) + 1)
    board = np.full((width, height), -1, dtype=np.int64)
    board[place[:, 0], place[:, 1]] = np.arange(len(place))
    found = []
    for dx in range(-width + 1, width):
        for dy in range(-height + 1, height):
            if max(abs(dx), abs(dy)) < NEAREST_SHIFT:
                continue
            moved = place + np.array([dx, dy])
            inside = ((moved >= 0) & (moved < (width, height))).all(axis=1)
            if inside.sum() < LEAST_OVERLAP * len(place):
                continue
            met = np.full(len(place), -1, dtype=np.int64)
            met[inside] = board[moved[inside, 0], moved[inside, 1]]
            both = np.flatnonzero(met >= 0)
            if both.size >= LEAST_OVERLAP * len(place):
                found.append((both, met[both]))
    return found


def _interval(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, [2.5, 97.5]) if known.size else (np.nan, np.nan)
    return float(low), float(high)


def _share(observed: Floats, null: Floats) -> Floats:
    known = np.isfinite(null)
    above = (np.where(known, null, -np.inf) >= observed).sum(axis=0)
    return np.asarray(np.where(np.isfinite(observed), (1 + above) / (1 + known.sum(axis=0)), np.nan))

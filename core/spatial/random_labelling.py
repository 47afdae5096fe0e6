"""Random labelling: the cells stay where they are and their types are dealt out anew within each field.

Under it two types mix as all cells do, so that what is left over is not the shape of the tissue: cells that were not
published (stroma) leave holes that make any two types look attracted to each other when they are held against an even
scatter. Expectations are exact; p values and envelopes come from permutations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import NotMeasured
from core.spatial.point_patterns import (
    Field,
    Floats,
    Ints,
    Pairs,
    censored_share,
    l_function,
    near_pairs,
    nearest_g,
    to_border,
    within,
)

PERMUTATIONS = 199
LEVEL = 0.05
AT_ONCE = 400_000
FEWEST = 10
"""Cells of each type that a patient's fields must hold together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A function of distance beside its null.

    Attributes
    ----------
    radii : (r,) µm. observed, expected : (r,), expected under random labelling. low, high : (r,) global envelope: a curve that
        leaves it anywhere is one of 5%. p_value : of the global envelope test, two-sided. permutations : dealt. first, second : cells.
    """

    radii: Floats
    observed: Floats
    expected: Floats
    low: Floats
    high: Floats
    p_value: float
    permutations: int
    first: int
    second: int


class PairSums:
    """Translation-corrected pair counts of every two types of a patient's fields, and the same under random labelling.

    Parameters
    ----------
    fields : of one patient. types : number of types. radii : (r,) µm, rising.
    """

    def __init__(self, fields: Sequence[Field], types: int, *, radii: Floats) -> None:
        self.fields, self.types, self.radii = list(fields), types, radii
        self._pairs = [near_pairs(field, float(radii[-1])) for field in self.fields]
        self._bin = [np.searchsorted(radii, pairs.distance, side="left") for pairs in self._pairs]
        first, second = np.triu_indices(types)
        self._code = np.empty((types, types), dtype=np.int64)
        self._code[first, second] = self._code[second, first] = np.arange(first.size)
        self.pairs_of_types = list(zip(first.tolist(), second.tolist(), strict=True))
        self._denominator = np.zeros(first.size)
        self._expected = np.zeros((first.size, len(radii)))
        for field, pairs in zip(self.fields, self._pairs, strict=True):
            n = np.bincount(field.kind, minlength=types).astype(np.float64)
            times = n[first] * (n[second] - (first == second))
            self._denominator += times / field.area
            cells = field.kind.size
            if cells > 1:
                self._expected += np.outer(times, 2 * within(pairs.distance, pairs.weight, radii) / (cells * (cells - 1)))
        self._double = np.where(first == second, 2.0, 1.0)

    def place(self, one: int, two: int) -> int:
        """Where a pair of types stands in `pairs_of_types`."""
        return int(self._code[one, two])

    def observed(self) -> Floats:
        """K of every pair of types: (pairs, r) µm²; nan where a type is absent."""
        return self._k(self._sums([field.kind[None] for field in self.fields])[0])

    def expected(self) -> Floats:
        """Mean of K over all relabellings, exact: (pairs, r) µm²."""
        return self._ratio(self._expected)

    def permuted(self, times: int, *, seed: int) -> Floats:
        """K of every pair under random labelling: (times, pairs, r) µm²."""
        return self._k(self._sums(shuffled(self.fields, times, seed=seed)))

    def _k(self, sums: Floats) -> Floats:
        return self._ratio(sums * self._double[:, None])

    def _ratio(self, sums: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(self._denominator[:, None] > 0, sums / self._denominator[:, None], np.nan))

    def _sums(self, labels: Sequence[Ints]) -> Floats:
        """(times, pairs, r). Rows of `labels` are gathered as bytes, all relabellings of a cell beside each other."""
        bins, codes = len(self.radii), self._denominator.size
        times = labels[0].shape[0] if labels else 1
        total = np.zeros((codes * bins, times))
        table = self._code.ravel() * (bins * times)
        for pairs, place, dealt in zip(self._pairs, self._bin, labels, strict=True):
            by_cell = np.ascontiguousarray(dealt.T.astype(np.uint8))
            for start, stop in _parts(pairs.first.size, times):
                code = by_cell[pairs.first[start:stop]] * np.uint8(self.types)
                code += by_cell[pairs.second[start:stop]]
                index = table[code]
                index += place[start:stop, None] * times + np.arange(times)
                weight = np.repeat(pairs.weight[start:stop], times)
                total += np.bincount(index.ravel(), weights=weight, minlength=total.size).reshape(total.shape)
        return np.asarray(np.cumsum(total.T.reshape(times, codes, bins), axis=2))


def shuffled(fields: Sequence[Field], times: int, *, seed: int) -> list[Ints]:
    """Types dealt out anew within each field: a (times, n) array a field."""
    rng = np.random.default_rng(seed)
    return [rng.permuted(np.broadcast_to(field.kind, (times, field.kind.size)), axis=1) for field in fields]


def cross_l(fields: Sequence[Field], types: tuple[int, int], radii: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> Curve:
    """Cross-L of two types with its envelope under random labelling, pooled over fields.

    Null hypothesis: given where the cells of each field lie, their types are dealt at random. L and its envelope are in µm.

    Raises
    ------
    NotMeasured
        Fewer than 10 cells of a type.
    """
    first, second = _enough(fields, types)
    sums = PairSums(fields, int(max(field.kind.max(initial=0) for field in fields)) + 1, radii=radii)
    at = sums.place(*types)
    observed, expected = l_function(sums.observed()[at]), l_function(sums.expected()[at])
    dealt = l_function(sums.permuted(permutations, seed=seed)[:, at])
    return _curve(radii, (observed, expected, dealt), cells=(first, second))


def nearest(fields: Sequence[Field], types: tuple[int, int], radii: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> Curve:
    """Nearest-neighbour G (Kaplan-Meier) of two types with its envelope under random labelling, pooled over fields.

    The expected curve is the mean of the permutations; null hypothesis as for `cross_l`.

    Raises
    ------
    NotMeasured
        Fewer than 10 cells of a type.
    """
    first, second = _enough(fields, types)
    observed = nearest_g(fields, types, radii)
    dealt = np.empty((permutations, len(radii)))
    reach: list[list[Floats]] = [[] for _ in range(permutations)]
    edge: list[list[Floats]] = [[] for _ in range(permutations)]
    for field, labels in zip(fields, shuffled(fields, permutations, seed=seed), strict=True):
        border, neighbours = to_border(field), _neighbours(near_pairs(field, float(radii[-1])), field.x.size)
        for number in range(permutations):
            origin = np.flatnonzero(labels[number] == types[0])
            reach[number].append(_first_of(neighbours, labels[number] == types[1], origin))
            edge[number].append(border[origin])
    for number in range(permutations):
        dealt[number] = censored_share(np.concatenate(reach[number]), np.concatenate(edge[number]), radii)
    return _curve(radii, (observed, dealt.mean(axis=0), dealt), cells=(first, second))


def beyond_chance(fields: Sequence[Field], types: tuple[int, int], radius: float) -> tuple[float, float]:
    """Share of cells of the first type with one of the second (another type) within a radius, and its exact mean under random labelling.

    Border method: only cells at least a radius from the edge are judged. A cell with k neighbours among n - 1 others, of which m
    are of the second type, has one of them with probability 1 - C(n-1-k, m) / C(n-1, m). nan where no cell can be judged.
    """
    from scipy.special import gammaln

    met, judged, chance, weight = 0.0, 0.0, 0.0, 0.0
    for field in fields:
        pairs = near_pairs(field, radius)
        inside = to_border(field) >= radius
        n, m = field.kind.size, int((field.kind == types[1]).sum())
        origin = inside & (field.kind == types[0])
        if not origin.any():
            continue
        k = np.bincount(pairs.first, minlength=n) + np.bincount(pairs.second, minlength=n)
        of_second = field.kind == types[1]
        near = np.bincount(pairs.first, weights=of_second[pairs.second], minlength=n) + np.bincount(pairs.second, weights=of_second[pairs.first], minlength=n)
        left = np.maximum(n - 1 - k[inside], 0)
        none = gammaln(left + 1) - gammaln(np.maximum(left - m, 0) + 1) - gammaln(n) + gammaln(max(n - 1 - m, 0) + 1)
        expected = 1 - np.where(left >= m, np.exp(none), 0.0)
        met += float((near[origin] > 0).sum())
        judged += float(origin.sum())
        chance += float(origin.sum()) * float(expected.mean())
        weight += float(origin.sum())
    return (met / judged, chance / weight) if judged else (float("nan"), float("nan"))


def envelope(curves: tuple[Floats, Floats, Floats], *, level: float = LEVEL) -> tuple[Floats, Floats, float]:
    """Global envelope test: low and high (r,), and p.

    Parameters
    ----------
    curves : observed (r,), expected (r,), dealt (times, r): the data's, its mean under the null, those of the permutations.

    The largest distance of a curve from the mean, in standard deviations at that distance (taken over the data's curve and the
    permutations alike, so that the test is exact where the mean is known, and all but exact where it is the permutations' own), is
    ranked among those of the permutations. Under the null a curve leaves the envelope anywhere with probability `level`; it does
    exactly where p <= level. Least p: 1 / (times + 1). Studentised maximum absolute deviation, Myllymaki 2017, doi
    10.1111/rssb.12172.
    """
    observed, expected, dealt = curves
    spread = np.vstack([observed, dealt]).std(axis=0)
    scale = np.where(spread > 0, spread, np.inf)
    own = float(np.abs((observed - expected) / scale).max())
    worst = np.sort(np.abs((dealt - expected) / scale).max(axis=1))[::-1]
    reach = worst[max(int(level * (worst.size + 1)) - 1, 0)] * spread
    return expected - reach, expected + reach, float((1 + (worst >= own * (1 - 1e-12)).sum()) / (1 + worst.size))


def _curve(radii: Floats, curves: tuple[Floats, Floats, Floats], *, cells: tuple[int, int]) -> Curve:
    observed, expected, dealt = curves
    low, high, p_value = envelope(curves)
    return Curve(
        radii=radii, observed=observed, expected=expected, low=np.maximum(low, 0.0), high=high, p_value=p_value,
        permutations=dealt.shape[0], first=cells[0], second=cells[1],
    )  # fmt: skip


def _enough(fields: Sequence[Field], types: tuple[int, int]) -> tuple[int, int]:
    """Cells of either type.

    Raises
    ------
    NotMeasured
        Fewer than 10.
    """
    first, second = (sum(int((field.kind == one).sum()) for field in fields) for one in types)
    if min(first, second) < FEWEST:
        raise NotMeasured(f"there are {first} and {second} cells of these types here and {FEWEST} of each are needed; choose other types, or all fields of a patient")
    return first, second


def _parts(times: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(1, AT_ONCE // max(width, 1))
    return ((start, min(start + step, times)) for start in range(0, times, step))


def _neighbours(pairs: Pairs, n: int) -> tuple[Ints, Ints, Floats]:
    """Where each cell's neighbours start, which they are and how far, nearest first."""
    one, two = np.concatenate([pairs.first, pairs.second]), np.concatenate([pairs.second, pairs.first])
    far = np.concatenate([pairs.distance, pairs.distance])
    order = np.lexsort((far, one))
    starts = np.concatenate(([0], np.cumsum(np.bincount(one, minlength=n))))
    return starts, two[order], far[order]


def _first_of(neighbours: tuple[Ints, Ints, Floats], wanted: npt.NDArray[np.bool_], origin: Ints) -> Floats:
    """Distance of each cell of `origin` to its first neighbour that is wanted; infinite where none is near."""
    starts, other, far = neighbours
    hits = np.flatnonzero(wanted[other])
    place = np.searchsorted(hits, starts[origin], side="left")
    found = hits[np.minimum(place, max(hits.size - 1, 0))] if hits.size else np.zeros(origin.size, dtype=np.int64)
    inside = (place < hits.size) & (found < starts[origin + 1]) if hits.size else np.zeros(origin.size, dtype=bool)
    return np.where(inside, far[np.minimum(found, max(far.size - 1, 0))] if far.size else np.inf, np.inf)

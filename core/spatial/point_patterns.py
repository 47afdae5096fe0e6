"""Point patterns: how densely cells of a type lie in a field, and how near they lie to those of another.

A patient's fields are pooled by adding numerators and denominators, so that a field counts by its cells and its area.
Edges: translation correction for K (Ohser and Stoyan 1981, doi 10.1002/bimj.4710230602), Kaplan-Meier for G (Baddeley and Gill
1997, doi 10.1214/aos/1034276629), the border method for the share within one distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import NotMeasured

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Window = tuple[float, float, float, float]
MM2 = 1e6
"""µm² in a mm²."""
COMMON = 0.95
"""Share of the study's frame that the median field fills where all fields are pictures of one frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Cells of one rectangular field.

    Attributes
    ----------
    x, y : (n,) µm. kind : (n,) int, place of the cell's type in a list of types. window : left, right, top, bottom, µm.
    """

    x: Floats
    y: Floats
    kind: Ints
    window: Window

    @property
    def sides(self) -> tuple[float, float]:
        """Width and height, µm."""
        left, right, top, bottom = self.window
        return right - left, bottom - top

    @property
    def area(self) -> float:
        """µm²."""
        width, height = self.sides
        return width * height


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of cells of a field, each once, that lie within a distance of each other.

    Attributes
    ----------
    first, second : (m,) places of the two cells. distance : (m,) µm. weight : (m,) translation correction, at least 1.
    """

    first: Ints
    second: Ints
    distance: Floats
    weight: Floats


def windows(boxes: Sequence[Window]) -> list[Window]:
    """The rectangle of each field, from the boxes around its cells.

    Fields that are pictures of one camera frame (the median box fills it) share the frame, so that a field with few cells
    keeps its empty part; others keep their own box.
    """
    if not boxes:
        return []
    values = np.asarray(boxes, dtype=np.float64)
    frame = (float(values[:, 0].min()), float(values[:, 1].max()), float(values[:, 2].min()), float(values[:, 3].max()))
    width, height = np.median(values[:, 1] - values[:, 0]), np.median(values[:, 3] - values[:, 2])
    common = width >= COMMON * (frame[1] - frame[0]) and height >= COMMON * (frame[3] - frame[2])
    return [frame if common else (float(a), float(b), float(c), float(d)) for a, b, c, d in values]


def near_pairs(field: Field, most: float) -> Pairs:
    """Pairs of cells within `most` µm with their translation correction: area / overlap of the window with itself moved by the pair.

    Raises
    ------
    NotMeasured
        The distance is not smaller than half the field's shorter side, where no correction is trustworthy.
    """
    from scipy.spatial import cKDTree

    width, height = field.sides
    if not 0 < most < min(width, height) / 2:
        raise NotMeasured(f"distances up to {most:g} µm cannot be judged in a field of {width:.0f} x {height:.0f} µm; choose less than half its shorter side")
    if field.x.size < 2:
        nothing = np.empty(0, dtype=np.int64)
        return Pairs(first=nothing, second=nothing, distance=np.empty(0), weight=np.empty(0))
    found = cKDTree(np.column_stack([field.x, field.y])).query_pairs(most, output_type="ndarray").astype(np.int64)
    found = found[np.lexsort((found[:, 1], found[:, 0]))]
    first, second = found[:, 0], found[:, 1]
    dx, dy = np.abs(field.x[first] - field.x[second]), np.abs(field.y[first] - field.y[second])
    return Pairs(first=first, second=second, distance=np.hypot(dx, dy), weight=field.area / ((width - dx) * (height - dy)))


def densities(fields: Sequence[Field], types: int) -> Floats:
    """Cells of each type a mm² over all fields: (types,)."""
    area = sum(field.area for field in fields)
    return counts(fields, types).sum(axis=0) / area * MM2 if area else np.full(types, np.nan)


def counts(fields: Sequence[Field], types: int) -> Ints:
    """Cells of each type in each field: (fields, types)."""
    return np.asarray([np.bincount(field.kind, minlength=types)[:types] for field in fields], dtype=np.int64).reshape(len(fields), types)


def cross_k(fields: Sequence[Field], types: tuple[int, int], radii: Floats) -> Floats:
    """Ripley's cross-K of two types, pooled over fields, translation-corrected: (radii,) µm².

    Estimand: the mean number of cells of the second type within r of a cell of the first, over their density. pi r^2 where the
    two lie independently of each other and evenly. Equals R spatstat.explore::Kcross(correction = "translate"), over several
    fields pool(). Ripley 1976, doi 10.2307/3212829.

    Raises
    ------
    NotMeasured
        A type has no cell, or the largest radius is too large for a field.
    """
    a, b = types
    above, below = np.zeros(len(radii)), 0.0
    for field in fields:
        pairs = near_pairs(field, float(radii[-1]))
        one, two = field.kind[pairs.first], field.kind[pairs.second]
        times = ((one == a) & (two == b)).astype(np.float64) + ((one == b) & (two == a))
        above += within(pairs.distance, times * pairs.weight, radii)
        n_a, n_b = int((field.kind == a).sum()), int((field.kind == b).sum())
        below += n_a * (n_b - (a == b)) / field.area
    if below <= 0:
        raise NotMeasured("there are no two cells of these types in a field; choose types that occur together")
    return above / below


def within(distance: Floats, weight: Floats, radii: Floats) -> Floats:
    """Weights summed up to each radius: (radii,)."""
    place = np.searchsorted(radii, distance, side="left")
    return np.cumsum(np.bincount(place, weights=weight, minlength=len(radii) + 1)[: len(radii)])


def l_function(k: Floats) -> Floats:
    """L = sqrt(K / pi), µm: r where there is neither attraction nor repulsion (Besag 1977)."""
    return np.sqrt(np.maximum(k, 0.0) / np.pi)


def to_border(field: Field) -> Floats:
    """Distance of each cell to the edge of the field: (n,) µm."""
    left, right, top, bottom = field.window
    nearest: Floats = np.minimum.reduce([field.x - left, right - field.x, field.y - top, bottom - field.y])
    return nearest


def to_nearest(field: Field, types: tuple[int, int]) -> Floats:
    """Distance of each cell of the first type to the nearest other cell of the second: (cells,) µm, infinite where there is none."""
    from scipy.spatial import cKDTree

    one, two = np.flatnonzero(field.kind == types[0]), np.flatnonzero(field.kind == types[1])
    same = int(types[0] == types[1])
    if not one.size or two.size <= same:
        return np.full(one.size, np.inf)
    places = np.column_stack([field.x, field.y])
    found = cKDTree(places[two]).query(places[one], k=1 + same)[0]
    return np.asarray(found[:, -1] if same else found, dtype=np.float64)


def nearest_g(fields: Sequence[Field], types: tuple[int, int], radii: Floats) -> Floats:
    """Nearest-neighbour G of two types, pooled over fields, by the Kaplan-Meier estimate: (radii,).

    Estimand: the share of cells of the first type that have one of the second within r; a cell nearer to the edge than to such
    a neighbour is censored there. Equals R spatstat.explore::Gcross(correction = "km") in the limit of fine breaks.

    Raises
    ------
    NotMeasured
        There is no cell of the first type.
    """
    reach, edge = [], []
    for field in fields:
        reach.append(to_nearest(field, types))
        edge.append(to_border(field)[field.kind == types[0]])
    return censored_share(np.concatenate(reach), np.concatenate(edge), radii)


def censored_share(reach: Floats, edge: Floats, radii: Floats) -> Floats:
    """1 - Kaplan-Meier of distances `reach` that are censored at `edge`, at each radius.

    Raises
    ------
    NotMeasured
        There is no cell.
    """
    if not reach.size:
        raise NotMeasured("there is no cell of the first type; choose another type")
    seen = np.minimum(reach, edge)
    order = np.sort(seen)
    events = np.sort(reach[reach <= edge])
    at, deaths = np.unique(events, return_counts=True)
    at_risk = seen.size - np.searchsorted(order, at, side="left")
    with np.errstate(divide="ignore"):
        survival = np.concatenate(([1.0], np.exp(np.cumsum(np.log1p(-deaths / np.maximum(at_risk, 1))))))
    return np.asarray(1 - survival[np.searchsorted(at, radii, side="right")], dtype=np.float64)

"""Stain: bring the colours of one slide near those of another, or vary them, so that a model does not learn the laboratory.

Macenko 2009 (doi 10.1109/ISBI.2009.5193250) splits colour into haematoxylin and eosin; Reinhard 2001 (doi 10.1109/38.946629)
moves means and spreads in lαβ; the variation follows Tellez 2019 (doi 10.1016/j.media.2019.101544). Stains are estimated
once a slide, never once a tile: a tile without nuclei would be dyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.errors import SlideError

Floats = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]
Method = Literal["none", "macenko", "reinhard"]

WHITE = 240.0
LEAST_DENSITY = 0.15
ANGLE_PERCENT, PEAK_PERCENT = 1.0, 99.0
LEAST_PIXELS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Stains:
    """Two stains of a slide.

    Attributes
    ----------
    vectors : (2, 3) optical density of haematoxylin and eosin in red, green and blue, unit length. peak : (2,) how dense each gets.
    """

    vectors: Floats
    peak: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """Mean and spread of a slide's tissue in lαβ, (3,) each."""

    mean: Floats
    spread: Floats


TARGET = Stains(
    vectors=np.asarray([[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]]), peak=np.asarray([1.9705, 1.0308])
)
"""The reference values of a widely used implementation of Macenko's method (M. Veta 2013, normalizeStaining.m), not of the paper; so are
240, 0.15 and 1% above."""

_LMS = np.asarray([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
_LAB = np.diag([1 / np.sqrt(3), 1 / np.sqrt(6), 1 / np.sqrt(2)]) @ np.asarray([[1.0, 1, 1], [1, 1, -2], [1, -1, 0]])
_TO_LMS, _TO_RGB = np.linalg.inv(_LAB), np.linalg.inv(_LMS)


def density(pixels: npt.NDArray[np.integer] | Floats) -> Floats:
    """Optical density of colours from 0 to 255; 0 = as bright as glass."""
    found: Floats = -np.log((np.asarray(pixels, dtype=np.float64) + 1.0) / WHITE)
    return found


def colours_of(absorbed: Floats) -> Picture:
    """Colours of optical densities."""
    return np.clip(np.round(WHITE * np.exp(-absorbed) - 1.0), 0, 255).astype(np.uint8)


def stains(pixels: Picture) -> Stains:
    """Haematoxylin and eosin of a slide, by Macenko's method.

    Parameters
    ----------
    pixels : (m, 3) uint8 colours of tissue.

    Raises
    ------
    SlideError
        Too few stained pixels, or only one stain.
    """
    absorbed = density(pixels)
    absorbed = absorbed[absorbed.mean(axis=1) > LEAST_DENSITY]  # of all colours: eosin alone takes hardly any red away
    if len(absorbed) < LEAST_PIXELS:
        raise SlideError(f"only {len(absorbed)} pixels are stained; colours cannot be normalised: choose stain = none")
    _, axes = np.linalg.eigh(np.cov(absorbed.T))
    plane = axes[:, [2, 1]]
    plane = plane * np.where(plane[0] < 0, -1.0, 1.0)
    seen = absorbed @ plane
    angle = np.arctan2(seen[:, 1], seen[:, 0])
    low, high = np.percentile(angle, [ANGLE_PERCENT, 100 - ANGLE_PERCENT])
    if high - low < 1e-3:
        raise SlideError("the slide shows one stain only; colours cannot be normalised: choose stain = none")
    ends = np.asarray([[np.cos(a), np.sin(a)] for a in (low, high)]) @ plane.T
    ends = ends[np.argsort(-ends[:, 0])]  # haematoxylin takes away more red than eosin
    ends = np.abs(ends) / np.linalg.norm(ends, axis=1, keepdims=True)
    peak = np.percentile(absorbed @ np.linalg.pinv(ends), PEAK_PERCENT, axis=0)
    return Stains(vectors=ends, peak=np.maximum(peak, 1e-3))


def macenko(tiles: Picture, own: Stains, *, target: Stains = TARGET) -> Picture:
    """Tiles (..., 3) of a slide with the stains `own` in the stains of `target`."""
    amounts = density(tiles) @ np.linalg.pinv(own.vectors)
    return colours_of((amounts * (target.peak / own.peak)) @ target.vectors)


def lab(pixels: Picture) -> Floats:
    """Colours in Ruderman's lαβ, (..., 3)."""
    found: Floats = np.log10(np.maximum(np.asarray(pixels, dtype=np.float64) / 255 @ _LMS.T, 1e-3)) @ _LAB.T
    return found


def colours(pixels: Picture) -> Colours:
    """Mean and spread of tissue pixels (m, 3).

    Raises
    ------
    SlideError
        Too few pixels.
    """
    if len(pixels) < LEAST_PIXELS:
        raise SlideError(f"only {len(pixels)} pixels are tissue; colours cannot be normalised: choose stain = none")
    found = lab(pixels)
    return Colours(mean=found.mean(axis=0), spread=np.maximum(found.std(axis=0), 1e-4))


def reinhard(tiles: Picture, own: Colours, *, target: Colours) -> Picture:
    """Tiles (..., 3) of a slide with the colours `own` moved to those of `target`; glass stays as it is."""
    moved = (lab(tiles) - own.mean) / own.spread * target.spread + target.mean
    made = np.clip(np.round(255 * (10 ** (moved @ _TO_LMS.T) @ _TO_RGB.T)), 0, 255).astype(np.uint8)
    glass = (density(tiles) < LEAST_DENSITY).all(axis=-1, keepdims=True)
    return np.where(glass, tiles, made)


def augmented(tiles: Picture, own: Stains, *, seed: int, strength: float = 0.1) -> Picture:
    """Tiles (n, h, w, 3), each with more or less of either stain than it has.

    Parameters
    ----------
    strength : how far the amount of a stain may be multiplied and moved, as a share of its peak. seed : same seed, same tiles.
    """
    rng = np.random.default_rng(seed)
    factor = 1 + rng.uniform(-strength, strength, (len(tiles), 1, 1, 2))
    moved = rng.uniform(-strength, strength, (len(tiles), 1, 1, 2)) * own.peak
    absorbed = density(tiles)
    amounts = absorbed @ np.linalg.pinv(own.vectors)
    rest = absorbed - amounts @ own.vectors
    glass = (absorbed > LEAST_DENSITY).any(axis=-1, keepdims=True)  # glass stays white
    return colours_of((amounts * factor + moved * glass) @ own.vectors + rest)


def example() -> Colours:
    """Colours of pixels of TARGET: what Reinhard's method normalises to unless told otherwise."""
    rng = np.random.default_rng(0)
    matrix = rng.uniform((0.05, 0.2), (0.25, 0.7), (3072, 2))
    nuclei = rng.uniform((0.4, 0.1), (1.0, 0.4), (1024, 2))
    amounts = np.vstack([matrix, nuclei]) * TARGET.peak
    return colours(colours_of(amounts @ TARGET.vectors))

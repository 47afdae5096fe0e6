"""Tissue: where a slide stained with haematoxylin and eosin shows tissue; not glass, pen, shadow or dirt.

Both stains take more green away than red and blue, so their mark is `(red + blue) / 2 - green`: about 0 on glass, in shadow
and under a black pen, below 0 under a green one. That value is split by Otsu's threshold (1979, doi
10.1109/TSMC.1979.4310076) instead of the usual saturation, which takes every ink for tissue; red and blue pens are far
more saturated than either stain and are told apart by that. Eosin that bled into the mounting medium has the colour of pale
stroma, but it takes away little light and is flat, where tissue has cells and fibres: what is neither dense nor uneven is glass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LEAST_THRESHOLD, MOST_THRESHOLD = 7.0, 20.0
"""Of the mark (0-255): under the first is noise of the glass, over the second pale tissue would be lost."""

GLASS_FROM = 200.0
INK_RED, INK_BLUE = 110.0, 90.0
LEAST_SHARE = 2e-4
DENSE = 0.06
"""Mean optical density (13% of the light taken away) from which a stained place needs no texture."""

WINDOW_PX, LEAST_SPREAD, OVER_GLASS = 5, 0.01, 4.0
"""Texture: the spread of the optical density in a window is at least the second, and this many times that of the glass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """What a slide shows.

    Attributes
    ----------
    mask : (h, w) true = tissue. threshold : of the mark, 0-255. share : of the picture that is tissue. ink : that is pen.
    """

    mask: Mask
    threshold: float
    share: float
    ink: float


def tissue(picture: Picture) -> Tissue:
    """The tissue of a small picture of a slide.

    Parameters
    ----------
    picture : (h, w, 3) uint8; about 4 to 16 µm a pixel. A slide without tissue gives an empty mask.
    """
    from scipy import ndimage

    balanced = white_balanced(picture)
    red, green, blue = (balanced[..., i] for i in range(3))
    mark = ndimage.uniform_filter(np.clip((red + blue) / 2 - green, 0, 255), size=3)
    ink = _ink(red, green, blue)
    usable = ~ink
    threshold = float(np.clip(otsu(mark[usable]), LEAST_THRESHOLD, MOST_THRESHOLD)) if usable.any() else MOST_THRESHOLD
    found = (mark > threshold) & usable & _solid(balanced, mark)
    found = ndimage.binary_closing(np.pad(found, 4), iterations=2)[4:-4, 4:-4] & usable
    found = ndimage.binary_opening(found)
    pieces, count = ndimage.label(found)
    if count:
        sizes = np.bincount(pieces.ravel())
        large = sizes >= max(12, LEAST_SHARE * found.size)
        large[0] = False
        found = large[pieces]
    return Tissue(mask=found, threshold=threshold, share=float(found.mean()), ink=float(ink.mean()))


def white_balanced(picture: Picture) -> Floats:
    """Colours scaled so that the glass is white; a picture without glass is left as it is."""
    colours = picture.astype(np.float32)
    glass = colours.min(axis=-1) > GLASS_FROM
    if glass.mean() < 0.01:
        return colours
    white = np.median(colours[glass], axis=0)
    balanced: Floats = np.minimum(colours * (255.0 / white), 255.0)
    return balanced


def otsu(values: npt.NDArray[np.floating]) -> float:
    """The threshold that splits values from 0 to 255 into the two classes that differ most."""
    counts, edges = np.histogram(values, bins=256, range=(0, 256))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(np.float64)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    if not np.isfinite(between).any():
        return 255.0
    return float(edges[int(np.nanargmax(np.where(np.isfinite(between), between, -1.0))) + 1])


def sharpness(tiles: Picture) -> Floats:
    """How sharp each tile is, (n,): the spread of the second difference of its brightness, in grey levels.

    Parameters
    ----------
    tiles : (n, h, w, 3) uint8. A picture out of focus has no fine differences.
    """
    grey = tiles.astype(np.float32).mean(axis=-1)
    second = 4 * grey[:, 1:-1, 1:-1] - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1] - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
    spread: Floats = second.std(axis=(1, 2))
    return spread


def _solid(balanced: Floats, mark: Floats) -> Mask:
    """Where light is taken away, or unevenly so: a cell, a fibre, a wall of fat; false where the medium itself is tinted."""
    from scipy import ndimage

    density = -np.log10(np.maximum(balanced, 1.0) / 255.0).mean(axis=-1)
    mean = ndimage.uniform_filter(density, size=WINDOW_PX)
    spread = np.sqrt(np.maximum(ndimage.uniform_filter(density**2, size=WINDOW_PX) - mean**2, 0.0))
    glass = (mark <= LEAST_THRESHOLD) & (mean < DENSE)
    noise = float(np.median(spread[glass])) if glass.any() else 0.0
    solid: Mask = (mean > DENSE) | (spread > max(LEAST_SPREAD, OVER_GLASS * noise))
    return solid


def _ink(red: Floats, green: Floats, blue: Floats) -> Mask:
    """Pen of any colour: black, or one colour far above the others."""
    dark = np.maximum(np.maximum(red, green), blue) < 45
    green_pen = (green > red + 15) & (green >= blue - 10)
    blue_pen = (blue > red + INK_BLUE) & (blue > green + INK_BLUE / 2)
    red_pen = (red > blue + INK_RED) & (red > green + INK_RED)
    found: Mask = dark | green_pen | blue_pen | red_pen
    return found

"""Selection: a group that somebody outlined on the map, as a short text for the URL; it holds an outline, never a patient's id."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.errors import BadLink
from core.tme import spaces

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MOST_CORNERS = 36
LONGEST_NAME = 40
TYPE = "type."
BETWEEN = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A named group of a study's patients: those inside an outline on a picture, or those of a TME type.

    Attributes
    ----------
    name : what a person calls it. study : whose picture. space, layout : which picture, see `core.tme.spaces`.
    version : of the database it was drawn on, its first eight characters. corners : of the outline, in the picture's own
        coordinates; none where `kind` names a type.
    """

    name: str
    study: str
    space: str
    layout: str
    version: str
    corners: tuple[tuple[float, float], ...] = ()
    kind: str = ""

    def text(self) -> str:
        """The selection for a URL; equal groups have equal texts."""
        if self.kind:
            where = TYPE + self.kind
        else:
            span = max((max(c) - min(c) for c in zip(*self.corners, strict=True)), default=1.0)
            digits = max(0, 3 - math.floor(math.log10(max(span, 1e-9))))
            where = "_".join(f"{v:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{v:.0f}" for corner in self.corners for v in corner)
        return BETWEEN.join((_plain(self.name), self.study, self.space, self.layout, self.version, where))

    def named(self, name: str) -> Selection:
        """The same group under another name."""
        return replace(self, name=_plain(name))

    def inside(self, x: Floats, y: Floats) -> Bools:
        """Which points lie inside the outline."""
        return inside(x, y, corners=np.asarray(self.corners, dtype=np.float64))


def read(text: str) -> Selection:
    """A selection from its text.

    Raises
    ------
    BadLink
        It is none; the message says what to do.
    """
    try:
        name, study, space, layout, version, where = text.split(BETWEEN)
        values = [] if where.startswith(TYPE) else [float(v) for v in where.split("_")]
    except ValueError as error:
        raise BadLink(f"the group '{text[:60]}' of the link cannot be read; draw it on the map again and copy the new link") from error
    if space not in spaces.LABELS or layout not in spaces.NAMES:
        raise BadLink(f"the group '{name[:40]}' of the link was drawn on a picture that does not exist ({space}, {layout}); draw it again")
    kind = where.removeprefix(TYPE) if where.startswith(TYPE) else ""
    corners: tuple[tuple[float, float], ...] = tuple(zip(values[::2], values[1::2], strict=False))
    if not where.startswith(TYPE) and (len(values) % 2 or len(corners) < 3 or len(values) > 400 or not all(map(math.isfinite, values))):
        raise BadLink(f"the outline of the group '{name[:40]}' cannot be read; draw it on the map again")
    return Selection(name=_plain(name) or "Group", study=study, space=space, layout=layout, version=version[:8], corners=corners, kind=kind)


def outline(corners: Floats, *, most: int = MOST_CORNERS) -> tuple[tuple[float, float], ...]:
    """A drawn path with at most so many corners: those go first that change its area least (Visvalingam & Whyatt 1993).

    Parameters
    ----------
    corners : (c, 2); two opposite ones stand for a box.
    """
    if len(corners) == 2:
        (a, b), (c, d) = corners
        corners = np.array([(a, b), (c, b), (c, d), (a, d)])
    kept = np.asarray(corners, dtype=np.float64)
    if len(kept) > 3 and np.allclose(kept[0], kept[-1]):
        kept = kept[:-1]
    while len(kept) > most:
        before, after = np.roll(kept, 1, axis=0), np.roll(kept, -1, axis=0)
        area = np.abs(
            (kept[:, 0] - before[:, 0]) * (after[:, 1] - before[:, 1]) - (after[:, 0] - before[:, 0]) * (kept[:, 1] - before[:, 1])
        )
        kept = np.delete(kept, int(area.argmin()), axis=0)
    return tuple((float(x), float(y)) for x, y in kept)


def inside(x: Floats, y: Floats, *, corners: Floats) -> Bools:
    """Which points lie inside a polygon: a ray from the point crosses its edges an odd number of times.

    Parameters
    ----------
    x, y : (n,). corners : (c, 2), in their order; the last is joined to the first.
    """
    result = np.zeros(x.shape, dtype=bool)
    if len(corners) < 3:
        return result
    (left, low), (right, high) = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= low) & (y <= high))
    px, py = x[near], y[near]
    odd = np.zeros(near.size, dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        rows = (py > min(y0, y1)) & (py <= max(y0, y1))
        odd ^= rows & (px < x0 + (py - y0) * ((x1 - x0) / (y1 - y0)))
    result[near] = odd
    return result


def _plain(name: str) -> str:
    """A name that fits a URL and a figure."""
    return " ".join(name.replace(BETWEEN, " ").split())[:LONGEST_NAME]

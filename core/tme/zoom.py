"""Zoom: the part of a map that is shown, as a short text for the URL: "study~x0_x1_y0_y1"."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import BadLink

Window = tuple[float, float, float, float]

STEP = 0.4
"""Share of the window that one step moves."""
LEAST = 1e-6


def read(text: str) -> tuple[str, Window]:
    """Study and window of a zoom.

    Raises
    ------
    BadLink
        It is none.
    """
    study, _, numbers = text.rpartition("~")
    try:
        x0, x1, y0, y1 = (float(v) for v in numbers.split("_"))
    except ValueError as error:
        raise BadLink(f"the part of the map '{text[:60]}' cannot be read; show the whole map and zoom again") from error
    if not (LEAST < x1 - x0 < 1e9 and LEAST < y1 - y0 < 1e9):
        raise BadLink(f"the part of the map '{text[:60]}' is empty; show the whole map and drag a larger box")
    return study, (x0, x1, y0, y1)


def text(study: str, window: Window) -> str:
    """A zoom for the URL."""
    return f"{study}~" + "_".join(f"{v:.4g}" for v in window)


def boxed(study: str, x: Sequence[float], y: Sequence[float]) -> str:
    """The zoom to a box, or to the box around an outline."""
    return text(study, (min(x), max(x), min(y), max(y)))


def out(zoom: str) -> str:
    """Twice as much of the map, around the same middle."""
    study, (x0, x1, y0, y1) = read(zoom)
    across, up = (x1 - x0) / 2, (y1 - y0) / 2
    return text(study, (x0 - across, x1 + across, y0 - up, y1 + up))


def moved(zoom: str, *, right: int = 0, up: int = 0) -> str:
    """The same size a step aside: right, up in -1, 0, 1."""
    study, (x0, x1, y0, y1) = read(zoom)
    dx, dy = STEP * right * (x1 - x0), STEP * up * (y1 - y0)
    return text(study, (x0 + dx, x1 + dx, y0 + dy, y1 + dy))

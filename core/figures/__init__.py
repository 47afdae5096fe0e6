"""Contents table: one file a figure kind, each a pure function -> Chart.

`FIGURES` names where each lives; `figures.km(...)` loads it on first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

FIGURES: Mapping[str, str] = {
    "km": "core.figures.km:km",
    "roc": "core.figures.roc:roc",
    "forest": "core.figures.forest:forest",
}


def figure(name: str) -> Any:
    """The function that draws a figure kind, by its name in `FIGURES`."""
    module, _, function = FIGURES[name].partition(":")
    return getattr(import_module(module), function)

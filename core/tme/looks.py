"""Looks: contents table of what can be asked of the map's types; each is an answer of its own, computed only when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from core.errors import UnknownName

COLUMN = "column"
LABELS: Mapping[str, str] = {COLUMN: "What they go with", "annotation": "What they are: signatures and genes", "response": "Response by type", "survival": "Survival by type", "mixing": "Do the cohorts mix?"}
WHERE: Mapping[str, str] = {
    "annotation": "core.tme.annotation:annotate", "response": "core.tme.type_outcome:by_response", "survival": "core.tme.type_outcome:by_survival",
    "mixing": "core.tme.mixing.report:mixing",
}  # fmt: skip
"""Each is `function(store, query) -> Answer`."""


def answer_of(name: str) -> Callable[..., Any]:
    """The function of a look.

    Raises
    ------
    UnknownName
        No look has this name.
    """
    if name not in WHERE:
        raise UnknownName(f"there is no look '{name}' at the types; there are {', '.join(WHERE)}")
    module, _, function = WHERE[name].partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found

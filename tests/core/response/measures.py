"""The stored sets of tests/references/response_measures.R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SETS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "response_measures.json").read_text(encoding="utf-8")
)["sets"]


def column(name: str, key: str) -> Any:
    """A column of a set as floats."""
    return np.array(SETS[name]["data"][key], dtype=np.float64)

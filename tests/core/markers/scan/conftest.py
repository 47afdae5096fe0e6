"""The reference table of the scan, as arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

Table = dict[str, npt.NDArray[np.float64]]


@pytest.fixture(scope="session")
def scan_reference(references: Path) -> Table:
    """Data and R's numbers of tests/references/scan.R; null is nan."""
    raw = json.loads((references / "scan.json").read_text(encoding="utf-8"))
    return {name: np.array(values, dtype=np.float64) for name, values in raw.items()}

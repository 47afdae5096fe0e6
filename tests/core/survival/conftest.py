"""The reference sets: small cohorts with the numbers that R's survival package gives for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "survival.json").read_text(encoding="utf-8")
)["sets"]


class ReferenceSet(NamedTuple):
    name: str
    frame: pl.DataFrame
    expected: dict[str, Any]


@pytest.fixture(params=list(REFERENCE))
def reference_set(request: pytest.FixtureRequest) -> ReferenceSet:
    """One cohort as a patient frame, and R's numbers for it (Rscript tests/references/survival.R)."""
    expected = REFERENCE[request.param]
    data = expected["data"]
    frame = pl.DataFrame(
        {
            "os_months": [float(t) for t in data["time"]],
            "os_event": [bool(e) for e in data["event"]],
            "group": data["group"],
            "score": [float(s) for s in data["score"]],
        }
    )
    return ReferenceSet(request.param, frame, expected)

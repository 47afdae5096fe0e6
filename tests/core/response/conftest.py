"""The reference sets: small cohorts with the numbers that R's pROC and stats give for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "response.json").read_text(encoding="utf-8")
)["sets"]


class ReferenceSet(NamedTuple):
    name: str
    frame: pl.DataFrame
    expected: dict[str, Any]


@pytest.fixture(params=list(REFERENCE))
def reference_set(request: pytest.FixtureRequest) -> ReferenceSet:
    """One cohort as a patient frame, and R's numbers for it (Rscript tests/references/response.R)."""
    expected = REFERENCE[request.param]
    data = expected["data"]
    frame = pl.DataFrame(
        {
            "response": [bool(v) for v in data["response"]],
            "score": [float(v) for v in data["score"]],
            "probability": [float(v) for v in data["probability"]],
            "group": data["group"],
        }
    )
    return ReferenceSet(request.param, frame, expected)

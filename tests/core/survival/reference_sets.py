from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "references" / "survival.json").read_text(encoding="utf-8")
)["sets"]


def cohort(name: str) -> pl.DataFrame:
    """A reference set as a patient frame."""
    data = REFERENCE[name]["data"]
    return pl.DataFrame(
        {
            "os_months": [float(t) for t in data["time"]],
            "os_event": [bool(e) for e in data["event"]],
            "group": data["group"],
            "score": [float(s) for s in data["score"]],
        }
    )


def pytest_generate_tests(metafunc: Any) -> None:
    if "reference_set" in metafunc.fixturenames:
        metafunc.parametrize("reference_set", list(REFERENCE))

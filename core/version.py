"""The version of TMEscope, read from pyproject.toml, where it is written once."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def software_version() -> str:
    """Version of this software ("0.1.0"); "unknown" where pyproject.toml is not beside the code."""
    try:
        text = (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return "unknown"
    return str(tomllib.loads(text)["project"]["version"])

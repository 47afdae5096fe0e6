"""Folders to take in, made for one test: the example, changed where the test says."""

from __future__ import annotations

import shutil
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[3] / "data" / "assets" / "example_cohort"

SMALL = """
[study]
id = "own"
title = "Own"
licence = "private"
cancer = "NSCLC"
treatment = "anti-PD-1"
[clinical]
file = "{file}"
id = "id"
{more}
[clinical.columns]
age = "age_years"
os = {{ column = "os_months", unit = "months" }}
dead = {{ column = "os_event", event = {{ true = ["1"], false = ["0"] }} }}
{columns}
"""


def example(folder: Path) -> Path:
    """A copy of the example cohort that a test may change."""
    shutil.copytree(EXAMPLE, folder)
    return folder


def small(folder: Path, table: str | bytes, **words: str) -> Path:
    """A cohort of one clinical table with the columns id, age, os and dead."""
    folder.mkdir(parents=True, exist_ok=True)
    file = words.get("file", "clinical.csv")
    data = table.encode() if isinstance(table, str) else table
    (folder / file).write_bytes(data)
    text = SMALL.format(file=file, more=words.get("more", ""), columns=words.get("columns", ""))
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder


def edit(folder: Path, old: str, new: str, *, file: str = "study.toml") -> Path:
    """Replace text in a file of the folder; the text must be there."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new), encoding="utf-8")
    return folder

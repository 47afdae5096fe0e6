"""Studies for the tests of the build: small, made up, some of them broken. Loader processes import this file too."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import polars as pl

from data.sources.source import Expression, Files, RemoteFile, Source, StudyTables


def patients(study: str, n: int = 12) -> pl.DataFrame:
    """A clean cohort."""
    return pl.DataFrame(
        {
            "patient_id": [f"{study}:{i}" for i in range(n)],
            "study": study,
            "cohort": "main",
            "source_id": [str(i) for i in range(n)],
            "age_years": [40.0 + i for i in range(n)],
            "sex": ["female", "male"] * (n // 2),
            "recist": ["PR", "PD"] * (n // 2),
            "response": [True, False] * (n // 2),
            "os_months": [10.0 + 1.37 * i for i in range(n)],
            "os_event": [False, True] * (n // 2),
        }
    )


def matrix(study: str, n: int = 12) -> Expression:
    values = np.random.default_rng(0).normal(5, 2, (3, n)).astype(np.float32)
    values[0, 0] = np.nan
    return Expression(
        assay="rna", unit="log2 TPM", genes=["CD8A", "GZMB", "PRF1"], samples=[f"s{i}" for i in range(n)],
        patients=[f"{study}:{i}" for i in range(n)], values=values,
    )  # fmt: skip


def good(study: str) -> StudyTables:
    log = os.environ.get("FAKE_LOADS")
    if log:
        with Path(log).open("a") as handle:
            handle.write(f"{study}\n")
    return StudyTables(
        tables={"patient": patients(study)}, expression=[matrix(study)], notes=["made up"],
        refused=[("a.csv", 3, "x", "no age")],
    )  # fmt: skip


def load_one(_: Files) -> StudyTables:
    return good("one")


def load_two(_: Files) -> StudyTables:
    return good("two")


def load_broken(_: Files) -> StudyTables:
    raise KeyError("a column")


def load_double(_: Files) -> StudyTables:
    frame = patients("double")
    return StudyTables(tables={"patient": pl.concat([frame, frame])})


def load_dying(_: Files) -> StudyTables:
    os.kill(os.getpid(), signal.SIGKILL)
    return good("dying")


def load_slow(_: Files) -> StudyTables:
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    return good("slow")


def load_lost(_: Files) -> StudyTables:
    return good("lost")


def _source(study: str, **more: object) -> Source:
    load = globals()[f"load_{study}"]
    fields = {"title": study.title(), "citation": "", "doi": "", "licence": "CC0", "cancer": "", "treatment": ""}
    return Source(study=study, load=load, **(fields | more))  # type: ignore[arg-type]


FILE = RemoteFile(url="https://nowhere.invalid/a.csv", sha256="0" * 64, size_bytes=3, licence="CC0")
SOURCES = {name: _source(name) for name in ("one", "broken", "double", "dying", "slow")} | {
    "two": _source("two", synthetic=True),
    "lost": _source("lost", files=(FILE,)),
}

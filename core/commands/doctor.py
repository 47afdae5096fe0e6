"""python -m core doctor: what is installed, on which device, which database is served, and what is in it."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import shutil

import polars as pl

from core.commands.database import opened
from core.commands.report import Report
from core.errors import CohortError
from core.settings import Settings

PACKAGES = (
    "streamlit", "duckdb", "polars", "plotly", "numpy", "pyarrow", "torch", "scikit-learn", "umap-learn", "shap", "lifelines",
    "igraph", "pooch", "rdata", "fastexcel", "h5py", "kaleido", "rich",
)  # fmt: skip
COUNTS = ("patients", "evaluable", "responders", "deaths")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command: none of its own."""


def run(args: argparse.Namespace, settings: Settings) -> Report:
    """Never fails because something is missing: it says what, and what to do."""
    versions = {name: _version(name) for name in PACKAGES}
    database, studies, problems = _database(settings)
    problems += [
        f"{name} is not installed; run: pip install -r requirements.txt" for name, v in versions.items() if not v
    ]
    machine = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "device": _device(),
        "chromium": _chromium(),
    }
    if machine["chromium"] is None:
        problems.append("no Chromium was found; figures cannot be downloaded as PNG, SVG or PDF until one is installed")
    used = {
        "data": str(settings.data_dir.resolve()),
        "mirror": str(settings.mirror) if settings.mirror else None,
        "offline": settings.offline,
    }
    named = {"database" if name == "path" else name: value for name, value in database.items()}
    flat = pl.DataFrame(
        [{name: value for name, value in row.items() if name != "cohorts"} for row in studies],
        schema={"study": pl.String, **dict.fromkeys((*COUNTS, "genes"), pl.Int64), "status": pl.String},
        strict=False,
    )
    facts = pl.DataFrame(
        [(name, "" if value is None else str(value)) for name, value in {**machine, **used, **named}.items()],
        schema={"what": pl.String, "value": pl.String}, orient="row",
    )  # fmt: skip
    packages = pl.DataFrame(
        [(name, v or "missing") for name, v in versions.items()], schema=["package", "version"], orient="row"
    )
    return Report(
        title="All is well" if not problems else f"{len(problems)} things to look at",
        tables=[("This machine", facts), ("Packages", packages), ("Studies", flat)],
        notes=problems,
        document={
            **machine,
            "settings": used,
            "versions": versions,
            "database": database,
            "studies": studies,
            "problems": problems,
        },
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device() -> str:
    if importlib.util.find_spec("torch") is None:
        return "cpu (torch is not installed)"
    import torch

    if torch.cuda.is_available():
        return f"cuda: {torch.cuda.get_device_name(0)}"
    return "cpu"


def _chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def _database(settings: Settings) -> tuple[dict[str, object], list[dict[str, object]], list[str]]:
    try:
        with opened(settings) as store:
            frame = store.studies()
            cohorts = store.sql(
                """
                SELECT study, cohort, count(*) AS patients, count(response) AS evaluable,
                       count(*) FILTER (response) AS responders, count(*) FILTER (os_event) AS deaths
                FROM patient GROUP BY study, cohort ORDER BY min(rowid)
                """
            )
            database: dict[str, object] = {
                "path": str(store.path),
                "version": store.version,
                "megabytes": round(store.path.stat().st_size / 1e6, 1),
            }
    except CohortError as error:
        return {"path": None, "version": None, "megabytes": None}, [], [str(error)]
    studies = [
        {
            **{name: row[name] for name in ("study", *COUNTS, "genes", "status", "synthetic", "reason")},
            "cohorts": cohorts.filter(study=row["study"]).drop("study").to_dicts(),
        }
        for row in frame.to_dicts()
    ]
    missing = frame.filter(status="unavailable")
    return database, studies, [f"{row['study']} is unavailable: {row['reason']}" for row in missing.to_dicts()]

"""Where the data come from: studies with licence and citation, the data dictionary, versions."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import polars as pl

from core.cohort.provenance import short_name
from core.figures import words
from core.version import software_version
from data.schema import SCHEMA_VERSION, TABLES
from data.store import Store

SYNTHETIC = (
    "Synthetic data. The embedded synthetic cohort is simulated: three studies with batch effects, two arms, four planted TME types, a "
    "predictive marker, a prognostic one and a decoy. It exists to try the app and to test its statistics. Every page, figure and export "
    "that shows it says so; nothing in it is an observation."
)
USE = (
    "TMEscope is research software. It is not a medical device, and no number on its pages is meant to guide the treatment of a person. "
    "The synthetic cohort is part of the software (Apache-2.0); published studies keep their own licences, and are never redistributed with it."
)
LIBRARIES = (
    "polars",
    "duckdb",
    "numpy",
    "scipy",
    "scikit-learn",
    "lifelines",
    "umap-learn",
    "igraph",
    "shap",
    "torch",
    "plotly",
    "streamlit",
)


def sentence(store: Store) -> str:
    """What the database holds, in one sentence."""
    rows = store.studies()
    real = rows.filter((pl.col("patients") > 0) & ~pl.col("synthetic").fill_null(value=False))
    made = rows.filter((pl.col("patients") > 0) & pl.col("synthetic").fill_null(value=False))
    lost = rows.filter(pl.col("status") == "unavailable").height
    parts = []
    if real.height:
        parts.append(
            f"{words.count(int(real['patients'].sum()), 'patient')} of {words.count(real.height, 'study', plural='studies')}"
        )
    if made.height:
        parts.append(
            f"{words.count(int(made['patients'].sum()), 'synthetic patient')} of {words.count(made.height, 'simulated study', plural='simulated studies')}"
        )
    text = words.listing(parts) or "No patient yet"
    return text + (
        f"; {words.count(lost, 'study', plural='studies')} could not be had (see why below)."
        if lost
        else "; each study keeps its own licence."
    )


def studies(store: Store) -> pl.DataFrame:
    """One row a study: name, counts, licence, citation, checks, and why it is unavailable."""
    checks = store.sql(
        """SELECT study, count(*) FILTER (status = 'pass') AS passed, count(*) FILTER (status = 'fail') AS failed
                   FROM check_result GROUP BY study"""
    )
    rows = store.studies().join(checks, on="study", how="left", maintain_order="left").filter(
        (pl.col("patients") > 0) | (pl.col("status") == "unavailable") | pl.col("citation").is_not_null()
    )  # fmt: skip
    out = []
    for row in rows.iter_rows(named=True):
        state = "" if row["status"] != "unavailable" else f"Unavailable: {row['reason'] or 'no reason was recorded'}"
        if not state and row["reason"]:
            state = (
                f"{row['reason'][:1].upper()}{row['reason'][1:]}; {row['passed'] or 0} pass, {row['failed'] or 0} fail"
            )
        passed = f"{row['passed']} pass, {row['failed']} fail" if row["passed"] is not None else None
        out.append(
            {
                "Study": (row["title"] or row["study"]) + (" (synthetic)" if row["synthetic"] else "") + (" (uploaded)" if row["uploaded"] else ""),
                "Patients": row["patients"],
                "Evaluable": row["evaluable"] or None,
                "Responders": row["responders"] if row["evaluable"] else None,
                "Genes": row["genes"] or None,
                "Licence": row["licence"],
                "Citation": " ".join(v for v in (row["citation"], f"https://doi.org/{row['doi']}" if row["doi"] else None) if v) or None,
                "Data checks": state or passed,
            }
        )  # fmt: skip
    return pl.DataFrame(out, infer_schema_length=None)


def tables() -> dict[str, str]:
    """Tables of the database, in words."""
    return {name: f"{name.replace('_', ' ').capitalize()}: {table.about}" for name, table in TABLES.items()}


def columns(table: str) -> pl.DataFrame:
    """The data dictionary of one table: name in words, unit, meaning, column."""
    rows = [(c.label, c.unit or None, c.about or None, c.name, str(c.dtype)) for c in TABLES[table].columns]
    return pl.DataFrame(rows, schema=["What", "Unit", "Meaning", "Column", "Type"], orient="row")


def versions(store: Store) -> pl.DataFrame:
    """Versions of software, database, libraries and studies."""
    rows = [
        ("TMEscope", software_version()),
        ("Database", store.version),
        ("Schema", str(SCHEMA_VERSION)),
        ("Python", platform.python_version()),
    ]
    for name in LIBRARIES:
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            continue
    rows += [
        (f"Study {short_name(t or s)}", v)
        for s, t, v in store.studies().select("study", "title", "version").iter_rows()
        if v
    ]
    return pl.DataFrame(rows, schema=["What", "Version"], orient="row")

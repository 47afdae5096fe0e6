"""Fixtures of the core: the synthetic studies as an enriched database, and real studies where a mirror is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

import data.sources
from core.pipeline import enrich
from core.pipeline.staging import Staging
from data import staging
from data.sources.source import Files, Source
from data.store import Store
from tests.conftest import alone

Filler = Callable[[Path, Sequence[tuple[Source, Files]]], Path]


@pytest.fixture(scope="session")
def fill_database() -> Filler:
    """Gives a staged database of a few studies, without anything derived: `fill_database(path, [(source, files)])`."""
    return _fill


@pytest.fixture(scope="session")
def synthetic_path(run_folder: Path) -> Path:
    """The three synthetic studies, enriched. Shared: do not write to it."""
    folder = run_folder / "synthetic"
    path = folder / "cohort-synthetic.duckdb"
    with alone(folder):
        if not (folder / "done").exists():
            sources = [(data.sources.source(study), Files({})) for study in data.sources.SYNTHETIC]
            enrich(_fill(path, sources), cache_dir=folder / "cache")
            (folder / "done").touch()
    return path


@pytest.fixture(scope="session")
def synthetic_store(synthetic_path: Path) -> Iterator[Store]:
    store = Store(synthetic_path)
    yield store
    store.close()


def _fill(path: Path, sources: Sequence[tuple[Source, Files]]) -> Path:
    staging.create(path)
    database = Staging(path)
    for source, files in sources:
        loaded = source.load(files)
        database.append(
            "study",
            pl.DataFrame(
                {
                    "study": [source.study],
                    "title": [source.title],
                    "synthetic": [source.synthetic],
                    "uploaded": [False],
                    "status": ["built"],
                }
            ),
        )
        for name, frame in loaded.tables.items():
            database.append(name, frame)
        for matrix in loaded.expression:
            identity = {"study": [source.study], "assay": [matrix.assay]}
            database.append(
                "assay",
                pl.DataFrame(
                    {
                        **identity,
                        "unit": [matrix.unit],
                        "level": [matrix.level],
                        "preferred": [matrix.preferred],
                        "n_genes": [len(matrix.genes)],
                        "samples": [list(matrix.samples)],
                        "patients": [list(matrix.patients)],
                    }
                ),
            )
            if matrix.level == "patient":
                database.append(
                    "expression",
                    pl.DataFrame(
                        {
                            "study": source.study,
                            "assay": matrix.assay,
                            "gene": list(matrix.genes),
                            "values": pl.Series(matrix.values.tolist(), dtype=pl.List(pl.Float32)),
                        }
                    ),
                )
    database.close()
    return path

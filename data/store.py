"""DuckDB: one file, read-only for the app, a cursor per call.

The database file is named by version and pointed at by ``current``, a one-line text file that is replaced
atomically. A reader opens whatever ``current`` names; a build never writes to a file that a reader may hold.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from data.errors import NoDatabase, QueryTooSlow, StoreError, UnknownName
from data.schema import PATIENT, TABLES

READER_CONFIG: Mapping[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": "512MB",
    "threads": "2",
    "lock_configuration": "true",  # here, not by SET: two readers of one file in a process share its configuration
}


def current_path(database_dir: Path) -> Path:
    """The database file that is served now.

    Raises
    ------
    NoDatabase
        Nothing has been built in this folder.
    """
    pointer = database_dir / "current"
    try:
        name = pointer.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NoDatabase(f"no cohort database in {database_dir}; run: python -m core build") from None
    path = database_dir / name
    if not path.is_file():
        raise NoDatabase(f"the cohort database {name} is gone from {database_dir}; run: python -m core build")
    return path


class Store:
    """Read access to one database file. Safe to share between threads: each call takes its own cursor."""

    def __init__(self, path: Path, *, query_seconds: float = 20.0) -> None:
        self.path = path
        self.query_seconds = query_seconds
        try:
            self._connection = duckdb.connect(str(path), read_only=True, config=dict(READER_CONFIG))
        except duckdb.Error as error:
            raise StoreError(
                f"the cohort database {path.name} cannot be opened ({str(error).splitlines()[0]}); run: python -m core build"
            ) from error

    @classmethod
    def open_current(cls, database_dir: Path, *, query_seconds: float = 20.0) -> Store:
        return cls(current_path(database_dir), query_seconds=query_seconds)

    @property
    def version(self) -> str:
        """Hash in the database's file name: the version of every number that comes from it."""
        return self.path.stem.removeprefix("cohort-")

    def close(self) -> None:
        self._connection.close()

    def sql(self, statement: str, params: Mapping[str, object] | None = None) -> pl.DataFrame:
        """Run one SELECT with values as $parameters.

        Raises
        ------
        QueryTooSlow
            It ran past the store's time limit.
        StoreError
            DuckDB refused it.
        """
        cursor = self._connection.cursor()
        timer = threading.Timer(self.query_seconds, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            relation = cursor.sql(statement, params=dict(params) if params else None)
            frame: pl.DataFrame = relation.pl()
            return frame
        except duckdb.InterruptException:
            raise QueryTooSlow(
                f"the query was stopped after {self.query_seconds:g} s; narrow the cohort or raise TMESCOPE_QUERY_SECONDS"
            ) from None
        except duckdb.Error as error:
            raise StoreError(f"the database refused a query: {str(error).splitlines()[0]}") from error
        finally:
            timer.cancel()
            cursor.close()

    def table(self, name: str, *, study: str | None = None) -> pl.DataFrame:
        """A whole table, or one study's rows of it."""
        if name not in TABLES:
            raise UnknownName(f"there is no table '{name}'; there are {', '.join(TABLES)}")
        if study is None:
            return self.sql(f'SELECT * FROM "{name}"')
        return self.sql(f'SELECT * FROM "{name}" WHERE study = $study', {"study": study})

    def studies(self) -> pl.DataFrame:
        """All studies with counts: patients, evaluable, responders, deaths, genes."""
        return self.sql(
            """
            SELECT s.*, coalesce(p.patients, 0) AS patients, coalesce(p.evaluable, 0) AS evaluable,
                   coalesce(p.responders, 0) AS responders, coalesce(p.deaths, 0) AS deaths,
                   coalesce(a.genes, 0) AS genes
            FROM study s
            LEFT JOIN (
                SELECT study, count(*) AS patients, count(response) AS evaluable,
                       count(*) FILTER (response) AS responders, count(*) FILTER (os_event) AS deaths
                FROM patient GROUP BY study
            ) p USING (study)
            LEFT JOIN (SELECT study, max(n_genes) AS genes FROM assay WHERE level = 'patient' GROUP BY study) a USING (study)
            ORDER BY s.rowid
            """
        )

    def patients(
        self, where: tuple[str, Mapping[str, object]], *, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Patients that meet a condition (`CohortQuery.where()`), with the columns asked for."""
        names = list(columns) if columns is not None else list(PATIENT.dtypes)
        for name in names:
            if name not in PATIENT.dtypes:
                raise UnknownName(f"there is no patient column '{name}'; see the data dictionary on the About page")
        chosen = ", ".join(f'"{name}"' for name in names)
        condition, params = where
        return self.sql(f"SELECT {chosen} FROM patient WHERE {condition} ORDER BY rowid", params)

    def gene(self, gene: str, *, studies: Sequence[str] | None = None) -> pl.DataFrame:
        """One gene over all patient-level assays: study, assay, unit, patient_id, value.

        Raises
        ------
        UnknownName
            No patient-level assay has the gene.
        """
        found = self.sql(
            """
            SELECT e.study, e.assay, a.unit, a.preferred, unnest(a.patients) AS patient_id, unnest(e.values) AS value
            FROM expression e JOIN assay a USING (study, assay)
            WHERE e.gene = $gene AND a.level = 'patient' AND ($all OR e.study = ANY($studies))
            """,
            {"gene": gene.upper(), "all": studies is None, "studies": list(studies or [])},
        )
        if found.is_empty():
            raise UnknownName(
                f"no assay of {', '.join(studies) if studies else 'any study'} has the gene '{gene}'; check the symbol (HGNC)"
            )
        return found

    def matrix(
        self, study: str, assay: str, *, genes: Sequence[str] | None = None
    ) -> tuple[list[str], list[str], npt.NDArray[np.float32]]:
        """One assay as (genes, patient ids, values (g, s) float32), genes in alphabetical order."""
        info = self.sql("SELECT patients FROM assay WHERE study = $s AND assay = $a", {"s": study, "a": assay})
        if info.is_empty():
            raise UnknownName(f"study '{study}' has no assay '{assay}'")
        rows = self.sql(
            "SELECT gene, values FROM expression WHERE study = $s AND assay = $a AND ($all OR gene = ANY($g)) ORDER BY gene",
            {"s": study, "a": assay, "all": genes is None, "g": list(genes or [])},
        )
        patients: list[str] = info["patients"][0].to_list()
        flat = rows["values"].explode().to_numpy().astype(np.float32, copy=False)
        return rows["gene"].to_list(), patients, flat.reshape(rows.height, len(patients))

"""The new database, written beside the one that is served and swapped in whole.

`staging-<pid>.duckdb` is filled, checkpointed, flushed to disk and renamed to `cohort-<version>.duckdb`; then the
one-line file `current` is replaced. Killed anywhere before that, the database that was served goes on being served.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import polars as pl

from data.errors import BuildError
from data.schema import TABLES
from data.study_folder import StudyFolder

KEEP = 2
"""Database versions that are kept: the one served, and the one before it, which a running app may still hold."""

ROW_GROUP = 16_384
"""Rows a row group: small, so that one gene over all cohorts touches little else."""

MEMORY_LIMIT = "1500MB"
DUCKDB_TYPES: Mapping[pl.DataType, str] = {
    pl.String(): "VARCHAR",
    pl.Float64(): "DOUBLE",
    pl.Float32(): "FLOAT",
    pl.Int64(): "BIGINT",
    pl.Int8(): "TINYINT",
    pl.Boolean(): "BOOLEAN",
    pl.List(pl.Float32): "FLOAT[]",
    pl.List(pl.String): "VARCHAR[]",
}


def database_name(version: str) -> str:
    """File name of a database version."""
    return f"cohort-{version}.duckdb"


def is_current(database_dir: Path, version: str) -> bool:
    """Whether the database of this version is the one served, and opens."""
    try:
        name = (database_dir / "current").read_text(encoding="utf-8").strip()
    except OSError:
        return False
    return name == database_name(version) and opens(database_dir / name)


def opens(path: Path) -> bool:
    """Whether a database file can be opened and asked."""
    if not path.is_file():
        return False
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            connection.execute("SELECT count(*) FROM study")
    except duckdb.Error:
        return False
    return True


def create(path: Path) -> None:
    """Make an empty database with every table of data.schema."""
    with contextlib.closing(duckdb.connect()) as connection:
        connection.execute(f"ATTACH '{_quoted(path)}' AS staging (ROW_GROUP_SIZE {ROW_GROUP})")
        for table in TABLES.values():
            columns = ", ".join(f'"{column.name}" {DUCKDB_TYPES[column.dtype]}' for column in table.columns)
            connection.execute(f'CREATE TABLE staging."{table.name}" ({columns})')


def fill(path: Path, studies: Sequence[StudyFolder], *, extra: Mapping[str, pl.DataFrame]) -> None:
    """Copy the studies' tables into the database, in the order given, then the frames of `extra`."""
    spill = path.with_suffix(".spill")
    with contextlib.closing(duckdb.connect(str(path), config={"temp_directory": str(spill)})) as connection:
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("SET threads = 2")
        for name in TABLES:
            if name == "expression":
                continue
            for study in studies:
                if study.has(name):
                    _copy(connection, name, study.file(name))
        _fill_expression(connection, [study for study in studies if study.has("expression")])
        for name, frame in extra.items():
            connection.register("extra_frame", TABLES[name].conform(frame).to_arrow())
            connection.execute(f'INSERT INTO "{name}" SELECT {_columns(name)} FROM extra_frame')
            connection.unregister("extra_frame")
        connection.execute("CHECKPOINT")


def _copy(connection: duckdb.DuckDBPyConnection, name: str, file: Path) -> None:
    connection.execute(f'INSERT INTO "{name}" SELECT {_columns(name)} FROM read_parquet(?)', [str(file)])


def _fill_expression(connection: duckdb.DuckDBPyConnection, studies: Sequence[StudyFolder]) -> None:
    """Patients' matrices clustered by gene, then study; the spots' and cells' wide rows after them."""
    files = [str(study.file("expression")) for study in studies]
    if not files:
        return
    connection.execute(
        f"""
        INSERT INTO expression SELECT {_columns("expression", "t.")}
        FROM read_parquet($files) t JOIN assay a USING (study, assay)
        ORDER BY (a.level <> 'patient'), t.gene, list_position($studies, t.study), t.assay
        """,
        {"files": files, "studies": [study.study for study in studies]},
    )


def publish(path: Path, database_dir: Path, version: str) -> Path:
    """Flush the staging file to disk, give it its name, and point `current` at it."""
    leftover = path.with_name(f"{path.name}.wal")
    if leftover.exists():
        with contextlib.closing(duckdb.connect(str(path))) as connection:
            connection.execute("CHECKPOINT")
    _flush(path)
    target = database_dir / database_name(version)
    path.replace(target)
    draft = database_dir / f".current.{os.getpid()}"
    draft.write_text(f"{target.name}\n", encoding="utf-8")
    _flush(draft)
    draft.replace(database_dir / "current")
    _flush(database_dir)
    return target


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def tidy(database_dir: Path) -> None:
    """Delete staging files of dead builds, and database versions beyond the last two. Call it holding the lock."""
    for pattern in ("staging-*", ".current.*"):
        for path in database_dir.glob(pattern):
            with contextlib.suppress(OSError):
                _remove(path)
    served = ""
    with contextlib.suppress(OSError):
        served = (database_dir / "current").read_text(encoding="utf-8").strip()
    versions = sorted(database_dir.glob("cohort-*.duckdb"), key=lambda path: path.stat().st_mtime, reverse=True)
    others = [path for path in versions if path.name != served]
    for path in others[KEEP - 1 :]:
        with contextlib.suppress(OSError):
            path.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            inner.unlink()
        path.rmdir()
    else:
        path.unlink()


def _columns(name: str, prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{column}"' for column in TABLES[name].dtypes)


def _quoted(path: Path) -> str:
    if "'" in str(path):
        raise BuildError(f"the folder {path.parent} has a quote in its name; name another one in TMESCOPE_DATA")
    return str(path)

"""Staging: the database that a build is filling, open for writing, and the store of finished pieces of work."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from data import processes
from data.fingerprint import code
from data.schema import TABLES

Frames = dict[str, pl.DataFrame]


class Tables(Protocol):
    """Whatever answers a SELECT: the database that is being filled, or the one that is served."""

    def sql(self, statement: str, params: Mapping[str, object] | None = None) -> pl.DataFrame:
        """The rows of one SELECT with values as $parameters."""


class Staging:
    """Read and write one database file that nobody else has open."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(str(path))

    def close(self) -> None:
        self._connection.close()

    def sql(self, statement: str, params: Mapping[str, object] | None = None) -> pl.DataFrame:
        relation = self._connection.sql(statement, params=dict(params) if params else None)
        frame: pl.DataFrame = relation.pl()
        return frame

    def clear(self, table: str, condition: str = "true") -> None:
        self._connection.execute(f'DELETE FROM "{TABLES[table].name}" WHERE {condition}')

    def append(self, table: str, frame: pl.DataFrame) -> None:
        """Add rows; the schema checks them first."""
        if frame.is_empty():
            return
        checked = TABLES[table].conform(frame)
        self._connection.register("incoming", checked.to_arrow())
        try:
            self._connection.execute(f'INSERT INTO "{table}" BY NAME SELECT * FROM incoming')
        finally:
            self._connection.unregister("incoming")

    def matrix(self, study: str, assay: str) -> tuple[list[str], list[str], npt.NDArray[np.float32]]:
        """One assay: genes, patients, values (g, s)."""
        patients = list(
            self.sql("SELECT patients FROM assay WHERE study = $s AND assay = $a", {"s": study, "a": assay})[
                "patients"
            ][0]
        )
        rows = self.sql(
            "SELECT gene, values FROM expression WHERE study = $s AND assay = $a ORDER BY gene",
            {"s": study, "a": assay},
        )
        flat = rows["values"].explode().to_numpy().astype(np.float32, copy=False)
        return rows["gene"].to_list(), patients, flat.reshape(rows.height, len(patients))


class Piece(NamedTuple):
    """Work that can be done anywhere: its key, and what makes its frames (to be pickled, so no method of an open thing)."""

    key: str
    compute: Callable[[], Frames]


class Finished:
    """Finished pieces of work in a folder, addressed by a hash of their input, the code and the seed.

    Without a folder nothing is kept and everything is computed. With more than one worker, `ahead` has other processes make
    pieces while this one goes on; `with` lets them go at the end.
    """

    def __init__(self, folder: Path | None, *, workers: int = 1) -> None:
        self.folder = folder / "enrich" if folder is not None else None
        self._pool = processes.pool(workers - 1) if workers > 1 else None
        self._coming: dict[str, Future[Frames]] = {}

    def __enter__(self) -> Finished:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._coming.clear()
        if self._pool is not None and error is not None:
            processes.end(self._pool)
        elif self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def ahead(self, pieces: Iterable[Piece]) -> None:
        """Have the pieces that are not finished made elsewhere, in this order, until `get` asks for them."""
        with contextlib.suppress(BrokenProcessPool):  # then `get` makes them
            for piece in pieces:
                if self._pool is not None and piece.key not in self._coming and not self.has(piece.key):
                    self._coming[piece.key] = processes.submit(self._pool, _one_threaded, piece.compute)

    def has(self, key: str) -> bool:
        """Whether a piece of work is finished already; a key may end with `*`."""
        return self.folder is not None and any(self.folder.glob(key))

    def get(self, key: str, compute: Callable[[], Frames]) -> Frames:
        """The frames stored under a key, or those that `compute` makes, which are then stored."""
        if self.folder is None:
            return self._made(key, compute)
        place = self.folder / key
        if place.is_dir():
            try:
                return {path.stem: pl.read_parquet(path) for path in sorted(place.glob("*.parquet"))}
            except (OSError, pl.exceptions.PolarsError):
                shutil.rmtree(place, ignore_errors=True)
        made = self._made(key, compute)
        self.folder.mkdir(parents=True, exist_ok=True)
        waiting = Path(tempfile.mkdtemp(dir=self.folder, prefix=".waiting-"))
        for name, frame in made.items():
            frame.write_parquet(waiting / f"{name}.parquet")
        try:
            waiting.rename(place)
        except OSError:
            shutil.rmtree(waiting, ignore_errors=True)
        return made

    def _made(self, key: str, compute: Callable[[], Frames]) -> Frames:
        """What another process made or is making; what none has begun, or was killed over, is made here."""
        coming = self._coming.pop(key, None)
        if coming is None or coming.cancel():
            return compute()
        try:
            return coming.result()
        except BrokenProcessPool:
            return compute()


def _one_threaded(compute: Callable[[], Frames]) -> Frames:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return compute()


def fingerprint(*parts: pl.DataFrame | npt.NDArray[np.generic] | str | int) -> str:
    """Hash of inputs, of the code that works on them, and of nothing else."""
    digest = hashlib.blake2b(code_version().encode(), digest_size=16)
    for part in parts:
        if isinstance(part, pl.DataFrame):
            digest.update(repr(part.schema).encode())
            digest.update(part.hash_rows(seed=1).to_numpy().tobytes())
        elif isinstance(part, np.ndarray):
            digest.update(repr((part.shape, part.dtype)).encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


@cache
def code_version() -> str:
    """Hash of the code and of the small tables that shape a result of the pipeline."""
    root = Path(__file__).resolve().parents[2]
    digest = hashlib.blake2b(code("core.pipeline.enrich").encode(), digest_size=8)
    for path in sorted((root / "data" / "assets").glob("*.toml")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

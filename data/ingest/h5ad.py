"""Expression matrices of .h5ad files, read with h5py alone: dense, CSR or CSC X, names from obs and var.

Only what is needed is read, block by block; links out of the file are not followed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from data.errors import IngestError
from data.ingest.folder import kind_of, near

MAX_VALUES = 400_000_000
MAX_LENGTH = 5_000_000
REFUSED = 3
ROOT = Path(__file__).resolve().parents[2]
BLOCK = 4_000_000
_AGAIN = "write it again with a current anndata (adata.write_h5ad)"


def probe(path: Path) -> None:
    """Read the names of a file in a process of its own: damaged HDF5 can make its library loop or crash.

    Raises
    ------
    IngestError
        The process said no, died, or did not end in time.
    """
    seconds = 30 + path.stat().st_size / 10e6
    code = "import sys; from data.ingest.h5ad import answer; sys.exit(answer(sys.argv[1]))"
    words = [sys.executable, "-c", code, str(path.resolve())]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise IngestError(f"{path.name} is damaged: its names cannot be read in {seconds:.0f} s; {_AGAIN}") from None
    if done.returncode == REFUSED:
        raise IngestError(done.stdout.strip())
    if done.returncode != 0:
        raise IngestError(f"{path.name} is damaged: reading its names ends in a crash; {_AGAIN}")


def answer(path: str) -> int:
    """What `probe`'s process does: read all names, print the reason if that is refused, return the exit code."""
    try:
        with AnnData(Path(path)) as opened:
            for axis in ("obs", "var"):
                opened.table(axis)
    except IngestError as error:
        print(error)
        return REFUSED
    return 0


class AnnData:
    """An open .h5ad file: names at once, values on demand. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        import h5py

        if kind_of(path) != "an HDF5 file":
            raise IngestError(f"{path.name} holds {kind_of(path) or 'text'}, not an .h5ad file; {_AGAIN}")
        self.name = path.name
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise IngestError(f"{path.name} is truncated or damaged; {_AGAIN}") from error

    def __enter__(self) -> AnnData:
        return self

    def __exit__(self, *unused: object) -> None:
        self._file.close()

    def names(self, axis: str, *, column: str | None = None) -> list[str]:
        """Index, or another column, of `obs` or `var` as text.

        Raises
        ------
        IngestError
            No such column, or an unreadable layout.
        """
        with self._reading(axis):
            return self._names(axis, column)

    def _names(self, axis: str, column: str | None) -> list[str]:
        frame = self._own(self._file, axis)
        if not hasattr(frame, "keys"):
            raise IngestError(f"{axis} of {self.name} is laid out as before anndata 0.7; {_AGAIN}")
        index = frame.attrs.get("_index", "_index")
        wanted = column if column is not None else index
        if wanted not in frame:
            raise IngestError(f"{axis} of {self.name} has no column {wanted!r}; {near(str(wanted), frame.keys())}")
        return ["" if value is None else str(value) for value in self._column(frame, str(wanted))]

    def table(self, axis: str) -> pl.DataFrame:
        """All columns of `obs` or `var` as text, to be looked through for identifiers."""
        with self._reading(axis):
            frame = self._own(self._file, axis)
            columns: list[pl.Series] = []
            for name in frame.keys() if hasattr(frame, "keys") else ():
                if not str(name).startswith("__"):
                    values = [None if value is None else str(value) for value in self._column(frame, str(name))]
                    columns.append(pl.Series(str(name), values, dtype=pl.String))
            return pl.DataFrame(columns)

    def values(self, rows: Sequence[int]) -> npt.NDArray[np.float32]:
        """X of some observations, (genes, rows) float32.

        Raises
        ------
        IngestError
            X is missing, of an unknown layout, damaged, or over 400 million values.
        """
        genes = len(self.names("var"))
        if genes * len(rows) > MAX_VALUES:
            raise IngestError(f"X of {self.name} has {genes:,} x {len(rows):,} values; keep the genes that are needed")
        with self._reading("X"):
            holder = self._own(self._file, "X")
            if not hasattr(holder, "keys"):
                return self._dense(holder, rows, genes=genes)
            encoding = str(holder.attrs.get("encoding-type", holder.attrs.get("h5sparse_format", "")))
            if encoding.startswith("csr"):
                return self._compressed(holder, rows, genes=genes)
            if encoding.startswith("csc"):
                return self._by_gene(holder, rows, genes=genes)
            raise IngestError(f"X of {self.name} is stored as {encoding or 'an unknown layout'!r}; {_AGAIN}")

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Turn what h5py and numpy say of damaged bytes into a sentence."""
        try:
            yield
        except (
            OSError,
            RuntimeError,
            ArithmeticError,
            MemoryError,
            LookupError,
            TypeError,
            ValueError,
            pl.exceptions.PolarsError,
        ) as error:
            raise IngestError(
                f"{what} of {self.name} is truncated or damaged ({type(error).__name__}); {_AGAIN}"
            ) from error

    def _own(self, parent: Any, name: str) -> Any:
        """A member of the file itself, never one that lies in another file."""
        import h5py

        if name not in parent:
            raise IngestError(f"{self.name} has no {name}; {_AGAIN}")
        if isinstance(parent.get(name, getlink=True), h5py.ExternalLink):
            raise IngestError(f"{name} of {self.name} is a link to another file; {_AGAIN}")
        found = parent[name]
        if isinstance(found, h5py.Dataset):
            if found.external or found.is_virtual:
                raise IngestError(f"{name} of {self.name} lies in another file; {_AGAIN}")
            if found.size is None or found.size > 4 * MAX_VALUES or found.dtype.itemsize > 1024:
                raise IngestError(f"{name} of {self.name} has {found.size} values; keep what is needed")
        return found

    def _all(self, parent: Any, name: str) -> npt.NDArray[Any]:
        """A whole one-dimensional member, if it is not too long to be what it says."""
        holder = self._own(parent, name)
        if holder.ndim != 1 or holder.size > MAX_LENGTH:
            raise IngestError(f"{name} of {self.name} has the shape {holder.shape}; {_AGAIN}")
        values: npt.NDArray[Any] = holder[:]
        return values

    def _column(self, frame: Any, name: str) -> list[object]:
        holder = self._own(frame, name)
        if hasattr(holder, "keys"):
            if "codes" in holder:
                words = _decoded(self._all(holder, "categories"))
                codes = self._all(holder, "codes").tolist()
                return [words[code] if 0 <= code < len(words) else None for code in codes]
            if "values" in holder:
                mask = self._all(holder, "mask") if "mask" in holder else ()
                values = _decoded(self._all(holder, "values"))
                return (
                    [None if hidden else value for value, hidden in zip(values, mask, strict=True)]
                    if len(mask)
                    else values
                )
            raise IngestError(f"column {name!r} of {self.name} has an unknown layout; {_AGAIN}")
        if "categories" in holder.attrs:  # anndata 0.7: codes here, words elsewhere
            words = _decoded(self._all(self._own(frame, "__categories"), name))
            return [words[code] if 0 <= code < len(words) else None for code in self._all(frame, name).tolist()]
        return _decoded(self._all(frame, name))

    def _dense(self, holder: Any, rows: Sequence[int], *, genes: int) -> npt.NDArray[np.float32]:
        self._fits(holder.shape[1], genes)
        result = np.empty((genes, len(rows)), dtype=np.float32)
        step = max(1, BLOCK // max(genes, 1))
        order = np.argsort(rows)
        sorted_rows = np.asarray(rows)[order]
        for begin in range(0, len(rows), step):
            block = sorted_rows[begin : begin + step]
            result[:, order[begin : begin + step]] = np.asarray(holder[block.tolist(), :], dtype=np.float32).T
        return result

    def _compressed(self, holder: Any, rows: Sequence[int], *, genes: int) -> npt.NDArray[np.float32]:
        starts = self._all(holder, "indptr")
        data, places = self._own(holder, "data"), self._own(holder, "indices")
        result = np.zeros((genes, len(rows)), dtype=np.float32)
        for target, row in enumerate(rows):
            begin, end = int(starts[row]), int(starts[row + 1])
            where = places[begin:end]
            self._inside(where, genes)
            result[where, target] = data[begin:end]
        return result

    def _by_gene(self, holder: Any, rows: Sequence[int], *, genes: int) -> npt.NDArray[np.float32]:
        starts = self._all(holder, "indptr")
        self._fits(len(starts) - 1, genes)
        data, places = self._own(holder, "data"), self._own(holder, "indices")
        observations = len(self.names("obs"))
        target = np.full(observations, -1, dtype=np.int64)
        target[np.asarray(rows, dtype=np.int64)] = np.arange(len(rows))
        result = np.zeros((genes, len(rows)), dtype=np.float32)
        for gene in range(genes):
            begin, end = int(starts[gene]), int(starts[gene + 1])
            where = places[begin:end]
            self._inside(where, observations)
            chosen = target[where]
            result[gene, chosen[chosen >= 0]] = data[begin:end][chosen >= 0]
        return result

    def _fits(self, width: int, genes: int) -> None:
        if width != genes:
            raise IngestError(f"X of {self.name} has {width:,} genes, but var names {genes:,}; {_AGAIN}")

    def _inside(self, where: npt.NDArray[Any], limit: int) -> None:
        if where.size and (int(where.min()) < 0 or int(where.max()) >= limit):
            raise IngestError(f"X of {self.name} points outside its own matrix; {_AGAIN}")


def _decoded(values: npt.NDArray[Any]) -> list[object]:
    return [value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value for value in values.tolist()]
